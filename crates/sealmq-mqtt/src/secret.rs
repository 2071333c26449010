//! Bytes that must never be printed: passwords and authentication data.

use std::fmt;

/// Borrowed secret bytes. Formatting shows neither content nor length.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Secret<'a>(&'a [u8]);

impl<'a> Secret<'a> {
    /// Marks `bytes` as secret.
    pub const fn new(bytes: &'a [u8]) -> Secret<'a> {
        Secret(bytes)
    }

    /// The bytes themselves: for the one who verifies or sends them, never for a log.
    pub const fn expose(self) -> &'a [u8] {
        self.0
    }
}

impl fmt::Debug for Secret<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(not shown)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_shows_nothing_of_itself() {
        let secret = Secret::new(b"open sesame");
        assert_eq!(format!("{secret:?} {:#?}", Some(secret)).matches("not shown").count(), 2);
        assert!(!format!("{secret:?}").contains("sesame"));
        assert_eq!(secret.expose(), b"open sesame");
    }
}
