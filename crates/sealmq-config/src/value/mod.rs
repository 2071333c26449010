//! The text after a key, read as its row in the table says.
//!
//! The errors are mosquitto's. What follows the words that a key takes is not an error (mosquitto never looks at it), but
//! it is reported unless it is a comment.

mod bridge;
mod counts;
mod crl_policy;
mod pki;

use crate::config::{BridgeAddress, CrlPolicy, Network, NetworkError, ProtocolVersions, TcpKeepalive};
use crate::diagnostic::Exit;
use crate::lexer::{blank, words};
use crate::options::{Choice, Kind, OptionRow, Outside, Support};
use crate::tls_version::{TlsVersionError, TlsVersions};
use sealmq_bridge::{Restart, TopicRule};
use sealmq_tls::IdentitySources;

/// mosquitto's bound on texts.
const TEXT_BYTES_MAX: usize = 65_535;

/// A value that its row allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Flag(bool),
    Number(i64),
    Text(String),
    Word(&'static Choice),
    Listen {
        port: u16,
        place: Option<String>,
    },
    Addresses(Vec<BridgeAddress>),
    Topic(TopicRule),
    Restart(Restart),
    TcpKeepalive(TcpKeepalive),
    Tls(TlsVersions),
    Identity(IdentitySources),
    Versions(ProtocolVersions),
    Networks(Vec<Network>),
    LogDest(Destination),
    Seconds(u64),
    Counts(Vec<u32>),
    /// `pki_url`.
    Url(sealmq_pki::issue::BaseUrl),
    CertificateAndKey {
        certificate: String,
        key: String,
    },
    CrlPolicy(CrlPolicy),
    Unread,
}

/// `log_dest`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Destination {
    None,
    Stdout,
    Stderr,
    Syslog,
    Topic,
    File(String),
}

/// A value, and what else stood on the line.
pub(crate) struct Reading<'a> {
    pub(crate) value: Value,
    /// Text after the value that nobody looks at.
    pub(crate) ignored: Option<&'a str>,
}

/// Why a value is not taken: the text without `Error: `.
#[derive(Debug)]
pub(crate) struct BadValue {
    pub(crate) text: String,
    pub(crate) hint: Option<String>,
    pub(crate) exit: Exit,
}

impl BadValue {
    fn new(text: impl Into<String>) -> BadValue {
        BadValue { text: text.into(), hint: None, exit: Exit::Configuration }
    }

    fn empty(name: &str) -> BadValue {
        BadValue::new(format!("Empty '{name}' value in configuration."))
    }

    fn hint(mut self, hint: impl Into<String>) -> BadValue {
        self.hint = Some(hint.into());
        self
    }
}

