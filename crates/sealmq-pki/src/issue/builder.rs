//! From a plan to signed DER, on x509-cert's builder: finalize, sign wherever the key is, assemble.

use std::net::IpAddr;

use const_oid::db::{rfc5280, rfc6960};
use der::asn1::{BitString, Ia5String, Null, OctetString};
use der::flagset::FlagSet;
use der::{DateTime, Decode, Document, Encode};
use signature::Keypair;
use spki::{
    AlgorithmIdentifierOwned, DynSignatureAlgorithmIdentifier, EncodePublicKey, SubjectPublicKeyInfoOwned,
    SubjectPublicKeyInfoRef,
};
use x509_cert::TbsCertificate;
use x509_cert::builder::profile::BuilderProfile;
use x509_cert::builder::{self, Builder, CertificateBuilder};
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages, SubjectAltName,
    SubjectKeyIdentifier,
};
use x509_cert::ext::{Extension, ToExtension};
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::time::{Time, Validity};

use super::{BaseUrl, IssueError};
use crate::cert::{AltName, KeyUsageBit};
use crate::ids::{KeyId, Serial};
use crate::key::{PublicKey, Signer, algorithm_identifier};
use crate::profile::{Constraints, Profile, Purpose};
use crate::time::Timestamp;

/// Everything that stands in a certificate.
pub(super) struct Plan<'a> {
    pub(super) profile: &'a Profile,
    pub(super) serial: &'a Serial,
    pub(super) issuer_name: &'a [u8],
    pub(super) subject_name: &'a [u8],
    pub(super) not_before: Timestamp,
    pub(super) not_after: Timestamp,
    pub(super) public_key: &'a PublicKey,
    pub(super) issuer_key_id: KeyId,
    pub(super) published: Option<&'a BaseUrl>,
    pub(super) alt_names: &'a [AltName],
}

pub(super) fn build(plan: Plan<'_>, signer: &dyn Signer) -> Result<Vec<u8>, IssueError> {
    let certificate = signed(plan, signer)?;
    certificate.to_der().map_err(encoding)
}

fn signed(plan: Plan<'_>, signer: &dyn Signer) -> Result<x509_cert::Certificate, IssueError> {
    let serial = SerialNumber::new(plan.serial.as_content()).map_err(encoding)?;
    let validity = Validity::new(moment(plan.not_before)?, moment(plan.not_after)?);
    let spki = SubjectPublicKeyInfoOwned::from_der(plan.public_key.spki_der()).map_err(encoding)?;
    let shape = Shape {
        issuer: Name::from_der(plan.issuer_name).map_err(encoding)?,
        subject: Name::from_der(plan.subject_name).map_err(encoding)?,
        plan,
    };
    let key = SigningKey(signer);
    let mut builder = CertificateBuilder::new(shape, serial, validity, spki).map_err(building)?;
    let tbs = builder.finalize(&key).map_err(building)?;
    let signature = signer.sign(&tbs)?;
    let signature = BitString::from_bytes(&signature).map_err(encoding)?;
    builder.assemble(signature, &key).map_err(building)
}

/// The names and extensions of one plan, as the builder asks for them.
struct Shape<'a> {
    plan: Plan<'a>,
    issuer: Name,
    subject: Name,
}

impl BuilderProfile for Shape<'_> {
    fn get_issuer(&self, _subject: &Name) -> Name {
        self.issuer.clone()
    }

    fn get_subject(&self) -> Name {
        self.subject.clone()
    }

    fn build_extensions(
        &self,
        _subject_key: SubjectPublicKeyInfoRef<'_>,
        _issuer_key: SubjectPublicKeyInfoRef<'_>,
        tbs: &TbsCertificate,
    ) -> builder::Result<Vec<Extension>> {
        let plan = &self.plan;
        let subject = tbs.subject();
        let mut extensions = vec![
            plan.basic_constraints().to_extension(subject, &[])?,
            plan.key_usage().to_extension(subject, &[])?,
        ];
        if let Some(purpose) = plan.purpose() {
            extensions.push(purpose.to_extension(subject, &[])?);
        }
        if !plan.alt_names.is_empty() {
            extensions.push(alt_names(plan.alt_names)?.to_extension(subject, &[])?);
        }
        let own = OctetString::new(plan.public_key.key_id().as_bytes())?;
        extensions.push(SubjectKeyIdentifier(own).to_extension(subject, &[])?);
        let issuer = OctetString::new(plan.issuer_key_id.as_bytes())?;
        let issuer = AuthorityKeyIdentifier { key_identifier: Some(issuer), ..Default::default() };
        extensions.push(issuer.to_extension(subject, &[])?);
        if plan.profile.purposes.contains(&Purpose::OcspSigning) {
            // RFC 6960 §4.2.2.2.1: trusted for its short life, or its revocation would be asked for without end.
            let null = OctetString::new(Null.to_der()?)?;
            extensions.push(Extension {
                extn_id: rfc6960::ID_PKIX_OCSP_NOCHECK,
                critical: false,
                extn_value: null,
            });
        } else if let Some(base) = plan.published.filter(|_| !plan.profile.is_ca()) {
            extensions.push(base.crl_points(&plan.issuer_key_id)?.to_extension(subject, &[])?);
            extensions.push(base.information_access()?.to_extension(subject, &[])?);
        }
        Ok(extensions)
    }
}

