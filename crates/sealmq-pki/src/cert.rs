//! Reading certificates: everything an explanation needs, from any certificate.
//!
//! Not a path validation: nothing here says that a certificate may be trusted. The reader is our own because the
//! certificates in the field are odd: version 1, repeated RDNs, T61 and BMP strings, negative serials. It is strict
//! where two readers could understand different things (lengths, trailing bytes, repeated extensions), and never
//! panics whatever the bytes.

mod dn;
pub(crate) mod ext;
mod facts;
mod key_facts;
mod oids;
mod points;
mod signed;
pub(crate) mod tlv;

pub use dn::{Attribute, DistinguishedName};
pub use ext::{AltName, BasicConstraints, ExtKeyUsage, KeyUsage, KeyUsageBit};
pub use facts::{Facts, Version};
pub use key_facts::{Curve, KeyKind};
pub use points::PointName;
pub use signed::{SelfSigned, Signature, SignedBy, SignedParts, explain_signature, signed_by, signed_parts};
pub use tlv::{ParseError, Problem};

pub(crate) use ext::Extension;
pub(crate) use oids::signature_name;
pub(crate) use points::full_names;
pub(crate) use signed::{explain_raw, list_signed_by, verify_signature};
pub(crate) use tlv::Reader;

use crate::ids::KeyId;

/// All extensions of a certificate as they stand there, for a reader that wants more than [`Facts`] has.
pub(crate) fn raw_extensions(der: &[u8]) -> Result<Vec<Extension<'_>>, ParseError> {
    const FIELD: &str = "tbsCertificate.extensions";
    let mut certificate = tlv::sole(der, tlv::SEQUENCE, "certificate")?.reader();
    let mut tbs = certificate.expect(tlv::SEQUENCE, "tbsCertificate")?.reader();
    let mut found = Vec::new();
    while !tbs.is_empty() {
        let field = tbs.any("tbsCertificate")?;
        if field.tag != 0xa3 {
            continue;
        }
        let mut list = tlv::sole(field.content, tlv::SEQUENCE, FIELD)?.reader();
        while !list.is_empty() {
            found.push(Extension::read(&mut list, FIELD)?);
        }
    }
    Ok(found)
}

/// Kind and key identifier of a SubjectPublicKeyInfo.
pub(crate) fn public_key_facts(spki: &[u8]) -> Result<(KeyKind, KeyId), ParseError> {
    let facts = key_facts::parse(tlv::sole(spki, tlv::SEQUENCE, "subjectPublicKeyInfo")?)?;
    Ok((facts.kind, KeyId::of_public_key(facts.bits)))
}