/// Reads `rest` for the key that was written as `written`.
pub(crate) fn read<'a>(
    row: &'static OptionRow,
    written: &str,
    rest: &'a str,
) -> Result<Reading<'a>, BadValue> {
    let name = row.name(written);
    let whole = |value| Reading { value, ignored: None };
    match row.kind {
        Kind::Boolean => first(rest, name, |word| boolean(word, name)),
        Kind::Integer { min, max, outside } => {
            first(rest, name, |word| ranged(word, name, min, max, outside))
        }
        Kind::Word(choices, error) => first(rest, name, |word| choice(word, choices, error)),
        Kind::WholeWord(choices, error) => match rest {
            "" => Err(BadValue::empty(name)),
            rest => choice(rest, choices, error).map(whole),
        },
        Kind::Duration => first(rest, name, duration),
        Kind::CertificateAndKey => certificate_and_key(rest, name),
        Kind::CrlPolicy => crl_policy::read(rest, name),
        Kind::Plugin if rest.is_empty() && written != "plugin_load" => {
            Err(BadValue::new("Missing plugin path for plugin name '(null)'."))
        }
        Kind::Text | Kind::Path | Kind::Plugin | Kind::IncludeDir => {
            text(rest, name).map(|text| whole(Value::Text(text)))
        }
        Kind::TextUpTo(max, error) => match text(rest, name)? {
            text if text.len() > max => Err(BadValue::new(error)),
            text => Ok(whole(Value::Text(text))),
        },
        Kind::MountPoint => mount_point(text(rest, name)?).map(whole),
        Kind::PluginOption => plugin_option(written, rest).map(whole),
        Kind::Listen => listen(rest, name),
        Kind::SocketAddress => first(rest, name, |word| pki::socket_address(word, name)),
        Kind::HttpUrl => first(rest, name, |word| pki::http_url(word, name)),
        Kind::Addresses => bridge::addresses(rest).map(whole),
        Kind::BridgeTopic => bridge::bridge_topic(rest).map(whole),
        Kind::TlsVersions => tls_versions(rest, name).map(whole),
        Kind::ProtocolVersions => protocol_versions(rest, name),
        Kind::Networks => networks(rest, name).map(whole),
        Kind::Identity => identity_sources(rest, name).map(whole),
        Kind::LogDest => log_dest(rest, name),
        Kind::StartType => first(rest, name, bridge::start_type),
        Kind::RestartTimeout => bridge::restart_timeout(rest, name),
        Kind::TcpKeepalive => bridge::tcp_keepalive(rest),
        Kind::Counts(names) => counts::counts(rest, name, names),
        Kind::Unread => Ok(whole(Value::Unread)),
    }
}

fn identity_sources(rest: &str, name: &str) -> Result<Value, BadValue> {
    let list = text(rest, name)?;
    // A comment behind the value, as after other lists of words.
    let list = list.split_once(" #").map_or(list.as_str(), |(before, _)| before);
    IdentitySources::parse(list).map(Value::Identity).map_err(|error| {
        let fields = IdentitySources::FIELDS.map(|field| field.name()).join(", ");
        BadValue::new(format!("Invalid '{name}' value ({list}): {error}."))
            .hint(format!("an ordered list of {fields}: `{name} san_uri,cn`"))
    })
}

/// The first word and what comes after it.
fn split(rest: &str) -> (&str, &str) {
    let (word, after) = rest.split_once(blank).unwrap_or((rest, ""));
    (word, after.trim_start_matches(blank))
}

fn leftover(after: &str) -> Option<&str> {
    (!after.is_empty() && !after.starts_with('#')).then_some(after)
}

fn first<'a>(
    rest: &'a str,
    name: &str,
    read: impl FnOnce(&'a str) -> Result<Value, BadValue>,
) -> Result<Reading<'a>, BadValue> {
    match split(rest) {
        ("", _) => Err(BadValue::empty(name)),
        (word, after) => Ok(Reading { value: read(word)?, ignored: leftover(after) }),
    }
}

fn text(rest: &str, name: &str) -> Result<String, BadValue> {
    match rest.trim_matches(|c: char| c.is_ascii_whitespace()) {
        "" => Err(BadValue::empty(name)),
        rest if rest.len() > TEXT_BYTES_MAX => {
            Err(BadValue::new(format!("'{name}' value is longer than {TEXT_BYTES_MAX} bytes.")))
        }
        rest => Ok(rest.to_owned()),
    }
}

fn boolean(word: &str, name: &str) -> Result<Value, BadValue> {
    match word {
        "true" | "1" => Ok(Value::Flag(true)),
        "false" | "0" => Ok(Value::Flag(false)),
        other => Err(BadValue::new(format!("Invalid '{name}' value ({other})."))
            .hint(format!("write `{name} true` or `{name} false`, in small letters"))),
    }
}

