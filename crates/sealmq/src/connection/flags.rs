//! The flags of mosquitto_pub and mosquitto_sub that say where to connect, over what and as whom: one definition
//! for both commands.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::ArgAction;
use sealmq_client::{KEEP_ALIVE_SECS, Start};
use sealmq_mqtt::{QoS, TopicName, Version};

/// Where, over what and as whom. Without any of them the broker of this computer is found.
#[derive(Debug, clap::Args)]
pub(crate) struct ConnectionFlags {
    /// Host to connect to
    #[arg(short = 'h', long, value_name = "HOST", help_heading = "Broker", allow_hyphen_values = true)]
    pub(crate) host: Option<String>,
    /// Port; 1883 for plain MQTT and 8883 over TLS unless given
    #[arg(short, long, value_name = "PORT", help_heading = "Broker", value_parser = parse_port)]
    pub(crate) port: Option<u16>,
    #[arg(
        help = "User, password, host, port and topic at once: mqtt://[USER[:PASSWORD]@]HOST[:PORT]/TOPIC; mqtts:// is \
                TLS, ws:// and wss:// are WebSockets",
        short = 'L',
        long,
        value_name = "URL",
        help_heading = "Broker"
    )]
    pub(crate) url: Option<String>,
    /// Connect through this unix domain socket
    #[arg(long, value_name = "SOCKET", help_heading = "Broker", conflicts_with_all = ["host", "url"])]
    pub(crate) unix: Option<PathBuf>,
    /// Speak MQTT in a WebSocket (its path is /mqtt); with TLS as the other flags say
    #[arg(long, help_heading = "Broker")]
    pub(crate) ws: bool,
    /// Local address to connect from
    #[arg(short = 'A', value_name = "ADDRESS", help_heading = "Broker")]
    pub(crate) bind_address: Option<std::net::IpAddr>,
    /// Send small packets at once (always so; accepted for the sake of scripts)
    #[arg(long, help_heading = "Broker")]
    pub(crate) nodelay: bool,
    /// File with further options, one a line, its value behind a space; else mosquitto_pub and mosquitto_sub in
    /// $XDG_CONFIG_HOME or ~/.config. The command line wins
    #[arg(short = 'o', value_name = "FILE", help_heading = "Broker")]
    pub(crate) options_file: Option<PathBuf>,
    /// Use the broker of this data directory
    #[arg(long, value_name = "DIR", help_heading = "Broker", conflicts_with_all = ["context", "host", "url", "unix",
        "port", "cafile", "capath", "cert", "tls_use_os_certs"])]
    pub(crate) data_dir: Option<PathBuf>,
    /// Use the broker that `sealmq context add` remembered under this name
    #[arg(long, value_name = "NAME", help_heading = "Broker", conflicts_with_all = ["host", "url", "unix",
        "port", "cafile", "capath", "cert", "tls_use_os_certs"])]
    pub(crate) context: Option<String>,

    /// Client id; the broker chooses one unless given
    #[arg(short, long, value_name = "ID", help_heading = "Session", allow_hyphen_values = true)]
    pub(crate) id: Option<String>,
    /// Client id: this prefix and the process id
    #[arg(short = 'I', long, value_name = "PREFIX", help_heading = "Session", conflicts_with = "id")]
    pub(crate) id_prefix: Option<String>,
    /// User name
    #[arg(short, long, value_name = "NAME", help_heading = "Session", allow_hyphen_values = true)]
    pub(crate) username: Option<String>,
    /// Password; `-` reads one line from standard input, $SEALMQ_PASSWORD is used where the flag is absent
    #[arg(
        short = 'P',
        long = "pw",
        value_name = "PASSWORD",
        help_heading = "Session",
        allow_hyphen_values = true
    )]
    pub(crate) password: Option<OsString>,
    /// How to prove user name and password: SCRAM-SHA-256 (MQTT 5) does not send the password, and lets only a broker in
    /// that knows it too
    #[arg(long, value_name = "METHOD", help_heading = "Session", value_parser = parse_auth_method)]
    pub(crate) auth_method: Option<Scram>,
    /// Protocol version: mqttv31, mqttv311 (or 31, 311), mqttv5 (or 5)
    #[arg(short = 'V', long, value_name = "VERSION", help_heading = "Session", value_parser = parse_version)]
    pub(crate) protocol_version: Option<Version>,
    /// Keep alive in seconds, 5 to 65535
    #[arg(short, long, value_name = "SECONDS", help_heading = "Session", default_value_t = KEEP_ALIVE_SECS,
        value_parser = clap::value_parser!(u16).range(5..))]
    pub(crate) keepalive: u16,
    /// Go on with the session that the broker kept for this client id
    #[arg(short = 'c', long, help_heading = "Session")]
    pub(crate) disable_clean_session: bool,
    /// Seconds for which the broker keeps the session (MQTT 5); -1 or ∞ is for ever
    #[arg(short = 'x', value_name = "SECONDS", help_heading = "Session", allow_hyphen_values = true,
        value_parser = parse_session_expiry)]
    pub(crate) session_expiry: Option<u32>,
    /// Most QoS 1 and 2 messages on their way at once
    #[arg(short = 'M', value_name = "COUNT", help_heading = "Session", default_value_t = sealmq_client::INFLIGHT_MAX,
        value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) max_inflight: u16,
    /// An MQTT 5 property: COMMAND is connect, publish, subscribe, unsubscribe, disconnect or will;
    /// user-property takes a name and a value
    #[arg(short = 'D', long = "property", value_names = ["COMMAND", "PROPERTY", "VALUE"], num_args = 3..=4,
        action = ArgAction::Append, help_heading = "Session")]
    pub(crate) properties: Vec<String>,

    /// Topic of the will, which the broker publishes if the connection breaks
    #[arg(long, value_name = "TOPIC", help_heading = "Will", value_parser = parse_topic_name)]
    pub(crate) will_topic: Option<String>,
    /// Payload of the will; empty unless given
    #[arg(
        long,
        value_name = "PAYLOAD",
        help_heading = "Will",
        requires = "will_topic",
        allow_hyphen_values = true
    )]
    pub(crate) will_payload: Option<OsString>,
    /// QoS of the will
    #[arg(long, value_name = "QOS", help_heading = "Will", default_value = "0", value_parser = parse_qos)]
    pub(crate) will_qos: QoS,
    /// Retain the will
    #[arg(long, help_heading = "Will", requires = "will_topic")]
    pub(crate) will_retain: bool,

    /// File with the CA certificates to trust (PEM)
    #[arg(long, value_name = "FILE", help_heading = "TLS")]
    pub(crate) cafile: Option<PathBuf>,
    /// Directory with the CA certificates to trust (PEM)
    #[arg(long, value_name = "DIR", help_heading = "TLS")]
    pub(crate) capath: Option<PathBuf>,
    /// Client certificate (PEM)
    #[arg(long, value_name = "FILE", help_heading = "TLS", requires = "key")]
    pub(crate) cert: Option<PathBuf>,
    /// Private key of the client certificate (PEM)
    #[arg(long, value_name = "FILE", help_heading = "TLS", requires = "cert")]
    pub(crate) key: Option<PathBuf>,
    /// File whose first line is the passphrase of the private key; $SEALMQ_KEY_PASSPHRASE works, too
    #[arg(long, value_name = "FILE", help_heading = "TLS", requires = "key")]
    pub(crate) keypass_file: Option<PathBuf>,
    /// Kind of the key file; there is only this one
    #[arg(long, value_name = "KIND", help_heading = "TLS", value_parser = ["pem"])]
    pub(crate) keyform: Option<String>,
    /// Cipher suites for TLS 1.2, in OpenSSL's names
    #[arg(long, value_name = "LIST", help_heading = "TLS")]
    pub(crate) ciphers: Option<String>,
    /// This TLS version and no other: tlsv1.2 or tlsv1.3
    #[arg(long, value_name = "VERSION", help_heading = "TLS")]
    pub(crate) tls_version: Option<String>,
    /// ALPN protocol to ask for
    #[arg(long, value_name = "PROTOCOL", help_heading = "TLS")]
    pub(crate) tls_alpn: Option<String>,
    /// Trust the CA certificates of the operating system
    #[arg(long, help_heading = "TLS")]
    pub(crate) tls_use_os_certs: bool,
    /// Speak no TLS on port 8883 either
    #[arg(long, help_heading = "TLS", conflicts_with_all = ["cafile", "capath", "cert", "tls_use_os_certs", "insecure",
        "ciphers", "tls_version", "tls_alpn", "data_dir", "context"])]
    pub(crate) no_tls: bool,
    /// Do not compare the host name with the server certificate: anyone with a certificate of that CA can pose
    /// as the server
    #[arg(long, help_heading = "TLS")]
    pub(crate) insecure: bool,

    /// Print what is sent and received
    #[arg(short, long, help_heading = "Output")]
    pub(crate) debug: bool,
    /// Print no errors
    #[arg(long, help_heading = "Output")]
    pub(crate) quiet: bool,
    /// Print this help
    #[arg(long, action = ArgAction::Help, help_heading = "Output")]
    help: Option<bool>,
}

