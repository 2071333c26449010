//! Where lines go and in which form: mosquitto's human lines or JSON; stdout, stderr, a file, syslog.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;
use time::format_description::OwnedFormatItem;
use time::format_description::well_known::Rfc3339;

use super::escape::push_clean;
use super::{Levels, Line};

/// How a line is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `EPOCH: text`, as mosquitto.
    Human,
    /// One JSON object per line.
    Json,
}

/// What stands before the text of a human line.
#[derive(Debug, Clone)]
pub enum Timestamp {
    /// Nothing (`log_timestamp false`).
    None,
    /// Seconds since 1970, then `: `.
    Epoch,
    /// A `log_timestamp_format` (strftime), in UTC, then `: `.
    Strftime(OwnedFormatItem),
}

impl Timestamp {
    /// Takes a strftime text as `log_timestamp_format` has it.
    ///
    /// # Errors
    /// The text is no strftime format; the message says where.
    pub fn strftime(format: &str) -> Result<Timestamp, String> {
        time::format_description::parse_strftime_owned(format)
            .map(Timestamp::Strftime)
            .map_err(|e| e.to_string())
    }
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
    /// `/dev/log`, with this facility number (RFC 5424 §6.2.1).
    Syslog {
        /// 3 = daemon, 16–23 = local0–local7.
        facility: u8,
    },
}

/// The whole of what the log is told at the start.
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

pub(super) enum Sink {
    Stdout,
    Stderr,
    File(File),
    Syslog { socket: UnixDatagram, facility: u8 },
}

impl Sink {
    pub(super) fn open(destination: &Destination) -> io::Result<Sink> {
        Ok(match destination {
            Destination::Stdout => Sink::Stdout,
            Destination::Stderr => Sink::Stderr,
            Destination::File(path) => {
                Sink::File(OpenOptions::new().append(true).create(true).mode(0o600).open(path)?)
            }
            Destination::Syslog { facility } => {
                let socket = UnixDatagram::unbound()?;
                socket.connect("/dev/log")?;
                socket.set_nonblocking(true)?;
                Sink::Syslog { socket, facility: *facility }
            }
        })
    }

    /// Writes a batch; a destination that fails must not stop the broker, so errors end here.
    pub(super) fn write(&mut self, text: &str, lines: &[Line]) {
        let _ = match self {
            Sink::Stdout => {
                io::stdout().lock().write_all(text.as_bytes()).and_then(|()| io::stdout().flush())
            }
            Sink::Stderr => io::stderr().lock().write_all(text.as_bytes()),
            Sink::File(file) => file.write_all(text.as_bytes()),
            Sink::Syslog { socket, facility } => {
                for line in lines {
                    let priority = *facility * 8 + line.event.level().syslog_severity();
                    let hint = line.hint.as_deref().map(|h| format!(" (hint: {h})")).unwrap_or_default();
                    let text = clean(&format!("{}{hint}", line.text));
                    let _ = socket.send(format!("<{priority}>sealmq: {text}").as_bytes());
                }
                Ok(())
            }
        };
    }
}

/// Appends one line in the wanted form.
pub(super) fn render(line: &Line, format: Format, timestamp: &Timestamp, out: &mut String) {
    match format {
        Format::Human => {
            let stamp = stamp(line.at, timestamp);
            push_human(&stamp, &line.text, out);
            if let Some(hint) = &line.hint {
                push_human(&stamp, &format!("hint: {hint}"), out);
            }
        }
        Format::Json => {
            out.push_str(&json(line).to_string());
            out.push('\n');
        }
    }
}

fn push_human(stamp: &str, text: &str, out: &mut String) {
    for part in text.lines() {
        out.push_str(stamp);
        push_clean(part, out);
        out.push('\n');
    }
}

fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    push_clean(text, &mut out);
    out
}

fn stamp(at: SystemTime, timestamp: &Timestamp) -> String {
    match timestamp {
        Timestamp::None => String::new(),
        Timestamp::Epoch => format!("{}: ", at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()),
        Timestamp::Strftime(format) => match OffsetDateTime::from(at).format(format) {
            Ok(text) => format!("{text}: "),
            Err(_) => String::new(),
        },
    }
}

fn json(line: &Line) -> serde_json::Value {
    let row = line.event.row();
    let mut object = serde_json::Map::new();
    object.insert("time".into(), OffsetDateTime::from(line.at).format(&Rfc3339).unwrap_or_default().into());
    object.insert("level".into(), row.level.name().into());
    object.insert("event".into(), row.name.into());
    object.insert("code".into(), row.code.into());
    object.insert("message".into(), clean(&line.text).into());
    if let Some(hint) = &line.hint {
        object.insert("hint".into(), clean(hint).into());
    }
    for (name, value) in &line.fields {
        object.entry(*name).or_insert_with(|| value.clone());
    }
    serde_json::Value::Object(object)
}

#[cfg(test)]
mod tests {
    use super::super::Event;
    use super::*;
    use std::time::Duration;

    fn line() -> Line {
        let mut line =
            Line::new(Event::ClientConnected, "New client connected").hint("do this").field("client_id", "a");
        line.at = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        line
    }

    #[test]
    fn a_human_line_has_the_epoch_and_its_hint_below() {
        let mut out = String::new();
        render(&line(), Format::Human, &Timestamp::Epoch, &mut out);
        assert_eq!(out, "1700000000: New client connected\n1700000000: hint: do this\n");
    }

    #[test]
    fn a_json_line_has_code_and_fields() {
        let mut out = String::new();
        render(&line(), Format::Json, &Timestamp::Epoch, &mut out);
        let value: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!(value["code"], "SMQ-C002");
        assert_eq!(value["client_id"], "a");
        assert_eq!(value["time"], "2023-11-14T22:13:20Z");
    }

    #[test]
    fn a_strftime_format_is_honoured() {
        let mut out = String::new();
        render(&line(), Format::Human, &Timestamp::strftime("%Y-%m-%dT%H:%M:%S").unwrap(), &mut out);
        assert!(out.starts_with("2023-11-14T22:13:20: New"), "{out}");
    }

    #[test]
    fn what_drives_a_terminal_is_shown_in_both_formats_even_if_the_writer_forgot() {
        // ESC, CSI as one character (C1), and a direction override: JSON by itself escapes only the first.
        let evil = "a\u{1b}[31m\u{9b}2J\u{202e}b\r";
        let line = Line::new(Event::ClientConnected, evil).hint(evil).field("client_id", evil);
        for format in [Format::Human, Format::Json] {
            let mut out = String::new();
            render(&line, format, &Timestamp::None, &mut out);
            let shown = |c: char| c == '\n' || !(c.is_control() || c == '\u{202e}');
            assert!(out.chars().all(shown), "{out:?}");
            assert!(out.contains("[31m"), "{out:?}");
        }
        let mut out = String::new();
        render(&line, Format::Json, &Timestamp::None, &mut out);
        assert_eq!(out.matches("\\\\u{9b}").count(), 3, "{out:?}");
    }

    #[test]
    fn a_field_of_a_peer_is_bounded() {
        let line = Line::new(Event::ClientConnected, "x").field("client_id", "y".repeat(65_535));
        let mut out = String::new();
        render(&line, Format::Json, &Timestamp::None, &mut out);
        assert!(out.len() < 1_000, "{}", out.len());
    }

    #[test]
    fn a_text_with_line_breaks_stays_stamped_on_each_line() {
        let mut out = String::new();
        push_human("9: ", "a\nb", &mut out);
        assert_eq!(out, "9: a\n9: b\n");
    }
}
