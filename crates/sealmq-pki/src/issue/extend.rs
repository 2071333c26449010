//! A root that ends, signed again: same name, same key, same extensions, a new end.
//!
//! What was issued before goes on verifying, because verifiers find an issuer by its name and check with its key
//! (RFC 5280 §6.1). It works on bytes, not on a model of a certificate: name, key and extensions are copied as they
//! stand, so that nothing about them can change.
//!
//! Two things are not copied blindly:
//! - **The serial** is new (RFC 5280 §4.1.2.2: unique per issuer), unless certificates of this CA may name it. They do
//!   where their AuthorityKeyIdentifier carries issuer and serial (RFC 5280 §4.2.1.1): easy-rsa writes it so, and so
//!   does OpenSSL under a CA without SubjectKeyIdentifier. OpenSSL then refuses them under any other serial.
//! - **Version 1** cannot say that it is a CA, and stock TLS libraries refuse it more and more. It becomes version 3 with
//!   what a root needs; its key identifier is RFC 5280 §4.2.1.2's first method (SHA-1), which is what other tools
//!   derive from the bare key when they write the identifier into a leaf.

use std::sync::Arc;

use aws_lc_rs::digest;
use const_oid::db::rfc5280;
use der::Encode;
use der::asn1::OctetString;
use thiserror::Error;
use x509_cert::ext::pkix::{BasicConstraints, KeyUsage, KeyUsages, SubjectKeyIdentifier};

use super::{Ca, Certificate, IssueError, builder, require_signature};
use crate::cert::{Facts, ParseError, Reader, SelfSigned, Version, signed_parts, tlv};
use crate::ids::Serial;
use crate::key::{SignError, Signer, algorithm_identifier};
use crate::time::Timestamp;

/// What the new certificate is to have.
#[derive(Clone, Debug)]
pub struct Extension {
    /// Last second of its validity.
    pub not_after: Timestamp,
    /// A fresh serial.
    pub serial: Serial,
    /// Whether the fresh one is used.
    pub serial_rule: SerialRule,
}

/// Which serial an extended root gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SerialRule {
    /// The fresh one, unless certificates that this CA has issued may name the old one.
    FreshIfNobodyNamesIt,
    /// The old one, whatever its certificate says: somebody knows that its certificates name it.
    Keep,
}

/// A root with a new end.
#[derive(Clone, Debug)]
pub struct Extended {
    /// The new certificate.
    pub certificate: Certificate,
    /// Why the old serial stands in it, if it does.
    pub serial_kept: Option<&'static str>,
    /// The version of the certificate that was extended.
    pub was: Version,
}

/// Why a root was not extended.
#[derive(Debug, Error)]
pub enum ExtendError {
    /// Another CA signed it: only that one can give it a new end.
    #[error(
        "'{subject}' was issued by '{issuer}', which alone can give it a new end\nhint: extend the root, or have '{issuer}' sign this CA's key again"
    )]
    NotARoot {
        /// Its subject.
        subject: String,
        /// Its issuer.
        issuer: String,
    },
    /// Its name signed it, but with another key.
    #[error(
        "'{subject}' bears its own name but was signed with another key: it is a cross-certificate\nhint: extend the self-signed certificate of this CA"
    )]
    CrossCertificate {
        /// Its subject.
        subject: String,
    },
    /// It lives longer than that.
    #[error("'{subject}' already lives until {not_after}, longer than {wanted}\nhint: ask for more days")]
    Shorter {
        /// Its subject.
        subject: String,
        /// Its end.
        not_after: Timestamp,
        /// The end that was asked for.
        wanted: Timestamp,
    },
    /// It is no CA, the key is another one's, or the key failed.
    #[error(transparent)]
    Issue(#[from] IssueError),
}

impl From<ParseError> for ExtendError {
    fn from(error: ParseError) -> Self {
        Self::Issue(IssueError::Unreadable(error))
    }
}

impl From<SignError> for ExtendError {
    fn from(error: SignError) -> Self {
        Self::Issue(IssueError::Sign(error))
    }
}

