//! The format strings of `-F`: `%` for the message, `@` for strftime, `\` for characters that are hard to type.
//!
//! A format is parsed whole before anything connects, so that a mistake in it is told at once.

use sealmq_client::{Message, Property};

use super::{JsonLayout, Moment, PrintError, json};

/// A parsed format string.
#[derive(Clone, Debug)]
pub(crate) struct Format {
    pieces: Vec<Piece>,
    layout: JsonLayout,
}

/// A format string that mosquitto_sub refuses too.
#[derive(Debug, thiserror::Error, Eq, PartialEq)]
pub(crate) enum FormatError {
    /// The string ends inside a `%` or `@` sequence.
    #[error("incomplete format specifier at the end of '{format}'")]
    IncompleteSpecifier {
        /// The whole format.
        format: String,
    },
    /// The string ends with a single backslash.
    #[error("incomplete escape at the end of '{format}'")]
    IncompleteEscape {
        /// The whole format.
        format: String,
    },
    /// No such `%` letter.
    #[error("invalid format specifier '%{letter}' in '{format}'")]
    InvalidSpecifier {
        /// The whole format.
        format: String,
        /// The letter nobody knows.
        letter: char,
    },
    /// No such `\` letter.
    #[error("invalid escape '\\{letter}' in '{format}'")]
    InvalidEscape {
        /// The whole format.
        format: String,
        /// The letter nobody knows.
        letter: char,
    },
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Piece {
    Text(Vec<u8>),
    Field(Field, Width),
    /// `@X`: strftime's `%X`.
    Time(char),
    /// `@N`: the nanoseconds of the second.
    Nanoseconds,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Field {
    TopicAlias,
    ContentType,
    CorrelationData,
    MessageExpiry,
    PayloadFormat,
    Iso8601,
    JsonEscaped,
    JsonPayload,
    Length,
    PacketId,
    UserProperties,
    Payload,
    QoS,
    ResponseTopic,
    Retain,
    SubscriptionId,
    Topic,
    UnixTime,
    HexLower,
    HexUpper,
}

/// `%-010.5t`: alignment, padding, field width and maximum width, as printf has them.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Width {
    left: bool,
    zero: bool,
    field: usize,
    maximum: Option<usize>,
}

/// A field is padded to at most this many characters: a longer one is a typing error, not a layout.
const FIELD_WIDTH_MAX: usize = 65_535;

impl Format {
    /// Parses the argument of `-F`.
    ///
    /// # Errors
    /// As [`FormatError`] says.
    pub(crate) fn parse(text: &str, layout: JsonLayout) -> Result<Self, FormatError> {
        let mut pieces = Vec::new();
        let mut literal = Vec::new();
        let mut rest = text.chars().peekable();
        while let Some(next) = rest.next() {
            let piece = match next {
                '%' => parse_percent(text, &mut rest)?,
                '@' => parse_at(text, &mut rest)?,
                '\\' => Piece::Text(vec![parse_escape(text, &mut rest)?]),
                other => Piece::Text(other.to_string().into_bytes()),
            };
            match piece {
                Piece::Text(bytes) => literal.extend_from_slice(&bytes),
                Piece::Field(..) | Piece::Time(_) | Piece::Nanoseconds => {
                    if !literal.is_empty() {
                        pieces.push(Piece::Text(std::mem::take(&mut literal)));
                    }
                    pieces.push(piece);
                }
            }
        }
        if !literal.is_empty() {
            pieces.push(Piece::Text(literal));
        }
        Ok(Self { pieces, layout })
    }

    /// Appends `message` in this format.
    pub(super) fn print(
        &self,
        message: &Message,
        moment: &Moment,
        out: &mut Vec<u8>,
    ) -> Result<(), PrintError> {
        for piece in &self.pieces {
            match piece {
                Piece::Text(bytes) => out.extend_from_slice(bytes),
                Piece::Time(conversion) => out.extend_from_slice(moment.strftime(*conversion).as_bytes()),
                Piece::Nanoseconds => {
                    out.extend_from_slice(format!("{:09}", moment.nanoseconds()).as_bytes())
                }
                Piece::Field(field, width) => self.print_field(*field, *width, message, moment, out)?,
            }
        }
        Ok(())
    }

