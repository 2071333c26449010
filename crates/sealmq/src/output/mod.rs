//! What `sealmq sub` prints for a message: the payload, `-v`, or a `-F` format, byte for byte as mosquitto_sub.
//!
//! Pure: a message and a moment go in, bytes come out. Writing them to the terminal is the command's.

mod format;
mod json;

use sealmq_client::Message;

pub(crate) use format::Format;

/// How each message is printed.
#[derive(Clone, Debug)]
pub(crate) enum Style {
    /// The payload alone; nothing for an empty one.
    Payload,
    /// The topic, a space and the payload; `(null)` for an empty one.
    Verbose,
    /// A format string of `-F`.
    Formatted(Format),
}

/// Whether a line feed follows each message (`-N` says no).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum EndOfLine {
    /// A line feed after each message.
    LineFeed,
    /// Nothing after each message.
    Nothing,
}

/// How `%j` and `%J` are laid out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum JsonLayout {
    /// One line (the default).
    Minimised,
    /// Indented (`--pretty`).
    Pretty,
}

/// The moment at which a message arrived, in the time zone of the person who reads it.
#[derive(Clone, Debug)]
pub(crate) struct Moment(jiff::Zoned);

impl Moment {
    /// The clock of this computer, now.
    pub(crate) fn now() -> Self {
        Self(jiff::Zoned::now())
    }

    /// One conversion of strftime (`%Y` for `'Y'`), or nothing where strftime knows no such conversion.
    fn strftime(&self, conversion: char) -> String {
        jiff::fmt::strtime::format(format!("%{conversion}"), &self.0).unwrap_or_default()
    }

    /// `2016-08-10T09:47:38+0100`.
    fn iso8601(&self) -> String {
        jiff::fmt::strtime::format("%Y-%m-%dT%H:%M:%S%z", &self.0).unwrap_or_default()
    }

    /// The time stamp of `%j`: microseconds, `Z` and the offset, which is how mosquitto_sub writes it.
    fn json_timestamp(&self) -> String {
        let seconds = jiff::fmt::strtime::format("%Y-%m-%dT%H:%M:%S", &self.0).unwrap_or_default();
        let offset = self.strftime('z');
        format!("{seconds}.{:06}Z{offset}", self.nanoseconds() / 1000)
    }

    /// `1470818943.786368637`.
    fn unix(&self) -> String {
        format!("{}.{:09}", self.0.timestamp().as_second(), self.nanoseconds())
    }

    fn nanoseconds(&self) -> i32 {
        self.0.subsec_nanosecond()
    }
}

/// A message could not be printed as asked.
#[derive(Debug, thiserror::Error, Eq, PartialEq)]
pub(crate) enum PrintError {
    /// `%J` wants a payload that is JSON.
    #[error("message payload is not valid JSON on topic {topic}")]
    PayloadNotJson {
        /// The topic of that message.
        topic: String,
    },
}

/// Appends what `style` says about `message` to `out`.
///
/// # Errors
/// Where `%J` meets a payload that is not JSON; what stands before it in the format has been appended then.
pub(crate) fn print(
    style: &Style,
    end: EndOfLine,
    message: &Message,
    moment: &Moment,
    out: &mut Vec<u8>,
) -> Result<(), PrintError> {
    match style {
        Style::Payload => {
            if message.payload.is_empty() {
                return Ok(());
            }
            out.extend_from_slice(&message.payload);
        }
        Style::Verbose => {
            if message.payload.is_empty() {
                // mosquitto_sub -v -N prints nothing at all for an empty message.
                if end == EndOfLine::LineFeed {
                    out.extend_from_slice(message.topic.as_bytes());
                    out.extend_from_slice(b" (null)");
                }
            } else {
                out.extend_from_slice(message.topic.as_bytes());
                out.push(b' ');
                out.extend_from_slice(&message.payload);
            }
        }
        Style::Formatted(format) => format.print(message, moment, out)?,
    }
    if end == EndOfLine::LineFeed {
        out.push(b'\n');
    }
    Ok(())
}
