//! The URL of `-L`: `mqtt(s)://[username[:password]@]host[:port]/topic`, and the same with `ws` and `wss`.

use zeroize::Zeroizing;

use crate::Framing;

/// A broker, a login and a topic in one line.
#[derive(Clone, Eq, PartialEq)]
pub struct BrokerUrl {
    /// Plain or TLS.
    pub scheme: Scheme,
    /// A name or an address; an IPv6 address stands without its brackets.
    pub host: String,
    /// The port, where one is given.
    pub port: Option<u16>,
    /// The user name, where one is given.
    pub username: Option<String>,
    /// The password, where one is given.
    pub password: Option<Zeroizing<String>>,
    /// Everything after the host's slash.
    pub topic: String,
}

/// What is spoken below MQTT.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Scheme {
    /// `mqtt://`: plain TCP.
    Mqtt,
    /// `mqtts://`: TLS.
    Mqtts,
    /// `ws://`: a WebSocket.
    Ws,
    /// `wss://`: a WebSocket under TLS.
    Wss,
}

/// Why a text is no such URL.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum UrlError {
    /// None of the schemes.
    #[error("unsupported URL scheme in '{url}': mqtt://, mqtts://, ws:// and wss:// are known")]
    Scheme {
        /// The URL without what follows the scheme, since a password may stand there.
        url: String,
    },
    /// There is no slash after the host, so no topic.
    #[error("invalid URL: topic missing after the host")]
    TopicMissing,
    /// Nothing stands where the host should.
    #[error("invalid URL: host missing")]
    HostMissing,
    /// The port is not between 1 and 65535.
    #[error("invalid URL: '{port}' is not a port between 1 and 65535")]
    Port {
        /// What stands there.
        port: String,
    },
    /// A percent sign without two hexadecimal digits, or bytes that are not UTF-8 once decoded.
    #[error("invalid URL: the {part} has a percent sign that is not followed by the code of a character")]
    Percent {
        /// `user name` or `password`.
        part: &'static str,
    },
}

impl Scheme {
    /// The port where none is given, as mosquitto's clients have it: MQTT's, over WebSockets too.
    pub fn default_port(self) -> u16 {
        match self {
            Self::Mqtt | Self::Ws => 1883,
            Self::Mqtts | Self::Wss => 8883,
        }
    }

    /// Whether TLS is spoken.
    pub fn is_tls(self) -> bool {
        matches!(self, Self::Mqtts | Self::Wss)
    }

    /// What MQTT stands in.
    pub fn framing(self) -> Framing {
        match self {
            Self::Mqtt | Self::Mqtts => Framing::None,
            Self::Ws | Self::Wss => Framing::WebSocket,
        }
    }
}

impl BrokerUrl {
    /// Reads a URL.
    ///
    /// # Errors
    /// As [`UrlError`] says; its text never repeats a password.
    pub fn parse(url: &str) -> Result<Self, UrlError> {
        let (scheme, rest) = strip_scheme(url)?;
        let (authority, topic) = rest.split_once('/').ok_or(UrlError::TopicMissing)?;
        // A user name may hold an @ (an e-mail address); a host may not.
        let (login, place) = match authority.rsplit_once('@') {
            Some((login, place)) => (Some(login), place),
            None => (None, authority),
        };
        let (username, password) = match login.map(|login| login.split_once(':').ok_or(login)) {
            None => (None, None),
            Some(Err(username)) => (Some(decode(username, "user name")?), None),
            Some(Ok((username, password))) => {
                (Some(decode(username, "user name")?), Some(Zeroizing::new(decode(password, "password")?)))
            }
        };
        let (host, port) = split_port(place)?;
        Ok(Self { scheme, host, port, username, password, topic: topic.to_owned() })
    }
}

impl std::fmt::Debug for BrokerUrl {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("BrokerUrl")
            .field("scheme", &self.scheme)
            .field("host", &self.host)
            .field("port", &self.port)
            .field("username", &self.username)
            .field("topic", &self.topic)
            .finish_non_exhaustive()
    }
}

fn strip_scheme(url: &str) -> Result<(Scheme, &str), UrlError> {
    let (scheme, rest) = url.split_once("://").ok_or(UrlError::Scheme { url: String::new() })?;
    let known = [("mqtt", Scheme::Mqtt), ("mqtts", Scheme::Mqtts), ("ws", Scheme::Ws), ("wss", Scheme::Wss)];
    match known.into_iter().find(|(name, _)| scheme.eq_ignore_ascii_case(name)) {
        Some((_, scheme)) => Ok((scheme, rest)),
        None => Err(UrlError::Scheme { url: format!("{scheme}://") }),
    }
}

fn split_port(place: &str) -> Result<(String, Option<u16>), UrlError> {
    let (host, port) = match place.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, after)) => (host, after.strip_prefix(':')),
        // A bare IPv6 address has several colons and no port.
        None if place.matches(':').count() > 1 => (place, None),
        None => match place.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (place, None),
        },
    };
    if host.is_empty() {
        return Err(UrlError::HostMissing);
    }
    let port = match port {
        None => None,
        Some(text) => match text.parse::<u16>() {
            Ok(port) if port != 0 => Some(port),
            Ok(_) | Err(_) => return Err(UrlError::Port { port: text.to_owned() }),
        },
    };
    Ok((host.to_owned(), port))
}

fn decode(text: &str, part: &'static str) -> Result<String, UrlError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
        match (digit(rest.next()), digit(rest.next())) {
            (Some(high), Some(low)) => bytes.push((high * 16 + low) as u8),
            (_, _) => return Err(UrlError::Percent { part }),
        }
    }
    String::from_utf8(bytes).map_err(|_| UrlError::Percent { part })
}
