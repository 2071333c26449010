//! Certification requests (PKCS#10, RFC 2986): read whole, refused whole, their proof of possession checked.
//!
//! Not a permission: what a request says about its holder is a wish, and so are the extensions in it.
//! [`ApprovedCsr`](crate::ApprovedCsr) is what a profile makes of it for a holder that somebody else vouches for.
//!
//! Invariants: a [`Csr`] exists only with a key that a certificate may carry and with a signature by that key; every
//! extension that is asked for stands in [`requested`](Csr::requested), so that nothing can be dropped unseen; a
//! challenge password is never kept; no bytes panic, and no request takes more memory than [`CSR_BYTES_MAX`] allows.

mod attributes;
mod make;
mod text;

use thiserror::Error;

use crate::cert::{DistinguishedName, ParseError, Problem, SignedBy, signature_name, tlv, verify_signature};
use crate::key::{KeyError, PublicKey};
use crate::pem::PemError;

pub use attributes::{Requested, RequestedValue};
pub use make::{make, make_ca};

/// The longest request that is read, DER, in bytes: an RSA key of 8192 bits with its signature takes 2,200.
pub const CSR_BYTES_MAX: usize = 16 * 1024;

/// The longest text that a request is looked for in: its Base64, and what `openssl req -text` writes before it.
pub const CSR_TEXT_BYTES_MAX: usize = 64 * 1024;

/// The most attributes, requested extensions, and names in one.
pub const LIST_MAX: usize = 64;

/// A request whose sender has the private key to the public key in it. Nothing else in it is verified.
#[derive(Clone, Debug)]
pub struct Csr {
    der: Vec<u8>,
    subject: DistinguishedName,
    public_key: PublicKey,
    requested: Vec<Requested>,
    attributes: Vec<String>,
}

/// Why bytes are no request that can be used.
#[derive(Debug, Error)]
pub enum CsrError {
    /// More than anybody needs.
    #[error(
        "the certificate request has {bytes} bytes; at most {max} are read\nhint: is it the right file? make one with: openssl req -new -key FILE -subj /CN=NAME"
    )]
    TooLarge {
        /// Its length.
        bytes: usize,
        /// The bound.
        max: usize,
    },
    /// Neither PEM nor DER nor Base64.
    #[error(
        "no certificate request found; the file holds: {found}\nhint: a request starts with -----BEGIN CERTIFICATE REQUEST-----; make one with: openssl req -new -key FILE -subj /CN=NAME"
    )]
    NoRequest {
        /// The labels of its blocks, or `nothing in PEM, DER or Base64`.
        found: String,
    },
    /// Several requests in one text.
    #[error(
        "{count} certificate requests in one file (lines {lines})\nhint: give them one by one: each names one holder"
    )]
    Several {
        /// How many.
        count: usize,
        /// Their lines.
        lines: String,
    },
    /// The private key came along.
    #[error(
        "line {line}: a private key stands beside the certificate request\nhint: hand over the request only, the private key stays with its holder: openssl req -in FILE -out REQUEST.csr"
    )]
    PrivateKey {
        /// Line of its BEGIN.
        line: usize,
    },
    /// The PEM text is broken.
    #[error("the certificate request cannot be read: {0}")]
    Pem(#[from] PemError),
    /// Not DER, or not what the field must hold.
    #[error(
        "not a valid certificate request: {field}: {problem}\nhint: look at it with `openssl req -noout -text -verify -in FILE` (with -inform DER for a binary one); it may be cut off"
    )]
    Malformed {
        /// The field in RFC 2986's words.
        field: &'static str,
        /// What is wrong.
        problem: Problem,
    },
    /// A list is longer than its bound.
    #[error(
        "the certificate request has more than {max} {what}\nhint: split it, or leave out what is not needed"
    )]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// The bound.
        max: usize,
    },
    /// An attribute or extension stands twice: readers differ on which counts.
    #[error("the certificate request has {oid} twice\nhint: make it again with one of them")]
    Repeated {
        /// The OID.
        oid: String,
    },
    /// Not a key that a certificate may carry.
    #[error("the key in the certificate request cannot be used: {0}")]
    Key(KeyError),
    /// A signature by an algorithm that is not allowed: SHA-1, MD5, RSA-PSS.
    #[error(
        "the certificate request is signed with {algorithm}, which is not accepted\nhint: sign it with SHA-256: openssl req -new -sha256 -key FILE -subj /CN=NAME"
    )]
    SignatureAlgorithm {
        /// Name or OID.
        algorithm: String,
    },
    /// The key in the request did not sign it.
    #[error(
        "the signature of the certificate request does not verify, so its sender did not prove to have the private key\nhint: the request was altered, or made for another key: check it with `openssl req -noout -verify -in FILE`, and make it again"
    )]
    NotSigned,
}

impl From<ParseError> for CsrError {
    fn from(error: ParseError) -> CsrError {
        CsrError::Malformed { field: error.field, problem: error.problem }
    }
}

