//! Paths of a leaf that is out of its dates, where those do not count (`disable_client_cert_date_checks`).
//!
//! webpki has one time for a whole path, and an old leaf and its CA's present certificate often have no day in common.
//! So the leaf is verified by webpki at a moment of its own life, with the CA that issued it as anchor (an anchor has no
//! dates there); and that CA is followed up to a configured anchor here, as of now. Stricter than webpki where it is not
//! its equal: above the issuer nothing with name constraints or another critical extension is followed, and nothing
//! that demands a policy.

use rustls::pki_types::CertificateDer;
use sealmq_pki::cert::ExtKeyUsage;
use sealmq_pki::policy::POLICY_CONSTRAINTS;
use sealmq_pki::{Facts, Timestamp};
use webpki::{EndEntityCert, KeyUsage};

use crate::anchors::CaCertificate;
use crate::failure::Refusal;
use crate::legacy;
use crate::path::{Check, PEER_CERTIFICATES_MAX, Path, code_of, unix_time};
use crate::symptoms::Code;

/// Signatures that are looked at for one leaf; real chains have one or two. It bounds the depth of a search, too.
const SIGNATURES_MAX: usize = 64;
/// basicConstraints, keyUsage, extendedKeyUsage: what is understood here of a CA above the issuer.
const UNDERSTOOD: [&str; 3] = ["2.5.29.15", "2.5.29.19", "2.5.29.37"];

pub(crate) fn verify(
    check: &Check<'_>,
    der: &CertificateDer<'_>,
    leaf: Facts,
    sent: &[CertificateDer<'_>],
) -> Result<Path, Refusal> {
    let sent: Vec<CaCertificate> =
        sent.iter().take(PEER_CERTIFICATES_MAX).filter_map(|der| brought(der)).collect();
    let mut refusal = Refusal::about(Code::UnknownIssuer, &leaf, "");
    let mut climb = Climb { check, sent: &sent, signatures: 0 };
    for issuer in climb.named(&leaf) {
        match by_issuer(check, der, &leaf, issuer) {
            Err(found) => refusal = found,
            Ok(()) => match climb.way_up(issuer) {
                Ok((between, anchor)) => return Ok(Path::new(leaf, between, anchor, check.dates)),
                Err(found) => refusal = found,
            },
        }
    }
    Err(refusal)
}

/// A CA certificate that the peer sent; whatever else it sent is left out.
fn brought(der: &CertificateDer<'_>) -> Option<CaCertificate> {
    let facts = Facts::parse(der).ok().filter(Facts::is_ca)?;
    Some(CaCertificate { der: CertificateDer::from(der.as_ref().to_vec()), facts, origin: String::new() })
}

/// The leaf under this issuer, at the moment of the leaf's life that is nearest to now.
fn by_issuer(
    check: &Check<'_>,
    der: &CertificateDer<'_>,
    leaf: &Facts,
    issuer: &CaCertificate,
) -> Result<(), Refusal> {
    let unusable = |error: webpki::Error| Refusal::about(code_of(&error), leaf, error.to_string());
    let at: Timestamp = check.now.max(leaf.not_before).min(leaf.not_after);
    let anchor = webpki::anchor_from_trusted_cert(&issuer.der).map_err(unusable)?;
    let usage = KeyUsage::client_auth();
    EndEntityCert::try_from(der)
        .and_then(|leaf| {
            leaf.verify_for_usage(check.algorithms, &[anchor], &[], unix_time(at), usage, None, None)
                .map(|_| ())
        })
        .map_err(unusable)
}

/// The way from an issuer to a configured anchor.
struct Climb<'c> {
    check: &'c Check<'c>,
    sent: &'c [CaCertificate],
    signatures: usize,
}

impl<'c> Climb<'c> {
    /// CA certificates with the name of this one's issuer, anchors first.
    fn named(&self, below: &Facts) -> Vec<&'c CaCertificate> {
        let name = below.issuer.clone();
        self.check.store.all().chain(self.sent).filter(|ca| ca.facts.subject == name).collect()
    }

    /// The CA certificates from `issuer` up, and the anchor that they end at.
    fn way_up(&mut self, issuer: &'c CaCertificate) -> Result<(Vec<Facts>, &'c CaCertificate), Refusal> {
        let mut below: Vec<&'c CaCertificate> = Vec::new();
        let anchor = self.climb(issuer, &mut below)?;
        Ok((below.into_iter().map(|ca| ca.facts.clone()).collect(), anchor))
    }

    fn climb(
        &mut self,
        ca: &'c CaCertificate,
        below: &mut Vec<&'c CaCertificate>,
    ) -> Result<&'c CaCertificate, Refusal> {
        self.usable(ca, below)?;
        if self.check.store.anchors.iter().any(|anchor| std::ptr::eq(anchor, ca)) {
            return Ok(ca);
        }
        let mut refusal = Refusal::about(Code::UnknownIssuer, &ca.facts, "");
        if below.iter().any(|known| known.der == ca.der) {
            return Err(refusal);
        }
        below.push(ca);
        for above in self.named(&ca.facts) {
            self.signatures += 1;
            if self.signatures > SIGNATURES_MAX {
                break;
            }
            if !legacy::is_signed_by(&ca.der, above, self.check.algorithms) {
                continue;
            }
            match self.climb(above, below) {
                Ok(anchor) => return Ok(anchor),
                Err(found) => refusal = found,
            }
        }
        below.pop();
        Err(refusal)
    }

    /// RFC 5280 §6.1, for a CA certificate above a leaf and the CAs in `below`.
    fn usable(&self, ca: &CaCertificate, below: &[&CaCertificate]) -> Result<(), Refusal> {
        let facts = &ca.facts;
        let is_anchor = self.check.store.anchors.iter().any(|anchor| std::ptr::eq(anchor, ca));
        let about = |code, detail: &str| Err(Refusal::about(code, facts, detail));
        if !facts.is_current(self.check.now) {
            let code = if is_anchor { Code::AnchorEnded } else { Code::Expired };
            return about(code, "a CA above it is out of its dates");
        }
        let own = below.iter().filter(|ca| !ca.facts.is_self_issued()).count();
        if facts.basic_constraints.and_then(|bc| bc.path_len).is_some_and(|max| own > max as usize) {
            return about(Code::CaMisuse, "more CA certificates below it than its pathlen allows");
        }
        let for_clients = |usages: &Vec<ExtKeyUsage>| usages.contains(&ExtKeyUsage::ClientAuth);
        if !is_anchor && !facts.ext_key_usage.as_ref().is_none_or(for_clients) {
            return about(Code::WrongPurpose, "");
        }
        // What webpki has checked as the leaf's anchor, it has: name constraints of the issuer among them.
        let above_issuer = !below.is_empty();
        let unknown = facts.critical_extensions.iter().any(|oid| !UNDERSTOOD.contains(&oid.as_str()));
        let has = |extension: &str| facts.extensions.iter().any(|oid| oid == extension);
        let (constrained, demands_policy) = (has("2.5.29.30"), has(POLICY_CONSTRAINTS));
        if ((unknown || demands_policy) && !is_anchor) || (above_issuer && constrained) {
            return about(
                Code::CaMisuse,
                "it limits what is below it in a way that is not checked for a leaf out of its dates",
            );
        }
        Ok(())
    }
}