/// As C's `strtol` with base 0: `0x10` is 16, `010` is 8, and white space in front (a tab behind the blank) is nothing.
fn integer(word: &str, name: &str) -> Result<i64, BadValue> {
    let word = word.trim_start_matches(|c: char| c.is_ascii_whitespace());
    let (negative, digits) = match word.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, word.strip_prefix('+').unwrap_or(word)),
    };
    let (digits, radix) = match digits.strip_prefix("0x").or(digits.strip_prefix("0X")) {
        Some(hex) => (hex, 16),
        None if digits.len() > 1 && digits.starts_with('0') => (&digits[1..], 8),
        None => (digits, 10),
    };
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
        return Err(BadValue::new(format!("'{name}' value not a number."))
            .hint(format!("it says `{word}`; digits only are understood")));
    }
    let magnitude = i64::from_str_radix(digits, radix).map_err(|_| {
        BadValue::new(format!("'{name}' value out of range.")).hint(format!("it says `{word}`"))
    })?;
    Ok(if negative { -magnitude } else { magnitude })
}

/// As C's `atoi`: the digits that a word begins with, 0 without any.
fn leading_number(word: &str) -> i64 {
    let word = word.trim_start_matches(|c: char| c.is_ascii_whitespace());
    let digits = word.strip_prefix(['-', '+']).unwrap_or(word);
    let digits = &digits[..digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len())];
    let number = digits.parse().unwrap_or(if digits.is_empty() { 0 } else { i64::from(i32::MAX) });
    if word.starts_with('-') { -number } else { number }
}

/// The same within the range of C's `int`.
fn int(word: &str, name: &str) -> Result<i64, BadValue> {
    within(word, name, 0)
}

/// The same within the range of C's `int`, or up to `most` where that is more.
fn within(word: &str, name: &str, most: i64) -> Result<i64, BadValue> {
    let number = integer(word, name)?;
    match (i64::from(i32::MIN)..=most.max(i64::from(i32::MAX))).contains(&number) {
        true => Ok(number),
        false => {
            Err(BadValue::new(format!("'{name}' value out of range.")).hint(format!("it says `{word}`")))
        }
    }
}

fn ranged(word: &str, name: &str, min: i64, max: i64, outside: Outside) -> Result<Value, BadValue> {
    // mosquitto reads into an `int`, but for `memory_limit`, before it looks at the range.
    let number = if max == i64::MAX { integer(word, name)? } else { within(word, name, max)? };
    match outside {
        _ if (min..=max).contains(&number) => Ok(Value::Number(number)),
        Outside::Clamp => Ok(Value::Number(number.clamp(min, max))),
        Outside::Errors { below, .. } if number < min => Err(BadValue::new(below)),
        Outside::Errors { above, .. } => Err(BadValue::new(above)),
        Outside::Error(text) => Err(BadValue::new(in_words(text, number))
            .hint(format!("it says {number}; {min} to {max} is possible"))),
    }
}

/// The text about a number. `{u}` stands for it as C prints a negative `int` with `%u`.
fn in_words(text: &str, number: i64) -> String {
    let unsigned = number.rem_euclid(1 << 32);
    text.replace("{u}", &unsigned.to_string()).replace("{}", &number.to_string())
}

fn choice(word: &str, choices: &'static [Choice], error: &str) -> Result<Value, BadValue> {
    match choices.iter().find(|choice| choice.word == word) {
        Some(choice) => Ok(Value::Word(choice)),
        None => {
            let known: Vec<_> = choices.iter().map(|choice| choice.word).collect();
            Err(BadValue::new(error.replace("{}", word)).hint(format!("it may be {}", known.join(", "))))
        }
    }
}

fn duration(word: &str) -> Result<Value, BadValue> {
    seconds(word).map(Value::Seconds).ok_or_else(|| {
        BadValue::new("Invalid 'persistent_client_expiration' duration in configuration.")
            .hint("a number with s, h, d, w, m or y, as in `14d`")
    })
}

/// A number of more than 0 with its unit, in seconds.
fn seconds(word: &str) -> Option<u64> {
    let seconds = |unit: char| match unit {
        's' => Some(1),
        'h' => Some(3_600),
        'd' => Some(86_400),
        'w' => Some(7 * 86_400),
        'm' => Some(30 * 86_400),
        'y' => Some(365 * 86_400),
        _ => None,
    };
    let unit = seconds(word.chars().next_back()?)?;
    let count: u64 = word[..word.len() - 1]
        .trim_start_matches(|c: char| c.is_ascii_whitespace())
        .parse()
        .ok()
        .filter(|count| *count > 0)?;
    count.checked_mul(unit)
}

