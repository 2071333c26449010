//! A CA that somebody else made, taken as the issuing CA: which certificates lead from it to its root, and whether they
//! may.
//!
//! Not a verifier: nobody is let in by it. It asks before a data directory is made what every verifier will ask later,
//! so that no CA is taken whose certificates nobody would accept. Names are compared and kept byte for byte, repeated
//! and multi-valued parts too.

use std::sync::Arc;

use thiserror::Error;

use super::{Ca, Certificate, IssueError};
use crate::cert::{ExtKeyUsage, Facts, ParseError, SelfSigned, SignedBy, Version, signed_by};
use crate::ids::KeyId;
use crate::inventory::{Origin, Record, Role, State};
use crate::key::{KeyError, PublicKey, Signer};
use crate::time::Timestamp;

/// The longest chain from an issuing CA to its root, both counted.
pub const CHAIN_MAX: usize = 6;

/// An issuing CA of somebody else's making, with what leads to its root.
#[derive(Clone)]
pub struct ImportedCa {
    issuing: Ca,
    /// From the one that signed the issuing CA to the root; empty where the issuing CA is a root itself.
    above: Vec<Certificate>,
}

/// Why a CA was not taken.
#[derive(Debug, Error)]
pub enum ImportError {
    /// None of the certificates holds this key.
    #[error(
        "none of the {count} certificates belongs to the private key\nhint: give the CA's own certificate: openssl x509 -noout -pubkey -in CERT and openssl pkey -pubout -in KEY print the same"
    )]
    NoCertificate {
        /// How many there are.
        count: usize,
    },
    /// A version 1 certificate cannot say that it is a CA.
    #[error(
        "'{subject}' is a version {version} certificate, which stock TLS libraries do not accept as a CA\nhint: make it version 3 with the same name and key: sealmq ca extend CA.crt --key CA.key"
    )]
    Version {
        /// Its subject.
        subject: String,
        /// Its version.
        version: Version,
    },
    /// The one that signed is not among the certificates.
    #[error(
        "the certificate of '{issuer}', which issued '{subject}', is missing\nhint: give the whole chain up to the root: --chain FILE"
    )]
    IssuerMissing {
        /// Whose issuer is missing.
        subject: String,
        /// The issuer.
        issuer: String,
    },
    /// A chain that comes to no root in so many steps.
    #[error("no root after {max} certificates\nhint: give the chain of one CA only")]
    TooLong {
        /// The bound.
        max: usize,
    },
    /// A certificate of the chain has ended or not begun.
    #[error(
        "'{subject}' is not valid at {now} (valid from {not_before} to {not_after})\nhint: a root that ended gets a new end with: sealmq ca extend; an intermediate gets one from its issuer"
    )]
    NotCurrent {
        /// Its subject.
        subject: String,
        /// Now.
        now: Timestamp,
        /// Start of its validity.
        not_before: Timestamp,
        /// End of its validity.
        not_after: Timestamp,
    },
    /// A pathLenConstraint that the chain below it exceeds.
    #[error(
        "'{subject}' allows {allowed} CAs below it, and here are {below}\nhint: have a CA above issue this one"
    )]
    PathLength {
        /// Its subject.
        subject: String,
        /// Its pathLenConstraint.
        allowed: u32,
        /// How many CAs stand below it.
        below: u32,
    },
    /// An ExtendedKeyUsage that does not let it issue what we issue.
    #[error(
        "the extended key usage of '{subject}' allows not both server and client certificates\nhint: have it issued without extended key usage, as CAs are"
    )]
    Purpose {
        /// Its subject.
        subject: String,
    },
    /// A key in the chain that verifiers refuse.
    #[error("the key of '{subject}': {source}")]
    Key {
        /// Its subject.
        subject: String,
        /// What is wrong with it.
        source: KeyError,
    },
    /// Not a CA, or not readable.
    #[error(transparent)]
    Issue(#[from] IssueError),
}

impl From<ParseError> for ImportError {
    fn from(error: ParseError) -> Self {
        Self::Issue(IssueError::Unreadable(error))
    }
}

impl ImportedCa {
    /// Finds the certificate of this key among `certificates` (DER, in any order) and those that lead to its root.
    ///
    /// # Errors
    /// [`ImportError`].
    pub fn find(
        certificates: &[Vec<u8>],
        signer: Arc<dyn Signer>,
        now: Timestamp,
    ) -> Result<ImportedCa, ImportError> {
        let all = certificates.iter().map(|der| Certificate::from_der(der.clone()));
        let all = all.collect::<Result<Vec<_>, _>>()?;
        let of_key = |found: &&Certificate| found.facts().spki_der == signer.public_key().spki_der();
        // Of a root and a cross-certificate for the same key, the root: nothing has to lead on from there.
        let own = all.iter().filter(of_key).max_by_key(|found| is_root(found.facts()));
        let own = own.ok_or(ImportError::NoCertificate { count: all.len() })?;
        check(own.facts(), 0, now)?;
        let issuing = Ca::open(own.der().to_vec(), signer)?;
        let mut above: Vec<Certificate> = Vec::new();
        let mut last = own;
        while !is_root(last.facts()) {
            let next = issuer_of(last, &all)?;
            let below = u32::try_from(above.len() + 1).expect("a short chain");
            if above.len() + 2 > CHAIN_MAX {
                return Err(ImportError::TooLong { max: CHAIN_MAX });
            }
            check(next.facts(), below, now)?;
            above.push(next.clone());
            last = next;
        }
        Ok(ImportedCa { issuing, above })
    }

