//! Issuing: root, issuing CA, and the leaves of an issuing CA.
//!
//! Not here: who may get a certificate (the caller decides), and keeping what was issued (the inventory).
//!
//! Invariants: a certificate ends with its issuer at the latest; its issuer field is the issuer's subject byte for
//! byte; what comes out was read back and its signature verified with the issuer's public key, so that a key that
//! signs wrongly (a faulty token) is found at once.

mod builder;
mod extend;
mod imported;
mod published;
mod subject;

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;

use thiserror::Error;

pub(crate) use builder::alt_names as alt_names_extension;
pub use extend::{ExtendError, Extended, Extension, SerialRule, extend};
pub use imported::{CHAIN_MAX, ImportError, ImportedCa};
pub use published::{BaseUrl, BaseUrlError};
pub(crate) use subject::common_name;
pub use subject::{CaSubject, CaSubjectError, OrganizationError};

use crate::cert::{AltName, Facts, ParseError, SignedBy, signed_by};
use crate::host::HostName;
use crate::ids::{KeyId, Serial};
use crate::inventory::{Origin, Record, Role, State};
use crate::key::{PublicKey, SignError, Signer};
use crate::name::Name;
use crate::pem;
use crate::profile::{self, ApprovedCsr, Life as ProfileLife, Profile};
use crate::time::Timestamp;

/// A certificate that was read successfully.
#[derive(Clone, Debug)]
pub struct Certificate {
    der: Vec<u8>,
    facts: Facts,
}

/// A CA that can issue: its certificate and its key.
#[derive(Clone)]
pub struct Ca {
    certificate: Certificate,
    signer: Arc<dyn Signer>,
    published: Option<BaseUrl>,
}

/// Who gets a leaf certificate, and of which kind.
#[derive(Clone, Copy, Debug)]
pub enum Holder<'a> {
    /// A server with these names; the first DNS name becomes the CN. Each address also stands as DNS text, which is
    /// where mbedTLS before 3.5 looks.
    Server(&'a [HostName]),
    /// A device, with its name as CN.
    Device(&'a Name),
    /// An operator, with its name as CN; that it is an operator stands in the inventory only.
    Operator(&'a Name),
    /// What signs the issuer's OCSP answers in its place.
    OcspSigner,
}

/// When a leaf ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// As its profile says, or with the issuer if that is earlier.
    Profile,
    /// With the issuer: for holders that cannot renew.
    WithIssuer,
    /// So many days after now; refused when the issuer ends before.
    Days(NonZeroU32),
}

/// What to put into a leaf certificate.
#[derive(Clone, Debug)]
pub struct LeafRequest<'a> {
    /// Whose it is.
    pub holder: Holder<'a>,
    /// The holder's public key.
    pub public_key: &'a PublicKey,
    /// A fresh serial.
    pub serial: Serial,
    /// Now.
    pub now: Timestamp,
    /// When it ends.
    pub end: End,
}

