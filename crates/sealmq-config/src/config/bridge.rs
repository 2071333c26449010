//! A bridge as written, with mosquitto's defaults.
//!
//! Names that need the machine's host name ([`Bridge::remote_client_id`], [`Bridge::local_client_id`]) are made by
//! functions that are given it.

use super::{FileSetting, TextSetting};
use crate::diagnostic::Place;
use crate::tls_version::TlsVersions;
use sealmq_bridge::{AddressOrder, Restart, Start, StartType, TopicRule};
use sealmq_mqtt::Version;

/// A `connection` section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bridge {
    /// Its name.
    pub name: String,
    /// Where `connection` stands.
    pub at: Place,
    /// `address` / `addresses`: never empty.
    pub addresses: Vec<BridgeAddress>,
    /// `round_robin`.
    pub address_order: AddressOrder,
    /// `topic`: never empty. The same line twice counts once.
    pub topics: Vec<TopicRule>,
    /// `bridge_protocol_version`.
    pub protocol_version: Version,
    /// `try_private`.
    pub try_private: bool,
    /// `cleansession`.
    pub cleansession: Start,
    /// `local_cleansession`; as `cleansession` unless written.
    pub local_cleansession: Start,
    /// `remote_clientid`.
    pub remote_clientid: Option<String>,
    /// `remote_username`.
    pub remote_username: Option<String>,
    /// `remote_password`.
    pub remote_password: Option<BridgePassword>,
    /// `local_clientid`.
    pub local_clientid: Option<String>,
    /// `local_username`.
    pub local_username: Option<String>,
    /// `local_password`. The bridge is in this process, nobody asks it for one.
    pub local_password: Option<BridgePassword>,
    /// `keepalive_interval`, seconds.
    pub keepalive_interval: u16,
    /// `start_type`, `idle_timeout`, `threshold`.
    pub start_type: StartType,
    /// `restart_timeout`.
    pub restart_timeout: Restart,
    /// `notifications`.
    pub notifications: bool,
    /// `notifications_local_only`.
    pub notifications_local_only: bool,
    /// `notification_topic`.
    pub notification_topic: Option<String>,
    /// `bridge_attempt_unsubscribe`.
    pub attempt_unsubscribe: bool,
    /// `bridge_outgoing_retain`.
    pub outgoing_retain: bool,
    /// `bridge_max_topic_alias`.
    pub max_topic_alias: u16,
    /// `bridge_receive_maximum`.
    pub receive_maximum: Option<u16>,
    /// `bridge_session_expiry_interval`, seconds.
    pub session_expiry_interval: u32,
    /// `bridge_max_packet_size`, bytes.
    pub max_packet_size: Option<u32>,
    /// `bridge_bind_address`.
    pub bind_address: Option<TextSetting>,
    /// `bridge_tcp_keepalive`.
    pub tcp_keepalive: Option<TcpKeepalive>,
    /// `bridge_tcp_user_timeout`, milliseconds.
    pub tcp_user_timeout: Option<u32>,
    /// `bridge_reload_type`.
    pub reload_type: BridgeReload,
    /// TLS; `None`: plain.
    pub tls: Option<BridgeTls>,
}

/// One remote address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BridgeAddress {
    /// Host name or address.
    pub host: String,
    /// Port, 1883 unless written.
    pub port: u16,
}

/// A password in the configuration file: never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct BridgePassword(pub String);

impl std::fmt::Debug for BridgePassword {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BridgePassword")
    }
}

/// `bridge_tcp_keepalive`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TcpKeepalive {
    /// Seconds of silence until the first probe.
    pub idle_secs: u32,
    /// Seconds between probes.
    pub interval_secs: u32,
    /// Probes without an answer.
    pub count: u32,
}

/// `bridge_reload_type`: when a changed section takes effect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum BridgeReload {
    /// When the connection ends by itself.
    #[default]
    Lazy,
    /// At once.
    Immediate,
}

/// TLS towards the remote broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BridgeTls {
    /// Where the key stands that turned TLS on.
    pub at: Place,
    /// `bridge_cafile`.
    pub cafile: Option<FileSetting>,
    /// `bridge_capath`.
    pub capath: Option<FileSetting>,
    /// `bridge_tls_use_os_certs`.
    pub use_os_certs: bool,
    /// `bridge_certfile` and `bridge_keyfile`.
    pub certificate: Option<BridgeCertificate>,
    /// `bridge_insecure`: the name is not compared.
    pub insecure: bool,
    /// `bridge_require_ocsp`: the other broker must staple an OCSP response.
    pub require_ocsp: bool,
    /// `bridge_tls_version`.
    pub versions: TlsVersions,
    /// `bridge_alpn`.
    pub alpn: Option<String>,
    /// `bridge_ciphers`.
    pub ciphers: Option<TextSetting>,
    /// `bridge_ciphers_tls1.3`.
    pub ciphers_tls13: Option<TextSetting>,
    /// `legacy_server_certs`.
    pub legacy_server_certs: LegacyServerCerts,
}

/// Who the bridge is towards the remote broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BridgeCertificate {
    /// `bridge_certfile`.
    pub certfile: FileSetting,
    /// `bridge_keyfile`.
    pub keyfile: FileSetting,
}

/// `legacy_server_certs`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum LegacyServerCerts {
    /// Version 1 and CN-only certificates are taken, with a finding.
    #[default]
    Warn,
    /// They are refused.
    Deny,
}

impl Bridge {
    /// The same as if it stood nowhere, to compare what two files say.
    #[must_use]
    pub fn without_places(&self) -> Bridge {
        let nowhere = Place::command_line;
        let mut bare = self.clone();
        bare.at = nowhere();
        bare.bind_address.iter_mut().for_each(|text| text.at = nowhere());
        if let Some(tls) = &mut bare.tls {
            tls.at = nowhere();
            let files = tls.cafile.iter_mut().chain(&mut tls.capath);
            let own = tls.certificate.iter_mut().flat_map(|own| [&mut own.certfile, &mut own.keyfile]);
            files.chain(own).for_each(|file| file.at = nowhere());
            tls.ciphers.iter_mut().chain(&mut tls.ciphers_tls13).for_each(|text| text.at = nowhere());
        }
        bare
    }

    /// The client id at the remote broker.
    pub fn remote_client_id(&self, host_name: &str) -> String {
        self.remote_clientid.clone().unwrap_or_else(|| format!("{host_name}.{}", self.name))
    }

    /// The client id here.
    pub fn local_client_id(&self, host_name: &str) -> String {
        self.local_clientid.clone().unwrap_or_else(|| format!("local.{}", self.remote_client_id(host_name)))
    }
}
