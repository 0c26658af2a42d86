//! Passwords: hashed slowly, a few at a time, so that guessing costs attackers more than it costs us.

use crate::problem::{Kind, Problem};
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Hashes at a time: each takes 46 MiB.
const AT_ONCE: usize = 2;
/// Hashes under way or waiting for their turn.
const ASKED: usize = 34;
/// OWASP's first choice for argon2id: 46 MiB, one pass, one lane.
const MEMORY_KIB: u32 = 47_104;
const PASSES: u32 = 1;
const LANES: u32 = 1;

/// Where passwords are hashed.
#[derive(Debug, Clone)]
pub(crate) struct Hashing {
    asked: Arc<Semaphore>,
    places: Arc<Semaphore>,
}

impl Default for Hashing {
    fn default() -> Self {
        Self {
            asked: Arc::new(Semaphore::new(ASKED)),
            places: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }
}

fn argon2() -> Result<Argon2<'static>, Problem> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(broken)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn broken(error: impl std::fmt::Display) -> Problem {
    tracing::error!(%error, "a password could not be hashed");
    Problem::new(Kind::Internal, "The password could not be checked.")
}

impl Hashing {
    /// The hash of a new password, as a PHC string.
    pub(crate) async fn hash(&self, password: String, salt: [u8; 16]) -> Result<String, Problem> {
        self.run(move || {
            let hash: PasswordHash = argon2()?
                .hash_password_with_salt(password.as_bytes(), &salt)
                .map_err(broken)?;
            Ok(hash.to_string())
        })
        .await
    }

    /// Whether this is the password behind `known`. Without one the answer is no, and takes as long.
    pub(crate) async fn is_right(
        &self,
        password: String,
        known: Option<String>,
    ) -> Result<bool, Problem> {
        self.run(move || {
            let argon2 = argon2()?;
            let Some(known) = known else {
                let stand_in: Result<PasswordHash, _> =
                    argon2.hash_password_with_salt(password.as_bytes(), b"nobody is called so");
                return stand_in.map(|_| false).map_err(broken);
            };
            let known = PasswordHash::new(&known).map_err(broken)?;
            Ok(argon2.verify_password(password.as_bytes(), &known).is_ok())
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let _asked = self.asked.try_acquire().map_err(|_| {
            Problem::new(
                Kind::TooManySignIns,
                "Too many people are signing in at this moment.",
            )
        })?;
        let _place = self.places.acquire().await.map_err(broken)?;
        tokio::task::spawn_blocking(work).await.map_err(broken)?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_known_by_its_hash_alone() {
        let hashing = Hashing::default();
        let hash = hashing
            .hash("correct horse battery".to_owned(), [7; 16])
            .await
            .unwrap();
        assert!(
            hash.starts_with("$argon2id$v=19$m=47104,t=1,p=1$"),
            "{hash}"
        );
        let right =
            |password: &str, hash: Option<String>| hashing.is_right(password.to_owned(), hash);
        assert!(
            right("correct horse battery", Some(hash.clone()))
                .await
                .unwrap()
        );
        assert!(!right("correct horse batterx", Some(hash)).await.unwrap());
        assert!(!right("correct horse battery", None).await.unwrap());
    }
}