/// Why a certificate was not issued, or a CA cannot be used.
#[derive(Debug, Error)]
pub enum IssueError {
    /// The CA's certificate is not one.
    #[error("the CA's certificate cannot be read: {0}")]
    Unreadable(#[from] ParseError),
    /// Version 1, CA:FALSE, or a KeyUsage without keyCertSign.
    #[error(
        "the certificate '{subject}' may not issue: {reason}\nhint: use a certificate that was made as a CA (openssl x509 -noout -ext basicConstraints,keyUsage)"
    )]
    NotACa {
        /// Its subject.
        subject: String,
        /// Why not.
        reason: &'static str,
    },
    /// The key belongs to another certificate.
    #[error(
        "the private key does not belong to the CA certificate '{subject}'\nhint: key and certificate of one CA must stand in the same folder; restore both from the same backup"
    )]
    KeyMismatch {
        /// The certificate's subject.
        subject: String,
    },
    /// The issuer has ended, or its validity has not begun.
    #[error(
        "the CA '{subject}' is not valid at {now} (valid from {not_before} to {not_after})\nhint: check this machine's clock; a CA that has ended needs a successor"
    )]
    IssuerNotCurrent {
        /// Its subject.
        subject: String,
        /// The moment of issue.
        now: Timestamp,
        /// Start of its validity.
        not_before: Timestamp,
        /// End of its validity.
        not_after: Timestamp,
    },
    /// The wanted end lies behind the issuer's.
    #[error(
        "a certificate until {wanted} would outlive its CA, which ends {issuer_end}\nhint: ask for at most {days_max} days"
    )]
    OutlivesIssuer {
        /// The wanted end.
        wanted: Timestamp,
        /// The issuer's end.
        issuer_end: Timestamp,
        /// The whole days that are left.
        days_max: i64,
    },
    /// A CA below a CA whose pathLenConstraint is 0.
    #[error("the CA '{subject}' may issue no further CA (pathlen 0)\nhint: let the root issue it")]
    PathLength {
        /// Its subject.
        subject: String,
    },
    /// A server without names.
    #[error("a server certificate needs at least one name or address\nhint: give one with --name")]
    NoNames,
    /// The profile is for certificates of another role.
    #[error(
        "the profile '{profile}' is for the role '{role}', not for '{holder}'\nhint: choose a profile of the role '{holder}'"
    )]
    OtherRole {
        /// The profile.
        profile: String,
        /// Its role.
        role: Role,
        /// The holder's.
        holder: Role,
    },
    /// The profile does not allow a key of this kind or size.
    #[error(
        "the profile '{profile}' does not allow a key of type {kind}\nhint: its line 'keys' in profiles.toml says which it allows"
    )]
    KeyNotAllowed {
        /// The profile.
        profile: String,
        /// Kind and size.
        kind: String,
    },
    /// The issuer's name cannot be copied without changing its bytes.
    #[error(
        "the name of the CA '{subject}' is not DER (its multi-valued parts are out of order), so it cannot be copied exactly\nhint: issue from another CA; verifiers would not find this one"
    )]
    IssuerName {
        /// Its subject.
        subject: String,
    },
    /// The key failed.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// The signature that the key made is wrong.
    #[error(
        "the key of '{subject}' made a signature that does not verify\nhint: do not use this key: its token or memory is faulty"
    )]
    BadSignature {
        /// The issuer's subject.
        subject: String,
    },
    /// A part cannot be written as DER.
    #[error("the certificate cannot be encoded: {reason}")]
    Encoding {
        /// What the encoder says.
        reason: String,
    },
}

/// Makes a root: self-signed, 20 years (profile [`profile::ROOT`]).
///
/// # Errors
/// The key fails, or signs wrongly.
pub fn issue_root(
    signer: Arc<dyn Signer>,
    subject: &CaSubject,
    serial: Serial,
    now: Timestamp,
) -> Result<Ca, IssueError> {
    let profile = profile::ROOT;
    let name = subject.to_der()?;
    let ProfileLife::Days(days) = profile.life else { unreachable!("the root has no issuer to end with") };
    let plan = builder::Plan {
        profile: &profile,
        serial: &serial,
        issuer_name: &name,
        subject_name: &name,
        not_before: now.plus_secs(-profile.backdated_secs),
        not_after: now.plus_days(i64::from(days)),
        public_key: signer.public_key(),
        issuer_key_id: signer.public_key().key_id().clone(),
        published: None,
        alt_names: &[],
    };
    let der = builder::build(plan, signer.as_ref())?;
    let facts = Facts::parse(&der)?;
    require_signature(&der, &facts, &facts)?;
    Ca::open(der, signer)
}

/// Makes an issuing CA below a root: 10 years or to the root's end (profile [`profile::ISSUING`]).
///
/// # Errors
/// The root may not issue a CA or is not valid now; a key fails or signs wrongly.
pub fn issue_intermediate(
    root: &Ca,
    signer: Arc<dyn Signer>,
    subject: &CaSubject,
    serial: Serial,
    now: Timestamp,
) -> Result<Ca, IssueError> {
    if root.facts().basic_constraints.and_then(|bc| bc.path_len) == Some(0) {
        return Err(IssueError::PathLength { subject: root.facts().subject.rfc2253() });
    }
    let life = root.life(&profile::ISSUING, End::Profile, now)?;
    let certificate =
        root.issue(&profile::ISSUING, &subject.to_der()?, signer.public_key(), &serial, life, &[])?;
    Ca::open(certificate.der, signer)
}

/// Makes a server, device or operator certificate for a key whose owner the caller knows, under the role's own profile.
///
/// # Errors
/// As [`issue_leaf_under`].
pub fn issue_leaf(issuer: &Ca, request: &LeafRequest<'_>) -> Result<Certificate, IssueError> {
    issue_leaf_under(issuer, &request.holder.profile(), request)
}