    /// The issuing CA.
    pub fn issuing(&self) -> &Ca {
        &self.issuing
    }

    /// The root, which clients trust.
    pub fn root(&self) -> &Certificate {
        self.above.last().unwrap_or(self.issuing.certificate())
    }

    /// What a peer needs besides a leaf: the issuing CA and those above it, without the root.
    pub fn chain(&self) -> Vec<&Certificate> {
        let all = [self.issuing.certificate()].into_iter().chain(&self.above);
        let below_root = self.above.len().max(1);
        all.take(below_root).collect()
    }

    /// The records of every certificate of the chain.
    pub fn records(&self, now: Timestamp) -> Vec<Record> {
        let mut records = Vec::new();
        let all: Vec<&Certificate> = [self.issuing.certificate()].into_iter().chain(&self.above).collect();
        for (place, certificate) in all.iter().enumerate() {
            let issuer = all.get(place + 1).unwrap_or(certificate);
            let last = place + 1 == all.len();
            let role = if last && place > 0 { Role::Root } else { Role::Issuing };
            records.push(record(certificate, &issuer.facts().computed_key_id, role, now));
        }
        records
    }
}

fn record(certificate: &Certificate, issuer: &KeyId, role: Role, now: Timestamp) -> Record {
    let facts = certificate.facts();
    Record {
        issuer: issuer.clone(),
        serial: facts.serial.clone(),
        origin: Origin::Imported,
        role,
        name: None,
        subject: facts.subject.rfc2253(),
        not_before: facts.not_before,
        not_after: facts.not_after,
        fingerprint: facts.fingerprint,
        spki_sha256: facts.spki_sha256,
        state: State::Valid,
        made_at: now,
        bundles: Vec::new(),
    }
}

/// Self-signed, also with SHA-1: the signature of an anchor over itself proves nothing to anybody.
fn is_root(facts: &Facts) -> bool {
    matches!(facts.self_signed, SelfSigned::Yes | SelfSigned::Unverifiable)
}

fn issuer_of<'a>(of: &Certificate, all: &'a [Certificate]) -> Result<&'a Certificate, ImportError> {
    let signs = |found: &&Certificate| matches!(signed_by(of.der(), found.facts()), Ok(SignedBy::Yes));
    // Its self-signed certificate rather than a cross-certificate of it: the shorter way.
    let found = all.iter().filter(signs).max_by_key(|found| is_root(found.facts()));
    found.ok_or_else(|| ImportError::IssuerMissing {
        subject: of.facts().subject.rfc2253(),
        issuer: of.facts().issuer.rfc2253(),
    })
}

/// One CA of the chain, with so many CAs below it.
fn check(facts: &Facts, below: u32, now: Timestamp) -> Result<(), ImportError> {
    let subject = || facts.subject.rfc2253();
    if facts.version != Version::V3 {
        return Err(ImportError::Version { subject: subject(), version: facts.version });
    }
    if !facts.is_ca() {
        let reason = match facts.basic_constraints {
            Some(constraints) if constraints.ca => "its key usage lacks keyCertSign",
            Some(_) | None => "it is not marked CA:TRUE",
        };
        return Err(IssueError::NotACa { subject: subject(), reason }.into());
    }
    if !facts.is_current(now) {
        let (not_before, not_after) = (facts.not_before, facts.not_after);
        return Err(ImportError::NotCurrent { subject: subject(), now, not_before, not_after });
    }
    if let Some(allowed) = facts.basic_constraints.and_then(|constraints| constraints.path_len)
        && allowed < below
    {
        return Err(ImportError::PathLength { subject: subject(), allowed, below });
    }
    if let Some(purposes) = &facts.ext_key_usage {
        let both = purposes.contains(&ExtKeyUsage::ServerAuth) && purposes.contains(&ExtKeyUsage::ClientAuth);
        if !both && !purposes.contains(&ExtKeyUsage::Any) {
            return Err(ImportError::Purpose { subject: subject() });
        }
    }
    match PublicKey::from_spki_der(&facts.spki_der) {
        Ok(_) => Ok(()),
        Err(source) => Err(ImportError::Key { subject: subject(), source }),
    }
}
