//! A fingerprint of everything that happened, in its order: two runs of one seed have the same.

use std::sync::Mutex;

/// FNV-1a over what is noted.
pub(crate) struct Trace(Mutex<u64>);

impl Default for Trace {
    fn default() -> Self {
        Self(Mutex::new(0xcbf2_9ce4_8422_2325))
    }
}

impl Trace {
    /// Notes that something happened.
    pub(crate) fn note(&self, what: &str, particulars: &[u64]) {
        let mut hash = self.0.lock().unwrap();
        let numbers = particulars.iter().flat_map(|number| number.to_le_bytes());
        for byte in what.bytes().chain(numbers) {
            *hash = (*hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    pub(crate) fn fingerprint(&self) -> u64 {
        *self.0.lock().unwrap()
    }
}
