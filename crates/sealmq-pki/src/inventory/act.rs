//! Who changes the inventory, when, and why.

use std::fmt;

use thiserror::Error;

use crate::ids::{KeyId, Serial};
use crate::time::Timestamp;

/// One change's who, when and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Act {
    /// When, by the clock that validity is judged by.
    pub at: Timestamp,
    /// Who.
    pub by: Actor,
    /// Why, in a person's words.
    pub why: Option<Reason>,
}

/// Who makes a change: as the system or a handshake vouches for it, never a name that somebody typed.
///
/// Displays as `uid:1000`, `operator:ISSUER/SERIAL`, `broker`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Actor {
    /// A user of this machine: the peer of the control socket, or whoever runs the command on the directory itself.
    User {
        /// The user id.
        uid: u32,
    },
    /// Somebody who showed an operator's certificate.
    Operator {
        /// Key identifier of its issuer.
        issuer: KeyId,
        /// Its serial.
        serial: Serial,
    },
    /// The broker by itself: a renewal, a migration.
    Broker,
}

/// Why, in a person's words: one line of 1 to 200 characters.
///
/// Control characters are kept escaped, so that a log and a terminal show what was written and do nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reason(String);

/// Why a text cannot be kept as a reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ReasonError {
    /// Nothing but white space.
    #[error("the reason is empty\nhint: leave it out, or say why in a few words")]
    Empty,
    /// Too long.
    #[error("the reason has {chars} characters, {max} are kept\nhint: say it shorter", max = Reason::CHARS_MAX)]
    TooLong {
        /// How long it is, escaped.
        chars: usize,
    },
}

impl Act {
    /// A change without a reason in words.
    pub fn new(at: Timestamp, by: Actor) -> Act {
        Act { at, by, why: None }
    }

    /// The same change with a reason.
    #[must_use]
    pub fn because(self, why: Option<Reason>) -> Act {
        Act { why, ..self }
    }
}

impl Reason {
    /// The longest reason, in characters, escaped.
    pub const CHARS_MAX: usize = 200;

    /// Takes a person's text.
    ///
    /// # Errors
    /// [`ReasonError`].
    pub fn parse(text: &str) -> Result<Reason, ReasonError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(ReasonError::Empty);
        }
        let escaped: String = text.chars().flat_map(escape).collect();
        let chars = escaped.chars().count();
        if chars > Reason::CHARS_MAX { Err(ReasonError::TooLong { chars }) } else { Ok(Reason(escaped)) }
    }

    /// The text, escaped.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What could move a cursor, end a line or turn the direction of text is written as `\u{…}`; letters of any script stay.
fn escape(c: char) -> Vec<char> {
    let turns = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2028}' | '\u{2029}' | '\u{2066}'..='\u{2069}');
    if c.is_control() || turns || c == '\\' { c.escape_default().collect() } else { vec![c] }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Actor::User { uid } => write!(f, "uid:{uid}"),
            Actor::Operator { issuer, serial } => write!(f, "operator:{issuer}/{serial}"),
            Actor::Broker => f.write_str("broker"),
        }
    }
}