fn certificate_and_key<'a>(rest: &'a str, name: &str) -> Result<Reading<'a>, BadValue> {
    let (certificate, after) = split(rest);
    let (key, after) = split(after);
    if certificate.is_empty() {
        return Err(BadValue::empty(name));
    }
    if key.is_empty() || key.starts_with('#') {
        return Err(BadValue::new(format!("Invalid '{name}' value ({rest}).")).hint(format!(
            "write `{name} CERTFILE KEYFILE`: the certificate chain and its private key, both PEM"
        )));
    }
    let value = Value::CertificateAndKey { certificate: certificate.to_owned(), key: key.to_owned() };
    Ok(Reading { value, ignored: leftover(after) })
}

fn mount_point(text: String) -> Result<Value, BadValue> {
    match text.contains(['+', '#']) {
        false => Ok(Value::Text(text)),
        true => Err(BadValue::new(format!(
            "Invalid 'mount_point' value ({text}). Does it contain a wildcard character?"
        ))),
    }
}

fn plugin_option(written: &str, rest: &str) -> Result<Value, BadValue> {
    let option = written.strip_prefix("plugin_opt_").or(written.strip_prefix("auth_opt_")).unwrap_or("");
    match (option.len(), rest) {
        // mosquitto counts the key, the blank and one letter of the value.
        (0..3, _) => Err(BadValue::new("Invalid 'plugin_opt_' config option.")),
        (_, "") => Err(BadValue::empty(option)),
        (_, rest) => Ok(Value::Text(rest.to_owned())),
    }
}

fn listen<'a>(rest: &'a str, name: &str) -> Result<Reading<'a>, BadValue> {
    let (word, after) = split(rest);
    if word.is_empty() {
        return Err(BadValue::empty(name).hint("write `listener 8883` or `listener 8883 192.0.2.1`"));
    }
    let number = int(word, name)?;
    let port = u16::try_from(number).map_err(|_| {
        BadValue::new(format!("Invalid 'port' value ({number})."))
            .hint("1 to 65535 is possible; 8883 is usual for TLS, 1883 without")
    })?;
    let (place, after) = match split(after) {
        (word, _) if word.is_empty() || word.starts_with('#') => (None, ""),
        // C's resolver reads a star as no address at all: every one of this machine.
        ("*", after) if port != 0 => (None, after),
        (word, after) => (Some(word.to_owned()), after),
    };
    if port == 0 && place.is_none() {
        return Err(BadValue::new("A listener with port 0 must provide a Unix socket path.")
            .hint("write `listener 0 /path/to/socket`, or another port"));
    }
    Ok(Reading { value: Value::Listen { port, place }, ignored: leftover(after) })
}

fn tls_versions(rest: &str, name: &str) -> Result<Value, BadValue> {
    TlsVersions::parse(rest).map(Value::Tls).map_err(|error| {
        let hint = match &error {
            TlsVersionError::Empty | TlsVersionError::Unknown(_) => "it may be tlsv1.2, tlsv1.3 or both of them",
            TlsVersionError::TooOld(_) => {
                "write `tlsv1.2`; a device that cannot do that needs newer firmware, or a plaintext listener on a network of its own"
            }
        };
        let exit = match &error {
            TlsVersionError::Empty => Exit::Configuration,
            TlsVersionError::Unknown(_) | TlsVersionError::TooOld(_) => Exit::Unusable,
        };
        let text = match &error {
            TlsVersionError::Empty => format!("Empty '{name}' value in configuration."),
            TlsVersionError::Unknown(_) | TlsVersionError::TooOld(_) => error.to_string(),
        };
        BadValue { exit, ..BadValue::new(text).hint(hint) }
    })
}

