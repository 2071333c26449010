//! What a server keeps of a password (RFC 5802 §3), as PostgreSQL writes it: `SCRAM-SHA-256$i:salt$StoredKey:ServerKey`.

use std::num::NonZeroU32;

use aws_lc_rs::pbkdf2;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::{METHOD, hmac, sha256};

/// RFC 7677 §4: not below this.
pub const ITERATIONS_MIN: u32 = 4_096;
/// RFC 7677 §4, the rule of thumb for machines that are no phones. The client does this work, not the broker.
pub const ITERATIONS_DEFAULT: u32 = 15_000;
/// The most that is asked of a client, or of whoever writes an entry.
const ITERATIONS_MAX: u32 = 10_000_000;
const SALT_BYTES_MIN: usize = 8;
const SALT_BYTES_MAX: usize = 64;
/// Bytes of a salt that we choose; those of unknown users where a file has nobody.
const SALT_BYTES: usize = 16;

/// One user's entry. Whoever has it and has seen one login can log in: it is a secret.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Entry {
    iterations: u32,
    salt: Vec<u8>,
    stored_key: [u8; 32],
    server_key: [u8; 32],
}

/// Why a text is no entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// It does not begin with `SCRAM-SHA-256$`.
    #[error("it does not begin with SCRAM-SHA-256$")]
    OtherMethod,
    /// A field is missing, too much, or no Base64 of the right length.
    #[error("it is not SCRAM-SHA-256$ITERATIONS:SALT$STOREDKEY:SERVERKEY in Base64")]
    Damaged,
    /// Fewer iterations than RFC 7677 asks for, or more than a client may be asked for.
    #[error("its iterations are not between {ITERATIONS_MIN} and {ITERATIONS_MAX}")]
    Iterations,
}

/// A name or password that SASLprep might change, or that is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("SCRAM takes printable ASCII only, at least one character")]
pub struct NotPrintable;

/// Checks that SASLprep leaves a text as it is: printable ASCII.
///
/// # Errors
/// [`NotPrintable`].
pub fn prepare(text: &[u8]) -> Result<&str, NotPrintable> {
    let printable = !text.is_empty() && text.iter().all(|byte| matches!(byte, 0x20..=0x7e));
    if printable { std::str::from_utf8(text).map_err(|_| NotPrintable) } else { Err(NotPrintable) }
}

impl Entry {
    /// The entry of a password; takes as long as a login takes the client. `iterations` below [`ITERATIONS_MIN`] count
    /// as that, above the maximum as that.
    ///
    /// # Errors
    /// [`NotPrintable`]: a client could not log in with it.
    pub fn of(password: &[u8], salt: [u8; SALT_BYTES], iterations: u32) -> Result<Entry, NotPrintable> {
        prepare(password)?;
        let iterations = iterations.clamp(ITERATIONS_MIN, ITERATIONS_MAX);
        let salted = salted_password(password, &salt, iterations);
        let client_key = Zeroizing::new(hmac(salted.as_ref(), b"Client Key"));
        Ok(Entry {
            iterations,
            salt: salt.to_vec(),
            stored_key: sha256(client_key.as_ref()),
            server_key: hmac(salted.as_ref(), b"Server Key"),
        })
    }

    /// Reads the text of an entry.
    ///
    /// # Errors
    /// [`EntryError`]; it shows nothing of the text.
    pub fn parse(text: &str) -> Result<Entry, EntryError> {
        let rest = text.strip_prefix(METHOD).and_then(|rest| rest.strip_prefix('$'));
        let rest = rest.ok_or(EntryError::OtherMethod)?;
        let (cost, keys) = rest.split_once('$').ok_or(EntryError::Damaged)?;
        let (iterations, salt) = cost.split_once(':').ok_or(EntryError::Damaged)?;
        let (stored, server) = keys.split_once(':').ok_or(EntryError::Damaged)?;
        let iterations = read_iterations(iterations).ok_or(EntryError::Iterations)?;
        let salt = STANDARD.decode(salt).map_err(|_| EntryError::Damaged)?;
        if !(SALT_BYTES_MIN..=SALT_BYTES_MAX).contains(&salt.len()) {
            return Err(EntryError::Damaged);
        }
        Ok(Entry { iterations, salt, stored_key: key(stored)?, server_key: key(server)? })
    }