/// As [`issue_leaf`], under a profile of the holder's role.
///
/// # Errors
/// The profile is for another role or does not allow the key; the CA is not valid now; the wanted end lies behind the
/// CA's; a server without names; the key fails.
pub fn issue_leaf_under(
    issuer: &Ca,
    profile: &Profile,
    request: &LeafRequest<'_>,
) -> Result<Certificate, IssueError> {
    let holder = request.holder.role();
    if profile.role != holder {
        return Err(IssueError::OtherRole { profile: profile.name().to_owned(), role: profile.role, holder });
    }
    if !profile.allows_key(request.public_key) {
        let kind = request.public_key.kind().to_string();
        return Err(IssueError::KeyNotAllowed { profile: profile.name().to_owned(), kind });
    }
    let life = issuer.life(profile, request.end, request.now)?;
    let alt_names = match request.holder {
        Holder::Server(hosts) => alt_names_of(hosts),
        Holder::Device(_) | Holder::Operator(_) | Holder::OcspSigner => Vec::new(),
    };
    let subject = subject_of(request.holder)?;
    issuer.issue(profile, &subject, request.public_key, &request.serial, life, &alt_names)
}

/// Makes the certificate that a request was approved for.
///
/// # Errors
/// The CA is not valid now; the wanted end lies behind the CA's; the key fails.
pub fn issue_approved(
    issuer: &Ca,
    approved: &ApprovedCsr,
    serial: &Serial,
    now: Timestamp,
    end: End,
) -> Result<Certificate, IssueError> {
    let profile = approved.profile();
    let life = issuer.life(profile, end, now)?;
    issuer.issue(profile, approved.subject(), approved.public_key(), serial, life, approved.alt_names())
}

/// The subject that a holder's certificates have.
pub(crate) fn subject_of(holder: Holder<'_>) -> Result<Vec<u8>, IssueError> {
    match holder {
        Holder::Server([]) => Err(IssueError::NoNames),
        Holder::Server(hosts) => subject::of_server(hosts),
        Holder::Device(name) | Holder::Operator(name) => common_name(name.as_str()),
        Holder::OcspSigner => subject::of_ocsp_signer(),
    }
}

