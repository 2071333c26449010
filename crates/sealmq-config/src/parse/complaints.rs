//! What is said about lines that do not count.

use crate::diagnostic::{Diagnostic, Place};
use crate::lexer::{self, BadText, Line};
use crate::options::{Kind, OptionRow, Restricts, Support};
use crate::source::Unreadable;
use crate::suggest;
use std::path::Path;

use super::READABLE;

pub(super) fn duplicate(row: &OptionRow, written: &str, at: Place) -> Diagnostic {
    if row.kind == Kind::Addresses {
        return Diagnostic::error(at, "Invalid bridge configuration, 'address' only allowed once.")
            .hint("several addresses stand on one line");
    }
    Diagnostic::error(at, format!("Duplicate '{}' value in configuration.", row.name(written)))
        .hint("leave one of the lines: which of them counts must be clear")
}

pub(super) fn unknown(key: &str, at: Place) -> Diagnostic {
    let finding = Diagnostic::error(at, format!("Unknown configuration variable '{key}'."));
    if key.contains('\t') {
        return finding.hint("write a space where the tab is: only spaces separate a key from its value");
    }
    if key.starts_with('\u{feff}') {
        return finding.hint("the file begins with a byte order mark: save it as UTF-8 without one");
    }
    if key.starts_with('#') {
        return finding.hint("a comment begins in the first column");
    }
    match suggest::nearest(key) {
        Some(known) => finding.hint(format!("did you mean `{known}`?")),
        None => finding.hint("docs/reference/mosquitto-conf.md lists all keys"),
    }
}

/// About a file that `include_dir` found.
pub(super) fn unreadable(file: &Path, why: Unreadable, at: Place) -> Diagnostic {
    match why {
        Unreadable::Folder => {
            Diagnostic::error(at, format!("Config file '{}' is a directory.", file.display()))
                .hint("a folder inside an include_dir must not be called NAME.conf")
        }
        Unreadable::Because(why) => {
            Diagnostic::error(at, format!("Unable to open config file '{}'.", file.display()))
                .hint(format!("{why}; {READABLE}"))
        }
    }
}

pub(super) fn bad_line(why: BadText, at: Place) -> Diagnostic {
    match why {
        BadText::Malformed => Diagnostic::error(at, "Malformed UTF-8 in configuration.")
            .hint("the line has bytes that are not UTF-8 text, or control characters"),
        BadText::TooLong => Diagnostic::error(
            at,
            format!("Line longer than {} bytes in configuration.", lexer::LINE_BYTES_MAX),
        ),
    }
}

/// About a key that is not honoured. `None`: it is.
pub(super) fn unsupported(
    row: &OptionRow,
    line: Line<'_>,
    support: Support,
    at: Place,
) -> Option<Diagnostic> {
    let key = line.key;
    let finding = match (support, row.restricts) {
        (Support::Refused { reason, alternative }, _) => {
            Diagnostic::error(at, format!("'{key}' is refused: {reason}.")).hint(alternative)
        }
        (Support::NotYet(issue), Restricts::Yes) => {
            let title = issue.title();
            Diagnostic::error(at, format!("'{key} {}' is not honoured yet: it comes with \"{title}\".", line.rest))
                .hint("it restricts what clients may do, so it is not skipped: remove the line to start without the restriction, or wait for it")
        }
        (Support::NotYet(issue), Restricts::No) => {
            let title = issue.title();
            Diagnostic::warning(at, format!("'{key}' is not honoured yet: it comes with \"{title}\"."))
                .hint("the broker starts without it")
        }
        (Support::Ignored(warning), _) => Diagnostic::warning(at, warning).hint(format!("remove `{key}`")),
        (Support::Honoured, _) => return None,
    };
    Some(finding)
}
