//! Lines of a password file, as `sealmq passwd` writes them: hashing, and changing one user in a text.
//!
//! Pure but for randomness. Reading a file for the broker is `sealmq_config::passwords`; the users of a data directory
//! are `home::passwords`. Invariant: every line that is not about the user in question stays as it is, comments too.

use sealmq_auth::scram::Entry;
use sealmq_config::scram_file;
use std::num::NonZeroU32;

use argon2::{Algorithm, Argon2, Params, Version};
use aws_lc_rs::{digest, pbkdf2, rand};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use sealmq_config::passwords::PasswordHash;

/// Which hash is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `$argon2id$`, RFC 9106, with mosquitto 2.1's cost: 46 MiB, one pass.
    Argon2id,
    /// `$7$`, PBKDF2-HMAC-SHA512: mosquitto 1.6 to 2.0.
    Sha512Pbkdf2 {
        /// Rounds.
        iterations: NonZeroU32,
    },
    /// `$6$`, one SHA-512: mosquitto before 1.6. Whoever reads the file tries a billion passwords a second.
    Sha512,
    /// No password file's: an entry of a `scram_file` (RFC 7677).
    ScramSha256 {
        /// Rounds, the client's work; below 4,096 count as that.
        iterations: NonZeroU32,
    },
}

/// mosquitto's cost of argon2id, in kibibytes, passes and lanes.
const ARGON2_KIB: u32 = 47_104;
const ARGON2_PASSES: u32 = 1;
const ARGON2_LANES: u32 = 1;
/// Bytes of argon2id's salt and of all hashes, as mosquitto writes them.
const SALT_BYTES: usize = 64;
const HASH_BYTES: usize = 64;
/// Bytes of the others' salts: mosquitto up to 2.0, for which they are written, reads no other length; 2.1 reads both.
const OLD_SALT_BYTES: usize = 12;

/// No hash could be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HashingError {
    /// The system gave no random bytes.
    #[error("the system gives no random bytes")]
    Random,
    /// No memory for argon2id.
    #[error("argon2id needs 46 MiB of memory")]
    Memory,
    /// SCRAM takes no such password.
    #[error("{0}")]
    NotPrintable(sealmq_auth::scram::NotPrintable),
}

impl Kind {
    /// The hash of a password, with a new salt, as it stands behind `NAME:`.
    ///
    /// # Errors
    /// No random bytes, no memory.
    pub fn hash(self, password: &[u8]) -> Result<String, HashingError> {
        let (mut salt, mut hash) = ([0; SALT_BYTES], [0; HASH_BYTES]);
        rand::fill(&mut salt).map_err(|_| HashingError::Random)?;
        let old_salt = &salt[..OLD_SALT_BYTES];
        Ok(match self {
            Kind::Argon2id => {
                let params = Params::new(ARGON2_KIB, ARGON2_PASSES, ARGON2_LANES, Some(HASH_BYTES))
                    .map_err(|_| HashingError::Memory)?;
                Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
                    .hash_password_into(password, &salt, &mut hash)
                    .map_err(|_| HashingError::Memory)?;
                let (salt, hash) = (STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(hash));
                format!("$argon2id$v=19$m={ARGON2_KIB},t={ARGON2_PASSES},p={ARGON2_LANES}${salt}${hash}")
            }
            Kind::Sha512Pbkdf2 { iterations } => {
                pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA512, iterations, old_salt, password, &mut hash);
                format!("$7${iterations}${}${}", STANDARD.encode(old_salt), STANDARD.encode(hash))
            }
            Kind::ScramSha256 { iterations } => {
                let salt = std::array::from_fn(|at| salt[at]);
                let entry =
                    Entry::of(password, salt, iterations.get()).map_err(HashingError::NotPrintable)?;
                entry.to_text().to_string()
            }
            Kind::Sha512 => {
                let mut context = digest::Context::new(&digest::SHA512);
                context.update(password);
                context.update(old_salt);
                format!("$6${}${}", STANDARD.encode(old_salt), STANDARD.encode(context.finish()))
            }
        })
    }
}

/// The text of a `scram_file` with a decoy key, which stays once it is there: from it come the salts of unknown names.
///
/// # Errors
/// No random bytes.
pub fn with_decoy_key(text: String) -> Result<String, HashingError> {
    if text.lines().any(|line| line.starts_with(scram_file::DECOY_KEY)) {
        return Ok(text);
    }
    let mut key = [0; 32];
    rand::fill(&mut key).map_err(|_| HashingError::Random)?;
    Ok(format!("{}{}\n{text}", scram_file::DECOY_KEY, STANDARD.encode(key)))
}

/// What became of a user's line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changed {
    /// There was one.
    Replaced,
    /// There was none: it is the last line now.
    Added,
}

/// The text with `user:hash` in the place of the user's line, or at its end. Further lines of that user go: a broker
/// refuses a file with two.
#[must_use]
pub fn with_user(text: &str, user: &str, hash: &str) -> (String, Changed) {
    let mut out = String::with_capacity(text.len() + user.len() + hash.len() + 2);
    let mut changed = Changed::Added;
    for line in text.split_inclusive('\n') {
        match (user_of(line) == Some(user), changed) {
            (false, _) => out.push_str(line),
            (true, Changed::Replaced) => {}
            (true, Changed::Added) => {
                changed = Changed::Replaced;
                out.push_str(&format!("{user}:{hash}\n"));
            }
        }
    }
    if changed == Changed::Added {
        if !out.is_empty() && !out.ends_with('\n') {
            out.push('\n');
        }
        out.push_str(&format!("{user}:{hash}\n"));
    }
    (out, changed)
}