/// DNS names and addresses in the given order, then each address as DNS text: mbedTLS before 3.5 and BearSSL compare
/// only those with the address they connect to.
pub(crate) fn alt_names_of(hosts: &[HostName]) -> Vec<AltName> {
    let named = hosts.iter().map(|host| match host {
        HostName::Dns(name) => AltName::Dns(name.as_str().to_owned()),
        HostName::Ip(address) => AltName::Ip(*address),
    });
    let address = |host: &HostName| match host {
        HostName::Ip(address) => Some(*address),
        HostName::Dns(_) => None,
    };
    let texts = hosts.iter().filter_map(address).map(|ip: IpAddr| AltName::Dns(ip.to_string()));
    let mut names = Vec::new();
    for name in named.chain(texts) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// First and last second of a certificate.
struct Life {
    not_before: Timestamp,
    not_after: Timestamp,
}

impl Ca {
    /// A CA from its certificate and its key.
    ///
    /// # Errors
    /// [`IssueError::Unreadable`], [`IssueError::NotACa`], [`IssueError::KeyMismatch`].
    pub fn open(certificate_der: Vec<u8>, signer: Arc<dyn Signer>) -> Result<Ca, IssueError> {
        let certificate = Certificate::from_der(certificate_der)?;
        let facts = &certificate.facts;
        let subject = || facts.subject.rfc2253();
        if facts.basic_constraints.is_none_or(|bc| !bc.ca) {
            return Err(IssueError::NotACa { subject: subject(), reason: "it is not marked CA:TRUE" });
        }
        if !facts.is_ca() {
            return Err(IssueError::NotACa { subject: subject(), reason: "its key usage lacks keyCertSign" });
        }
        if facts.spki_der != signer.public_key().spki_der() {
            return Err(IssueError::KeyMismatch { subject: subject() });
        }
        Ok(Ca { certificate, signer, published: None })
    }

    /// The same CA, whose leaves say from now on where its list, its responder and its certificate are found.
    #[must_use]
    pub fn published_at(self, base: Option<BaseUrl>) -> Ca {
        Ca { published: base, ..self }
    }

    /// Its certificate.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// What its certificate says.
    pub fn facts(&self) -> &Facts {
        &self.certificate.facts
    }

    /// Its key, as what signs.
    pub fn signer(&self) -> &dyn Signer {
        self.signer.as_ref()
    }

    /// The key identifier under which the inventory keeps what it issues: computed from its key, as a verifier does.
    pub fn inventory_id(&self) -> &KeyId {
        &self.facts().computed_key_id
    }

    /// The key identifier that stands in what it issues: what its own certificate says.
    pub fn key_id(&self) -> &KeyId {
        self.facts().key_id()
    }

    fn life(&self, profile: &Profile, end: End, now: Timestamp) -> Result<Life, IssueError> {
        let issuer = self.facts();
        if !issuer.is_current(now) {
            return Err(IssueError::IssuerNotCurrent {
                subject: issuer.subject.rfc2253(),
                now,
                not_before: issuer.not_before,
                not_after: issuer.not_after,
            });
        }
        let not_after = match end {
            End::Profile => match profile.life {
                ProfileLife::Days(days) => now.plus_days(i64::from(days)).min(issuer.not_after),
                ProfileLife::WithIssuer => issuer.not_after,
            },
            End::WithIssuer => issuer.not_after,
            End::Days(days) => now.plus_days(i64::from(days.get())),
        };
        if not_after > issuer.not_after {
            return Err(IssueError::OutlivesIssuer {
                wanted: not_after,
                issuer_end: issuer.not_after,
                days_max: issuer.not_after.secs_since(now) / crate::time::DAY_SECS,
            });
        }
        Ok(Life { not_before: now.plus_secs(-profile.backdated_secs).max(issuer.not_before), not_after })
    }

    fn issue(
        &self,
        profile: &Profile,
        subject_name: &[u8],
        public_key: &PublicKey,
        serial: &Serial,
        life: Life,
        alt_names: &[AltName],
    ) -> Result<Certificate, IssueError> {
        let plan = builder::Plan {
            profile,
            serial,
            issuer_name: self.facts().subject.der(),
            subject_name,
            not_before: life.not_before,
            not_after: life.not_after,
            public_key,
            issuer_key_id: self.key_id().clone(),
            published: self.published.as_ref(),
            alt_names,
        };
        let der = builder::build(plan, self.signer.as_ref())?;
        let certificate = Certificate::from_der(der)?;
        if certificate.facts.issuer != self.facts().subject {
            return Err(IssueError::IssuerName { subject: self.facts().subject.rfc2253() });
        }
        require_signature(&certificate.der, &certificate.facts, self.facts())?;
        Ok(certificate)
    }
}

impl Certificate {
    /// Reads a certificate.
    ///
    /// # Errors
    /// [`ParseError`].
    pub fn from_der(der: Vec<u8>) -> Result<Certificate, ParseError> {
        let facts = Facts::parse(&der)?;
        Ok(Certificate { der, facts })
    }

    /// Its DER.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Its PEM, with a newline at the end.
    pub fn pem(&self) -> String {
        pem::encode("CERTIFICATE", &self.der).as_str().to_owned()
    }

    /// What it says.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// The inventory record of a certificate of ours that was just issued.
    pub fn record(&self, issuer: &Ca, role: Role, name: Option<&Name>, made_at: Timestamp) -> Record {
        let facts = &self.facts;
        Record {
            // What a verifier computes from the issuer's key; the identifier that an imported CA wrote may be another.
            issuer: issuer.facts().computed_key_id.clone(),
            serial: facts.serial.clone(),
            origin: Origin::Issued,
            role,
            name: name.cloned(),
            subject: facts.subject.rfc2253(),
            not_before: facts.not_before,
            not_after: facts.not_after,
            fingerprint: facts.fingerprint,
            spki_sha256: facts.spki_sha256,
            state: State::Valid,
            made_at,
            bundles: Vec::new(),
        }
    }
}

impl Holder<'_> {
    /// The profile of its certificates where nobody chooses another.
    pub const fn profile(&self) -> Profile {
        match self {
            Holder::Server(_) => profile::SERVER,
            Holder::Device(_) => profile::DEVICE,
            Holder::Operator(_) => profile::OPERATOR,
            Holder::OcspSigner => profile::OCSP_SIGNER,
        }
    }

    /// What its certificates are for.
    pub const fn role(&self) -> Role {
        match self {
            Holder::Server(_) => Role::Server,
            Holder::Device(_) => Role::Device,
            Holder::Operator(_) => Role::Operator,
            Holder::OcspSigner => Role::OcspSigner,
        }
    }
}

fn require_signature(der: &[u8], certificate: &Facts, issuer: &Facts) -> Result<(), IssueError> {
    match signed_by(der, issuer)? {
        SignedBy::Yes => Ok(()),
        SignedBy::No | SignedBy::Unverifiable => {
            Err(IssueError::BadSignature { subject: certificate.issuer.rfc2253() })
        }
    }
}
