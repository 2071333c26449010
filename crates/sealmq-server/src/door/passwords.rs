//! Whether a password is a user's: mosquitto's three hashes, compared in constant time.
//!
//! An unknown user costs what a known one costs: the hash of some entry of the table is computed all the same, and
//! which entry follows from the name, so that asking twice takes the same time twice.

use std::hash::{BuildHasher, RandomState};

use argon2::Argon2;
use aws_lc_rs::{digest, pbkdf2};
#[cfg(test)]
use sealmq_config::SourceFile;
use sealmq_config::passwords::{PasswordFile, PasswordHash};
use subtle::ConstantTimeEq;

use super::hashing::Verdict;

/// Recognises an entry again without keeping it: a hash of the stored hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntryMark([u8; 32]);

impl EntryMark {
    pub(crate) const fn of_bytes(bytes: [u8; 32]) -> EntryMark {
        EntryMark(bytes)
    }

    pub(crate) const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// The users of a password file.
pub struct PasswordTable {
    users: PasswordFile,
    chooser: RandomState,
}

impl std::fmt::Debug for PasswordTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PasswordTable").field("users", &self.users.len()).finish_non_exhaustive()
    }
}

impl PasswordTable {
    /// A table of these users.
    #[must_use]
    pub fn new(users: PasswordFile) -> PasswordTable {
        PasswordTable { users, chooser: RandomState::new() }
    }

    /// How many users.
    #[must_use]
    pub fn len(&self) -> usize {
        self.users.len()
    }

    /// Whether nobody can log in.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.users.is_empty()
    }

    /// Checks a password. Slow: run it in the hashing pool. An empty one is none, as in mosquitto: it is never right,
    /// whatever the file says.
    #[must_use]
    pub fn check(&self, username: &str, password: &[u8]) -> Verdict {
        if let Some(stored) = self.users.find(username) {
            let verdict = check(stored, password);
            return if password.is_empty() { Verdict::Wrong } else { verdict };
        }
        if let Some(decoy) = self.decoy(username) {
            let _ = std::hint::black_box(check(decoy, password));
        }
        Verdict::Wrong
    }

    fn decoy(&self, username: &str) -> Option<&PasswordHash> {
        let among = u64::try_from(self.users.len()).ok().filter(|len| *len > 0)?;
        let choice = usize::try_from(self.chooser.hash_one(username) % among).ok()?;
        self.users.iter().nth(choice).map(|(_, hash)| hash)
    }

    /// The mark of a user's entry.
    #[must_use]
    pub fn mark(&self, username: &str) -> Option<EntryMark> {
        self.users.find(username).map(mark)
    }

    /// Whether this user still has this entry.
    #[must_use]
    pub fn has(&self, username: &str, mark: &EntryMark) -> bool {
        self.mark(username).as_ref() == Some(mark)
    }
}

fn check(stored: &PasswordHash, password: &[u8]) -> Verdict {
    let right = match stored {
        PasswordHash::Sha512 { salt, hash } => {
            let mut context = digest::Context::new(&digest::SHA512);
            context.update(password);
            context.update(salt);
            bool::from(context.finish().as_ref().ct_eq(hash))
        }
        // It compares in constant time itself.
        PasswordHash::Pbkdf2Sha512 { iterations, salt, hash } => {
            pbkdf2::verify(pbkdf2::PBKDF2_HMAC_SHA512, *iterations, salt, password, hash).is_ok()
        }
        PasswordHash::Argon2id { memory_kib, passes, lanes, salt, hash } => {
            let mut computed = vec![0; hash.len()];
            argon2id(*memory_kib, *passes, *lanes, hash.len())
                .is_some_and(|argon| argon.hash_password_into(password, salt, &mut computed).is_ok())
                && bool::from(computed.ct_eq(hash))
        }
    };
    if right { Verdict::Right } else { Verdict::Wrong }
}

/// `None` for a cost that the library refuses: nobody gets in by such an entry.
fn argon2id(memory_kib: u32, passes: u32, lanes: u32, bytes: usize) -> Option<Argon2<'static>> {
    let params = argon2::Params::new(memory_kib, passes, lanes, Some(bytes)).ok()?;
    Some(Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params))
}

