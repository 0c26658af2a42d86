//! The master key, what is derived from it, and the encryption of addresses and secrets.

use crate::directory::{OpenError, StorageSettings, write_private};
use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::hmac;
use oyez_domain::Random;
use oyez_domain::address::{Address, AddressKind};
use oyez_domain::parcel::Secret;
use std::path::Path;

/// Finds an address without reading any: 16 bytes of HMAC-SHA256 over kind and canonical text.
pub(crate) type KeyedHash = [u8; 16];

/// The keys of one instance. Never printed.
pub(crate) struct Keys {
    encryption: RandomizedNonceKey,
    hashing: hmac::Key,
    reference_secret: [u8; 32],
    check: KeyedHash,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys(…)")
    }
}

/// Ciphertext that does not open: damaged, or moved from another row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Unreadable;

impl Keys {
    /// The keys behind a key file, which is made when neither it nor the database exists.
    pub(crate) fn load_or_create(
        settings: &StorageSettings,
        random: &dyn Random,
    ) -> Result<Self, OpenError> {
        let path = settings.key();
        if path.exists() || settings.database().exists() {
            return Self::load(settings);
        }
        let mut master = [0; 32];
        random.fill(&mut master);
        write_private(&path, hex(&master).as_bytes()).map_err(|error| OpenError::NotWritable {
            path: path.clone(),
            why: error.to_string(),
        })?;
        Self::derive(&master, &path)
    }

    /// The keys behind an existing key file.
    pub(crate) fn load(settings: &StorageSettings) -> Result<Self, OpenError> {
        let path = settings.key();
        if !path.exists() {
            return Err(OpenError::KeyMissing(path));
        }
        let unusable = |why: String| OpenError::KeyUnusable {
            path: path.clone(),
            why,
        };
        let text = std::fs::read_to_string(&path).map_err(|e| unusable(e.to_string()))?;
        let master = unhex(text.trim())
            .ok_or_else(|| unusable("it does not hold 64 hexadecimal digits".to_owned()))?;
        Self::derive(&master, &path)
    }

    fn derive(master: &[u8; 32], path: &Path) -> Result<Self, OpenError> {
        let root = hmac::Key::new(hmac::HMAC_SHA256, master);
        let derived = |label: &str| {
            let mut key = [0; 32];
            fill_from(&mut key, hmac::sign(&root, label.as_bytes()).as_ref());
            key
        };
        let mut check = [0; 16];
        fill_from(&mut check, &derived("oyez check 1"));
        let encryption = RandomizedNonceKey::new(&AES_256_GCM, &derived("oyez encryption 1"))
            .map_err(|_| OpenError::KeyUnusable {
                path: path.to_owned(),
                why: "no cipher could be made from it".to_owned(),
            })?;
        Ok(Self {
            encryption,
            hashing: hmac::Key::new(hmac::HMAC_SHA256, &derived("oyez address hash 1")),
            reference_secret: derived("oyez reference 1"),
            check,
        })
    }

    /// What the database keeps to recognise its own key.
    pub(crate) fn check(&self) -> KeyedHash {
        self.check
    }

    /// The secret behind delivery references and stop tokens.
    pub(crate) fn reference_secret(&self) -> [u8; 32] {
        self.reference_secret
    }

    pub(crate) fn hash(&self, address: &Address) -> KeyedHash {
        let mut context = hmac::Context::with_key(&self.hashing);
        context.update(address.kind().code().as_bytes());
        context.update(&[0]);
        context.update(address.reveal().as_bytes());
        let mut hash = [0; 16];
        fill_from(&mut hash, context.sign().as_ref());
        hash
    }

    /// Encrypts an address for the row with this hash: nonce, ciphertext, tag.
    pub(crate) fn seal_address(
        &self,
        address: &Address,
        row: &KeyedHash,
    ) -> Result<Vec<u8>, Unreadable> {
        self.seal("address", row, address.reveal().as_bytes())
    }

