//! Values that only bridge keys take.

use super::{BadValue, Reading, Value, integer, leading_number, split};
use crate::config::{BridgeAddress, TcpKeepalive};
use crate::lexer::{blank, words};
use crate::options::Choice;
use sealmq_bridge::{Direction, Restart, TopicRule};
use sealmq_mqtt::QoS;

pub(super) fn addresses(rest: &str) -> Result<Value, BadValue> {
    let one = |word: &str| match word.rsplit_once(':') {
        None => Ok(BridgeAddress { host: word.to_owned(), port: 1883 }),
        Some((host, port)) => match u16::try_from(leading_number(port)) {
            Ok(port) if port > 0 => Ok(BridgeAddress { host: host.to_owned(), port }),
            Ok(_) | Err(_) => {
                Err(BadValue::new(format!("Invalid bridge port value ({}).", leading_number(port)))
                    .hint("HOST or HOST:PORT; an IPv6 address needs its port: 2001:db8::1:1883"))
            }
        },
    };
    let found = words(rest).map(one).collect::<Result<Vec<_>, _>>()?;
    match found.is_empty() {
        true => Err(BadValue::new("Empty address value in configuration.")),
        false => Ok(Value::Addresses(found)),
    }
}

pub(super) fn bridge_topic(rest: &str) -> Result<Value, BadValue> {
    if rest.is_empty() {
        return Err(BadValue::empty("topic"));
    }
    let (pattern, after) = match rest.strip_prefix('"') {
        Some(quoted) => quoted.split_once('"').ok_or_else(|| {
            BadValue::new(format!("Missing closing quote in topic value ({}).", split(rest).1))
        })?,
        None => split(rest),
    };
    let mut words = words(after);
    let direction = match words.next().map(str::to_ascii_lowercase).as_deref() {
        None | Some("out") => Direction::Out,
        Some("in") => Direction::In,
        Some("both") => Direction::Both,
        Some(other) => return Err(BadValue::new(format!("Invalid bridge topic direction '{other}'."))),
    };
    let qos = match words.next() {
        None => QoS::AtMostOnce,
        // `topic a in "" ""` is written, too: mosquitto reads a word without a number as 0.
        Some(word) => u8::try_from(leading_number(word))
            .ok()
            .and_then(QoS::from_u8)
            .ok_or_else(|| BadValue::new(format!("Invalid bridge QoS level '{word}'.")))?,
    };
    let mut prefix = || words.next().filter(|word| *word != "\"\"").unwrap_or("");
    let (local_prefix, remote_prefix) = (prefix(), prefix());
    TopicRule::new(pattern, direction, qos, local_prefix, remote_prefix)
        .map(Value::Topic)
        .map_err(|error| BadValue::new(error.to_string()))
}

const START_TYPES: [Choice; 3] = [
    Choice { word: "automatic", support: None },
    Choice { word: "lazy", support: None },
    Choice { word: "once", support: None },
];

pub(super) fn start_type(word: &str) -> Result<Value, BadValue> {
    static CHOICES: [Choice; 3] = START_TYPES;
    if word == "manual" {
        return Err(BadValue::new("Manual start_type not supported.").hint("it may be automatic, lazy, once"));
    }
    super::choice(word, &CHOICES, "Invalid 'start_type' value in configuration ({}).")
}

/// Seconds in the file, milliseconds from here on; mosquitto clamps each of them, and reads them by their leading digits.
/// No comment may follow: its words would be the cap and the stable period.
pub(super) fn restart_timeout<'a>(rest: &'a str, name: &str) -> Result<Reading<'a>, BadValue> {
    let words = rest.split(blank).filter(|word| !word.is_empty());
    let numbers: Vec<_> = words.take(3).map(leading_number).collect();
    let milliseconds = |seconds: i64| u64::try_from(seconds).unwrap_or(0).saturating_mul(1_000);
    let shortest = |base: i64| base.clamp(1, 3_600);
    let restart = match numbers[..] {
        [] => return Err(BadValue::empty(name)),
        [base] => Restart::Constant(milliseconds(shortest(base))),
        [base, cap, ..] if cap < shortest(base) => {
            let refused = BadValue::new("backoff cap is lower than the base in restart_timeout.");
            return Err(match rest.contains('#') {
                true => refused.hint("a comment needs a line of its own here"),
                false => refused,
            });
        }
        [_, _, stable] if stable < 0 => {
            return Err(BadValue::new("stable connection period cannot be negative."));
        }
        [base, cap, ref stable @ ..] => Restart::Jitter {
            base: milliseconds(shortest(base)),
            cap: milliseconds(cap.min(7_200)),
            stable: milliseconds(stable.first().copied().unwrap_or(0)),
        },
    };
    Ok(Reading { value: Value::Restart(restart), ignored: None })
}

pub(super) fn tcp_keepalive(rest: &str) -> Result<Reading<'_>, BadValue> {
    let mut words = words(rest);
    let mut next = |what: &str, name: &str| {
        let word = words.next().ok_or_else(|| BadValue::empty(name))?;
        let number = integer(word, name)?;
        u32::try_from(number)
            .ok()
            .filter(|number| *number > 0)
            .ok_or_else(|| BadValue::new(format!("invalid TCP keepalive {what} value.")))
    };
    let keepalive = TcpKeepalive {
        idle_secs: next("idle", "bridge_tcp_keepalive_idle")?,
        interval_secs: next("interval", "bridge_tcp_keepalive_interval")?,
        count: next("counter", "bridge_tcp_keepalive_counter")?,
    };
    Ok(Reading { value: Value::TcpKeepalive(keepalive), ignored: None })
}
