//! What of a listener's TLS ends some day, for whoever watches.

use sealmq_pki::Facts;
use sealmq_pki::watch::{Kind, Watched};

use crate::anchors::TrustStore;
use crate::keys::KeyPair;
use crate::revocation::CrlSet;

/// Leaves and what their files hold above them, the CAs that are trusted, revocation lists.
pub(crate) fn watched(pairs: &[&KeyPair], store: &TrustStore, crls: Option<&CrlSet>) -> Vec<Watched> {
    let served = pairs.iter().map(|pair| Watched::certificate(Kind::Served, pair.leaf(), pair.origin()));
    let above = pairs.iter().flat_map(|pair| {
        let facts = pair.chain().iter().skip(1).filter_map(|der| Facts::parse(der).ok());
        facts.map(|facts| Watched::certificate(Kind::Intermediate, &facts, pair.origin()))
    });
    let trusted = [(Kind::Anchor, &store.anchors), (Kind::Intermediate, &store.intermediates)];
    let trusted = trusted.into_iter().flat_map(|(kind, cas)| {
        cas.iter().map(move |ca| Watched::certificate(kind, &ca.facts, ca.origin.as_str()))
    });
    let lists = crls.into_iter().flat_map(CrlSet::watched);
    served.chain(above).chain(trusted).chain(lists).collect()
}
