//! Text from a peer, made safe for a log line and a terminal: bounded, no control or direction characters.

use std::fmt::{self, Write as _};

/// Longest peer text in a log line, in characters.
pub const PEER_TEXT_CHARS_MAX: usize = 256;

/// Shows peer text with control, format and line-separating characters escaped, cut at [`PEER_TEXT_CHARS_MAX`].
#[derive(Debug, Clone, Copy)]
pub struct Escaped<'a>(pub &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, c) in self.0.chars().enumerate() {
            if at == PEER_TEXT_CHARS_MAX {
                return f.write_str("...");
            }
            if is_dangerous(c) { write!(f, "{}", c.escape_unicode())? } else { f.write_char(c)? }
        }
        Ok(())
    }
}

/// The whole text with dangerous characters escaped: the last look at a line before it leaves, whoever wrote it.
pub(super) fn push_clean(text: &str, out: &mut String) {
    for c in text.chars() {
        if is_dangerous(c) { out.extend(c.escape_unicode()) } else { out.push(c) }
    }
}

/// Characters that end a line, drive a terminal, or turn the direction of what follows.
fn is_dangerous(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
        || matches!(c, '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_id_cannot_forge_a_line() {
        assert_eq!(Escaped("a\nb\u{1b}[31m").to_string(), "a\\u{a}b\\u{1b}[31m");
    }

    #[test]
    fn direction_overrides_are_shown_not_obeyed() {
        assert_eq!(Escaped("x\u{202e}y").to_string(), "x\\u{202e}y");
    }

    #[test]
    fn long_text_is_cut() {
        let long = "ä".repeat(1000);
        let shown = Escaped(&long).to_string();
        assert_eq!(shown.chars().count(), PEER_TEXT_CHARS_MAX + 3);
    }

    #[test]
    fn ordinary_text_stays_as_it_is() {
        assert_eq!(Escaped("sensor/küche-1").to_string(), "sensor/küche-1");
    }
}