    /// The text that [`Entry::parse`] reads.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        let [salt, stored, server] = [&self.salt[..], &self.stored_key, &self.server_key]
            .map(|bytes| Zeroizing::new(STANDARD.encode(bytes)));
        Zeroizing::new(format!(
            "{METHOD}${}:{}${}:{}",
            self.iterations,
            salt.as_str(),
            stored.as_str(),
            server.as_str()
        ))
    }

    /// How often the client hashes.
    #[must_use]
    pub fn iterations(&self) -> u32 {
        self.iterations
    }

    /// Recognises the entry again without keeping it: SHA-256 over all its fields.
    #[must_use]
    pub fn mark(&self) -> [u8; 32] {
        let length = (self.salt.len() as u64).to_be_bytes();
        let iterations = self.iterations.to_be_bytes();
        let all = Zeroizing::new(
            [&iterations[..], &length, &self.salt, &self.stored_key, &self.server_key].concat(),
        );
        sha256(&all)
    }

    pub(super) fn salt(&self) -> &[u8] {
        &self.salt
    }

    pub(super) fn stored_key(&self) -> &[u8; 32] {
        &self.stored_key
    }

    pub(super) fn server_key(&self) -> &[u8; 32] {
        &self.server_key
    }
}

/// Entries for names that nobody has: what such a client is asked looks like what the others are asked, and is the same
/// each time.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Decoys {
    key: [u8; 32],
    iterations: u32,
    salt_bytes: usize,
}

impl Decoys {
    /// `key`: secret, and the same for as long as possible. Cost and salt length are those that most of `entries` have.
    #[must_use]
    pub fn like<'a>(key: [u8; 32], entries: impl Iterator<Item = &'a Entry>) -> Decoys {
        let mut seen: std::collections::BTreeMap<(u32, usize), usize> = std::collections::BTreeMap::new();
        for entry in entries {
            *seen.entry((entry.iterations, entry.salt.len())).or_default() += 1;
        }
        let usual = seen.into_iter().max_by_key(|(_, count)| *count).map(|(shape, _)| shape);
        let (iterations, salt_bytes) = usual.unwrap_or((ITERATIONS_DEFAULT, SALT_BYTES));
        Decoys { key, iterations, salt_bytes }
    }

    /// The entry of a name. No password opens it: its keys are no hash of anything.
    #[must_use]
    pub fn entry(&self, username: &str) -> Entry {
        let derive = |what: &[u8]| hmac(&self.key, &[what, &[0], username.as_bytes()].concat());
        let (one, two) = (derive(b"salt"), derive(b"more salt"));
        let salt = [one, two].concat()[..self.salt_bytes].to_vec();
        Entry {
            iterations: self.iterations,
            salt,
            stored_key: derive(b"stored key"),
            server_key: derive(b"server key"),
        }
    }
}

/// RFC 5802 §3: `Hi(password, salt, i)`.
pub(super) fn salted_password(password: &[u8], salt: &[u8], iterations: u32) -> Zeroizing<[u8; 32]> {
    let mut salted = Zeroizing::new([0; 32]);
    let iterations = NonZeroU32::new(iterations).unwrap_or(NonZeroU32::MIN);
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, iterations, salt, password, salted.as_mut());
    salted
}

/// A number of iterations that may be asked for.
pub(super) fn read_iterations(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number: u32 = text.parse().ok().filter(|_| digits)?;
    (ITERATIONS_MIN..=ITERATIONS_MAX).contains(&number).then_some(number)
}

fn key(text: &str) -> Result<[u8; 32], EntryError> {
    STANDARD.decode(text).ok().and_then(|bytes| bytes.try_into().ok()).ok_or(EntryError::Damaged)
}
