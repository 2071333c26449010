//! `password_file`: `user:hash` lines to typed records. Comparing a password with a hash is the server's work.
//!
//! Three forms, as `mosquitto_passwd` writes them: `$6$salt$hash` (SHA-512 of password and salt), `$7$iterations$salt$hash`
//! (PBKDF2-HMAC-SHA512) and `$argon2id$…` (PHC string). Lines that are blank, begin with `#` or have no `:` are skipped,
//! as in mosquitto. Anything else that cannot be decoded is an error, plain text above all: a file that lets in others
//! than its author thinks is worse than none. Two lines for one user, or a user without a name, too.
//!
//! Invariants: no error shows what stands behind the `:`; salts and hashes are not in `Debug`; the cost that a line asks
//! for is bounded, so that a check cannot hold a thread for minutes.

use crate::diagnostic::{Diagnostic, Place};
use crate::document::FINDINGS_MAX;
use crate::source::{FileParsed, SourceFile};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU32;

/// The users of a password file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PasswordFile {
    users: BTreeMap<String, PasswordHash>,
}

/// What a password is compared with.
#[derive(Clone, PartialEq, Eq)]
pub enum PasswordHash {
    /// `$6$`: `SHA-512(password || salt)`.
    Sha512 {
        /// 1 to 64 bytes; mosquitto writes 12, later 64.
        salt: Vec<u8>,
        /// The digest.
        hash: [u8; 64],
    },
    /// `$7$`: `PBKDF2-HMAC-SHA512`.
    Pbkdf2Sha512 {
        /// At least 1.
        iterations: NonZeroU32,
        /// 1 to 64 bytes.
        salt: Vec<u8>,
        /// The derived key.
        hash: [u8; 64],
    },
    /// `$argon2id$v=19$…` (RFC 9106).
    Argon2id {
        /// Kibibytes.
        memory_kib: u32,
        /// Iterations.
        passes: u32,
        /// Parallelism.
        lanes: u32,
        /// 8 to 64 bytes.
        salt: Vec<u8>,
        /// 4 to 64 bytes.
        hash: Vec<u8>,
    },
}

/// The most that one check may cost: 1 GiB, 64 passes and lanes, ten million iterations.
const MEMORY_KIB_MAX: u32 = 1 << 20;
const PASSES_MAX: u32 = 64;
const LANES_MAX: u32 = 64;
const ITERATIONS_MAX: u32 = 10_000_000;
const USERNAME_BYTES_MAX: usize = 65_535;

impl PasswordFile {
    /// The hash of a user.
    pub fn find(&self, username: &str) -> Option<&PasswordHash> {
        self.users.get(username)
    }

    /// All users, sorted.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &PasswordHash)> {
        self.users.iter().map(|(name, hash)| (name.as_str(), hash))
    }

    /// How many users.
    pub fn len(&self) -> usize {
        self.users.len()
    }

    /// Whether there is none: then nobody with a user name gets in.
    pub fn is_empty(&self) -> bool {
        self.users.is_empty()
    }
}

/// Only which kind it is: a hash can be tried against at leisure by whoever reads a log.
impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PasswordHash::Sha512 { .. } => "$6$…",
            PasswordHash::Pbkdf2Sha512 { .. } => "$7$…",
            PasswordHash::Argon2id { .. } => "$argon2id$…",
        })
    }
}

/// Why a hash is not one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HashError {
    /// No `$` in front: most likely the password itself.
    #[error(
        "the text after `:` is no hash, most likely the password itself: `sealmq passwd -U FILE` hashes such lines in place"
    )]
    PlainText,
    /// `$5$` and others.
    #[error(
        "only $6$, $7$ and $argon2id$ hashes are known: set the password anew with `sealmq passwd FILE USER`"
    )]
    UnknownKind,
    /// Not the fields that the kind has.
    #[error("the hash is damaged: set the password anew with `sealmq passwd FILE USER`")]
    Damaged,
    /// Costs nothing or too much.
    #[error(
        "the hash asks for no work, or for more than one check may cost: set the password anew with `sealmq passwd FILE USER`"
    )]
    Cost,
}

impl PasswordHash {
    /// Reads the text of a hash.
    pub fn parse(text: &str) -> Result<PasswordHash, HashError> {
        let fields: Vec<&str> = text.split('$').collect();
        match fields[..] {
            ["", "6", salt, hash] => {
                Ok(PasswordHash::Sha512 { salt: padded_salt(salt)?, hash: digest(hash)? })
            }
            ["", "7", iterations, salt, hash] => {
                let iterations = cost(iterations, ITERATIONS_MAX)?;
                let iterations = NonZeroU32::new(iterations).ok_or(HashError::Cost)?;
                Ok(PasswordHash::Pbkdf2Sha512 { iterations, salt: padded_salt(salt)?, hash: digest(hash)? })
            }
            ["", "argon2id", "v=19", costs, salt, hash] => argon2id(costs, salt, hash),
            ["", "6" | "7" | "argon2id", ..] => Err(HashError::Damaged),
            ["", _, _, ..] => Err(HashError::UnknownKind),
            _ => Err(HashError::PlainText),
        }
    }
}

