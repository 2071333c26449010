//! What the log is told: where lines go, which, in which form, with which time.

use std::path::PathBuf;

use super::Levels;

/// How a line is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `EPOCH: text`, as mosquitto.
    Human,
    /// One JSON object per line.
    Json,
}

/// What stands before the text of a human line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Timestamp {
    /// Nothing (`log_timestamp false`).
    None,
    /// Seconds since 1970, then `: `.
    Epoch,
    /// A `log_timestamp_format` (strftime), in local time, then `: `. A directive that strftime does not know stands
    /// as it is, as in C.
    Strftime(String),
}

/// One place that lines go to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// Appended to this file, created with 0600.
    File(PathBuf),
    /// The system's log.
    Syslog(Syslog),
    /// Messages on `$SYS/broker/log/…`; debug and internal lines are not among them.
    Topic,
}

/// Where and as whom the system's log is written to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Syslog {
    /// 3 = daemon (the default of mosquitto), 16–23 = local0–local7 (RFC 5424 §6.2.1).
    pub facility: u8,
    /// The program's name in each line: what filters of the system's log go by.
    pub ident: String,
    /// The socket, `/dev/log`.
    pub socket: PathBuf,
}

/// The whole of what the log is told.
#[derive(Debug, Clone)]
pub struct LogSpec {
    /// Where to; empty means nowhere.
    pub destinations: Vec<Destination>,
    /// How.
    pub format: Format,
    /// What.
    pub levels: Levels,
    /// With which time.
    pub timestamp: Timestamp,
    /// Whether ordinary connects and disconnects are lines.
    pub connection_messages: ConnectionMessages,
}

/// `connection_messages`: whether who comes and goes is written. Refusals always are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectionMessages {
    /// `true`, the default.
    Written,
    /// `false`.
    LeftOut,
}

impl Default for LogSpec {
    fn default() -> LogSpec {
        LogSpec {
            destinations: vec![Destination::Stderr],
            format: Format::Human,
            levels: Levels::usual(),
            timestamp: Timestamp::Epoch,
            connection_messages: ConnectionMessages::Written,
        }
    }
}
