//! One place where the broker listens, and what it demands of whoever comes.

use super::{FileSetting, Proxy, TextSetting};
use crate::diagnostic::Place;
use crate::tls_version::TlsVersions;
pub use sealmq_tls::IdentityRule;
use std::path::PathBuf;

/// A listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Where it was asked for: the `listener` or `port` line, or the command line.
    pub at: Place,
    /// The socket.
    pub bind: Bind,
    /// What is spoken on it.
    pub protocol: Protocol,
    /// `websockets_origin`: web pages of these origins may connect; empty: of all.
    pub websockets_origins: Vec<String>,
    /// `bind_address`, if the address of [`Listener::bind`] comes from there and not from a `listener` line.
    pub bind_address: Option<TextSetting>,
    /// `http_dir`: files for plain GET requests.
    pub http_dir: Option<FileSetting>,
    /// TLS, or none: plaintext.
    pub tls: Option<ListenerTls>,
    /// The PROXY header that comes first, or none: clients come directly.
    pub proxy: Option<Proxy>,
    /// Who may come in. With `per_listener_settings false` this is the same for all listeners.
    pub access: Access,
    /// `max_connections` at one time on this listener.
    pub max_connections: Option<u32>,
    /// `max_qos`, 0 to 2.
    pub max_qos: MaxQos,
    /// `max_topic_alias` that a client may use towards us.
    pub max_topic_alias: u16,
    /// `max_topic_alias_broker` that we use towards a client at most.
    pub max_topic_alias_broker: u16,
    /// `mount_point` put before each topic. No wildcard in it.
    pub mount_point: Option<String>,
    /// `accept_protocol_versions`.
    pub accept_protocol_versions: ProtocolVersions,
}

/// The socket of a listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bind {
    /// TCP.
    Tcp {
        /// 1 to 65,535.
        port: u16,
        /// An address or a host name to bind to; `None` is all addresses.
        address: Option<String>,
        /// `socket_domain`.
        family: SocketFamily,
        /// `bind_interface`: only this network interface.
        interface: Option<String>,
    },
    /// A unix socket (`listener 0 PATH`).
    Unix {
        /// Its path, on the same base as other files.
        path: PathBuf,
    },
}

/// `socket_domain`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SocketFamily {
    /// Both.
    Any,
    /// `ipv4`.
    Ipv4,
    /// `ipv6`.
    Ipv6,
}

/// `protocol`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// MQTT on a byte stream.
    Mqtt,
    /// `websockets`: MQTT in WebSocket frames.
    WebSockets,
    /// `auto`: either; the first bytes tell.
    Auto,
    /// `http_api`: what the broker says about itself, over HTTP.
    HttpApi,
}

impl Protocol {
    /// Whether browsers are served.
    pub fn has_websockets(self) -> bool {
        match self {
            Protocol::Mqtt | Protocol::HttpApi => false,
            Protocol::WebSockets | Protocol::Auto => true,
        }
    }
}

/// `max_qos`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MaxQos {
    /// 0.
    AtMostOnce,
    /// 1.
    AtLeastOnce,
    /// 2, the default.
    ExactlyOnce,
}

/// `accept_protocol_versions`. None is true where the line names none that exists: nobody is taken then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ProtocolVersions {
    /// `3`: MQTT 3.1.
    pub v31: bool,
    /// `4`: MQTT 3.1.1.
    pub v311: bool,
    /// `5`: MQTT 5.0.
    pub v5: bool,
}

impl ProtocolVersions {
    /// All of them, the default.
    pub const ALL: ProtocolVersions = ProtocolVersions { v31: true, v311: true, v5: true };
}

/// Who may come in, and with which files that is decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// `allow_anonymous` (or `listener_allow_anonymous`): a CONNECT without a user name is let in.
    pub allow_anonymous: bool,
    /// `password_file`. With it, a user name needs its password (unless a certificate gave the name).
    pub password_file: Option<FileSetting>,
    /// `scram_file`: who logs in with SCRAM-SHA-256.
    pub scram_file: Option<FileSetting>,
    /// `jwt_key` and the keys beside it: tokens count as passwords.
    pub jwt: Option<Jwt>,
    /// `acl_file`. Without it everything is allowed, as in mosquitto; an empty file denies everything.
    pub acl_file: Option<FileSetting>,
    /// `allow_zero_length_clientid`: we choose an id for a client without one.
    pub allow_zero_length_clientid: bool,
    /// `auto_id_prefix` (or `listener_auto_id_prefix`) of ids that we choose. Default `auto-`.
    pub auto_id_prefix: String,
    /// `use_username_as_clientid`.
    pub use_username_as_clientid: bool,
    /// `client_id_matches_identity`: the client id must be the user name, and something must have proved that.
    pub client_id_matches_identity: bool,
}

