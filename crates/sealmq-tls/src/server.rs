//! One listener's TLS: an immutable snapshot of policy, key, trust and rules.
//!
//! A reload builds a new one beside the old and swaps it in whole; a build that fails changes nothing. Sessions in
//! their handshake finish with the snapshot they began with, and are judged with the new one.

use std::collections::HashSet;
use std::sync::Arc;

use rustls::pki_types::UnixTime;
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert, UnbufferedServerConnection};
use rustls::sign::CertifiedKey;
use rustls::time_provider::TimeProvider;
use rustls::{DistinguishedName, ServerConfig};
use sealmq_pki::Timestamp;
use sealmq_pki::watch::Watched;
use thiserror::Error;

use crate::Finding;
use crate::alpn::Alpn;
use crate::anchors::{AnchorError, PemSource, TrustStore};
use crate::certificates::{self, Certificates};
use crate::chain;
use crate::failure::Refusal;
use crate::identity::IdentityRule;
use crate::judge::{
    Again, ClientAuth, ClientDates, Judge, Judged, LegacyClientCerts, OwnCas, OwnIssuer, PeerChain,
};
use crate::keys::{KeyPair, Served};
use crate::known_signatures::KnownSignatures;
use crate::negotiated::Negotiated;
use crate::policy::{PolicyError, SuiteOrder, TlsPolicy};
use crate::revocation::{CrlAge, CrlError, CrlSet, CrlSpec};
use crate::secret_log::{SecretLog, Secrets};
use crate::session::{RecordSize, Seen, TlsSession};
use crate::staples::Staples;
use crate::tickets::{Resumption, SessionTickets, TicketKeys};
use crate::trust::TrustGeneration;
use crate::verifier_client::HandshakeVerifier;
use crate::watched::watched;

/// What a listener's TLS is made of.
#[derive(Clone, Debug)]
pub struct ServerTlsSpec {
    /// Versions and suites.
    pub policy: TlsPolicy,
    /// Certificate and key, for everybody who asks for no other.
    pub key_pair: KeyPair,
    /// More of them, each for the names that its certificate holds (SNI).
    pub more_key_pairs: Vec<KeyPair>,
    /// Whether sessions may be resumed.
    pub resumption: Resumption,
    /// `cafile` and every file of `capath`: for client certificates, and to complete our own chain.
    pub anchors: Vec<PemSource>,
    /// Whether client certificates are asked for.
    pub client_auth: ClientAuth,
    /// What makes the user name.
    pub identity: IdentityRule,
    /// Version 1 client certificates.
    pub legacy_client_certs: LegacyClientCerts,
    /// Whether the dates of client certificates count.
    pub client_dates: ClientDates,
    /// `crlfile`; `None`: no revocation lists are asked for.
    pub crls: Option<CrlSpec>,
    /// Our own CA, where this listener trusts it.
    pub own: Option<OwnIssuer>,
    /// What *all* listeners of this broker serve; this listener's pair is added by itself.
    pub served: Served,
    /// The process' counter.
    pub generation: Arc<TrustGeneration>,
    /// The process' memory of good signatures over certificates.
    pub signatures: Arc<KnownSignatures>,
    /// The largest plaintext of a record.
    pub record_size_max: RecordSize,
    /// Application protocols.
    pub alpn: Alpn,
}

