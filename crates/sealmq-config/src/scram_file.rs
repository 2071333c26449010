//! `scram_file`: `user:SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey` lines, and writing them.
//!
//! The same strictness as a password file: lines that are blank or begin with `#` are skipped, anything else that cannot
//! be read is an error, and a file with one bad line is no file. One comment is meant: `# decoy-key: BASE64`, from which
//! the salts of names that nobody has are derived. Without it they change with the file, which tells who watches the
//! file from outside which names exist; [`ScramFile::to_text`] always writes one.
//!
//! Invariants: no error shows what stands behind the `:`; entries and the key are in no `Debug` and are wiped.

use crate::diagnostic::{Diagnostic, Place};
use crate::document::FINDINGS_MAX;
use crate::source::{FileParsed, SourceFile};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sealmq_auth::scram::{Entry, EntryError, prepare};
use std::collections::BTreeMap;
use std::fmt;
use zeroize::{Zeroize, Zeroizing};

/// What the line of the decoy key begins with.
pub const DECOY_KEY: &str = "# decoy-key: ";

/// The users of a SCRAM file.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ScramFile {
    users: BTreeMap<String, Entry>,
    decoy_key: Option<[u8; 32]>,
}

impl ScramFile {
    /// A user's entry.
    pub fn find(&self, username: &str) -> Option<&Entry> {
        self.users.get(username)
    }

    /// All users, sorted.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.users.iter().map(|(name, entry)| (name.as_str(), entry))
    }

    /// How many users.
    pub fn len(&self) -> usize {
        self.users.len()
    }

    /// Whether there is none: then nobody gets in by SCRAM.
    pub fn is_empty(&self) -> bool {
        self.users.is_empty()
    }

    /// What the salts of unknown names are derived from; `None`: the file has no such line.
    pub fn decoy_key(&self) -> Option<&[u8; 32]> {
        self.decoy_key.as_ref()
    }

    /// Gives the file a decoy key if it has none; `fresh` is random.
    pub fn ensure_decoy_key(&mut self, fresh: [u8; 32]) {
        self.decoy_key.get_or_insert(fresh);
    }

    /// Adds a user, or gives one another entry. `false`, and nothing changes, for a name that the file cannot hold:
    /// printable ASCII without `:`, not beginning with `#`, no space at either end.
    #[must_use]
    pub fn set(&mut self, username: &str, entry: Entry) -> bool {
        let sound = is_name(username);
        if sound {
            self.users.insert(username.to_owned(), entry);
        }
        sound
    }

    /// Removes a user; whether there was one.
    pub fn remove(&mut self, username: &str) -> bool {
        self.users.remove(username).is_some()
    }

    /// The file: the decoy key if there is one, then a line for each user.
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(64 + 256 * self.users.len()));
        if let Some(key) = &self.decoy_key {
            text.push_str(DECOY_KEY);
            text.push_str(&Zeroizing::new(STANDARD.encode(key)));
            text.push('\n');
        }
        for (name, entry) in &self.users {
            text.push_str(name);
            text.push(':');
            text.push_str(&entry.to_text());
            text.push('\n');
        }
        text
    }
}

impl fmt::Debug for ScramFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScramFile").field("users", &self.users.len()).finish_non_exhaustive()
    }
}

impl Drop for ScramFile {
    fn drop(&mut self) {
        self.decoy_key.zeroize();
    }
}

/// Reads a SCRAM file. A file with one bad line is no SCRAM file.
pub fn parse_file(file: &SourceFile) -> FileParsed<ScramFile> {
    let name = file.path.to_string_lossy();
    let mut read = ScramFile::default();
    let mut diagnostics = Vec::new();
    for (raw, number) in file.bytes.split(|&byte| byte == b'\n').zip(1u32..) {
        if diagnostics.len() >= FINDINGS_MAX {
            break;
        }
        if let Err((why, hint)) = line(raw.trim_ascii(), &mut read) {
            let text = format!("Invalid line in SCRAM file '{name}': {why}.");
            diagnostics.push(Diagnostic::error(Place::new(&*name, number), text).hint(hint));
        }
    }
    let value = diagnostics.is_empty().then_some(read);
    FileParsed { value, diagnostics }
}

/// One line: a user, the decoy key, or nothing. What is wrong, and what mends it.
fn line(raw: &[u8], into: &mut ScramFile) -> Result<(), (String, String)> {
    let anew = || "write it with `sealmq passwd --scram FILE USER`".to_owned();
    if let Some(key) = raw.strip_prefix(DECOY_KEY.as_bytes()) {
        let key = STANDARD.decode(key).ok().and_then(|key| <[u8; 32]>::try_from(key).ok());
        let key = key.ok_or_else(|| {
            let hint = "remove the line: the next `sealmq passwd --scram` writes another one";
            ("the decoy key is not 32 bytes in Base64".to_owned(), hint.to_owned())
        })?;
        if into.decoy_key.replace(key).is_some() {
            return Err(("a second decoy key".to_owned(), "remove one of the two lines".to_owned()));
        }
        return Ok(());
    }
    if raw.is_empty() || raw.first() == Some(&b'#') {
        return Ok(());
    }
    let text = std::str::from_utf8(raw).map_err(|_| ("it is not UTF-8 text".to_owned(), anew()))?;
    let (user, entry) = text.split_once(':').ok_or_else(|| ("it has no ':'".to_owned(), anew()))?;
    if !is_name(user) {
        let hint = "a SCRAM user name is printable ASCII without ':', at least one character".to_owned();
        return Err(("the user name cannot be used".to_owned(), hint));
    }
    let entry = Entry::parse(entry).map_err(|error| {
        let hint = match error {
            EntryError::OtherMethod => {
                format!("user '{user}': {error}; a password_file holds $6$, $7$ and $argon2id$ hashes, not this one")
            }
            EntryError::Damaged | EntryError::Iterations => format!("user '{user}': {error}; {}", anew()),
        };
        ("it cannot be decoded".to_owned(), hint)
    })?;
    match into.users.insert(user.to_owned(), entry) {
        None => Ok(()),
        Some(_) => {
            let hint = "remove one of the lines: which password counts must be clear".to_owned();
            Err((format!("user '{user}' is there twice"), hint))
        }
    }
}

fn is_name(text: &str) -> bool {
    prepare(text.as_bytes()).is_ok() && !text.contains(':') && !text.starts_with('#') && text.trim() == text
}
