//! `acl_file`: lines to rules. What the rules mean is decided in sealmq-broker.
//!
//! `user NAME` says for whom the `topic` lines below it are; before any of them they are for clients without a user name
//! only. `pattern` lines are for everyone, `%u` and `%c` stand for user name and client id, `%{cn}` and the like for
//! fields of the client certificate. `topic` and `pattern` take
//! `[read|write|readwrite|deny] FILTER`. An empty file is a valid one, and denies everything.
//!
//! Invariant: a line that is not understood makes the file unusable. A rule that is skipped could be a `deny`.

use crate::diagnostic::{Diagnostic, Place};
use crate::document::FINDINGS_MAX;
use crate::lexer::{self, BadText, Line, Tail};
use crate::source::{FileParsed, SourceFile};
pub use sealmq_broker::Access as AclAccess;
use sealmq_broker::{AclEntry, AclError, AclRules, AclUser, Attribute as AclAttribute};
use std::sync::Arc;

/// The rules of a file, in its order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AclFile {
    /// `topic` and `pattern` lines.
    pub lines: Vec<AclLine>,
}

impl AclFile {
    /// As the broker core takes them.
    pub fn rules(&self) -> AclRules {
        let mut rules = AclRules::new();
        for AclLine { whom, entry, .. } in &self.lines {
            match whom {
                AclWhom::Anonymous => rules.add(AclUser::Anonymous, entry.clone()),
                AclWhom::User(name) => rules.add(AclUser::Named(name), entry.clone()),
                AclWhom::Everyone => rules.add_pattern(entry.clone()),
            }
        }
        rules
    }
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AclLine {
    /// Where it stands.
    pub at: Place,
    /// For whom it is.
    pub whom: AclWhom,
    /// What it says.
    pub access: AclAccess,
    /// About which topics; in a pattern with `%u` and `%c` in it.
    pub filter: Box<str>,
    /// Both, as the core takes them.
    entry: AclEntry,
}

/// For whom a rule is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum AclWhom {
    /// `topic` before any `user`: clients without a user name.
    Anonymous,
    /// `topic` after `user NAME`.
    User(Arc<str>),
    /// `pattern`: everyone.
    Everyone,
}

/// Why a line is not a rule.
struct BadLine {
    text: String,
    hint: String,
}

/// Reads an ACL file. A file with one bad line is no ACL file.
pub fn parse_file(file: &SourceFile) -> FileParsed<AclFile> {
    let mut reader = Reader {
        name: file.path.to_string_lossy().into(),
        whom: AclWhom::Anonymous,
        lines: Vec::new(),
        diagnostics: Vec::new(),
    };
    for line in lexer::lines(&file.bytes) {
        if reader.diagnostics.len() >= FINDINGS_MAX {
            break;
        }
        let (number, read) = match line {
            Ok(Line { tail: Tail::Bytes, number, .. }) => {
                (number, Err(reader.unreadable(BadText::Malformed)))
            }
            Ok(line) => (line.number, reader.line(Line { rest: line.rest.trim_end(), ..line })),
            Err(bad) => (bad.number, Err(reader.unreadable(bad.why))),
        };
        if let Err(BadLine { text, hint }) = read {
            reader.diagnostics.push(Diagnostic::error(reader.place(number), text).hint(hint));
        }
    }
    let sound = !reader.diagnostics.iter().any(Diagnostic::is_error);
    FileParsed { value: sound.then_some(AclFile { lines: reader.lines }), diagnostics: reader.diagnostics }
}

struct Reader {
    name: Arc<str>,
    whom: AclWhom,
    lines: Vec<AclLine>,
    diagnostics: Vec<Diagnostic>,
}

impl Reader {
    fn place(&self, number: u32) -> Place {
        Place::new(self.name.clone(), number)
    }

