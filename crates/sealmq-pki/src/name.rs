//! Names of devices, users and operators.
//!
//! A name becomes a certificate's CN, a user name, a file name and a topic level, so its alphabet is what is harmless
//! in all four. It says nothing about who someone is: that comes from the verified certificate.

use std::collections::BTreeSet;
use std::fmt;

use thiserror::Error;

/// The longest name, in characters: the upper bound of a CN (RFC 5280 appendix A.1, ub-common-name).
pub const NAME_CHARS_MAX: usize = 64;

/// The name that only the operator's own certificate carries.
pub const OPERATOR: &str = "operator";

/// A well-formed name: 1 to 64 of `A–Z a–z 0–9 . _ : @ -`, not starting with `.`, `-` or `$`.
///
/// Compare with [`key`](Name::key) where the question is whether two people would call them the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

/// A name in lower case: two names with the same key may not live at the same time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NameKey(String);

/// Why a text is no name, and what would be.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NameError {
    /// Nothing there.
    #[error("the name is empty\nhint: choose 1 to 64 of A-Z a-z 0-9 . _ : @ -, for example 'kitchen-sensor'")]
    Empty,
    /// More than [`NAME_CHARS_MAX`] characters.
    #[error(
        "the name '{shown}…' has {chars} characters, at most 64 are allowed\nhint: shorten it, a certificate's CN holds no more"
    )]
    TooLong {
        /// The first characters, escaped.
        shown: String,
        /// How many there are.
        chars: usize,
    },
    /// A first character that shells, files or topics treat in their own way.
    #[error(
        "the name '{name}' starts with '{first}'\nhint: start with a letter or a digit, for example '{suggestion}'"
    )]
    BadStart {
        /// The name, escaped.
        name: String,
        /// Its first character.
        first: char,
        /// A name that would do.
        suggestion: String,
    },
    /// A character outside the alphabet.
    #[error(
        "the name '{name}' has '{found}' at position {position}\nhint: use A-Z a-z 0-9 . _ : @ - only, for example '{suggestion}'"
    )]
    BadCharacter {
        /// The name, escaped.
        name: String,
        /// The character, escaped.
        found: String,
        /// Its position, counted from 1.
        position: usize,
        /// A name that would do.
        suggestion: String,
    },
    /// `operator`, or a name of this server.
    #[error("the name '{name}' is reserved for {owner}\nhint: choose another, for example '{suggestion}'")]
    Reserved {
        /// The name.
        name: Name,
        /// Whose it is.
        owner: &'static str,
        /// A name that would do.
        suggestion: String,
    },
}

impl Name {
    /// Reads a name; for one that shall be given to somebody new use [`ReservedNames::parse_new`].
    ///
    /// # Errors
    /// [`NameError`], with a name that would do where one can be made from the text.
    pub fn parse(text: &str) -> Result<Name, NameError> {
        let Some(first) = text.chars().next() else {
            return Err(NameError::Empty);
        };
        let chars = text.chars().count();
        if chars > NAME_CHARS_MAX {
            return Err(NameError::TooLong { shown: escaped(text, 24), chars });
        }
        if matches!(first, '.' | '-' | '$') {
            return Err(NameError::BadStart {
                name: escaped(text, NAME_CHARS_MAX),
                first,
                suggestion: suggestion(text),
            });
        }
        match text.chars().position(|c| !is_allowed(c)) {
            None => Ok(Name(text.to_owned())),
            Some(index) => Err(NameError::BadCharacter {
                name: escaped(text, NAME_CHARS_MAX),
                found: text.chars().nth(index).map(|c| c.escape_debug().to_string()).unwrap_or_default(),
                position: index + 1,
                suggestion: suggestion(text),
            }),
        }
    }

    /// The name of the operator's own certificate, which nobody else can get.
    pub fn operator() -> Name {
        Name(OPERATOR.to_owned())
    }

    /// The name as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What it is unique by: the name without regard to case.
    pub fn key(&self) -> NameKey {
        NameKey(self.0.to_ascii_lowercase())
    }
}

impl NameKey {
    /// The name in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for NameKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Names that nobody new can get: `operator` and what this server is called.
#[derive(Clone, Debug, Default)]
pub struct ReservedNames {
    server: BTreeSet<String>,
}

impl ReservedNames {
    /// With the names (DNS and IP text) of the server; case does not matter.
    pub fn new<S: AsRef<str>>(server_names: impl IntoIterator<Item = S>) -> ReservedNames {
        ReservedNames { server: server_names.into_iter().map(|n| n.as_ref().to_ascii_lowercase()).collect() }
    }

    /// Reads a name for somebody new: well-formed and not reserved.
    ///
    /// # Errors
    /// As [`Name::parse`], and [`NameError::Reserved`].
    pub fn parse_new(&self, text: &str) -> Result<Name, NameError> {
        let name = Name::parse(text)?;
        let key = name.key();
        let owner = if key.as_str() == OPERATOR {
            "the operator's own certificate"
        } else if self.server.contains(key.as_str()) {
            "this server"
        } else {
            return Ok(name);
        };
        let mut suggestion = format!("{name}-1");
        suggestion.truncate(NAME_CHARS_MAX);
        Err(NameError::Reserved { name, owner, suggestion })
    }
}

fn is_allowed(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | ':' | '@' | '-')
}

fn suggestion(text: &str) -> String {
    let mended: String =
        text.chars().take(NAME_CHARS_MAX).map(|c| if is_allowed(c) { c } else { '-' }).collect();
    let mended = mended.trim_start_matches(['.', '-', '$']);
    if mended.is_empty() { "device-1".to_owned() } else { mended.to_owned() }
}

/// At most `chars` characters of a text that somebody typed, safe for a terminal.
fn escaped(text: &str, chars: usize) -> String {
    text.chars().take(chars).flat_map(char::escape_debug).collect()
}