impl Plan<'_> {
    fn basic_constraints(&self) -> BasicConstraints {
        match self.profile.constraints {
            Constraints::Ca { path_len } => {
                BasicConstraints { ca: true, path_len_constraint: Some(path_len) }
            }
            Constraints::EndEntity => BasicConstraints { ca: false, path_len_constraint: None },
        }
    }

    fn key_usage(&self) -> KeyUsage {
        let bits = self.profile.key_usage_for(self.public_key);
        let flags = bits.into_iter().map(|bit| match bit {
            KeyUsageBit::DigitalSignature => KeyUsages::DigitalSignature,
            KeyUsageBit::NonRepudiation => KeyUsages::NonRepudiation,
            KeyUsageBit::KeyEncipherment => KeyUsages::KeyEncipherment,
            KeyUsageBit::DataEncipherment => KeyUsages::DataEncipherment,
            KeyUsageBit::KeyAgreement => KeyUsages::KeyAgreement,
            KeyUsageBit::KeyCertSign => KeyUsages::KeyCertSign,
            KeyUsageBit::CrlSign => KeyUsages::CRLSign,
            KeyUsageBit::EncipherOnly => KeyUsages::EncipherOnly,
            KeyUsageBit::DecipherOnly => KeyUsages::DecipherOnly,
        });
        KeyUsage(flags.fold(FlagSet::default(), |set, flag| set | flag))
    }

    fn purpose(&self) -> Option<ExtendedKeyUsage> {
        let oid = |purpose: &Purpose| match purpose {
            Purpose::Server => rfc5280::ID_KP_SERVER_AUTH,
            Purpose::Client => rfc5280::ID_KP_CLIENT_AUTH,
            Purpose::OcspSigning => rfc5280::ID_KP_OCSP_SIGNING,
        };
        let purposes = &self.profile.purposes;
        (!purposes.is_empty()).then(|| ExtendedKeyUsage(purposes.iter().map(oid).collect()))
    }
}

/// SubjectAltName with these names.
pub(crate) fn alt_names(names: &[AltName]) -> der::Result<SubjectAltName> {
    let names = names.iter().map(|name| {
        Ok(match name {
            AltName::Dns(text) => GeneralName::DnsName(Ia5String::new(text)?),
            AltName::Uri(text) => GeneralName::UniformResourceIdentifier(Ia5String::new(text)?),
            AltName::Email(text) => GeneralName::Rfc822Name(Ia5String::new(text)?),
            AltName::Ip(IpAddr::V4(v4)) => GeneralName::IpAddress(OctetString::new(v4.octets())?),
            AltName::Ip(IpAddr::V6(v6)) => GeneralName::IpAddress(OctetString::new(v6.octets())?),
            AltName::Other(_) => return Err(der::ErrorKind::Failed.into()),
        })
    });
    Ok(SubjectAltName(names.collect::<der::Result<_>>()?))
}

/// UTCTime through 2049, GeneralizedTime from then on (RFC 5280 §4.1.2.5).
pub(super) fn moment(at: Timestamp) -> Result<Time, IssueError> {
    let secs = u64::try_from(at.as_secs())
        .map_err(|_| IssueError::Encoding { reason: format!("{at} lies before 1970") })?;
    let date = DateTime::from_unix_duration(std::time::Duration::from_secs(secs)).map_err(encoding)?;
    Ok(Time::from(date))
}

/// Our signer in the clothes that the builder wants; it only asks for the public key and the algorithm.
struct SigningKey<'a>(&'a dyn Signer);

#[derive(Clone)]
struct VerifyingKey(Vec<u8>);

impl Keypair for SigningKey<'_> {
    type VerifyingKey = VerifyingKey;

    fn verifying_key(&self) -> VerifyingKey {
        VerifyingKey(self.0.public_key().spki_der().to_vec())
    }
}

impl EncodePublicKey for VerifyingKey {
    fn to_public_key_der(&self) -> spki::Result<Document> {
        Ok(Document::try_from(self.0.as_slice())?)
    }
}

impl DynSignatureAlgorithmIdentifier for SigningKey<'_> {
    fn signature_algorithm_identifier(&self) -> spki::Result<AlgorithmIdentifierOwned> {
        Ok(algorithm_identifier(self.0.algorithm()))
    }
}

fn encoding(error: impl std::fmt::Display) -> IssueError {
    IssueError::Encoding { reason: error.to_string() }
}

fn building(error: builder::Error) -> IssueError {
    IssueError::Encoding { reason: error.to_string() }
}
