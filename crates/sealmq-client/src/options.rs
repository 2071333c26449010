//! What a client is told before it connects: where, over what, as whom, in which version.

use std::net::IpAddr;
#[cfg(unix)]
use std::path::PathBuf;
use std::time::Duration;

use sealmq_auth::scram::NonceSeed;
use sealmq_mqtt::Version;
use sealmq_tls::ClientTls;
use zeroize::Zeroizing;

use crate::{Framing, Property, Will};

/// Everything a connection needs.
pub struct Options {
    /// Where the server is.
    pub endpoint: Endpoint,
    /// How TLS is spoken; `None` is plain.
    pub tls: Option<ClientTls>,
    /// Whether MQTT stands in the frames of a WebSocket.
    pub framing: Framing,
    /// What CONNECT says, and how the session behaves.
    pub session: SessionOptions,
    /// How long TCP, TLS and CONNACK may take together.
    pub connect_timeout: Duration,
}

/// Where a server is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Endpoint {
    /// A host and a port.
    Tcp {
        /// A DNS name or an address (IPv6 without brackets).
        host: String,
        /// The port.
        port: u16,
        /// The local address to connect from.
        bind: Option<IpAddr>,
        /// Whether small packets wait for more.
        nagle: Nagle,
    },
    /// A unix domain socket.
    #[cfg(unix)]
    Unix(PathBuf),
}

/// Nagle's algorithm.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Nagle {
    /// Small packets wait for more while earlier ones are unacknowledged.
    On,
    /// Packets leave at once.
    #[default]
    Off,
}

/// What CONNECT says, and how the session behaves.
#[derive(Clone)]
pub struct SessionOptions {
    /// The version of MQTT.
    pub version: Version,
    /// The client id; empty lets the server choose one.
    pub client_id: String,
    /// Whether an earlier session of this client id is continued.
    pub start: Start,
    /// Seconds without a packet after which the client pings; 0 is never.
    pub keep_alive_secs: u16,
    /// The user name.
    pub username: Option<String>,
    /// The password.
    pub password: Option<Zeroizing<Vec<u8>>>,
    /// How user name and password are proved.
    pub auth_method: AuthMethod,
    /// The will.
    pub will: Option<Will>,
    /// Properties of CONNECT (MQTT 5.0).
    pub properties: Vec<Property>,
    /// How many QoS 1 and 2 messages this client has on their way at once; the server may ask for fewer.
    pub inflight_max: u16,
    /// Whether packets are told as [`crate::Event::Trace`].
    pub trace: Trace,
}

/// How a client proves its user name.
#[derive(Clone, Copy, Debug, Default)]
pub enum AuthMethod {
    /// The password stands in CONNECT.
    #[default]
    Password,
    /// It is proved and not said: MQTT 5.0 enhanced authentication with SCRAM-SHA-256.
    ScramSha256 {
        /// Gives fresh random bytes for each connection; `None`: there are none.
        random: fn() -> Option<NonceSeed>,
    },
}

impl AuthMethod {
    /// SCRAM-SHA-256 with this machine's randomness.
    pub fn scram_sha_256() -> Self {
        Self::ScramSha256 { random: crate::driver::random_seed }
    }
}

/// Whether an earlier session of the client id is continued.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Start {
    /// Whatever the server kept is discarded (clean session, clean start).
    #[default]
    Clean,
    /// It goes on where it was.
    Resume,
}

/// Whether each packet is told.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Trace {
    /// No.
    #[default]
    Off,
    /// Yes, in mosquitto's words (`-d`).
    On,
}

/// mosquitto's clients ping after a minute.
pub const KEEP_ALIVE_SECS: u16 = 60;
/// mosquitto's clients have 20 messages on their way.
pub const INFLIGHT_MAX: u16 = 20;
/// TCP, TLS and CONNACK together.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

impl Default for SessionOptions {
    fn default() -> Self {
        Self {
            version: Version::V311,
            client_id: String::new(),
            start: Start::Clean,
            keep_alive_secs: KEEP_ALIVE_SECS,
            username: None,
            password: None,
            auth_method: AuthMethod::Password,
            will: None,
            properties: Vec::new(),
            inflight_max: INFLIGHT_MAX,
            trace: Trace::Off,
        }
    }
}

impl Options {
    /// A connection to `host` and `port`, plain unless `tls` is given, with mosquitto's defaults for the rest.
    pub fn new(host: impl Into<String>, port: u16, tls: Option<ClientTls>) -> Self {
        Self {
            endpoint: Endpoint::Tcp { host: host.into(), port, bind: None, nagle: Nagle::Off },
            tls,
            framing: Framing::None,
            session: SessionOptions::default(),
            connect_timeout: CONNECT_TIMEOUT,
        }
    }
}

impl std::fmt::Display for Endpoint {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp { host, port, .. } if host.contains(':') => write!(formatter, "[{host}]:{port}"),
            Self::Tcp { host, port, .. } => write!(formatter, "{host}:{port}"),
            #[cfg(unix)]
            Self::Unix(path) => write!(formatter, "{}", path.display()),
        }
    }
}
