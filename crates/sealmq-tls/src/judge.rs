//! The whole decision about a peer: who may be here, and who that is.
//!
//! The door runs it after *every* handshake, and the shard again whenever the trust generation moved. The handshake
//! verifier runs its first half (path, version 1, served certificates) so that the peer gets a fitting alert; only
//! the whole of it makes a [`VerifiedIdentity`].
//!
//! Invariants: a check that cannot be made refuses, and so does one that panics.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::CertificateDer;
use sealmq_pki::cert::{ExtKeyUsage, Version};
use sealmq_pki::inventory::Role;
use sealmq_pki::{Facts, Fingerprint, KeyId, Serial, Timestamp};

use crate::Finding;
use crate::anchors::{PemSource, TrustStore};
use crate::failure::Refusal;
use crate::identity::{IdentityRule, Verified, VerifiedIdentity};
use crate::keys::Served;
use crate::known_signatures::KnownSignatures;
use crate::path::{Check, LeafDates, Path, Purpose, Version1};
use crate::revocation::CrlSet;
use crate::staples::Staples;
use crate::symptoms::Code;
use crate::trust::{Generation, TrustGeneration};

/// Whether a listener asks for a client certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAuth {
    /// It does not ask.
    None,
    /// It asks; a client may send none. One that is sent is verified as if it were required.
    Optional,
    /// Without one the handshake fails.
    Required,
}

/// `legacy_client_certs`: version 1 client certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LegacyClientCerts {
    /// Take them silently.
    Accept,
    /// Take them, each with a finding.
    Warn,
    /// Refuse them.
    Deny,
}

/// `disable_client_cert_date_checks`: whether a client's own certificate must be within its dates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientDates {
    /// It must.
    Checked,
    /// It need not, and its end ends nothing. The CAs above it must all the same.
    Unchecked,
}

/// What the inventory says about a certificate of our own CA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It is in the inventory and counts; with what is recorded there.
    Valid {
        /// What it was issued for.
        role: Role,
        /// SHA-256 of the certificate that was issued under this serial. The judgment compares it: whoever has the
        /// issuing CA's key can sign another certificate with a serial that is valid.
        fingerprint: Fingerprint,
    },
    /// It is on hold: refused until somebody lets go of it.
    Held,
    /// It was revoked.
    Revoked,
    /// It is not in the inventory: refused, since our CA signs nothing without a record.
    Unknown,
    /// The inventory cannot answer (missing, locked, older than the CRL): refused.
    CannotTell,
}

/// The inventory of our own CA, as the judgment sees it.
pub trait Known: Send + Sync {
    /// The status of a certificate by its issuer's key ([`KeyId::of_public_key`]) and serial.
    fn status(&self, issuer: &KeyId, serial: &Serial) -> Status;
}

/// Our own CA on a listener: certificates that it issued are valid only if the inventory says so.
#[derive(Clone)]
pub struct OwnIssuer {
    /// Root and issuing CAs, PEM. They count as configured CA certificates.
    pub certificates: PemSource,
    /// The inventory.
    pub known: Arc<dyn Known>,
    /// What it says about our own certificate, for clients that ask.
    pub staples: Arc<Staples>,
}

impl std::fmt::Debug for OwnIssuer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OwnIssuer").field("certificates", &self.certificates.origin).finish_non_exhaustive()
    }
}

/// The certificates that a peer sent, leaf first; cheap to clone, to be kept with the connection.
#[derive(Clone, Debug)]
pub struct PeerChain(pub(crate) Option<Arc<[CertificateDer<'static>]>>);

impl PeerChain {
    /// A peer that sent no certificate.
    pub const NONE: PeerChain = PeerChain(None);

    /// The certificates in DER, leaf first; empty where none was sent.
    pub fn certificates(&self) -> &[CertificateDer<'static>] {
        self.0.as_deref().unwrap_or(&[])
    }
}

/// The outcome of a judgment in favour of the peer.
#[derive(Clone, Debug)]
pub enum Judged {
    /// No certificate was sent, and none is required here.
    Anonymous {
        /// The generation at which it was judged.
        generation: Generation,
    },
    /// A certificate was sent and verified.
    Identified(VerifiedIdentity),
}

impl Judged {
    /// The identity, if there is one.
    pub fn identity(&self) -> Option<&VerifiedIdentity> {
        match self {
            Judged::Identified(identity) => Some(identity),
            Judged::Anonymous { .. } => None,
        }
    }

    /// The generation at which it was judged.
    pub fn generation(&self) -> Generation {
        match self {
            Judged::Identified(identity) => identity.generation(),
            Judged::Anonymous { generation } => *generation,
        }
    }
}

/// How a session that is in is judged again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Again {
    /// The time by which revocation lists are current or not.
    pub now: Timestamp,
    /// The time by which certificates are within their dates: `now`, or earlier where their end ends no session.
    pub dates_as_of: Timestamp,
    /// Whether a revocation ends it.
    pub revocation: Revocation,
}

/// Whether revocation counts in a judgment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revocation {
    /// It does.
    Counts,
    /// It does not (`revocation_kick false`, for sessions that are in).
    Ignored,
}

