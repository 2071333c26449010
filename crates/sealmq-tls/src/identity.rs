//! From a verified leaf to the name of its holder.
//!
//! The source that the rule names decides; present but unusable refuses, it never falls through to another.

use std::sync::Arc;

use sealmq_pki::inventory::Role;
use sealmq_pki::{Facts, Fingerprint, KeyId, Serial, Timestamp};

use crate::Finding;
use crate::failure::Refusal;
use crate::fields::{CertificateField, FieldValue, IdentitySources};
use crate::symptoms::Code;
use crate::trust::Generation;

/// What makes the user name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IdentityRule {
    /// Nothing: the certificate only admits.
    None,
    /// `use_identity_as_username`: the CN, exactly one.
    CommonName,
    /// `use_subject_as_username`: the whole subject as RFC 2253 text.
    Subject,
    /// `identity_source`: the first of these fields that the certificate has.
    Sources(IdentitySources),
}

/// Who a peer is, as verified. Made by [`ServerTls::judge`](crate::ServerTls::judge) only.
#[derive(Clone, Debug)]
pub struct VerifiedIdentity {
    name: Option<Arc<str>>,
    issuer: KeyId,
    serial: Serial,
    fingerprint: Fingerprint,
    spki_sha256: Fingerprint,
    not_after: Timestamp,
    generation: Generation,
    role: Option<Role>,
    findings: Vec<Finding>,
}

/// What goes into an identity beside its name.
pub(crate) struct Verified<'a> {
    pub(crate) leaf: &'a Facts,
    pub(crate) issuer: KeyId,
    pub(crate) not_after: Timestamp,
    pub(crate) generation: Generation,
    pub(crate) role: Option<Role>,
    pub(crate) findings: Vec<Finding>,
}

impl VerifiedIdentity {
    pub(crate) fn new(rule: IdentityRule, verified: Verified<'_>) -> Result<VerifiedIdentity, Refusal> {
        let Verified { leaf, issuer, not_after, generation, role, mut findings } = verified;
        let name = name(rule, leaf)?;
        if name.as_deref().is_some_and(|name| name.contains('/')) {
            findings.push(Finding::new(
                "identity-with-slash",
                format!(
                    "the user name '{}' holds '/': in an access rule with %u it spans several topic levels",
                    name.as_deref().unwrap_or_default().escape_debug()
                ),
                "issue certificates with CNs without '/'",
            ));
        }
        Ok(VerifiedIdentity {
            name: name.map(Arc::from),
            issuer,
            serial: leaf.serial.clone(),
            fingerprint: leaf.fingerprint,
            spki_sha256: leaf.spki_sha256,
            not_after,
            generation,
            role,
            findings,
        })
    }

    /// The user name, where the listener's rule makes one.
    pub fn name(&self) -> Option<&Arc<str>> {
        self.name.as_ref()
    }

    /// Identifier of the issuer's key, computed from the key itself.
    pub fn issuer(&self) -> &KeyId {
        &self.issuer
    }

    /// Serial of the leaf.
    pub fn serial(&self) -> &Serial {
        &self.serial
    }

    /// SHA-256 of the leaf.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// SHA-256 of the leaf's public key.
    pub fn spki_sha256(&self) -> Fingerprint {
        self.spki_sha256
    }

    /// The first end in the chain, the anchor's included: at this second the identity ends.
    pub fn not_after(&self) -> Timestamp {
        self.not_after
    }

    /// The generation at which it was judged.
    pub fn generation(&self) -> Generation {
        self.generation
    }

    /// The role that our inventory records for it; `None` for certificates of other CAs.
    pub fn role(&self) -> Option<Role> {
        self.role
    }

    /// What should be said about it (version 1, '/' in the name).
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }
}

/// mosquitto's rules allow `/` (it is a finding), ours do not.
fn name(rule: IdentityRule, leaf: &Facts) -> Result<Option<String>, Refusal> {
    let (field, value) = match rule {
        IdentityRule::None => return Ok(None),
        IdentityRule::CommonName => read(CertificateField::CommonName, leaf),
        IdentityRule::Subject => read(CertificateField::Subject, leaf),
        IdentityRule::Sources(sources) => sources
            .fields()
            .map(|field| read(field, leaf))
            .find(|(_, value)| *value != FieldValue::Absent)
            .ok_or_else(|| Refusal::about(Code::IdentityAbsent, leaf, format!("it has none of {sources}")))?,
    };
    let name = match value {
        FieldValue::Absent => {
            return Err(Refusal::about(Code::IdentityAbsent, leaf, format!("there is no {field}")));
        }
        FieldValue::Unreadable => {
            let detail = format!("its {field} is not readable text");
            return Err(Refusal::about(Code::IdentityForbidden, leaf, detail));
        }
        FieldValue::Several(count) => {
            return Err(Refusal::about(Code::IdentitySeveral, leaf, format!("{count} values of {field}")));
        }
        FieldValue::Text(name) if name.is_empty() => {
            return Err(Refusal::about(Code::IdentityAbsent, leaf, format!("its {field} is empty")));
        }
        FieldValue::Text(name) => name,
    };
    let slash_splits = matches!(rule, IdentityRule::Sources(_));
    let forbidden = |c: &char| c.is_control() || matches!(c, '+' | '#') || (slash_splits && *c == '/');
    if let Some(bad) = name.chars().find(forbidden) {
        let detail = format!("'{}' in '{}'", bad.escape_debug(), name.escape_debug());
        return Err(Refusal::about(Code::IdentityForbidden, leaf, detail));
    }
    Ok(Some(name))
}

fn read(field: CertificateField, leaf: &Facts) -> (CertificateField, FieldValue) {
    (field, field.read(leaf))
}
