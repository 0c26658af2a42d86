//! The `Accounts` port: who may sign in, and with what. It stands apart from the ledger of deliveries.

use crate::address::Address;
use crate::id::UserId;
use crate::ledger::{Answer, By};
use crate::parcel::Secret;
use crate::time::Wall;
use crate::user::User;

/// The hash of something that only its holder knows in the clear.
pub type SecretHash = [u8; 32];

/// What a user signs in with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The password's argon2id hash as a PHC string.
    pub password: String,
    /// The key behind the six-digit codes (RFC 6238), 20 bytes in base32.
    pub code_key: Secret,
}

/// Who may sign in, and with what. Every change is durable when its verb returns, and in the audit trail.
pub trait Accounts: Send + Sync {
    /// Adds a user who has nothing to sign in with yet. An address that is taken is `Refused` (field `email`).
    fn add_user<'a>(&'a self, user: &'a User, by: &'a By) -> Answer<'a, ()>;
    /// Everybody, in order of their names.
    fn users(&self) -> Answer<'_, Vec<User>>;
    /// One user.
    fn user(&self, id: UserId) -> Answer<'_, User>;
    /// The user with this address and what to sign in with, if that is set up.
    fn user_by_email<'a>(
        &'a self,
        email: &'a Address,
    ) -> Answer<'a, Option<(User, Option<Credentials>)>>;
    /// What a user signs in with, if that is set up.
    fn credentials(&self, id: UserId) -> Answer<'_, Option<Credentials>>;
    /// Lets whoever knows the token behind `token` set up the user's credentials until `until`; an earlier invitation
    /// of the user ends.
    fn invite<'a>(
        &'a self,
        id: UserId,
        token: &'a SecretHash,
        until: Wall,
        by: &'a By,
    ) -> Answer<'a, ()>;
    /// The user whom this token invites, if it does so at `now`.
    fn invited<'a>(&'a self, token: &'a SecretHash, now: Wall) -> Answer<'a, Option<User>>;
    /// Takes an invitation: the user's credentials and recovery codes become these, and the token means nothing any
    /// more. `NotFound` where it does not invite anybody.
    fn set_up<'a>(
        &'a self,
        token: &'a SecretHash,
        credentials: &'a Credentials,
        recovery_codes: &'a [SecretHash],
        by: &'a By,
    ) -> Answer<'a, User>;
    /// Uses up the codes of a step of time and all before it; false where that had happened already.
    fn use_step(&self, id: UserId, step: u64) -> Answer<'_, bool>;
    /// Uses up a recovery code; false where the user has none like it. Says how many are left.
    fn use_recovery_code<'a>(
        &'a self,
        id: UserId,
        code: &'a SecretHash,
        by: &'a By,
    ) -> Answer<'a, Option<u32>>;
    /// Bars a user from signing in, or lets the user in again.
    fn set_disabled<'a>(&'a self, id: UserId, disabled: bool, by: &'a By) -> Answer<'a, ()>;
}