    fn line(&mut self, line: Line<'_>) -> Result<(), BadLine> {
        match line.key {
            "user" if line.rest.is_empty() => Err(self.bad(
                "Missing username",
                "write `user NAME`; rules for clients without a name stand above the first user",
            )),
            "user" => {
                self.whom = AclWhom::User(line.rest.into());
                Ok(())
            }
            "topic" => self.rule(line, self.whom.clone()),
            "pattern" => self.rule(line, AclWhom::Everyone),
            _ => Err(BadLine {
                text: format!("Invalid line in acl_file \"{}\": {}.", self.name, line.key),
                hint: "a line begins with user, topic, pattern or #".to_owned(),
            }),
        }
    }

    fn rule(&mut self, line: Line<'_>, whom: AclWhom) -> Result<(), BadLine> {
        let (access, filter) = match line.rest.split_once(lexer::blank) {
            None if line.rest.is_empty() => {
                return Err(self.bad("Empty topic", "write `topic readwrite devices/#`"));
            }
            None => (AclAccess::ReadWrite, line.rest),
            Some((word, filter)) => (self.access(word)?, filter.trim_start_matches(lexer::blank)),
        };
        let entry = match whom {
            AclWhom::Everyone => AclEntry::pattern(access, filter),
            AclWhom::Anonymous | AclWhom::User(_) => AclEntry::new(access, filter),
        };
        let entry = entry.map_err(|error| self.bad_filter(filter, &error))?;
        let placeholders = filter.contains("%u") || filter.contains("%c") || filter.contains("%{");
        if whom == AclWhom::Everyone && !placeholders {
            let text = format!("ACL pattern '{filter}' does not contain '%c' or '%u'.");
            self.diagnostics.push(
                Diagnostic::warning(self.place(line.number), text)
                    .hint("it is the same for everyone; is that meant?"),
            );
        }
        if whom != AclWhom::Everyone && placeholders {
            let text =
                format!("'%u', '%c' and '%{{' in \"{filter}\" are taken literally: this is a topic line.");
            self.diagnostics.push(
                Diagnostic::warning(self.place(line.number), text).hint("write `pattern` instead of `topic`"),
            );
        }
        self.lines.push(AclLine { at: self.place(line.number), whom, access, filter: filter.into(), entry });
        Ok(())
    }

    fn bad_filter(&self, filter: &str, error: &AclError) -> BadLine {
        let fields = || AclAttribute::ALL.map(|field| format!("%{{{}}}", field.name())).join(" ");
        BadLine {
            text: format!("Invalid ACL topic \"{filter}\" in acl_file \"{}\".", self.name),
            hint: match error {
                AclError::Attribute { .. } => format!("{error}; a pattern may name {}", fields()),
                AclError::Filter { .. } if filter.contains(" #") => {
                    format!("{error}; a comment needs a line of its own")
                }
                AclError::Filter { .. } => error.to_string(),
            },
        }
    }

    fn access(&self, word: &str) -> Result<AclAccess, BadLine> {
        match word {
            "read" => Ok(AclAccess::Read),
            "write" => Ok(AclAccess::Write),
            "readwrite" => Ok(AclAccess::ReadWrite),
            "deny" => Ok(AclAccess::Deny),
            other => Err(BadLine {
                text: format!("Invalid topic access type \"{other}\" in acl_file \"{}\".", self.name),
                hint: "it is read, write, readwrite or deny; a topic with blanks needs one of them before it"
                    .to_owned(),
            }),
        }
    }

    fn bad(&self, what: &str, hint: &str) -> BadLine {
        BadLine { text: format!("{what} in acl_file \"{}\".", self.name), hint: hint.to_owned() }
    }

    fn unreadable(&self, why: BadText) -> BadLine {
        match why {
            BadText::Malformed => self
                .bad("Malformed UTF-8", "the line has bytes that are not UTF-8 text, or control characters"),
            BadText::TooLong => self.bad("Line too long", "a topic has at most 65535 bytes"),
        }
    }
}
