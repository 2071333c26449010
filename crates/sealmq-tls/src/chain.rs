//! Completing the chain that we present: where `certfile` holds only the leaf, the issuers come from `cafile`.
//!
//! OpenSSL does the same, and many guides rely on it. Two differences, on purpose: each step is checked by signature,
//! not by name alone, and the self-signed root is not sent unless it stands in `certfile` (the peer has it, or it
//! helps nothing; small devices read every byte).

use rustls::pki_types::{CertificateDer, SignatureVerificationAlgorithm};
use sealmq_pki::Facts;
use sealmq_pki::cert::SelfSigned;

use crate::anchors::TrustStore;
use crate::legacy;

/// No real chain is longer.
const ADDED_MAX: usize = 8;

/// The chain to present for `chain` as it stood in the file, leaf first.
pub(crate) fn complete(
    chain: &[CertificateDer<'static>],
    store: &TrustStore,
    algorithms: &[&dyn SignatureVerificationAlgorithm],
) -> Vec<CertificateDer<'static>> {
    let mut complete = chain.to_vec();
    if complete.len() != 1 {
        return complete;
    }
    while complete.len() <= ADDED_MAX {
        let last = complete.last().expect("the leaf is there");
        let Ok(facts) = Facts::parse(last) else { break };
        let issuer = store
            .all()
            .filter(|ca| ca.facts.subject == facts.issuer && ca.facts.fingerprint != facts.fingerprint)
            .find(|ca| legacy::is_signed_by(last, ca, algorithms));
        match issuer {
            Some(ca) if ca.facts.self_signed != SelfSigned::Yes => complete.push(ca.der.clone()),
            _ => break,
        }
    }
    complete
}
