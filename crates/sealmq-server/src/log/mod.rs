//! The broker's log: one writer thread, one bounded queue, lines of one connection in order.
//!
//! Whoever logs never waits: when the queue is nearly full, information and debug lines are dropped and counted; when
//! it is full, every line is (and the writer says how many were). Text that comes from a peer goes through
//! [`Escaped`], so that it can neither forge a line nor drive a terminal.
//!
//! What the log is told can change while it runs: [`LogSpec::open`] opens the new destinations or says why not,
//! [`Log::reconfigure`] takes them and cannot fail; [`Log::reopen`] is for a log file that was moved away. Lines queued
//! before go where they would have gone.
//!
//! Not here: what a line says (the caller's), which events exist ([`events::EVENTS`]).

pub mod escape;
pub mod events;
pub mod mute;
mod open;
mod render;
mod sink;
mod spec;
mod syslog;
mod topic;
mod writer;

pub use escape::Escaped;
pub use events::{Event, Level};
pub use open::OpenLog;
pub use sink::LogFault;
pub use spec::{ConnectionMessages, Destination, Format, LogSpec, Syslog, Timestamp};

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::time::SystemTime;

use topic::Outlet;
use writer::{Change, Queue, Writer};

/// A handle on the log; cheap to clone.
#[derive(Clone)]
pub struct Log(Arc<Shared>);

/// What all handles and the writer share.
struct Shared {
    queue: Queue,
    outlet: Outlet,
    /// [`Levels`], as a reload may change them.
    levels: AtomicU16,
    connection_messages: AtomicBool,
}

impl Shared {
    fn tell(&self, spec: &LogSpec) {
        self.levels.store(spec.levels.0, Ordering::Relaxed);
        let written = spec.connection_messages == ConnectionMessages::Written;
        self.connection_messages.store(written, Ordering::Relaxed);
    }
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

impl From<&LogFault> for Line {
    fn from(fault: &LogFault) -> Line {
        Line::new(Event::LogFault, format!("Error: {fault}.")).hint(fault.hint())
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
    /// Opens the destinations and starts the writer thread. What cannot be opened is an error line on stderr, where
    /// lines then go, as in mosquitto: a broker without its log still serves.
    ///
    /// # Errors
    /// The thread cannot be made.
    pub fn start(spec: LogSpec) -> std::io::Result<LogKeeper> {
        LogKeeper::with(OpenLog::open_what_can_be(spec))
    }

    /// Starts the writer thread with what is open.
    ///
    /// # Errors
    /// The thread cannot be made.
    pub fn with(mut open: OpenLog) -> std::io::Result<LogKeeper> {
        let shared = Arc::new(Shared {
            queue: Queue::new(),
            outlet: Outlet::default(),
            levels: AtomicU16::new(0),
            connection_messages: AtomicBool::new(true),
        });
        shared.tell(&open.spec);
        let faults = std::mem::take(&mut open.faults);
        let writer = Writer::start(Arc::clone(&shared), open)?;
        let log = Log(shared);
        faults.iter().for_each(|fault| log.line(Line::from(fault)));
        Ok(LogKeeper { log, writer: Some(writer) })
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
        self.log.0.queue.close();
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
        let levels = Levels(self.0.levels.load(Ordering::Relaxed));
        let left_out = event.is_connection_message() && !self.0.connection_messages.load(Ordering::Relaxed);
        !left_out && levels.has(event.level())
    }

    /// Queues a line; never waits.
    pub fn line(&self, line: Line) {
        if self.wants(line.event) {
            self.0.queue.push(line);
        }
    }

    /// Queues the line that `build` makes, if its event is wanted.
    pub fn with(&self, event: Event, build: impl FnOnce() -> String) {
        if self.wants(event) {
            self.0.queue.push(Line::new(event, build()));
        }
    }

    /// From now on lines go to what `open` has, in its form and kinds; what was queued before goes where it would have
    /// gone. [`LogSpec::open`] makes one.
    pub fn reconfigure(&self, open: OpenLog) {
        self.0.tell(&open.spec);
        self.0.queue.change(Change::Replace(Box::new(open)));
    }

    /// Opens log files again: they were moved away. One that cannot be opened is an error line, and the old one is kept.
    pub fn reopen(&self) {
        self.0.queue.change(Change::Reopen);
    }

    /// Says who publishes the lines of `log_dest topic`: `publish` gets topic and payload, from the log's own thread.
    /// Only the first call counts.
    pub fn connect_topics(&self, publish: impl Fn(&'static str, String) + Send + Sync + 'static) {
        self.0.outlet.connect(Box::new(publish));
    }

    /// How many lines were dropped because the queue was full, since the start.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.0.queue.dropped()
    }
}
