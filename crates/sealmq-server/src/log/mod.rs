//! The broker's log: one writer thread, one bounded queue, lines of one connection in order.
//!
//! Whoever logs never waits: when the queue is nearly full, information and debug lines are dropped and counted; when
//! it is full, every line is (and the writer says how many were). Text that comes from a peer goes through
//! [`Escaped`], so that it can neither forge a line nor drive a terminal.
//!
//! Not here: what a line says (the caller's), which events exist ([`events::EVENTS`]).

pub mod escape;
pub mod events;
pub mod mute;
mod sink;
mod writer;

pub use escape::Escaped;
pub use events::{Event, Level};
pub use sink::{ConnectionMessages, Destination, Format, LogSpec, Timestamp};

use std::sync::Arc;
use std::time::SystemTime;

use writer::{Queue, Writer};

/// A handle on the log; cheap to clone.
#[derive(Clone)]
pub struct Log {
    queue: Arc<Queue>,
    levels: Levels,
    connection_messages: ConnectionMessages,
}

/// One line: what happened, in words, and the same as fields for `log_format json`.
#[derive(Debug, Clone)]
pub struct Line {
    pub(crate) event: Event,
    pub(crate) at: SystemTime,
    pub(crate) text: String,
    pub(crate) hint: Option<String>,
    pub(crate) fields: Vec<(&'static str, serde_json::Value)>,
}

impl Line {
    /// A line of this event with this text (lower-case sentence or mosquitto's own wording, no newline).
    #[must_use]
    pub fn new(event: Event, text: impl Into<String>) -> Line {
        Line { event, at: SystemTime::now(), text: text.into(), hint: None, fields: Vec::new() }
    }

    /// What mends it: a second line in the human format, a field in JSON.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Line {
        self.hint = Some(hint.into());
        self
    }

    /// A named value beside the text; only the JSON format shows it. Text is escaped and bounded as in [`Escaped`].
    #[must_use]
    pub fn field(mut self, name: &'static str, value: impl Into<serde_json::Value>) -> Line {
        let value = value.into();
        let value = value.as_str().map(|text| Escaped(text).to_string().into()).unwrap_or(value);
        self.fields.push((name, value));
        self
    }
}

/// Which levels are written (`log_type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Levels(u16);

impl Levels {
    /// Nothing.
    pub const NONE: Levels = Levels(0);
    /// Everything (`-v`, `log_type all`).
    pub const ALL: Levels = Levels(u16::MAX);

    /// mosquitto's default: error, warning, notice, information.
    #[must_use]
    pub fn usual() -> Levels {
        Levels::NONE.with(Level::Error).with(Level::Warning).with(Level::Notice).with(Level::Information)
    }

    /// These and `level`.
    #[must_use]
    pub fn with(self, level: Level) -> Levels {
        Levels(self.0 | level.bit())
    }

    /// Whether `level` is written.
    #[must_use]
    pub fn has(self, level: Level) -> bool {
        self.0 & level.bit() != 0
    }
}

/// Keeps the writer thread; [`LogKeeper::finish`] writes what is queued and joins it.
pub struct LogKeeper {
    log: Log,
    writer: Option<Writer>,
}

impl LogKeeper {
    /// Opens the destinations and starts the writer thread.
    ///
    /// # Errors
    /// A log file that cannot be opened for appending.
    pub fn start(spec: LogSpec) -> std::io::Result<LogKeeper> {
        let queue = Arc::new(Queue::new());
        let (levels, connection_messages) = (spec.levels, spec.connection_messages);
        let writer = Writer::start(Arc::clone(&queue), spec)?;
        Ok(LogKeeper { log: Log { queue, levels, connection_messages }, writer: Some(writer) })
    }

    /// A handle to log with.
    #[must_use]
    pub fn log(&self) -> Log {
        self.log.clone()
    }

    /// Writes everything queued, then ends the writer.
    pub fn finish(mut self) {
        self.close();
    }

    fn close(&mut self) {
        self.log.queue.close();
        if let Some(writer) = self.writer.take() {
            writer.join();
        }
    }
}

impl Drop for LogKeeper {
    fn drop(&mut self) {
        self.close();
    }
}

impl Log {
    /// Whether lines of this event are written at all: ask before building an expensive one.
    #[must_use]
    pub fn wants(&self, event: Event) -> bool {
        let left_out =
            self.connection_messages == ConnectionMessages::LeftOut && event.is_connection_message();
        !left_out && self.levels.has(event.level())
    }

    /// Queues a line; never waits.
    pub fn line(&self, line: Line) {
        if self.wants(line.event) {
            self.queue.push(line);
        }
    }

    /// Queues the line that `build` makes, if its event is wanted.
    pub fn with(&self, event: Event, build: impl FnOnce() -> String) {
        if self.wants(event) {
            self.queue.push(Line::new(event, build()));
        }
    }

    /// How many lines were dropped because the queue was full, since the start.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.queue.dropped()
    }
}