impl Csr {
    /// Reads a request as people and programs bring it: PEM (`CERTIFICATE REQUEST`, `NEW CERTIFICATE REQUEST`), DER,
    /// or the Base64 of the DER without header and footer.
    ///
    /// # Errors
    /// [`CsrError`].
    pub fn read(bytes: &[u8]) -> Result<Csr, CsrError> {
        Csr::parse(text::der_of(bytes)?)
    }

    /// Reads one request, DER.
    ///
    /// # Errors
    /// [`CsrError`]: too large, broken, with a key that is too weak, or not signed by its own key.
    pub fn parse(der: Vec<u8>) -> Result<Csr, CsrError> {
        if der.len() > CSR_BYTES_MAX {
            return Err(CsrError::TooLarge { bytes: der.len(), max: CSR_BYTES_MAX });
        }
        let parts = Parts::of(&der)?;
        let mut info = parts.info.reader();
        version(info.expect(tlv::INTEGER, "certificationRequestInfo.version")?)?;
        let subject = info.expect(tlv::SEQUENCE, SUBJECT)?;
        let subject = DistinguishedName::parse(subject, SUBJECT)?;
        let spki = info.expect(tlv::SEQUENCE, "certificationRequestInfo.subjectPKInfo")?;
        // RFC 2986 has the empty set here; OpenSSL reads requests without it too, and old tools leave it out.
        let attributes = match info.optional(0xa0, "certificationRequestInfo.attributes")? {
            Some(set) => attributes::read(set)?,
            None => attributes::Attributes::default(),
        };
        info.finish("certificationRequestInfo")?;
        let public_key = PublicKey::from_spki_der(spki.whole).map_err(CsrError::Key)?;
        parts.require_possession(&public_key)?;
        let attributes::Attributes { requested, oids: attributes } = attributes;
        Ok(Csr { subject, public_key, requested, attributes, der })
    }

    /// Its DER.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Its PEM, with a newline at the end.
    pub fn pem(&self) -> String {
        crate::pem::encode(text::LABEL, &self.der).as_str().to_owned()
    }

    /// What its sender would like to be called.
    pub fn subject(&self) -> &DistinguishedName {
        &self.subject
    }

    /// Its public key; the sender has the private one.
    pub fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// Every extension that it asks for, in its order.
    pub fn requested(&self) -> &[Requested] {
        &self.requested
    }

    /// The OIDs of its attributes, in its order: the request for extensions, a challenge password, what Windows says
    /// about itself. They are words to the CA; none goes into a certificate but the extensions.
    pub fn attributes(&self) -> &[String] {
        &self.attributes
    }
}

const SUBJECT: &str = "certificationRequestInfo.subject";

/// The three parts of a CertificationRequest.
struct Parts<'a> {
    info: tlv::Tlv<'a>,
    algorithm: String,
    signature: &'a [u8],
}

impl<'a> Parts<'a> {
    fn of(der: &'a [u8]) -> Result<Parts<'a>, CsrError> {
        let mut reader = tlv::sole(der, tlv::SEQUENCE, "certificationRequest")?.reader();
        let info = reader.expect(tlv::SEQUENCE, "certificationRequestInfo")?;
        let algorithm = reader.expect(tlv::SEQUENCE, "signatureAlgorithm")?;
        let signature = reader.expect(tlv::BIT_STRING, "signature")?;
        reader.finish("certificationRequest")?;
        let (signature, unused) = tlv::bit_string(signature, "signature")?;
        if unused != 0 {
            return Err(CsrError::Malformed { field: "signature", problem: Problem::Value });
        }
        let algorithm =
            tlv::oid(algorithm.reader().expect(tlv::OID, "signatureAlgorithm")?, "signatureAlgorithm")?;
        Ok(Parts { info, algorithm, signature })
    }

    fn require_possession(&self, key: &PublicKey) -> Result<(), CsrError> {
        match verify_signature(key.spki_der(), &self.algorithm, self.info.whole, self.signature)? {
            SignedBy::Yes => Ok(()),
            SignedBy::No => Err(CsrError::NotSigned),
            SignedBy::Unverifiable => Err(CsrError::SignatureAlgorithm {
                algorithm: signature_name(&self.algorithm)
                    .map_or_else(|| self.algorithm.clone(), str::to_owned),
            }),
        }
    }
}

/// RFC 2986 §4.1: the only version is 0.
fn version(integer: tlv::Tlv<'_>) -> Result<(), CsrError> {
    const FIELD: &str = "certificationRequestInfo.version";
    match tlv::small_integer(integer, FIELD)? {
        0 => Ok(()),
        _ => Err(CsrError::Malformed { field: FIELD, problem: Problem::Value }),
    }
}

/// What the fuzz target runs; a test on stable runs it over the corpus. Panics where an invariant is broken.
pub fn fuzz(bytes: &[u8]) {
    match Csr::read(bytes) {
        Ok(csr) => {
            assert!(csr.der().len() <= CSR_BYTES_MAX && csr.requested().len() <= LIST_MAX);
            let again = Csr::read(csr.pem().as_bytes()).expect("what was read can be written and read again");
            assert_eq!(again.der(), csr.der());
        }
        Err(error) => {
            let text = error.to_string();
            assert!(text.len() < 2000 && text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
        }
    }
}
