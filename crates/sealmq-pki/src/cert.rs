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
pub use signed::{SelfSigned, SignedBy, SignedParts, signed_by, signed_parts};
pub use tlv::{ParseError, Problem};

pub(crate) use ext::Extension;
pub(crate) use oids::signature_name;
pub(crate) use points::full_names;
pub(crate) use signed::verify_signature;
pub(crate) use tlv::Reader;

use crate::ids::KeyId;

/// Kind and key identifier of a SubjectPublicKeyInfo.
pub(crate) fn public_key_facts(spki: &[u8]) -> Result<(KeyKind, KeyId), ParseError> {
    let facts = key_facts::parse(tlv::sole(spki, tlv::SEQUENCE, "subjectPublicKeyInfo")?)?;
    Ok((facts.kind, KeyId::of_public_key(facts.bits)))
}
