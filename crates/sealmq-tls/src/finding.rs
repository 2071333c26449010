//! What we accept and still want said: findings of start, reload and check.
//!
//! Not an error: whatever must not go on is a refusal. Each finding says what is wrong and how to mend it.

use std::fmt;

/// Something that a person should know and mend, which does not stop us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Stable name, for tests, filters and documentation.
    pub code: &'static str,
    /// What, where and the value: lower case, no final dot.
    pub text: String,
    /// What mends it.
    pub hint: String,
}

impl Finding {
    pub(crate) fn new(code: &'static str, text: impl Into<String>, hint: impl Into<String>) -> Finding {
        Finding { code, text: text.into(), hint: hint.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\nhint: {}", self.text, self.hint)
    }
}