/// Signs a root again, with a new end. One that has ended already can be extended too.
///
/// # Errors
/// [`ExtendError`].
pub fn extend(
    root_der: &[u8],
    signer: Arc<dyn Signer>,
    extension: &Extension,
) -> Result<Extended, ExtendError> {
    let facts = Facts::parse(root_der)?;
    check(root_der, &facts, &signer, extension.not_after)?;
    let serial_kept = match extension.serial_rule {
        SerialRule::Keep => Some("it was asked for"),
        SerialRule::FreshIfNobodyNamesIt => why_named(root_der, &facts)?,
    };
    let serial = if serial_kept.is_some() { &facts.serial } else { &extension.serial };
    let tbs = rewritten(signed_parts(root_der)?.signed, &facts, serial, extension.not_after, &*signer)?;
    let der = sealed(&tbs, &*signer)?;
    let certificate = Certificate::from_der(der)?;
    require_signature(&certificate.der, &certificate.facts, &certificate.facts)?;
    // Read back as what it is to be: a CA, and this key's.
    Ca::open(certificate.der.clone(), signer)?;
    Ok(Extended { certificate, serial_kept, was: facts.version })
}

fn check(der: &[u8], facts: &Facts, signer: &Arc<dyn Signer>, wanted: Timestamp) -> Result<(), ExtendError> {
    let subject = facts.subject.rfc2253();
    match facts.self_signed {
        // SHA-1 and MD5 are not checked; whoever has the key could make a better signature at any time, and does now.
        SelfSigned::Yes | SelfSigned::Unverifiable => {}
        SelfSigned::No => {
            return Err(ExtendError::NotARoot { subject, issuer: facts.issuer.rfc2253() });
        }
        SelfSigned::Mismatch => return Err(ExtendError::CrossCertificate { subject }),
    }
    match facts.version {
        Version::V3 => drop(Ca::open(der.to_vec(), Arc::clone(signer))?),
        // It cannot say whether it is a CA; that it is a root is what its owner says by extending it.
        Version::V1 | Version::V2 if facts.spki_der != signer.public_key().spki_der() => {
            return Err(IssueError::KeyMismatch { subject }.into());
        }
        Version::V1 | Version::V2 => {}
    }
    if wanted <= facts.not_after {
        return Err(ExtendError::Shorter { subject, not_after: facts.not_after, wanted });
    }
    Ok(())
}

/// Why certificates of this CA may name its serial; `None` where they know it by its key identifier.
fn why_named(der: &[u8], facts: &Facts) -> Result<Option<&'static str>, ExtendError> {
    if facts.subject_key_id.is_none() {
        return Ok(Some("it has no key identifier, so certificates that it issued may name its serial"));
    }
    let names_serial = authority_key_identifier_names_serial(der)?;
    Ok(names_serial.then_some("its certificates name its serial in their authority key identifier"))
}

/// Whether its own AuthorityKeyIdentifier carries a serial: then those of its certificates do, made by the same tool.
fn authority_key_identifier_names_serial(der: &[u8]) -> Result<bool, ParseError> {
    const FIELD: &str = "authorityKeyIdentifier";
    let Some(extensions) = Parts::read(signed_parts(der)?.signed)?.extensions else { return Ok(false) };
    let mut list = tlv::sole(tlv::sole(extensions, 0xa3, FIELD)?.content, tlv::SEQUENCE, FIELD)?.reader();
    while !list.is_empty() {
        let mut extension = list.expect(tlv::SEQUENCE, FIELD)?.reader();
        let id = tlv::oid(extension.expect(tlv::OID, FIELD)?, FIELD)?;
        extension.optional(tlv::BOOLEAN, FIELD)?;
        let value = extension.expect(tlv::OCTET_STRING, FIELD)?;
        if id == rfc5280::ID_CE_AUTHORITY_KEY_IDENTIFIER.to_string() {
            let mut fields = tlv::sole(value.content, tlv::SEQUENCE, FIELD)?.reader();
            fields.optional(0x80, FIELD)?;
            fields.optional(0xa1, FIELD)?;
            return Ok(fields.optional(0x82, FIELD)?.is_some());
        }
    }
    Ok(false)
}

/// The parts of a TBSCertificate that are copied, each with its tag and length.
struct Parts<'a> {
    issuer: &'a [u8],
    not_before: &'a [u8],
    subject: &'a [u8],
    spki: &'a [u8],
    /// Unique identifiers of issuer and subject.
    identifiers: Vec<&'a [u8]>,
    extensions: Option<&'a [u8]>,
}