impl Again {
    /// As a newcomer is judged.
    pub const fn as_new(now: Timestamp) -> Again {
        Again { now, dates_as_of: now, revocation: Revocation::Counts }
    }
}

/// Our own CAs, and who of theirs counts.
pub(crate) struct OwnCas {
    /// Their keys.
    pub(crate) keys: HashSet<KeyId>,
    pub(crate) known: Arc<dyn Known>,
}

/// What a listener's decision rests on.
pub(crate) struct Judge {
    pub(crate) store: TrustStore,
    pub(crate) own: Option<OwnCas>,
    pub(crate) client_auth: ClientAuth,
    pub(crate) identity: IdentityRule,
    pub(crate) legacy: LegacyClientCerts,
    pub(crate) dates: ClientDates,
    /// `crlfile`; `None`: revocation lists are not asked for.
    pub(crate) crls: Option<CrlSet>,
    pub(crate) served: Served,
    pub(crate) generation: Arc<TrustGeneration>,
    pub(crate) algorithms: WebPkiSupportedAlgorithms,
    /// So that no signature over a certificate is computed twice.
    pub(crate) signatures: Arc<KnownSignatures>,
}

impl Judge {
    /// The whole decision.
    pub(crate) fn decide(&self, peer: &PeerChain, again: Again) -> Result<Judged, Refusal> {
        guarded(|| {
            // Before anything else is read: see `trust`.
            let generation = self.generation.current();
            match (self.client_auth, peer.certificates()) {
                (ClientAuth::None, _) | (ClientAuth::Optional, []) => Ok(Judged::Anonymous { generation }),
                (ClientAuth::Required, []) => Err(Refusal::new(Code::NoCertificate, "")),
                (ClientAuth::Optional | ClientAuth::Required, chain) => {
                    self.identify(chain, again, generation).map(Judged::Identified)
                }
            }
        })
    }

