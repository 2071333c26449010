//! Values that only bridge keys take.

use super::{BadValue, Reading, Value, integer, split};
use crate::config::{BridgeAddress, BridgeDirection, BridgeTopic};
use crate::lexer::words;

pub(super) fn addresses(rest: &str) -> Result<Value, BadValue> {
    let one = |word: &str| match word.rsplit_once(':') {
        None => Ok(BridgeAddress { host: word.to_owned(), port: 1883 }),
        Some((host, port)) => match port.parse::<u16>() {
            Ok(port) if port > 0 => Ok(BridgeAddress { host: host.to_owned(), port }),
            Ok(_) | Err(_) => Err(BadValue::new(format!("Invalid bridge port value ({port})."))
                .hint("HOST or HOST:PORT; an IPv6 address needs its port: 2001:db8::1:1883")),
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
        None | Some("out") => BridgeDirection::Out,
        Some("in") => BridgeDirection::In,
        Some("both") => BridgeDirection::Both,
        Some(other) => return Err(BadValue::new(format!("Invalid bridge topic direction '{other}'."))),
    };
    let qos = match words.next() {
        None => 0,
        Some(word) => word
            .parse()
            .ok()
            .filter(|qos| *qos <= 2)
            .ok_or_else(|| BadValue::new(format!("Invalid bridge QoS level '{word}'.")))?,
    };
    let mut prefix = || words.next().filter(|word| *word != "\"\"").unwrap_or("").to_owned();
    let (local_prefix, remote_prefix) = (prefix(), prefix());
    for (which, prefix) in [("local", &local_prefix), ("remote", &remote_prefix)] {
        if prefix.contains(['+', '#']) {
            return Err(BadValue::new(format!("Invalid bridge topic {which} prefix '{prefix}'.")));
        }
    }
    let pattern = pattern.to_owned();
    Ok(Value::Topic(BridgeTopic { pattern, direction, qos, local_prefix, remote_prefix }))
}

pub(super) fn restart_timeout<'a>(rest: &'a str, name: &str) -> Result<Reading<'a>, BadValue> {
    let numbers = words(rest).take(3).map(|word| integer(word, name)).collect::<Result<Vec<_>, _>>()?;
    match numbers[..] {
        [] => Err(BadValue::empty(name)),
        [base, cap, ..] if cap < base.clamp(1, 3_600) => {
            Err(BadValue::new("backoff cap is lower than the base in restart_timeout."))
        }
        [_, _, stable] if stable < 0 => Err(BadValue::new("stable connection period cannot be negative.")),
        _ => Ok(Reading { value: Value::Unread, ignored: None }),
    }
}

pub(super) fn tcp_keepalive(rest: &str) -> Result<Reading<'_>, BadValue> {
    let mut words = words(rest);
    for (what, name) in [
        ("idle", "bridge_tcp_keepalive_idle"),
        ("interval", "bridge_tcp_keepalive_interval"),
        ("counter", "bridge_tcp_keepalive_counter"),
    ] {
        let word = words.next().ok_or_else(|| BadValue::empty(name))?;
        if integer(word, name)? <= 0 {
            return Err(BadValue::new(format!("invalid TCP keepalive {what} value.")));
        }
    }
    Ok(Reading { value: Value::Unread, ignored: None })
}