impl Access {
    /// Whether something can tell if a user name is its bearer's: without that, names are believed or refused.
    pub fn checks_names(&self) -> bool {
        self.password_file.is_some() || self.scram_file.is_some() || self.jwt.is_some()
    }
}

/// Tokens that count as passwords.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Jwt {
    /// `jwt_key`: PEM or a JWK Set.
    pub key: FileSetting,
    /// `jwt_issuer`, `jwt_audience`, `jwt_username_claim`, `jwt_acl_claim`.
    pub rules: sealmq_auth::jwt::Rules,
}

/// TLS of a listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerTls {
    /// `certfile`: the server's chain, PEM.
    pub certfile: FileSetting,
    /// `keyfile`: its key, PEM.
    pub keyfile: FileSetting,
    /// `cafile`: anchors for client certificates, and what completes the server's chain.
    pub cafile: Option<FileSetting>,
    /// `capath`: the same, a folder.
    pub capath: Option<FileSetting>,
    /// `require_certificate`.
    pub client_certificates: ClientCertificates,
    /// `use_identity_as_username`, `use_subject_as_username`, `identity_source`.
    pub identity: IdentityRule,
    /// `tls_version`.
    pub versions: TlsVersions,
    /// `ciphers`: an OpenSSL cipher list for TLS 1.2.
    pub ciphers: Option<TextSetting>,
    /// `ciphers_tls1.3`: OpenSSL suite names.
    pub ciphers_tls13: Option<TextSetting>,
    /// `legacy_client_certs`.
    pub legacy_client_certs: LegacyClientCerts,
    /// `tls_record_size_max` in bytes, 512 to 16,384.
    pub tls_record_size_max: u16,
    /// `crlfile`, `crl_policy`, `crl_check`.
    pub crl: CrlSettings,
    /// `disable_client_cert_date_checks`.
    pub client_dates: ClientDates,
    /// `sni_certificate`, each for the names that its certificate holds.
    pub sni_certificates: Vec<CertificateAndKey>,
    /// `alpn`.
    pub unknown_alpn: UnknownAlpn,
    /// `resumption`.
    pub resumption: Resumption,
}

/// A certificate chain and its private key, PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateAndKey {
    /// The chain, leaf first.
    pub certificate: FileSetting,
    /// The key.
    pub key: FileSetting,
}

/// `alpn`: a client that offers only application protocols which this listener does not speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UnknownAlpn {
    /// `lenient`: it comes in.
    Ignored,
    /// `strict`: it is refused.
    Refused,
}

/// `resumption`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Resumption {
    /// A client may shorten its next handshake.
    On,
    /// Every handshake is a full one.
    Off,
}

/// Certificate revocation lists of a listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrlSettings {
    /// `crlfile`, a file or a folder; `None`: nobody asks whether a certificate was revoked.
    pub file: Option<FileSetting>,
    /// `crl_policy`.
    pub policy: CrlPolicy,
    /// `crl_check`.
    pub check: CrlCheck,
}

/// `crl_policy`: what holds after a list's nextUpdate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CrlPolicy {
    /// `strict`: its issuer's clients are refused.
    Strict,
    /// `grace`: it serves for so many more seconds.
    GraceSecs(u32),
}

/// `crl_check`: what is looked up in the lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CrlCheck {
    /// The client's certificate.
    Leaf,
    /// Every certificate below the root.
    Chain,
}

/// `disable_client_cert_date_checks`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ClientDates {
    /// A client's certificate must be within its dates.
    Checked,
    /// It need not.
    Unchecked,
}

/// `require_certificate`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ClientCertificates {
    /// `false`: not asked for.
    None,
    /// `optional`: asked for; one that is shown must be good.
    Optional,
    /// `true`: no certificate, no connection.
    Required,
}

/// `legacy_client_certs`: what becomes of X.509 version 1 client certificates that a configured anchor signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LegacyClientCerts {
    /// Taken silently.
    Accept,
    /// Taken, with a finding each (the default).
    Warn,
    /// Refused.
    Deny,
}