/// Why a listener's TLS cannot be made. Displays with a `hint:` line.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BuildError {
    /// `cafile`, `capath`.
    #[error("{0}")]
    Anchors(#[from] AnchorError),
    /// `crlfile`.
    #[error("{0}")]
    Crls(#[from] CrlError),
    /// Suites and key do not fit.
    #[error("{0}")]
    Policy(#[from] PolicyError),
    /// rustls refuses the combination.
    #[error("TLS cannot be set up: {reason}\nhint: please report it, with the configuration")]
    Library {
        /// What it says.
        reason: String,
    },
}

impl From<rustls::Error> for BuildError {
    fn from(error: rustls::Error) -> BuildError {
        BuildError::Library { reason: error.to_string() }
    }
}

/// One listener's TLS. Cheap to clone.
#[derive(Clone)]
pub struct ServerTls(Arc<Snapshot>);

struct Snapshot {
    policy: TlsPolicy,
    certificates: Arc<Certificates>,
    staples: Option<Arc<Staples>>,
    judge: Arc<Judge>,
    tickets: Option<TicketKeys>,
    /// Names of the CAs whose clients we take, for the CertificateRequest.
    names: Arc<[DistinguishedName]>,
    record_size_max: RecordSize,
    alpn: Alpn,
    watched: Vec<Watched>,
    secrets: Option<Secrets>,
}

impl ServerTls {
    /// Checks everything and makes the snapshot. Findings are for the log and for `check`.
    ///
    /// # Errors
    /// [`BuildError`]: a file that is only partly readable, no anchor while client certificates are wanted, suites
    /// that no client could use with this key.
    pub fn build(spec: ServerTlsSpec, now: Timestamp) -> Result<(ServerTls, Vec<Finding>), BuildError> {
        let (mut store, mut findings) = TrustStore::read(&spec.anchors, now)?;
        let mut own_keys = HashSet::new();
        if let Some(own) = &spec.own {
            for ca in crate::anchors::certificates(&own.certificates, &mut findings)? {
                own_keys.insert(ca.facts.computed_key_id.clone());
                store.sort_in(ca, now, &mut findings);
            }
        }
        let asks = spec.client_auth != ClientAuth::None;
        if asks && store.anchors_at(now).next().is_none() {
            return Err(no_anchor(&spec, &findings).into());
        }
        for pair in std::iter::once(&spec.key_pair).chain(&spec.more_key_pairs) {
            findings.extend(spec.policy.check_key(pair.algorithm())?);
            findings.extend(pair.server_findings(now));
        }
        findings.extend(spec.more_key_pairs.iter().filter_map(nameless));
        let algorithms = spec.policy.provider.signature_verification_algorithms;
        let mut crls = None;
        if let Some(spec) = &spec.crls {
            let (read, more) = CrlSet::read(spec, &store, &algorithms, now)?;
            findings.extend(more);
            crls = Some(read);
        }
        let mut served = spec.served;
        let pairs: Vec<&KeyPair> = std::iter::once(&spec.key_pair).chain(&spec.more_key_pairs).collect();
        let certificates = Certificates::new(pairs.iter().map(|pair| {
            served.add(pair);
            (pair.leaf(), pair.certified(chain::complete(pair.chain(), &store, algorithms.all)))
        }));
        let names = store.names_at(now).into();
        let staples = spec.own.as_ref().map(|own| Arc::clone(&own.staples));
        let watched = watched(&pairs, &store, crls.as_ref());
        let judge = Judge {
            store,
            own: spec.own.map(|own| OwnCas { keys: own_keys, known: own.known }),
            client_auth: spec.client_auth,
            identity: spec.identity,
            legacy: spec.legacy_client_certs,
            dates: spec.client_dates,
            crls,
            served,
            generation: spec.generation,
            algorithms,
            signatures: spec.signatures,
        };
        let snapshot = Snapshot {
            policy: spec.policy,
            certificates: Arc::new(certificates),
            staples,
            judge: Arc::new(judge),
            tickets: match spec.resumption {
                Resumption::On => Some(TicketKeys::new()?),
                Resumption::Off => None,
            },
            names,
            record_size_max: spec.record_size_max,
            alpn: spec.alpn,
            watched,
            secrets: None,
        };
        let tls = ServerTls(Arc::new(snapshot));
        // Whatever rustls could object to, it objects to now and not at the first connection.
        tls.try_session(now)?;
        Ok((tls, findings))
    }

    /// The same, and the secrets of each session go to `log`: whoever reads them reads the connections. For a developer
    /// with a packet analyser (`--tls-keylog`), called once, before it is shared.
    #[must_use]
    pub fn insecure_with_secrets_logged(mut self, log: Arc<dyn SecretLog>) -> ServerTls {
        if let Some(snapshot) = Arc::get_mut(&mut self.0) {
            snapshot.secrets = Some(Secrets::new(log));
        }
        self
    }

    /// A session for a connection that was just accepted; its handshake is verified as of `now`.
    pub fn session(&self, now: Timestamp) -> TlsSession {
        self.try_session(now).expect("the same configuration made a session in `build`")
    }

    /// The whole decision about a peer, after every handshake and whenever the trust generation moved: required and
    /// absent, chain, dates, version 1, served certificates, the inventory of our own CA, identity.
    ///
    /// # Errors
    /// [`Refusal`]; a check that cannot be made refuses.
    pub fn judge(&self, peer: &PeerChain, now: Timestamp) -> Result<Judged, Refusal> {
        self.judge_again(peer, Again::as_new(now))
    }

    /// The whole decision about a peer that was let in before, as far as it can still end its session.
    ///
    /// # Errors
    /// As [`ServerTls::judge`].
    pub fn judge_again(&self, peer: &PeerChain, again: Again) -> Result<Judged, Refusal> {
        self.0.judge.decide(peer, again)
    }

    /// Whether what was agreed upon with a client, in a handshake under whatever rules counted then, is allowed now.
    ///
    /// # Errors
    /// [`Refusal`]: version, suite or application protocol are not.
    pub fn allows(&self, negotiated: Negotiated) -> Result<(), Refusal> {
        negotiated.check(&self.0.policy, self.0.alpn.unknown)
    }

    /// Whether this listener asks for client certificates.
    pub fn client_auth(&self) -> ClientAuth {
        self.0.judge.client_auth
    }

    /// The next moment at which something in the trust of this listener ends or begins by itself: raise the
    /// generation then. `None` if nothing will.
    pub fn next_change(&self, now: Timestamp) -> Option<Timestamp> {
        let store = &self.0.judge.store;
        store
            .all()
            .flat_map(|ca| [ca.facts.not_before, ca.facts.not_after.plus_secs(1)])
            .chain(self.0.judge.crls.iter().flat_map(CrlSet::changes))
            .filter(|at| *at > now)
            .min()
    }

    /// This snapshot serves from now on: no revocation list older than its own is taken any more.
    pub fn in_force(&self) {
        self.0.judge.crls.iter().for_each(CrlSet::in_force);
    }

    /// What should be said about the revocation lists at `now`, each with its age: to be said again when that changes.
    pub fn crl_alarms(&self, now: Timestamp) -> Vec<(CrlAge, Finding)> {
        self.0.judge.crls.iter().flat_map(|crls| crls.alarms(now)).collect()
    }

    /// Everything here that ends: certificates that are shown or trusted, revocation lists.
    pub fn watched(&self) -> &[Watched] {
        &self.0.watched
    }

    /// How many certificates are presented: the leaf and those that complete its chain.
    pub fn presented(&self) -> usize {
        self.0.certificates.presented()
    }

    fn try_session(&self, now: Timestamp) -> Result<TlsSession, rustls::Error> {
        let seen = Arc::new(Seen::default());
        let config = self.0.config(now, &seen)?;
        let without_alpn = self.0.alpn.looks_first().then(|| config.clone());
        let session = TlsSession::server(UnbufferedServerConnection::new(Arc::new(config))?, seen);
        let Some(mut instead) = without_alpn else { return Ok(session) };
        instead.alpn_protocols = Vec::new();
        Ok(session.or_without_alpn(self.0.alpn.protocols.clone(), instead))
    }
}

impl std::fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerTls").field("client_auth", &self.client_auth()).finish_non_exhaustive()
    }
}

