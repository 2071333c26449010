//! What TLS is allowed and who the peer is: policy, trust, identity, and [`TlsSession`].
//!
//! The one crate that knows rustls. Sans-I/O: bytes, files' contents and the time are arguments ([`OsRoots::load`]
//! alone reads the system's list of CAs). Not here: sockets, reload and its triggers (`sealmq-server`), issuing and
//! reading certificates (`sealmq-pki`).
//!
//! The order of a connection: [`ServerTls::session`] → [`TlsSession::open`] until [`Progress::Established`] →
//! [`ServerTls::judge`] → only then anything that the peer said is used. [`VerifiedIdentity`] is made by `judge`
//! alone; whoever holds one knows that the whole decision was made, and at which [`Generation`] of trust.
//!
//! Invariants:
//! - TLS 1.2 and 1.3, AEAD with forward secrecy; nothing that the configuration left out is offered.
//! - Resumption by stateless tickets, whose keys belong to one [`ServerTls`] and which count at one trust generation; no
//!   0-RTT, no renegotiation, no session store.
//! - What cannot be checked is refused, and a check that panics refuses.
//! - Every failure goes through the one table [`SYMPTOMS`]: direction, stage, stable code, certificate, hint.

mod alpn;
mod anchors;
mod certificates;
mod chain;
mod ciphers;
mod client;
mod failure;
mod fields;
mod finding;
mod first_bytes;
mod identity;
mod judge;
mod keys;
mod known_signatures;
mod legacy;
mod negotiated;
mod os_roots;
mod path;
mod policy;
mod revocation;
mod secret_log;
mod server;
mod session;
mod signature;
mod staple;
mod staples;
mod symptoms;
mod tickets;
mod trust;
mod unbuffered;
mod undated;
mod verdict;
mod verifier_client;
mod verifier_server;
mod watched;

pub use alpn::{Alpn, UnknownAlpn};
pub use anchors::{AnchorError, PemSource};
pub use client::{BadServerName, ClientTls, ClientTlsSpec};
pub use failure::{CertificateAtFault, Direction, Refusal, Role, Stage, TlsFailure};
pub use fields::{CertificateField, FieldValue, IdentitySourceError, IdentitySources};
pub use finding::Finding;
pub use identity::{IdentityRule, VerifiedIdentity};
pub use judge::{
    Again, ClientAuth, ClientDates, Judged, Known, LegacyClientCerts, OwnIssuer, PeerChain, Revocation,
    Status,
};
pub use keys::{KeyPair, KeyPairError, Served};
pub use known_signatures::KnownSignatures;
pub use negotiated::Negotiated;
pub use os_roots::OsRoots;
pub use policy::{PolicyError, TlsPolicy, TlsVersion, Versions};
pub use revocation::{CRL_ALARMS, CrlAge, CrlCheck, CrlError, CrlLedger, CrlPolicy, CrlSource, CrlSpec};
pub use sealmq_pki::Timestamp;
pub use secret_log::SecretLog;
pub use server::{BuildError, ServerTls, ServerTlsSpec};
pub use session::{Progress, RecordSize, TlsSession};
pub use staple::ServerOcsp;
pub use staples::{Staple, Staples};
pub use symptoms::{Code, SYMPTOMS, Symptom};
pub use tickets::Resumption;
pub use trust::{Generation, TrustGeneration};
pub use verdict::{ServerHost, Verdict, VerdictSpec};
pub use verifier_server::{LegacyServerCerts, VerifyServer};