    /// The half that needs no inventory: what the handshake verifier runs.
    pub(crate) fn admit(&self, chain: &[CertificateDer<'_>], again: Again) -> Result<Path, Refusal> {
        let version1 = match self.legacy {
            LegacyClientCerts::Accept | LegacyClientCerts::Warn => Version1::Allowed,
            LegacyClientCerts::Deny => Version1::Refused,
        };
        let remembering = self.signatures.over(self.algorithms.all);
        let check = Check {
            store: &self.store,
            algorithms: &remembering.all(),
            purpose: Purpose::Client,
            version1,
            dates: match self.dates {
                ClientDates::Checked => LeafDates::Checked,
                ClientDates::Unchecked => LeafDates::Unchecked,
            },
            now: again.dates_as_of,
        };
        let path = check.run(chain)?;
        self.not_served(&path.leaf)?;
        let ours = path.links.first().is_some_and(|link| self.is_own(&link.issuer));
        if ours && path.leaf.version == Version::V1 {
            return Err(Refusal::about(Code::Version1, &path.leaf, "our own CA issues none"));
        }
        match again.revocation {
            Revocation::Counts => self.not_on_a_list(&path, again.now)?,
            Revocation::Ignored => {}
        }
        Ok(path)
    }

    fn not_on_a_list(&self, path: &Path, now: Timestamp) -> Result<(), Refusal> {
        let Some(crls) = &self.crls else { return Ok(()) };
        crls.check(&path.links, &path.anchor, &self.algorithms, |issuer| self.is_own(issuer), now)
    }

    fn is_own(&self, issuer: &KeyId) -> bool {
        self.own.as_ref().is_some_and(|own| own.keys.contains(issuer))
    }

    /// A certificate that we serve logs nobody in, unless it says clientAuth itself (a bridge's). The guide's
    /// version 1 `server.crt` has no purpose field, and neither have version 3 certificates without ExtendedKeyUsage.
    fn not_served(&self, leaf: &Facts) -> Result<(), Refusal> {
        let says_client =
            leaf.ext_key_usage.as_ref().is_some_and(|usages| usages.contains(&ExtKeyUsage::ClientAuth));
        if self.served.holds(leaf) && !says_client {
            return Err(Refusal::about(Code::ServedAsClient, leaf, ""));
        }
        Ok(())
    }

    fn identify(
        &self,
        chain: &[CertificateDer<'_>],
        again: Again,
        generation: Generation,
    ) -> Result<VerifiedIdentity, Refusal> {
        let path = self.admit(chain, again)?;
        self.recognise(&path, again, generation)
    }

    /// The other half, for a path that was admitted: the inventory, and who it is.
    pub(crate) fn recognise(
        &self,
        path: &Path,
        again: Again,
        generation: Generation,
    ) -> Result<VerifiedIdentity, Refusal> {
        let role = self.known_role(path, again.revocation)?;
        let mut findings = Vec::new();
        if path.leaf.version == Version::V1 && self.legacy == LegacyClientCerts::Warn {
            findings.push(Finding::new(
                "version-1-client-certificate",
                format!(
                    "the client certificate '{}' (serial {}) is X.509 version 1: it has no purpose and no SAN",
                    path.leaf.subject.rfc2253().escape_debug(),
                    path.leaf.serial
                ),
                "reissue it as version 3 with the same key: `openssl x509 -req` again, with '-extfile' (extendedKeyUsage=clientAuth)",
            ));
        }
        let issuer = path.links.first().expect("a path has its leaf").issuer.clone();
        let verified =
            Verified { leaf: &path.leaf, issuer, not_after: path.not_after, generation, role, findings };
        VerifiedIdentity::new(self.identity, verified)
    }

    /// Asks the inventory about every certificate of the path that our own CA issued.
    fn known_role(&self, path: &Path, revocation: Revocation) -> Result<Option<Role>, Refusal> {
        let mut leaf_role = None;
        let Some(own) = &self.own else { return Ok(None) };
        for (depth, link) in path.links.iter().enumerate().filter(|(_, link)| own.keys.contains(&link.issuer))
        {
            let role = match own.known.status(&link.issuer, &link.serial) {
                Status::Valid { role, fingerprint } if fingerprint == link.facts.fingerprint => role,
                Status::Valid { .. } => {
                    let detail = "its serial is that of another certificate, so somebody else has signed with the CA's key";
                    return Err(Refusal::about(Code::NotInInventory, &link.facts, detail));
                }
                // It stays until it disconnects, with the role that it had: that is in no record any more.
                Status::Revoked | Status::Held if revocation == Revocation::Ignored => continue,
                Status::Held => return Err(Refusal::about(Code::OnHold, &link.facts, "")),
                Status::Revoked => return Err(Refusal::about(Code::Revoked, &link.facts, "")),
                Status::Unknown => return Err(Refusal::about(Code::NotInInventory, &link.facts, "")),
                Status::CannotTell => return Err(Refusal::about(Code::InventorySilent, &link.facts, "")),
            };
            let fits = match role {
                Role::Device | Role::Operator => depth == 0,
                Role::Issuing | Role::Root => depth > 0,
                Role::Server | Role::OcspSigner => false,
            };
            if !fits {
                return Err(Refusal::about(
                    Code::WrongRole,
                    &link.facts,
                    format!("its recorded role is {role:?}"),
                ));
            }
            if depth == 0 {
                leaf_role = Some(role);
            }
        }
        Ok(leaf_role)
    }
}

/// Runs a check; a panic inside it refuses. Nothing that it borrowed is used after a panic but for reading.
pub(crate) fn guarded<T>(check: impl FnOnce() -> Result<T, Refusal>) -> Result<T, Refusal> {
    catch_unwind(AssertUnwindSafe(check))
        .unwrap_or_else(|_| Err(Refusal::new(Code::Internal, "a check panicked")))
}
