//! What our own verifier says about certificates that lie in files: for `cert verify`, beside the explanation of it.
//!
//! The same code that decides in a handshake, with the same anchors, asked without a connection. An answer is a sentence
//! for a person: no [`VerifiedIdentity`](crate::VerifiedIdentity) comes out of it, and nothing is admitted by it.

use std::sync::Arc;

use rustls::pki_types::{CertificateDer, ServerName};
use sealmq_pki::Timestamp;

use crate::Finding;
use crate::anchors::{PemSource, TrustStore, certificates};
use crate::failure::{Refusal, Role, Stage, TlsFailure};
use crate::identity::IdentityRule;
use crate::judge::{
    Again, ClientAuth, ClientDates, Judge, LegacyClientCerts, OwnCas, OwnIssuer, PeerChain, guarded,
};
use crate::keys::Served;
use crate::known_signatures::KnownSignatures;
use crate::policy::TlsPolicy;
use crate::revocation::{CrlSet, CrlSpec};
use crate::server::BuildError;
use crate::staple::ServerOcsp;
use crate::symptoms::Code;
use crate::trust::TrustGeneration;
use crate::verifier_server::{LegacyServerCerts, Trust, VerifyServer};

/// Certificates, and what they are held against.
#[derive(Clone, Debug)]
pub struct VerdictSpec {
    /// As a peer would send them, DER, leaf first.
    pub chain: Vec<Vec<u8>>,
    /// `cafile` and `capath`.
    pub anchors: Vec<PemSource>,
    /// `crlfile`.
    pub crls: Option<CrlSpec>,
    /// Our own CA, where it is asked.
    pub own: Option<OwnIssuer>,
    /// The time of the question.
    pub now: Timestamp,
}

/// What would happen.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// It would be taken; with what would be said about it.
    Accepted(Vec<Finding>),
    /// A version 1 certificate: taken where the legacy option (`legacy_client_certs`, `legacy_server_certs`) allows it,
    /// refused as this says elsewhere.
    WhereLegacyIsAllowed(TlsFailure),
    /// It would be refused.
    Refused(TlsFailure),
}

impl VerdictSpec {
    /// What the broker would say to a client with these certificates.
    ///
    /// # Errors
    /// The broker would not start with these files.
    pub fn of_broker(&self) -> Result<Verdict, BuildError> {
        let judged = |legacy| -> Result<Result<Vec<Finding>, Refusal>, BuildError> {
            let judge = self.judge(legacy)?;
            let chain: Vec<CertificateDer<'static>> =
                self.chain.iter().cloned().map(CertificateDer::from).collect();
            let judged = judge.decide(&PeerChain(Some(chain.into())), Again::as_new(self.now));
            Ok(judged.map(|judged| judged.identity().map(|id| id.findings().to_vec()).unwrap_or_default()))
        };
        let strict = judged(LegacyClientCerts::Deny)?;
        let refusal = match strict {
            Ok(findings) => return Ok(Verdict::Accepted(findings)),
            Err(refusal) => refusal,
        };
        let legacy = if refusal.code == Code::Version1 {
            judged(LegacyClientCerts::Warn)?
        } else {
            Err(refusal.clone())
        };
        Ok(outcome(Role::Server, refusal, legacy))
    }

    /// What `sealmq pub`, `sub` and a bridge would say to a server with these certificates; `None`: its name is not
    /// looked at.
    ///
    /// # Errors
    /// They would not start with these files.
    pub fn of_dialler(&self, name: Option<&ServerHost>) -> Result<Verdict, BuildError> {
        let chain: Vec<CertificateDer<'static>> =
            self.chain.iter().cloned().map(CertificateDer::from).collect();
        let any = ServerName::from(std::net::IpAddr::from([0, 0, 0, 0]));
        let judged = |legacy| -> Result<_, BuildError> {
            let trust = self.trust(name, legacy)?;
            let name = name.map_or(&any, |name| &name.0);
            Ok(guarded(|| trust.decide(&chain, name, &[], self.now)))
        };
        let refusal = match judged(LegacyServerCerts::Deny)? {
            Ok(findings) => return Ok(Verdict::Accepted(findings)),
            Err(refusal) => refusal,
        };
        let legacy = if matches!(refusal.code, Code::Version1 | Code::NameMismatch) {
            judged(LegacyServerCerts::Warn)?
        } else {
            Err(refusal.clone())
        };
        Ok(outcome(Role::Client, refusal, legacy))
    }

    fn store(&self) -> Result<TrustStore, BuildError> {
        Ok(TrustStore::read(&self.anchors, self.now)?.0)
    }

    fn judge(&self, legacy: LegacyClientCerts) -> Result<Judge, BuildError> {
        let policy = TlsPolicy::default();
        let algorithms = policy.provider.signature_verification_algorithms;
        let mut store = self.store()?;
        let mut own = None;
        if let Some(issuer) = &self.own {
            let mut keys = std::collections::HashSet::new();
            for ca in certificates(&issuer.certificates, &mut Vec::new())? {
                keys.insert(ca.facts.computed_key_id.clone());
                store.sort_in(ca, self.now, &mut Vec::new());
            }
            own = Some(OwnCas { keys, known: Arc::clone(&issuer.known) });
        }
        let crls = self.crls.as_ref().map(|spec| CrlSet::read(spec, &store, &algorithms, self.now));
        Ok(Judge {
            store,
            own,
            client_auth: ClientAuth::Required,
            identity: IdentityRule::None,
            legacy,
            dates: ClientDates::Checked,
            crls: crls.transpose()?.map(|(set, _)| set),
            served: Served::default(),
            generation: TrustGeneration::new(),
            algorithms,
            signatures: KnownSignatures::new(),
        })
    }

    fn trust(&self, name: Option<&ServerHost>, legacy: LegacyServerCerts) -> Result<Trust, BuildError> {
        Ok(Trust {
            configured: self.store()?,
            system: TrustStore::default(),
            legacy,
            verify: if name.is_some() { VerifyServer::Full } else { VerifyServer::InsecureAnyName },
            ocsp: ServerOcsp::NotRequired,
            algorithms: TlsPolicy::default().provider.signature_verification_algorithms,
        })
    }
}

/// A name or an address that a certificate can be for.
#[derive(Clone, Debug)]
pub struct ServerHost(ServerName<'static>);

impl From<&sealmq_pki::HostName> for ServerHost {
    fn from(host: &sealmq_pki::HostName) -> ServerHost {
        let text = host.to_string();
        let unspecified = || ServerName::from(std::net::IpAddr::from([0, 0, 0, 0]));
        // Whatever our reader takes as a host, rustls does; were it not so, nothing is for the unspecified address.
        ServerHost(ServerName::try_from(text).unwrap_or_else(|_| unspecified()))
    }
}

fn outcome(role: Role, refusal: Refusal, legacy: Result<Vec<Finding>, Refusal>) -> Verdict {
    let failure = |refusal| TlsFailure::from_refusal(role, Stage::Judgment, refusal);
    match legacy {
        Ok(_) => Verdict::WhereLegacyIsAllowed(failure(refusal)),
        // What else is wrong with it says more than that it is version 1.
        Err(second) => Verdict::Refused(failure(second)),
    }
}