fn mark(stored: &PasswordHash) -> EntryMark {
    let mut context = digest::Context::new(&digest::SHA256);
    let (salt, hash): (&[u8], &[u8]) = match stored {
        PasswordHash::Sha512 { salt, hash } | PasswordHash::Pbkdf2Sha512 { salt, hash, .. } => (salt, hash),
        PasswordHash::Argon2id { salt, hash, .. } => (salt, hash),
    };
    context.update(&(salt.len() as u64).to_be_bytes());
    context.update(salt);
    context.update(hash);
    EntryMark(context.finish().as_ref().try_into().expect("SHA-256 has 32 bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    fn table(lines: &[String]) -> PasswordTable {
        let file = SourceFile { path: "passwords".into(), bytes: lines.join("\n").into_bytes() };
        PasswordTable::new(sealmq_config::passwords::parse_file(&file).value.unwrap())
    }

    fn sha512(user: &str, password: &[u8]) -> String {
        let salt = b"twelve bytes";
        let hash = digest::digest(&digest::SHA512, &[password, salt].concat());
        format!("{user}:$6${}${}", STANDARD.encode(salt), STANDARD.encode(hash))
    }

    fn pbkdf2(user: &str, password: &[u8]) -> String {
        let (salt, iterations) = ([7; 64], std::num::NonZeroU32::new(101).unwrap());
        let mut hash = [0; 64];
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA512, iterations, &salt, password, &mut hash);
        format!("{user}:$7$101${}${}", STANDARD.encode(salt), STANDARD.encode(hash))
    }

    fn argon2id_line(user: &str, password: &[u8]) -> String {
        use base64::engine::general_purpose::STANDARD_NO_PAD;
        let (salt, mut hash) = ([9; 16], [0; 32]);
        argon2id(64, 1, 1, 32).unwrap().hash_password_into(password, &salt, &mut hash).unwrap();
        let (salt, hash) = (STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(hash));
        format!("{user}:$argon2id$v=19$m=64,t=1,p=1${salt}${hash}")
    }

    #[test]
    fn each_kind_takes_its_password_and_no_other() {
        for line in [sha512("anna", b"secret"), pbkdf2("anna", b"secret"), argon2id_line("anna", b"secret")] {
            let table = table(&[line]);
            assert_eq!(table.check("anna", b"secret"), Verdict::Right);
            assert_eq!(table.check("anna", b"Secret"), Verdict::Wrong);
            assert_eq!(table.check("anna", b""), Verdict::Wrong);
            assert_eq!(table.check("berta", b"secret"), Verdict::Wrong);
        }
    }

    #[test]
    fn an_empty_password_is_never_right_not_even_where_the_file_says_so() {
        for line in [sha512("anna", b""), pbkdf2("anna", b""), argon2id_line("anna", b"")] {
            assert_eq!(table(&[line]).check("anna", b""), Verdict::Wrong);
        }
    }

    /// Who exists cannot be told from how long the answer takes: the same hash is computed, some 20 ms of argon2id.
    #[test]
    fn an_unknown_user_costs_what_a_known_one_costs() {
        use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
        let (salt, hash) = (BASE64.encode([9; 16]), BASE64.encode([1; 32]));
        let table = table(&[format!("anna:$argon2id$v=19$m=19456,t=2,p=1${salt}${hash}")]);
        let fastest = |name: &str| {
            let time = || {
                let start = std::time::Instant::now();
                assert_eq!(table.check(name, b"wrong"), Verdict::Wrong);
                start.elapsed()
            };
            (0..3).map(|_| time()).min().unwrap()
        };
        let (known, unknown) = (fastest("anna"), fastest("berta"));
        assert!(unknown * 4 > known && known * 4 > unknown, "{known:?} {unknown:?}");
    }

    #[test]
    fn an_empty_table_lets_nobody_in() {
        assert_eq!(PasswordTable::new(PasswordFile::default()).check("", b""), Verdict::Wrong);
    }

    #[test]
    fn a_changed_password_is_another_entry() {
        let (old, new) = (table(&[sha512("anna", b"old")]), table(&[sha512("anna", b"new")]));
        let mark = old.mark("anna").unwrap();
        assert!(old.has("anna", &mark));
        assert!(!new.has("anna", &mark));
        assert!(!table(&[]).has("anna", &mark));
    }
}