impl Snapshot {
    /// rustls' configuration for one session. It is dropped with the handshake.
    ///
    /// One for each session costs a few microseconds beside a handshake of hundreds, and lets time and refusals of a
    /// session stay its own. Defaults of rustls 0.23 that are changed here: `session_storage` (keeps 256), `ticketer`
    /// (never), `send_tls13_tickets` (2: one is enough, and each has a kilobyte), `cert_decompressors` (none compiled in; a limit on what a stranger may expand).
    /// Relied upon: `max_early_data_size` 0, `max_tls13_tickets` 0, `key_log` none
    /// (but for [`ServerTls::insecure_with_secrets_logged`]).
    fn config(&self, now: Timestamp, seen: &Arc<Seen>) -> Result<ServerConfig, rustls::Error> {
        let builder =
            ServerConfig::builder_with_details(Arc::clone(&self.policy.provider), Arc::new(At(now)))
                .with_protocol_versions(self.policy.versions.for_rustls())?;
        let builder = match self.judge.client_auth {
            ClientAuth::None => builder.with_no_client_auth(),
            ClientAuth::Optional | ClientAuth::Required => {
                builder.with_client_cert_verifier(Arc::new(HandshakeVerifier {
                    judge: Arc::clone(&self.judge),
                    names: Arc::clone(&self.names),
                    now,
                    seen: Arc::clone(seen),
                }))
            }
        };
        let resolver = Resolver {
            certificates: Arc::clone(&self.certificates),
            staples: self.staples.clone(),
            seen: Arc::clone(seen),
        };
        let mut config = builder.with_cert_resolver(Arc::new(resolver));
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = usize::from(self.tickets.is_some());
        if let Some(keys) = &self.tickets {
            config.ticketer = Arc::new(SessionTickets {
                keys: keys.clone(),
                judge: Arc::clone(&self.judge),
                generation: self.judge.generation.current(),
                now,
                seen: Arc::clone(seen),
            });
        }
        config.max_early_data_size = 0;
        config.cert_decompressors = Vec::new();
        config.cert_compressors = Vec::new();
        config.ignore_client_order = self.policy.order == SuiteOrder::Configured;
        config.max_fragment_size = Some(self.record_size_max.for_rustls());
        config.alpn_protocols.clone_from(&self.alpn.protocols);
        if let Some(secrets) = &self.secrets {
            config.key_log = Arc::new(secrets.clone());
        }
        Ok(config)
    }
}

