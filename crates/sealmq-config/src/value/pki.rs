//! Values of `pki_listener` and `pki_url`.

use std::net::Ipv6Addr;

use sealmq_pki::issue::BaseUrl;

use super::{BadValue, Value};

/// `[ADDRESS:]PORT`, an IPv6 address in brackets. Whether the address is one of this machine shows when it is opened.
pub(super) fn socket_address(word: &str, name: &str) -> Result<Value, BadValue> {
    let bad = || {
        BadValue::new(format!("Invalid '{name}' value ({word}).")).hint(format!(
            "write `{name} 8080`, or an address of this machine with it: `{name} 192.0.2.1:8080`, `{name} [2001:db8::1]:8080`"
        ))
    };
    let (place, port) = match word.rsplit_once(':') {
        None => (None, word),
        Some((place, port)) => (Some(place), port),
    };
    // `+8080` is a number to Rust.
    let digits = port.bytes().all(|byte| byte.is_ascii_digit());
    let port = port.parse().ok().filter(|port| digits && *port != 0).ok_or_else(bad)?;
    let place = match place {
        None => None,
        Some(place) => match place.strip_prefix('[').map(|rest| rest.strip_suffix(']')) {
            Some(inside) => {
                let inside = inside.ok_or_else(bad)?;
                inside.parse::<Ipv6Addr>().map_err(|_| bad())?;
                Some(inside.to_owned())
            }
            None if place.is_empty() || place.contains(':') => return Err(bad()),
            None => Some(place.to_owned()),
        },
    };
    Ok(Value::Listen { port, place })
}

/// What stands in certificates for their whole life, so it is looked at closely.
pub(super) fn http_url(word: &str, name: &str) -> Result<Value, BadValue> {
    let url = BaseUrl::parse(word).map_err(|error| {
        BadValue::new(format!("Invalid '{name}' value ({word}): {error}."))
            .hint(format!("write `{name} http://HOST[:PORT][/PATH]` as others reach pki_listener; plain HTTP, since what is fetched is signed"))
    })?;
    Ok(Value::Url(url))
}
