//! The password file: `NAME:HASH` lines, our hashes argon2id in PHC form.
//!
//! Only what changes the file is here; how a login is checked belongs to the door. Lines that were not written by us
//! are kept as they are. The file is 0600 and replaced in one step.

use std::path::Path;

use argon2::password_hash::PasswordHasher as _;
use argon2::{Argon2, PasswordHash};
use sealmq_pki::{Name, NameKey};
use zeroize::Zeroizing;

use super::error::HomeError;
use super::files::{self, Mode};

/// An argon2id hash in PHC form that one may put into the file.
#[derive(Clone)]
pub struct Hash(String);

impl Hash {
    /// Hashes a password; takes some 20 ms and 19 MiB.
    pub fn of(password: &[u8]) -> Result<Self, HomeError> {
        let hash = Argon2::default()
            .hash_password(password)
            .map_err(|error| HomeError::Random(error.to_string()))?;
        Ok(Self(hash.to_string()))
    }

    /// Takes a hash that somebody else made, if it is argon2id in PHC form and bounded in what it costs to check.
    pub fn parse(text: &str) -> Result<Self, HomeError> {
        let refuse = |why: &str| HomeError::Refused {
            what: format!("the password hash is refused: {why}"),
            hint: "hash it with `sealmq user add`".to_owned(),
        };
        let hash = PasswordHash::new(text).map_err(|_| refuse("it is not in PHC form"))?;
        if hash.algorithm.as_str() != "argon2id" || hash.hash.is_none() {
            return Err(refuse("it is not argon2id"));
        }
        let cost = |name| hash.params.get_decimal(name).unwrap_or(u32::MAX);
        if cost("m") > MEMORY_KIB_MAX || cost("t") > PASSES_MAX || cost("p") > LANES_MAX {
            return Err(refuse("it costs too much to check"));
        }
        Ok(Self(text.to_owned()))
    }

    /// The PHC text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A password that nobody has to think up: 20 letters and digits, some 100 bits.
pub fn generate() -> Result<Zeroizing<String>, HomeError> {
    // 32 symbols, none that look alike: each random byte gives one without bias.
    const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut bytes = Zeroizing::new([0u8; 20]);
    aws_lc_rs::rand::fill(bytes.as_mut()).map_err(|error| HomeError::Random(error.to_string()))?;
    Ok(Zeroizing::new(bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect()))
}

/// The user names in the file, in order. No file: no users.
pub fn users(passwd: &Path) -> Result<Vec<String>, HomeError> {
    let text = read(passwd)?;
    Ok(text.lines().filter_map(user_of).map(str::to_owned).collect())
}

/// The names in the file as they are compared. What is no name of ours cannot clash with one.
pub fn taken_names(passwd: &Path) -> Result<Vec<NameKey>, HomeError> {
    let names = users(passwd)?;
    Ok(names.iter().filter_map(|name| Name::parse(name).ok()).map(|name| name.key()).collect())
}

/// Adds a user; the caller has checked that the name is free.
pub(super) fn add(passwd: &Path, name: &Name, hash: &Hash) -> Result<(), HomeError> {
    let mut text = read(passwd)?;
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text.push_str(&format!("{name}:{}\n", hash.as_str()));
    files::replace(passwd, text.as_bytes(), Mode::Private)
}

/// Removes a user; says whether there was one.
pub(super) fn remove(passwd: &Path, name: &NameKey) -> Result<Removed, HomeError> {
    let text = read(passwd)?;
    let is_theirs = |line: &str| user_of(line).is_some_and(|user| user.eq_ignore_ascii_case(name.as_str()));
    if !text.lines().any(is_theirs) {
        return Ok(Removed::WasNotThere);
    }
    let kept: String = text.split_inclusive('\n').filter(|line| !is_theirs(line)).collect();
    files::replace(passwd, kept.as_bytes(), Mode::Private)?;
    Ok(Removed::Gone)
}

/// What became of a user that was to be removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removed {
    /// The name can log in no more.
    Gone,
    /// There was none of that name.
    WasNotThere,
}

fn user_of(line: &str) -> Option<&str> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    line.split_once(':').map(|(user, _)| user)
}

fn read(passwd: &Path) -> Result<String, HomeError> {
    let bytes = files::read(passwd)?.unwrap_or_default();
    String::from_utf8(bytes)
        .map_err(|_| HomeError::Corrupt { path: passwd.to_owned(), text: "it is not UTF-8 text".to_owned() })
}

const MEMORY_KIB_MAX: u32 = 256 * 1024;
const PASSES_MAX: u32 = 16;
const LANES_MAX: u32 = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::parse(text).unwrap()
    }

    fn cheap() -> Hash {
        Hash::parse("$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$cWdDZxlYaWQrYmFzZTY0aGFzaA").unwrap()
    }

    #[test]
    fn a_password_is_hashed_with_argon2id_and_verifies() {
        use argon2::PasswordVerifier;
        let hash = Hash::of(b"open sesame").unwrap();
        assert!(hash.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", hash.as_str());
        let parsed = PasswordHash::new(hash.as_str()).unwrap();
        assert!(Argon2::default().verify_password(b"open sesame", &parsed).is_ok());
        assert!(Argon2::default().verify_password(b"open sesam", &parsed).is_err());
        assert!(Hash::parse(hash.as_str()).is_ok());
    }

    #[test]
    fn a_hash_that_is_not_argon2id_or_costs_too_much_is_refused() {
        for bad in [
            "$2b$10$abc",
            "plain",
            "$argon2i$v=19$m=8,t=1,p=1$c29tZXNhbHQ$cWdDZxlYaWQrYmFzZTY0aGFzaA",
            "$argon2id$v=19$m=4000000,t=1,p=1$c29tZXNhbHQ$cWdDZxlYaWQrYmFzZTY0aGFzaA",
            "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ",
        ] {
            assert!(Hash::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn adding_and_removing_keeps_every_other_line() {
        let dir = tempfile::tempdir().unwrap();
        let passwd = dir.path().join("passwd");
        std::fs::write(&passwd, "# by hand\nold:$7$x").unwrap();
        add(&passwd, &name("Pump"), &cheap()).unwrap();
        assert_eq!(users(&passwd).unwrap(), ["old", "Pump"]);
        assert_eq!(remove(&passwd, &name("pump").key()).unwrap(), Removed::Gone);
        assert_eq!(remove(&passwd, &name("pump").key()).unwrap(), Removed::WasNotThere);
        assert_eq!(std::fs::read_to_string(&passwd).unwrap(), "# by hand\nold:$7$x\n");
    }

    #[test]
    fn generated_passwords_differ_and_are_easy_to_type() {
        let one = generate().unwrap();
        assert_eq!(one.len(), 20);
        assert!(one.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()));
        assert_ne!(one, generate().unwrap());
    }
}