/// A certificate for certain names that has none is given to nobody.
fn nameless(pair: &KeyPair) -> Option<Finding> {
    (!certificates::has_names(pair.leaf())).then(|| {
        Finding::new(
            "certificate-for-no-name",
            format!("{}: the certificate holds no DNS name, so no client is ever given it", pair.origin()),
            "reissue it with the names that clients dial as SAN (DNS), or remove its line",
        )
    })
}

fn no_anchor(spec: &ServerTlsSpec, findings: &[Finding]) -> AnchorError {
    let origins: Vec<&str> = spec.anchors.iter().map(|source| source.origin.as_str()).collect();
    let origins = if origins.is_empty() { "the configuration".to_owned() } else { origins.join(", ") };
    let reasons: Vec<&str> = findings.iter().map(|finding| finding.text.as_str()).collect();
    let reason =
        if reasons.is_empty() { "none of them is self-signed".to_owned() } else { reasons.join("; ") };
    AnchorError::NoAnchor { whose: "client", origins, reason }
}

/// The time of one session.
#[derive(Debug)]
pub(crate) struct At(pub(crate) Timestamp);

impl TimeProvider for At {
    fn current_time(&self) -> Option<UnixTime> {
        let secs = u64::try_from(self.0.as_secs()).ok()?;
        Some(UnixTime::since_unix_epoch(std::time::Duration::from_secs(secs)))
    }
}

/// Gives the certificate for the name that was asked for, and notes the name.
#[derive(Debug)]
struct Resolver {
    certificates: Arc<Certificates>,
    staples: Option<Arc<Staples>>,
    seen: Arc<Seen>,
}

impl ResolvesServerCert for Resolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.seen.asked_for(hello.server_name());
        let chosen = self.certificates.choose(hello.server_name(), hello.signature_schemes())?;
        Some(match &self.staples {
            Some(staples) => staples.onto(chosen),
            None => chosen,
        })
    }
}