/// As mosquitto, which passes over what is no version it knows: fewer versions are taken then, never more.
fn protocol_versions<'a>(rest: &'a str, name: &str) -> Result<Reading<'a>, BadValue> {
    let rest = rest.split_once(" #").map_or(rest, |(values, _comment)| values);
    let mut versions = ProtocolVersions { v31: false, v311: false, v5: false };
    let (mut found, mut ignored) = (false, None);
    for word in rest.split([' ', ',', '\t']).filter(|word| !word.is_empty()) {
        found = true;
        match word {
            "3" => versions.v31 = true,
            "4" => versions.v311 = true,
            "5" => versions.v5 = true,
            "\"" => {}
            other => ignored = ignored.or(Some(other)),
        }
    }
    match found {
        true => Ok(Reading { value: Value::Versions(versions), ignored }),
        false => Err(BadValue::empty(name)),
    }
}

fn networks(rest: &str, name: &str) -> Result<Value, BadValue> {
    let rest = rest.split_once(" #").map_or(rest, |(values, _comment)| values);
    let mut found = Vec::new();
    for word in words(rest).flat_map(|word| word.split(',')).filter(|word| !word.is_empty()) {
        let network = Network::parse(word).map_err(|error| {
            let hint = match &error {
                NetworkError::Address(_) => {
                    "write an address or a network: 192.0.2.7, 10.0.0.0/8, fd00::/8".to_owned()
                }
                NetworkError::Prefix(_, bits) => format!("the number behind the slash is 0 to {bits}"),
                NetworkError::HostBits(_, network) => {
                    format!("write {network}, or the address without a slash")
                }
            };
            BadValue::new(format!("Invalid '{name}' value: {error}.")).hint(hint)
        })?;
        found.push(network);
    }
    if found.is_empty() { Err(BadValue::empty(name)) } else { Ok(Value::Networks(found)) }
}

fn log_dest<'a>(rest: &'a str, name: &str) -> Result<Reading<'a>, BadValue> {
    let (word, after) = split(rest);
    let destination = match word {
        "" => return Err(BadValue::empty(name)),
        "none" => Destination::None,
        "stdout" => Destination::Stdout,
        "stderr" => Destination::Stderr,
        "syslog" => Destination::Syslog,
        "topic" => Destination::Topic,
        "dlt" => {
            return Err(BadValue::new(
                "'log_dest dlt' is refused: Diagnostic Log and Trace is not in SealMQ.",
            )
            .hint("`log_dest syslog`, or `log_dest file PATH` and dlt-adaptor-filetransfer, reach it"));
        }
        "file" if after.is_empty() => {
            return Err(BadValue::new("Empty \"log_dest file\" value in configuration."));
        }
        "file" => Destination::File(after.to_owned()),
        other => {
            return Err(BadValue::new(format!("Invalid 'log_dest' value ({other})."))
                .hint("it may be stdout, stderr, syslog, topic, file PATH or none"));
        }
    };
    let ignored = if word == "file" { None } else { leftover(after) };
    Ok(Reading { value: Value::LogDest(destination), ignored })
}

/// What SealMQ does with this very value.
pub(crate) fn support(row: &'static OptionRow, value: &Value) -> Support {
    match value {
        Value::Word(choice) => choice.support.unwrap_or(row.support),
        Value::Flag(_)
        | Value::Number(_)
        | Value::Text(_)
        | Value::Listen { .. }
        | Value::Addresses(_)
        | Value::Topic(_)
        | Value::Restart(_)
        | Value::TcpKeepalive(_)
        | Value::Tls(_)
        | Value::Identity(_)
        | Value::Versions(_)
        | Value::Networks(_)
        | Value::LogDest(_)
        | Value::Seconds(_)
        | Value::Counts(_)
        | Value::Url(_)
        | Value::CertificateAndKey { .. }
        | Value::CrlPolicy(_)
        | Value::Unread => row.support,
    }
}