    fn print_field(
        &self,
        field: Field,
        width: Width,
        message: &Message,
        moment: &Moment,
        out: &mut Vec<u8>,
    ) -> Result<(), PrintError> {
        let properties = &message.properties;
        match field {
            Field::TopicAlias => number_or_blank(find(properties, topic_alias), width, out),
            Field::MessageExpiry => number_or_blank(find(properties, message_expiry), width, out),
            Field::PayloadFormat => number_or_blank(find(properties, payload_format), width, out),
            Field::SubscriptionId => number_or_blank(find(properties, subscription_id), width, out),
            Field::ContentType => match find(properties, content_type) {
                Some(value) => text(value, width, out),
                None => out.extend(std::iter::repeat_n(b' ', width.field)),
            },
            Field::ResponseTopic => {
                if let Some(value) = find(properties, response_topic) {
                    text(value, width, out);
                }
            }
            Field::CorrelationData => {
                out.extend_from_slice(find(properties, correlation_data).unwrap_or_default())
            }
            Field::UserProperties => user_properties(properties, out),
            Field::Iso8601 => text(&moment.iso8601(), width, out),
            Field::UnixTime => out.extend_from_slice(moment.unix().as_bytes()),
            Field::JsonEscaped => json::print(message, moment, json::Payload::Escaped, self.layout, out)?,
            Field::JsonPayload => json::print(message, moment, json::Payload::AsJson, self.layout, out)?,
            Field::Length => number(message.payload.len() as u64, width, out),
            Field::PacketId => number(message.packet_id.map_or(0, |id| u64::from(id.get())), width, out),
            Field::QoS => out.push(b'0' + message.qos as u8),
            Field::Retain => out.push(if message.retain { b'1' } else { b'0' }),
            Field::Topic => text(&message.topic, width, out),
            Field::Payload => payload(&message.payload, Digits::Raw, width, out),
            Field::HexLower => payload(&message.payload, Digits::Lower, width, out),
            Field::HexUpper => payload(&message.payload, Digits::Upper, width, out),
        }
        Ok(())
    }
}

type Characters<'a> = std::iter::Peekable<std::str::Chars<'a>>;

fn parse_percent(format: &str, rest: &mut Characters<'_>) -> Result<Piece, FormatError> {
    let mut width = Width::default();
    if rest.next_if_eq(&'-').is_some() {
        width.left = true;
    }
    if rest.next_if_eq(&'0').is_some() {
        width.zero = true;
    }
    width.field = parse_number(rest).unwrap_or(0);
    if rest.next_if_eq(&'.').is_some() {
        width.maximum = Some(parse_number(rest).unwrap_or(0));
    }
    let letter = rest.next().ok_or_else(|| FormatError::IncompleteSpecifier { format: format.to_owned() })?;
    let field = match letter {
        '%' => return Ok(Piece::Text(vec![b'%'])),
        'A' => Field::TopicAlias,
        'C' => Field::ContentType,
        'D' => Field::CorrelationData,
        'E' => Field::MessageExpiry,
        'F' => Field::PayloadFormat,
        'I' => Field::Iso8601,
        'j' => Field::JsonEscaped,
        'J' => Field::JsonPayload,
        'l' => Field::Length,
        'm' => Field::PacketId,
        'P' => Field::UserProperties,
        'p' => Field::Payload,
        'q' => Field::QoS,
        'R' => Field::ResponseTopic,
        'r' => Field::Retain,
        'S' => Field::SubscriptionId,
        't' => Field::Topic,
        'U' => Field::UnixTime,
        'x' => Field::HexLower,
        'X' => Field::HexUpper,
        letter => return Err(FormatError::InvalidSpecifier { format: format.to_owned(), letter }),
    };
    Ok(Piece::Field(field, width))
}

fn parse_number(rest: &mut Characters<'_>) -> Option<usize> {
    let mut number = None;
    while let Some(digit) = rest.peek().and_then(|next| next.to_digit(10)) {
        rest.next();
        number = Some((number.unwrap_or(0) * 10 + digit as usize).min(FIELD_WIDTH_MAX));
    }
    number
}

fn parse_at(format: &str, rest: &mut Characters<'_>) -> Result<Piece, FormatError> {
    match rest.next() {
        None => Err(FormatError::IncompleteSpecifier { format: format.to_owned() }),
        Some('@') => Ok(Piece::Text(vec![b'@'])),
        Some('N') => Ok(Piece::Nanoseconds),
        Some(conversion) => Ok(Piece::Time(conversion)),
    }
}

fn parse_escape(format: &str, rest: &mut Characters<'_>) -> Result<u8, FormatError> {
    match rest.next() {
        None => Err(FormatError::IncompleteEscape { format: format.to_owned() }),
        Some('\\') => Ok(b'\\'),
        Some('0') => Ok(0),
        Some('a') => Ok(0x07),
        Some('e') => Ok(0x1b),
        Some('n') => Ok(b'\n'),
        Some('r') => Ok(b'\r'),
        Some('t') => Ok(b'\t'),
        Some('v') => Ok(0x0b),
        Some(letter) => Err(FormatError::InvalidEscape { format: format.to_owned(), letter }),
    }
}

fn number_or_blank(value: Option<u64>, width: Width, out: &mut Vec<u8>) {
    match value {
        Some(value) => number(value, width, out),
        None => out.extend(std::iter::repeat_n(width.padding(), width.field)),
    }
}

fn number(value: u64, width: Width, out: &mut Vec<u8>) {
    padded(value.to_string().as_bytes(), width, width.padding(), out);
}

/// Text is padded with blanks only; `0` is ignored, as the manual says.
fn text(value: &str, width: Width, out: &mut Vec<u8>) {
    let bytes = value.as_bytes();
    let shown = width.maximum.map_or(bytes.len(), |maximum| maximum.min(bytes.len()));
    padded(&bytes[..shown], width, b' ', out);
}

#[derive(Clone, Copy)]
enum Digits {
    Raw,
    Lower,
    Upper,
}

/// A payload with a field width is cut to it, unlike text; each hexadecimal byte takes two places of it.
fn payload(bytes: &[u8], digits: Digits, width: Width, out: &mut Vec<u8>) {
    let cut = if width.field == 0 { bytes } else { &bytes[..bytes.len().min(width.field)] };
    let halved = if width.field == 0 { bytes } else { &cut[..cut.len() / 2] };
    match digits {
        Digits::Raw => padded(cut, width, width.padding(), out),
        Digits::Lower => {
            padded(hexadecimal(halved, b"0123456789abcdef").as_slice(), width, width.padding(), out)
        }
        Digits::Upper => {
            padded(hexadecimal(halved, b"0123456789ABCDEF").as_slice(), width, width.padding(), out)
        }
    }
}

fn hexadecimal(bytes: &[u8], digits: &[u8; 16]) -> Vec<u8> {
    bytes.iter().flat_map(|byte| [digits[usize::from(byte >> 4)], digits[usize::from(byte & 15)]]).collect()
}

fn padded(bytes: &[u8], width: Width, padding: u8, out: &mut Vec<u8>) {
    let missing = width.field.saturating_sub(bytes.len());
    if width.left {
        out.extend_from_slice(bytes);
        out.extend(std::iter::repeat_n(b' ', missing));
    } else {
        out.extend(std::iter::repeat_n(padding, missing));
        out.extend_from_slice(bytes);
    }
}

impl Width {
    fn padding(self) -> u8 {
        if self.zero && !self.left { b'0' } else { b' ' }
    }
}

fn user_properties(properties: &[Property], out: &mut Vec<u8>) {
    let mut first = true;
    for property in properties {
        if let Property::User { name, value } = property {
            if !std::mem::take(&mut first) {
                out.push(b' ');
            }
            out.extend_from_slice(name.as_bytes());
            out.push(b':');
            out.extend_from_slice(value.as_bytes());
        }
    }
}

fn find<'a, T>(properties: &'a [Property], pick: impl Fn(&'a Property) -> Option<T>) -> Option<T> {
    properties.iter().find_map(pick)
}

/// A function that picks one property's value out of the list.
macro_rules! pick {
    ($name:ident, $variant:ident, $type:ty, $value:ident => $convert:expr) => {
        fn $name(property: &Property) -> Option<$type> {
            if let Property::$variant($value) = property { Some($convert) } else { None }
        }
    };
}

pick!(topic_alias, TopicAlias, u64, value => u64::from(*value));
pick!(message_expiry, MessageExpiryInterval, u64, value => u64::from(*value));
pick!(payload_format, PayloadFormatIndicator, u64, value => u64::from(*value));
pick!(subscription_id, SubscriptionIdentifier, u64, value => u64::from(*value));
pick!(content_type, ContentType, &str, value => value);
pick!(response_topic, ResponseTopic, &str, value => value);
pick!(correlation_data, CorrelationData, &[u8], value => value);