    pub(crate) fn open_address(
        &self,
        kind: AddressKind,
        row: &KeyedHash,
        sealed: &[u8],
    ) -> Result<Address, Unreadable> {
        Ok(Address::stored(kind, self.open("address", row, sealed)?))
    }

    /// Encrypts the signing secret of the endpoint whose address has this hash.
    pub(crate) fn seal_secret(
        &self,
        secret: &Secret,
        row: &KeyedHash,
    ) -> Result<Vec<u8>, Unreadable> {
        self.seal("endpoint", row, secret.reveal().as_bytes())
    }

    pub(crate) fn open_secret(&self, row: &KeyedHash, sealed: &[u8]) -> Result<Secret, Unreadable> {
        Ok(Secret::new(self.open("endpoint", row, sealed)?))
    }

    /// Encrypts the key for codes of the user whose address has this hash.
    pub(crate) fn seal_code_key(
        &self,
        key: &Secret,
        row: &KeyedHash,
    ) -> Result<Vec<u8>, Unreadable> {
        self.seal("user", row, key.reveal().as_bytes())
    }

    pub(crate) fn open_code_key(
        &self,
        row: &KeyedHash,
        sealed: &[u8],
    ) -> Result<Secret, Unreadable> {
        Ok(Secret::new(self.open("user", row, sealed)?))
    }

    // Table and row are bound in, so that a ciphertext moved to another row does not open there.
    fn seal(&self, table: &str, row: &KeyedHash, plain: &[u8]) -> Result<Vec<u8>, Unreadable> {
        let mut sealed = plain.to_vec();
        let nonce = self
            .encryption
            .seal_in_place_append_tag(Aad::from(bound(table, row)), &mut sealed)
            .map_err(|_| Unreadable)?;
        Ok([nonce.as_ref().as_slice(), &sealed].concat())
    }

    fn open(&self, table: &str, row: &KeyedHash, sealed: &[u8]) -> Result<String, Unreadable> {
        let (nonce, body) = sealed.split_at_checked(NONCE_LEN).ok_or(Unreadable)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| Unreadable)?;
        let mut body = body.to_vec();
        let length = self
            .encryption
            .open_in_place(nonce, Aad::from(bound(table, row)), &mut body)
            .map_err(|_| Unreadable)?
            .len();
        body.truncate(length);
        String::from_utf8(body).map_err(|_| Unreadable)
    }
}

fn bound(table: &str, row: &KeyedHash) -> Vec<u8> {
    [table.as_bytes(), &[0], row].concat()
}

fn fill_from(to: &mut [u8], from: &[u8]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = *from;
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    text.push('\n');
    text
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; 32];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(at * 2..at * 2 + 2)?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> Keys {
        Keys::derive(&[7; 32], Path::new("test")).unwrap()
    }

    #[test]
    fn a_ciphertext_opens_in_its_own_row_only() {
        let (keys, address) = (keys(), Address::email("a@example.org").unwrap());
        let row = keys.hash(&address);
        let sealed = keys.seal_address(&address, &row).unwrap();
        let opened = keys
            .open_address(AddressKind::Email, &row, &sealed)
            .unwrap();
        assert_eq!(opened, address);
        assert!(
            keys.open_address(AddressKind::Email, &[0; 16], &sealed)
                .is_err()
        );
        assert!(keys.open_secret(&row, &sealed).is_err(), "another table");
    }

    #[test]
    fn the_same_address_is_encrypted_differently_each_time() {
        let (keys, address) = (keys(), Address::email("a@example.org").unwrap());
        let row = keys.hash(&address);
        assert_ne!(
            keys.seal_address(&address, &row).unwrap(),
            keys.seal_address(&address, &row).unwrap()
        );
    }

    #[test]
    fn a_key_file_reads_back_as_it_was_written() {
        assert_eq!(unhex(hex(&[0xa5; 32]).trim()), Some([0xa5; 32]));
        assert_eq!(unhex("a5"), None);
    }
}
