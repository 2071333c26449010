//! Destinations, opened; and what is said about one that does not take lines.
//!
//! A destination that fails never stops the broker: the first failure is an error line on the others (or on stderr), the
//! lines meanwhile are counted, and the count is its first line when it takes lines again.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::spec::Destination;
use super::syslog::Syslog;
use super::topic::Outlet;
use super::{Event, Level, Line};

/// A destination that cannot be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Unable to open log file {} for writing. {why}", .path.display())]
pub struct LogFault {
    /// The file.
    pub path: PathBuf,
    /// What the system said.
    pub why: String,
}

impl LogFault {
    /// What mends it.
    #[must_use]
    pub fn hint(&self) -> String {
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        format!(
            "the user that the broker runs as must be allowed to write there: `ls -ld {}` shows who may",
            folder.unwrap_or(Path::new(".")).display()
        )
    }
}

pub(super) struct Sink {
    out: Out,
    /// Lines that it did not take, since it took one; `None` while it takes them.
    lost: Option<u64>,
}

enum Out {
    Stdout,
    Stderr,
    File { path: PathBuf, file: File },
    Syslog(Syslog),
    Topic,
}

/// Lines, and the same as text.
pub(super) struct Batch<'a> {
    pub(super) lines: &'a [Line],
    pub(super) text: &'a str,
    /// One line as one text, for what is not a stream.
    pub(super) single: &'a dyn Fn(&Line) -> String,
}

impl Sink {
    pub(super) fn stderr() -> Sink {
        Sink { out: Out::Stderr, lost: None }
    }

    pub(super) fn open(destination: &Destination) -> Result<Sink, LogFault> {
        let out = match destination {
            Destination::Stdout => Out::Stdout,
            Destination::Stderr => Out::Stderr,
            Destination::File(path) => match standard_stream(path) {
                Some(out) => out,
                None => Out::File { path: path.clone(), file: open_file(path)? },
            },
            Destination::Syslog(spec) => Out::Syslog(Syslog::new(spec.clone())),
            Destination::Topic => Out::Topic,
        };
        Ok(Sink { out, lost: None })
    }

    pub(super) fn is_stderr(&self) -> bool {
        matches!(self.out, Out::Stderr)
    }

    /// Writes a batch. The answer is what the other destinations are to say about this one.
    pub(super) fn write(&mut self, batch: &Batch<'_>, outlet: &Outlet) -> Option<Line> {
        let count = batch.lines.len() as u64;
        let outcome = match (self.lost, &mut self.out) {
            (Some(lost), Out::File { .. } | Out::Stdout | Out::Stderr) => {
                let text = format!("\n{}: {lost} lines were lost before this one.\n", self.name());
                self.put(&text).and_then(|()| self.put(batch.text))
            }
            (_, Out::Syslog(syslog)) => {
                batch.lines.iter().try_for_each(|line| syslog.send(line, &(batch.single)(line)))
            }
            (_, Out::Topic) => {
                let lines = batch.lines.iter().filter(|line| goes_to_topics(line));
                lines.for_each(|line| outlet.publish(line.event.level(), (batch.single)(line)));
                Ok(())
            }
            (None, Out::File { .. } | Out::Stdout | Out::Stderr) => self.put(batch.text),
        };
        match outcome {
            Ok(()) => self.lost.take().map(|lost| self.works_again(lost)),
            Err(error) => {
                let first = self.lost.is_none();
                *self.lost.get_or_insert(0) += count;
                first.then(|| self.complaint(&error))
            }
        }
    }

    fn put(&mut self, text: &str) -> io::Result<()> {
        match &mut self.out {
            Out::Stdout => {
                let mut stdout = io::stdout().lock();
                stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush())
            }
            Out::Stderr => io::stderr().lock().write_all(text.as_bytes()),
            Out::File { file, .. } => file.write_all(text.as_bytes()),
            Out::Syslog(_) | Out::Topic => Ok(()),
        }
    }

    fn name(&self) -> String {
        match &self.out {
            Out::Stdout => "standard output".to_owned(),
            Out::Stderr => "standard error".to_owned(),
            Out::File { path, .. } => format!("log file {}", path.display()),
            Out::Syslog(syslog) => syslog.name(),
            Out::Topic => "log_dest topic".to_owned(),
        }
    }

    fn complaint(&self, error: &io::Error) -> Line {
        let text = format!("Error: {} does not take log lines: {error}.", self.name());
        Line::new(Event::LogFault, text).hint("lines are lost until it does; how many is said then")
    }

    fn works_again(&self, lost: u64) -> Line {
        let text = format!("{} takes log lines again; {lost} were lost.", self.name());
        Line::new(Event::LogFault, text).field("lines", lost)
    }
}

/// As mosquitto: what a client's debugging makes would be published for ever.
fn goes_to_topics(line: &Line) -> bool {
    !matches!(line.event.level(), Level::Debug | Level::Internal) && line.event != Event::Dropped
}

/// A container's `log_dest file /dev/stdout`: what we have open already, since another user may not open it again.
fn standard_stream(path: &Path) -> Option<Out> {
    match path.to_str()? {
        "/dev/stdout" | "/proc/self/fd/1" | "/dev/fd/1" => Some(Out::Stdout),
        "/dev/stderr" | "/proc/self/fd/2" | "/dev/fd/2" => Some(Out::Stderr),
        _ => None,
    }
}

fn open_file(path: &Path) -> Result<File, LogFault> {
    // As mosquitto: a link that somebody left in the folder leads nowhere.
    let no_links = if std::env::var_os("MOSQUITTO_UNSAFE_ALLOW_SYMLINKS").is_some() {
        0
    } else {
        nix::fcntl::OFlag::O_NOFOLLOW.bits()
    };
    let opened = OpenOptions::new().append(true).create(true).mode(0o600).custom_flags(no_links).open(path);
    opened.map_err(|error| LogFault { path: path.to_owned(), why: error.to_string() })
}