impl ConnectionFlags {
    /// Whether none of the flags says where the broker is or how to reach it, so that it is looked for.
    pub(crate) fn finds_broker(&self) -> bool {
        self.host.is_none()
            && self.url.is_none()
            && self.unix.is_none()
            && self.port.is_none()
            && !self.no_tls
            && self.cafile.is_none()
            && self.capath.is_none()
            && self.cert.is_none()
            && !self.tls_use_os_certs
    }

    /// `-c`.
    pub(crate) fn start(&self) -> Start {
        if self.disable_clean_session { Start::Resume } else { Start::Clean }
    }
}

/// The one method there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Scram;

/// `--auth-method`.
fn parse_auth_method(text: &str) -> Result<Scram, String> {
    match text.eq_ignore_ascii_case("SCRAM-SHA-256") {
        true => Ok(Scram),
        false => Err("SCRAM-SHA-256 is known; without the flag the password stands in CONNECT".to_owned()),
    }
}

/// `-V`.
pub(crate) fn parse_version(text: &str) -> Result<Version, String> {
    match text {
        "mqttv31" | "31" => Ok(Version::V31),
        "mqttv311" | "311" => Ok(Version::V311),
        "mqttv5" | "5" => Ok(Version::V5),
        _ => Err("mqttv31, mqttv311 and mqttv5 are known".to_owned()),
    }
}

/// A TCP port.
pub(crate) fn parse_port(text: &str) -> Result<u16, String> {
    match text.parse() {
        Ok(port @ 1..) => Ok(port),
        Ok(0) | Err(_) => Err("a port is a number between 1 and 65535".to_owned()),
    }
}

/// `-q` and `--will-qos`.
pub(crate) fn parse_qos(text: &str) -> Result<QoS, String> {
    text.parse().ok().and_then(QoS::from_u8).ok_or_else(|| "0, 1 and 2 are known".to_owned())
}

/// A topic to publish to.
pub(crate) fn parse_topic_name(text: &str) -> Result<String, String> {
    match TopicName::parse(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(format!("it {error}")),
    }
}

fn parse_session_expiry(text: &str) -> Result<u32, String> {
    match text {
        "∞" | "-1" => Ok(u32::MAX),
        _ => text.parse().map_err(|_| "a number between 0 and 4294967295, -1 or ∞".to_owned()),
    }
}
