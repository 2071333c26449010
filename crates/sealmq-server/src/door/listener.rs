//! One listener as the door, and later each of its clients, sees it.
//!
//! What can change while the process runs (certificates and trust, passwords, who may come in) stands behind
//! `ArcSwap`: it is replaced whole, never edited. The rest is fixed.

use std::sync::Arc;

use arc_swap::{ArcSwap, ArcSwapOption};
use sealmq_broker::{ListenerId, ListenerRules};
use sealmq_config::{IdentityRule, Protocol, ProtocolVersions, Proxy, TakenBack};
use sealmq_tls::ServerTls;

use super::limits::Counter;
use super::name_proofs::NameProofs;
use super::passwords::PasswordTable;

/// Who may come in without or with what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessRules {
    /// A client without a user name is let in.
    pub allow_anonymous: bool,
    /// We choose an id for a client without one.
    pub allow_zero_length_clientid: bool,
    /// What such an id begins with.
    pub auto_id_prefix: String,
    /// The user name is the client id.
    pub use_username_as_clientid: bool,
    /// The client id must be the user name that was proved.
    pub client_id_matches_identity: bool,
    /// Client ids must begin with this.
    pub clientid_prefixes: Option<String>,
    /// Protocol versions that are served.
    pub versions: ProtocolVersions,
}

/// What a listener is, for those who ask for the list of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerFacts {
    /// Its port; 0 for a unix socket.
    pub port: u16,
    /// The address or host name that it binds to; `None`: all.
    pub address: Option<String>,
    /// The path of its unix socket.
    pub path: Option<String>,
    /// What is spoken there.
    pub protocol: Protocol,
}

/// See the module.
#[derive(Debug)]
pub struct ListenerState {
    /// Its number in the configuration, from 0.
    pub id: ListenerId,
    /// Its port or path, for log lines: `port 8883`.
    pub name: String,
    /// Where it is and what is spoken there.
    pub facts: ListenerFacts,
    /// The PROXY header that comes first, and whose is believed; `None`: clients come directly.
    pub proxy: Option<Proxy>,
    /// How the user name comes from a certificate: one that was shown to us, or to a proxy that we believe.
    pub identity: IdentityRule,
    /// What becomes of clients whose certificate is taken back while they are in.
    pub taken_back: TakenBack,
    /// What the core rules for its clients.
    pub rules: Arc<ListenerRules>,
    /// Its connections, up to `max_connections`.
    pub connections: Arc<Counter>,
    /// Bytes of one TLS record at most.
    pub record_bytes_max: usize,
    /// Who may come in.
    pub access: ArcSwap<AccessRules>,
    pub(crate) tls: ArcSwapOption<ServerTls>,
    pub(crate) passwords: ArcSwapOption<PasswordTable>,
    pub(crate) proofs: ArcSwap<NameProofs>,
}

impl ListenerState {
    /// Its TLS of now; `None`: plaintext.
    #[must_use]
    pub fn tls(&self) -> Option<Arc<ServerTls>> {
        self.tls.load_full()
    }

    /// Its passwords of now; `None`: no `password_file`.
    #[must_use]
    pub fn passwords(&self) -> Option<Arc<PasswordTable>> {
        self.passwords.load_full()
    }

    /// What else proves names now.
    #[must_use]
    pub fn proofs(&self) -> Arc<NameProofs> {
        self.proofs.load_full()
    }
}
