//! What is wrong with a configuration, where, and how to mend it.
//!
//! A [`Diagnostic`] is plain data: the parser collects all of them, the binary prints them. The text of an error is
//! mosquitto's own where mosquitto has one, because scripts and people look for these words.
//!
//! Not here: printing, exiting. [`Diagnostic::exit`] only says which exit code mosquitto would have ended with.

use std::fmt;
use std::sync::Arc;

/// A line of a file. Lines count from 1; line 0 stands for the file as a whole.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The file as the user named it (not made absolute), or `command line`.
    pub file: Arc<str>,
    /// The line, from 1; 0 where the finding is about the whole file.
    pub line: u32,
    /// The line of the main file that included this one.
    pub included_at: Option<Arc<Place>>,
}

impl Place {
    /// A place in `file`.
    pub fn new(file: impl Into<Arc<str>>, line: u32) -> Place {
        Place { file: file.into(), line, included_at: None }
    }

    /// The same in a file that `at` includes.
    #[must_use]
    pub fn included(self, at: Option<Arc<Place>>) -> Place {
        Place { included_at: at, ..self }
    }

    /// mosquitto's words for where an error is: `Error found at FILE:LINE.`, and the line that included the file.
    pub fn error_found(&self) -> String {
        match &self.included_at {
            None => format!("Error found at {self}."),
            Some(main) => format!("Error found at '{self}'.\nError found at {main}."),
        }
    }

    /// What was said on the command line, not in a file.
    pub fn command_line() -> Place {
        Place::new("command line", 0)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(&self.file),
            line => write!(f, "{}:{line}", self.file),
        }
    }
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing; nothing is wrong.
    Notice,
    /// The broker starts, but something is not as the file says, or is risky.
    Warning,
    /// The broker does not start (and a reload changes nothing).
    Error,
}

/// The exit code of a process that ends because of an error, as mosquitto's (contract section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Exit {
    /// 3: the configuration cannot be read or says something impossible.
    Configuration,
    /// 1: what the configuration names cannot be used (TLS material, versions, ciphers, addresses).
    Unusable,
    /// 13: a password or ACL file is missing, unreadable, or a symbolic link; a plugin cannot be had.
    FileAccess,
}

impl Exit {
    /// The number.
    pub fn code(self) -> u8 {
        match self {
            Exit::Configuration => 3,
            Exit::Unusable => 1,
            Exit::FileAccess => 13,
        }
    }
}

/// One finding about a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// Where, if it has a place.
    pub place: Option<Place>,
    /// What, with the value. Starts with `Error: ` or `Warning: ` where mosquitto's text does.
    pub text: String,
    /// How to mend it, one or more sentences, without the word `hint:`.
    pub hint: Option<String>,
    /// The exit code this leads to if it is an error.
    pub exit: Exit,
}

impl Diagnostic {
    /// An error in the configuration (exit code 3). `text` without the leading `Error: `.
    pub fn error(place: impl Into<Option<Place>>, text: impl fmt::Display) -> Diagnostic {
        Diagnostic {
            severity: Severity::Error,
            place: place.into(),
            text: format!("Error: {text}"),
            hint: None,
            exit: Exit::Configuration,
        }
    }

    /// A warning. `text` without the leading `Warning: `.
    pub fn warning(place: impl Into<Option<Place>>, text: impl fmt::Display) -> Diagnostic {
        Diagnostic {
            severity: Severity::Warning,
            text: format!("Warning: {text}"),
            ..Diagnostic::error(place, "")
        }
    }

    /// Something worth knowing. `text` without a leading word.
    pub fn notice(place: impl Into<Option<Place>>, text: impl fmt::Display) -> Diagnostic {
        Diagnostic {
            severity: Severity::Notice,
            text: format!("Notice: {text}"),
            ..Diagnostic::error(place, "")
        }
    }

    /// The same with a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Diagnostic {
        self.hint = Some(hint.into());
        self
    }

    /// The same with another exit code.
    #[must_use]
    pub fn exit(mut self, exit: Exit) -> Diagnostic {
        self.exit = exit;
        self
    }

    /// Whether the broker must not start.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// As it is printed: the text, then `Error found at FILE:LINE.` as mosquitto does, then the hint.
impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Printable(&self.text))?;
        match (&self.place, self.severity) {
            (Some(place), Severity::Error) => write!(f, "\n{}", place.error_found())?,
            (Some(place), Severity::Warning | Severity::Notice) => write!(f, "\nFound at {place}.")?,
            (None, _) => {}
        }
        match &self.hint {
            Some(hint) => write!(f, "\nhint: {}", Printable(hint)),
            None => Ok(()),
        }
    }
}

/// Text of a file on its way to a terminal: control characters but tabs are escaped, and no more than 1,000 characters go out.
struct Printable<'a>(&'a str);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const CHARS_MAX: usize = 1_000;
        for (count, c) in self.0.chars().enumerate() {
            if count == CHARS_MAX {
                return f.write_str("…");
            }
            match c {
                '\t' => f.write_str("\t")?,
                c if c.is_control() => write!(f, "{}", c.escape_default())?,
                c => write!(f, "{c}")?,
            }
        }
        Ok(())
    }
}