impl<'a> Parts<'a> {
    fn read(tbs: &'a [u8]) -> Result<Self, ParseError> {
        const FIELD: &str = "tbsCertificate";
        let mut reader: Reader<'a> = tlv::sole(tbs, tlv::SEQUENCE, FIELD)?.reader();
        reader.optional(0xa0, FIELD)?;
        reader.expect(tlv::INTEGER, FIELD)?;
        reader.expect(tlv::SEQUENCE, FIELD)?;
        let issuer = reader.expect(tlv::SEQUENCE, FIELD)?.whole;
        let not_before = reader.expect(tlv::SEQUENCE, FIELD)?.reader().any(FIELD)?.whole;
        let subject = reader.expect(tlv::SEQUENCE, FIELD)?.whole;
        let spki = reader.expect(tlv::SEQUENCE, FIELD)?.whole;
        let mut identifiers = Vec::new();
        for tag in [0x81, 0x82] {
            identifiers.extend(reader.optional(tag, FIELD)?.map(|found| found.whole));
        }
        let extensions = reader.optional(0xa3, FIELD)?.map(|found| found.whole);
        reader.finish(FIELD)?;
        Ok(Self { issuer, not_before, subject, spki, identifiers, extensions })
    }
}

fn rewritten(
    tbs: &[u8],
    facts: &Facts,
    serial: &Serial,
    not_after: Timestamp,
    signer: &dyn Signer,
) -> Result<Vec<u8>, ExtendError> {
    let parts = Parts::read(tbs)?;
    let algorithm = algorithm_identifier(signer.algorithm()).to_der().map_err(encoding)?;
    let end = builder::moment(not_after)?.to_der().map_err(encoding)?;
    let validity = wrapped(tlv::SEQUENCE, &[parts.not_before, &end])?;
    let serial = wrapped(tlv::INTEGER, &[serial.as_content()])?;
    let extensions = match parts.extensions {
        Some(extensions) => extensions.to_vec(),
        None => root_extensions(facts)?,
    };
    // [0] EXPLICIT INTEGER 2: version 3.
    let version: &[u8] = &[0xa0, 0x03, 0x02, 0x01, 0x02];
    let head = [version, &serial, &algorithm, parts.issuer, &validity, parts.subject, parts.spki];
    let all = [&head[..], &parts.identifiers[..], &[&extensions]].concat();
    wrapped(tlv::SEQUENCE, &all)
}

/// What a root of version 1 lacks: `[3] EXPLICIT SEQUENCE OF Extension`.
fn root_extensions(facts: &Facts) -> Result<Vec<u8>, ExtendError> {
    let constraints = BasicConstraints { ca: true, path_len_constraint: None }.to_der().map_err(encoding)?;
    let usage = KeyUsage(KeyUsages::KeyCertSign | KeyUsages::CRLSign).to_der().map_err(encoding)?;
    let id = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &facts.key_bits);
    let id = OctetString::new(id.as_ref()).map(SubjectKeyIdentifier).and_then(|id| id.to_der());
    let mut list = Vec::new();
    for (id, critical, value) in [
        (rfc5280::ID_CE_BASIC_CONSTRAINTS, true, constraints),
        (rfc5280::ID_CE_KEY_USAGE, true, usage),
        (rfc5280::ID_CE_SUBJECT_KEY_IDENTIFIER, false, id.map_err(encoding)?),
    ] {
        let extn_value = OctetString::new(value).map_err(encoding)?;
        let extension = x509_cert::ext::Extension { extn_id: id, critical, extn_value };
        list.push(extension.to_der().map_err(encoding)?);
    }
    let list: Vec<&[u8]> = list.iter().map(Vec::as_slice).collect();
    wrapped(0xa3, &[&wrapped(tlv::SEQUENCE, &list)?])
}

fn sealed(tbs: &[u8], signer: &dyn Signer) -> Result<Vec<u8>, ExtendError> {
    let algorithm = algorithm_identifier(signer.algorithm()).to_der().map_err(encoding)?;
    let signature = wrapped(tlv::BIT_STRING, &[&[0], &signer.sign(tbs)?])?;
    wrapped(tlv::SEQUENCE, &[tbs, &algorithm, &signature])
}

/// A DER value of this tag around these parts.
fn wrapped(tag: u8, parts: &[&[u8]]) -> Result<Vec<u8>, ExtendError> {
    let len: usize = parts.iter().map(|part| part.len()).sum();
    let mut der = vec![tag];
    der.extend(der::Length::try_from(len).and_then(|len| len.to_der()).map_err(encoding)?);
    parts.iter().for_each(|part| der.extend_from_slice(part));
    Ok(der)
}

fn encoding(error: impl std::fmt::Display) -> ExtendError {
    ExtendError::Issue(IssueError::Encoding { reason: error.to_string() })
}
