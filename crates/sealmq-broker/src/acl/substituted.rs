//! Matching an ACL filter against a topic with `%u`, `%c` and `%{cn}` put in on the way, without building the text.
//!
//! A user name may itself contain `/`: it then spans levels, as in mosquitto. Wildcards count only where they stand in
//! the filter's own text; the caller has refused names that contain one.

use super::Subject;
use super::attributes::{Attribute, placeholder};

/// Whether `filter`, with `subject`'s names put in where there is one, matches `topic`.
///
/// `$`-topics need a filter that starts with `$`: a wildcard at the front does not reach them, and neither does a name
/// that was put in.
pub(super) fn matches(filter: &str, subject: Option<&Subject<'_>>, topic: &str) -> bool {
    if topic.starts_with('$') != filter.starts_with('$') {
        return false;
    }
    let mut pieces = Pieces { filter, subject };
    let mut rest = topic;
    loop {
        match pieces.next() {
            None => return rest.is_empty(),
            Some(Piece::Wildcard('#')) => return true,
            Some(Piece::Wildcard(_)) => {
                rest = &rest[rest.find('/').unwrap_or(rest.len())..];
            }
            Some(Piece::Text(text)) => {
                // `a/#` matches `a` too: the separator before the `#` is not in the topic.
                if rest.is_empty() && text == "/" && pieces.filter == "#" {
                    return true;
                }
                match rest.strip_prefix(text) {
                    Some(behind) => rest = behind,
                    None => return false,
                }
            }
        }
    }
}

enum Piece<'a> {
    Text(&'a str),
    Wildcard(char),
}

/// The filter in pieces: separators alone, names put in, wildcards, and the text between.
struct Pieces<'a> {
    filter: &'a str,
    subject: Option<&'a Subject<'a>>,
}

impl<'a> Pieces<'a> {
    fn next(&mut self) -> Option<Piece<'a>> {
        let first = self.filter.chars().next()?;
        if let Some(subject) = self.subject {
            for (placeholder, name) in [("%u", subject.username.unwrap_or("")), ("%c", subject.client_id)] {
                if let Some(behind) = self.filter.strip_prefix(placeholder) {
                    self.filter = behind;
                    return Some(Piece::Text(name));
                }
            }
            if let Some((text, behind)) = field(self.filter, subject) {
                self.filter = behind;
                return Some(Piece::Text(text));
            }
        }
        let end = match first {
            '/' | '+' | '#' => 1,
            _ => {
                first.len_utf8()
                    + self.filter[first.len_utf8()..]
                        .find(['/', '+', '#', '%'])
                        .unwrap_or(self.filter.len() - first.len_utf8())
            }
        };
        let (piece, behind) = self.filter.split_at(end);
        self.filter = behind;
        Some(match first {
            '+' | '#' => Piece::Wildcard(first),
            _ => Piece::Text(piece),
        })
    }
}

/// The certificate field that `filter` begins with, and what stands behind it.
fn field<'a>(filter: &'a str, subject: &'a Subject<'_>) -> Option<(&'a str, &'a str)> {
    let (name, behind) = placeholder(filter)?;
    Some((subject.attributes?.text(Attribute::parse(name)?)?, behind))
}