fn argon2id(costs: &str, salt: &str, hash: &str) -> Result<PasswordHash, HashError> {
    let costs: Vec<&str> = costs.split(',').collect();
    let [memory, passes, lanes] = costs[..] else { return Err(HashError::Damaged) };
    let field = |text: &str, name: &str, max| {
        text.strip_prefix(name).ok_or(HashError::Damaged).and_then(|text| cost(text, max))
    };
    let memory_kib = field(memory, "m=", MEMORY_KIB_MAX)?;
    let passes = field(passes, "t=", PASSES_MAX)?;
    let lanes = field(lanes, "p=", LANES_MAX)?;
    // RFC 9106 §3.1: at least eight kibibytes for each lane.
    if memory_kib < 8 * lanes {
        return Err(HashError::Cost);
    }
    let bytes = |text: &str, least: usize| {
        let bytes = STANDARD_NO_PAD.decode(text.trim_end_matches('=')).map_err(|_| HashError::Damaged)?;
        if (least..=64).contains(&bytes.len()) { Ok(bytes) } else { Err(HashError::Damaged) }
    };
    Ok(PasswordHash::Argon2id { memory_kib, passes, lanes, salt: bytes(salt, 8)?, hash: bytes(hash, 4)? })
}

fn cost(text: &str, max: u32) -> Result<u32, HashError> {
    let number: u32 = match text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty() {
        true => text.parse().map_err(|_| HashError::Cost)?,
        false => return Err(HashError::Damaged),
    };
    if (1..=max).contains(&number) { Ok(number) } else { Err(HashError::Cost) }
}

fn padded_salt(text: &str) -> Result<Vec<u8>, HashError> {
    let salt = STANDARD.decode(text).map_err(|_| HashError::Damaged)?;
    if (1..=64).contains(&salt.len()) { Ok(salt) } else { Err(HashError::Damaged) }
}

fn digest(text: &str) -> Result<[u8; 64], HashError> {
    STANDARD.decode(text).ok().and_then(|bytes| bytes.try_into().ok()).ok_or(HashError::Damaged)
}

/// Reads a password file. A file with one bad line is no password file.
pub fn parse_file(file: &SourceFile) -> FileParsed<PasswordFile> {
    let name = file.path.to_string_lossy();
    let mut users = BTreeMap::new();
    let mut diagnostics = Vec::new();
    for (raw, number) in file.bytes.split(|&byte| byte == b'\n').zip(1u32..) {
        if diagnostics.len() >= FINDINGS_MAX {
            break;
        }
        let place = || Place::new(&*name, number);
        match line(raw, &name) {
            Ok(None) => {}
            Ok(Some((user, hash))) => {
                if users.insert(user.clone(), hash).is_some() {
                    let text = format!("Duplicate user '{user}' in password file '{name}'.");
                    diagnostics.push(
                        Diagnostic::error(place(), text)
                            .hint("remove one of the lines: which password counts must be clear"),
                    );
                }
            }
            Err(BadLine { text, hint }) => diagnostics.push(Diagnostic::error(place(), text).hint(hint)),
        }
    }
    let value = diagnostics.is_empty().then_some(PasswordFile { users });
    FileParsed { value, diagnostics }
}

struct BadLine {
    text: String,
    hint: String,
}

/// One line: a user, or nothing.
fn line(raw: &[u8], file: &str) -> Result<Option<(String, PasswordHash)>, BadLine> {
    let invalid = |why: &str, hint: &str| BadLine {
        text: format!("Invalid line in password file '{file}'{why}"),
        hint: hint.to_owned(),
    };
    if raw.first() == Some(&b'#') || !raw.contains(&b':') {
        return Ok(None);
    }
    let text = std::str::from_utf8(raw).map_err(|_| invalid(".", "the line is not UTF-8 text"))?;
    let (user, rest) = text.split_once(':').unwrap_or((text, ""));
    let user = user.trim();
    let hash = rest.split(':').next().unwrap_or("").trim();
    if user.is_empty() {
        return Err(invalid(": the user name is empty.", "write NAME:HASH, as `sealmq passwd` does"));
    }
    if user.len() > USERNAME_BYTES_MAX {
        return Err(invalid(", username too long.", "MQTT carries at most 65535 bytes"));
    }
    if hash.is_empty() {
        // mosquitto's text: an empty hash is one that cannot be decoded.
        return Err(BadLine {
            text: format!("Unable to decode line in password file '{file}'."),
            hint: format!("user '{user}' has no password: set one with `sealmq passwd FILE USER`"),
        });
    }
    let decode = |error: HashError| BadLine {
        text: format!("Unable to decode line in password file '{file}'."),
        hint: format!("user '{user}': {error}"),
    };
    PasswordHash::parse(hash).map(|hash| Some((user.to_owned(), hash))).map_err(decode)
}