/// The text without the user's lines; `None` if there was none.
#[must_use]
pub fn without_user(text: &str, user: &str) -> Option<String> {
    let is_theirs = |line: &&str| user_of(line) == Some(user);
    text.lines()
        .any(|line| is_theirs(&line))
        .then(|| text.split_inclusive('\n').filter(|line| !is_theirs(line)).collect())
}

/// The text with a hash for each plain password. Hashes stay: hashing them again would lock their users out.
///
/// # Errors
/// [`HashingError`]; the number of a line (from 1) with a user and no password.
pub fn hashed(text: &str, kind: Kind) -> Result<String, PlainError> {
    let mut out = String::with_capacity(text.len());
    for (line, number) in text.split_inclusive('\n').zip(1..) {
        let Some(user) = user_of(line) else {
            out.push_str(line);
            continue;
        };
        let password = line.split(':').nth(1).unwrap_or_default().trim();
        if user.is_empty() || password.is_empty() {
            return Err(PlainError::Corrupt(number));
        }
        if PasswordHash::parse(password).is_ok() {
            out.push_str(line);
        } else {
            out.push_str(&format!("{user}:{}\n", kind.hash(password.as_bytes())?));
        }
    }
    Ok(out)
}

/// Why a file of plain passwords could not be hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PlainError {
    /// This line has a user without a password, or a password without a user.
    #[error("Corrupt password file at line {0}")]
    Corrupt(usize),
    /// No hash.
    #[error("Unable to hash password: {0}")]
    Hashing(#[from] HashingError),
}

/// Whose line this is, as the broker reads it; `None` for comments and what is no user.
fn user_of(line: &str) -> Option<&str> {
    if line.starts_with('#') {
        return None;
    }
    line.split_once(':').map(|(user, _)| user.trim())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::door::hashing::Verdict;
    use crate::door::passwords::PasswordTable;
    use sealmq_config::SourceFile;

    fn verdict(text: &str, user: &str, password: &str) -> Verdict {
        let file = SourceFile { path: "passwords".into(), bytes: text.as_bytes().to_vec() };
        let users = sealmq_config::passwords::parse_file(&file).value.unwrap();
        PasswordTable::new(users).check(user, password.as_bytes())
    }

    fn pbkdf2() -> Kind {
        Kind::Sha512Pbkdf2 { iterations: NonZeroU32::new(3).unwrap() }
    }

    #[test]
    fn each_kind_is_read_by_the_broker_and_takes_its_password_only() {
        for kind in [Kind::Argon2id, pbkdf2(), Kind::Sha512] {
            let (text, changed) = with_user("", "anna", &kind.hash(b"secret").unwrap());
            assert_eq!(changed, Changed::Added);
            assert_eq!(verdict(&text, "anna", "secret"), Verdict::Right, "{text}");
            assert_eq!(verdict(&text, "anna", "Secret"), Verdict::Wrong, "{text}");
        }
    }

    #[test]
    fn the_same_password_never_has_the_same_hash() {
        assert_ne!(Kind::Sha512.hash(b"a").unwrap(), Kind::Sha512.hash(b"a").unwrap());
    }

    #[test]
    fn the_costs_are_those_of_mosquitto() {
        assert!(Kind::Argon2id.hash(b"a").unwrap().starts_with("$argon2id$v=19$m=47104,t=1,p=1$"));
        assert!(pbkdf2().hash(b"a").unwrap().starts_with("$7$3$"));
    }

    #[test]
    fn other_lines_stay_as_they_are() {
        let text = "# people\nanna:$6$old\n\n#berta:$6$x\nno user\nberta:$7$keep";
        let (changed, how) = with_user(text, "anna", "NEW");
        assert_eq!(
            (changed.as_str(), how),
            ("# people\nanna:NEW\n\n#berta:$6$x\nno user\nberta:$7$keep", Changed::Replaced)
        );
        let (added, how) = with_user(text, "clara", "NEW");
        assert_eq!((added, how), (format!("{text}\nclara:NEW\n"), Changed::Added));
        assert_eq!(without_user(text, "anna").unwrap(), "# people\n\n#berta:$6$x\nno user\nberta:$7$keep");
        assert_eq!(without_user(text, "people"), None);
    }

    #[test]
    fn a_second_line_of_the_same_user_goes() {
        assert_eq!(with_user("a:1\nb:2\na:3\n", "a", "N").0, "a:N\nb:2\n");
        assert_eq!(without_user("a:1\nb:2\na:3\n", "a").unwrap(), "b:2\n");
    }

    #[test]
    fn plain_passwords_are_hashed_and_hashes_stay() {
        let kept = format!("berta:{}\n", Kind::Sha512.hash(b"other").unwrap());
        let text = hashed(&format!("# c\nanna: secret \n{kept}"), pbkdf2()).unwrap();
        assert!(text.starts_with("# c\nanna:$7$3$") && text.ends_with(&kept), "{text}");
        assert_eq!(verdict(&text, "anna", "secret"), Verdict::Right);
        assert_eq!(verdict(&text, "berta", "other"), Verdict::Right);
        assert_eq!(hashed("a:b\nc:\n", pbkdf2()), Err(PlainError::Corrupt(2)));
        assert_eq!(hashed(":b\n", pbkdf2()), Err(PlainError::Corrupt(1)));
    }
}
