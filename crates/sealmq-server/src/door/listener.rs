//! One listener as the door, and later each of its clients, sees it.
//!
//! What can change while the process runs stands in [`Terms`], one snapshot that a reload replaces whole and nobody
//! edits. A listener that a reload removes is `ListenerState::close`d: nobody is admitted through it any more, and
//! whoever was is judged so.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;
use sealmq_broker::{ListenerId, ListenerRules};
use sealmq_config::{IdentityRule, Protocol, ProtocolVersions, Proxy, TakenBack};
use sealmq_tls::ServerTls;

use super::limits::Counter;
use super::name_proofs::NameProofs;
use super::passwords::PasswordTable;
use super::web::Web;

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

/// What a listener demands and grants now: everything of it that a reload may change.
#[derive(Debug, Clone)]
pub struct Terms {
    /// What is spoken, and what browsers get.
    pub web: Arc<Web>,
    /// How the user name comes from a certificate: one that was shown to us, or to a proxy that we believe.
    pub identity: IdentityRule,
    /// What becomes of clients whose certificate is taken back while they are in.
    pub taken_back: TakenBack,
    /// What the core rules for its clients.
    pub rules: Arc<ListenerRules>,
    /// Bytes of one TLS record at most.
    pub record_bytes_max: usize,
    /// Who may come in.
    pub access: Arc<AccessRules>,
    pub(crate) tls: Option<Arc<ServerTls>>,
    pub(crate) passwords: Option<Arc<PasswordTable>>,
    pub(crate) proofs: Arc<NameProofs>,
}

/// See the module.
#[derive(Debug)]
pub struct ListenerState {
    /// Its number: from 0 in the order of the configuration at the start. A reload gives a listener that stays the
    /// number it had, and a new one a number that nobody had.
    pub id: ListenerId,
    /// Its port or path, for log lines: `port 8883`.
    pub name: String,
    /// Where it is and what is spoken there.
    pub facts: ListenerFacts,
    /// The PROXY header that comes first, and whose is believed; `None`: clients come directly. With another one it is
    /// another listener.
    pub proxy: Option<Proxy>,
    /// Its connections, up to `max_connections`.
    pub connections: Arc<Counter>,
    terms: ArcSwap<Terms>,
    closed: AtomicBool,
}

impl ListenerState {
    /// A listener that admits by these terms.
    #[must_use]
    pub fn new(
        id: ListenerId,
        name: String,
        facts: ListenerFacts,
        connections: Arc<Counter>,
        terms: Terms,
    ) -> ListenerState {
        let terms = ArcSwap::from_pointee(terms);
        ListenerState { id, name, facts, proxy: None, connections, terms, closed: AtomicBool::new(false) }
    }

    /// Behind this proxy.
    #[must_use]
    pub fn behind(mut self, proxy: Option<Proxy>) -> ListenerState {
        self.proxy = proxy;
        self
    }

    /// Its terms of now. Take them once where several of them must fit together.
    #[must_use]
    pub fn terms(&self) -> Arc<Terms> {
        self.terms.load_full()
    }

    /// Other terms from now on. Published, not raised: the trust generation is the caller's to raise afterwards.
    pub(crate) fn replace_terms(&self, terms: Terms) {
        self.terms.store(Arc::new(terms));
    }

    /// Changes a part of the terms; only one reload runs at a time, so nothing is lost in between.
    pub(crate) fn change_terms(&self, change: impl FnOnce(&mut Terms)) {
        let mut terms = Terms::clone(&self.terms.load());
        change(&mut terms);
        self.replace_terms(terms);
    }

    /// Its TLS of now; `None`: plaintext.
    #[must_use]
    pub fn tls(&self) -> Option<Arc<ServerTls>> {
        self.terms.load().tls.clone()
    }

    /// Its passwords of now; `None`: no `password_file`.
    #[must_use]
    pub fn passwords(&self) -> Option<Arc<PasswordTable>> {
        self.terms.load().passwords.clone()
    }

    /// Nobody comes in through it any more. Published, not raised.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    /// Whether a reload has removed it.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// What else proves names now.
    #[must_use]
    pub fn proofs(&self) -> Arc<NameProofs> {
        Arc::clone(&self.terms.load().proofs)
    }

    /// Who may come in now.
    #[must_use]
    pub fn access(&self) -> Arc<AccessRules> {
        Arc::clone(&self.terms.load().access)
    }
}
