//! From a peer's certificates to a trust anchor: the one path validation for handshake, judgment and our client.
//!
//! Version 3 goes through webpki, with our intermediates added to what the peer sent; version 1 through `legacy`.
//! What webpki leaves out is added on each candidate path: the anchor's dates and path length, keyCertSign of the
//! intermediates. It reads caches only and blocks on nothing.

use std::cell::RefCell;

use rustls::pki_types::{CertificateDer, SignatureVerificationAlgorithm, UnixTime};
use sealmq_pki::cert::{BasicConstraints, Version};
use sealmq_pki::policy::{self, POLICY_CONSTRAINTS, Policies};
use sealmq_pki::{Facts, KeyId, Serial, Timestamp};
use webpki::{EndEntityCert, KeyUsage, VerifiedPath};

use crate::anchors::{CaCertificate, TrustStore};
use crate::failure::Refusal;
use crate::legacy;
use crate::symptoms::Code;
use crate::undated;

/// What the leaf is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Client,
    Server,
}

/// Whether version 1 leaves are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version1 {
    Allowed,
    Refused,
}

/// Whether the leaf must be within its dates (`disable_client_cert_date_checks`). CA certificates always must.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LeafDates {
    Checked,
    Unchecked,
}

/// The most certificates of a peer that we look at; longer chains only cost time.
pub(crate) const PEER_CERTIFICATES_MAX: usize = 16;

/// A verified path.
#[derive(Clone, Debug)]
pub(crate) struct Path {
    pub(crate) leaf: Facts,
    /// (issuer's key, serial) of the leaf and every intermediate: what revocation asks about.
    pub(crate) links: Vec<Link>,
    /// The first end in the chain, the anchor's included; without the leaf's where its dates do not count.
    pub(crate) not_after: Timestamp,
    /// Where it ends.
    pub(crate) anchor: Box<Facts>,
}

/// One certificate below the anchor, as its issuer knows it.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    pub(crate) issuer: KeyId,
    pub(crate) serial: Serial,
    pub(crate) facts: Box<Facts>,
}

/// What a path is checked against.
pub(crate) struct Check<'a> {
    pub(crate) store: &'a TrustStore,
    pub(crate) algorithms: &'a [&'a dyn SignatureVerificationAlgorithm],
    pub(crate) purpose: Purpose,
    pub(crate) version1: Version1,
    pub(crate) dates: LeafDates,
    pub(crate) now: Timestamp,
}

impl Check<'_> {
    /// Finds and verifies a path for `chain` (leaf first, as sent by the peer).
    ///
    /// # Errors
    /// The refusal that fits best, about the certificate at fault.
    pub(crate) fn run(&self, chain: &[CertificateDer<'_>]) -> Result<Path, Refusal> {
        let Some((leaf_der, sent)) = chain.split_first() else {
            return Err(Refusal::new(Code::NoCertificate, ""));
        };
        let leaf =
            Facts::parse(leaf_der).map_err(|error| Refusal::new(Code::BadCertificate, error.to_string()))?;
        match leaf.version {
            Version::V1 => self.version1(leaf_der, leaf),
            Version::V2 => {
                Err(Refusal::about(Code::BadCertificate, &leaf, "version 2 certificates are not supported"))
            }
            Version::V3 => match self.dates {
                LeafDates::Unchecked if !leaf.is_current(self.now) => {
                    undated::verify(self, leaf_der, leaf, sent)
                }
                LeafDates::Checked | LeafDates::Unchecked => self.version3(leaf_der, leaf, sent),
            },
        }
    }

    fn version1(&self, der: &CertificateDer<'_>, leaf: Facts) -> Result<Path, Refusal> {
        if self.version1 == Version1::Refused {
            return Err(Refusal::about(Code::Version1, &leaf, ""));
        }
        let anchor = legacy::verify_leaf(der, &leaf, self)?;
        Ok(Path::new(leaf, Vec::new(), anchor, self.dates))
    }

    fn version3(
        &self,
        der: &CertificateDer<'_>,
        leaf: Facts,
        sent: &[CertificateDer<'_>],
    ) -> Result<Path, Refusal> {
        let end_entity = EndEntityCert::try_from(der).map_err(|error| self.refusal(&leaf, &[], error))?;
        let intermediates: Vec<CertificateDer<'_>> = sent
            .iter()
            .take(PEER_CERTIFICATES_MAX)
            .map(|cert| CertificateDer::from(cert.as_ref()))
            .chain(self.store.intermediates.iter().map(|ca| CertificateDer::from(ca.der.as_ref())))
            .collect();
        let ours: RefCell<Option<Refusal>> = RefCell::new(None);
        let seen = |path: &VerifiedPath<'_>| {
            self.beyond_webpki(&leaf, path).map(|_| ()).map_err(|refusal| {
                *ours.borrow_mut() = Some(refusal);
                webpki::Error::UnknownIssuer
            })
        };
        let usage = match self.purpose {
            Purpose::Client => KeyUsage::client_auth(),
            Purpose::Server => KeyUsage::server_auth(),
        };
        let time = unix_time(self.now);
        let verified = end_entity.verify_for_usage(
            self.algorithms,
            &self.store.webpki_anchors,
            &intermediates,
            time,
            usage,
            None,
            Some(&seen),
        );
        match verified {
            Ok(path) => {
                let (between, anchor) = self.beyond_webpki(&leaf, &path)?;
                Ok(Path::new(leaf, between, anchor, self.dates))
            }
            // A path that webpki found good and we did not says more than the paths that it did not find.
            Err(error) => {
                Err(ours.into_inner().unwrap_or_else(|| self.refusal(&leaf, &intermediates, error)))
            }
        }
    }

    /// What RFC 5280 §6.1 asks and webpki leaves to its caller.
    fn beyond_webpki(
        &self,
        leaf: &Facts,
        path: &VerifiedPath<'_>,
    ) -> Result<(Vec<Facts>, &CaCertificate), Refusal> {
        let anchor = self
            .store
            .webpki_anchor_of(path.anchor())
            .ok_or_else(|| Refusal::new(Code::Internal, "a path ended at an anchor that is not ours"))?;
        if !anchor.facts.is_current(self.now) {
            let detail = format!("the anchor from {}", anchor.origin);
            return Err(Refusal::about(Code::AnchorEnded, &anchor.facts, detail));
        }
        let mut between = Vec::new();
        for cert in path.intermediate_certificates() {
            let facts = Facts::parse(&cert.der())
                .map_err(|error| Refusal::new(Code::BadCertificate, format!("an intermediate: {error}")))?;
            if !facts.is_ca() {
                return Err(Refusal::about(Code::CaMisuse, &facts, "its keyUsage lacks keyCertSign"));
            }
            between.push(facts);
        }
        policies_hold(leaf, &between, path)?;
        let below = between.iter().filter(|facts| !facts.is_self_issued()).count();
        match anchor.facts.basic_constraints {
            Some(BasicConstraints { path_len: Some(max), .. }) if below > max as usize => {
                let detail = format!("{below} CA certificates below an anchor with pathlen {max}");
                Err(Refusal::about(Code::CaMisuse, &anchor.facts, detail))
            }
            _ => Ok((between, anchor)),
        }
    }

    fn refusal(&self, leaf: &Facts, intermediates: &[CertificateDer<'_>], error: webpki::Error) -> Refusal {
        let code = code_of(&error);
        if code == Code::UnknownIssuer && leaf.is_self_issued() {
            return Refusal::about(Code::SelfSigned, leaf, "");
        }
        if !matches!(code, Code::Expired | Code::NotYetValid) {
            let detail = if code == Code::UnknownIssuer { String::new() } else { error.to_string() };
            return Refusal::about(code, leaf, detail);
        }
        let out_of_dates = intermediates.iter().filter_map(|der| Facts::parse(der).ok());
        let at_fault =
            Some(leaf.clone()).into_iter().chain(out_of_dates).find(|facts| !facts.is_current(self.now));
        let facts = at_fault.as_ref().unwrap_or(leaf);
        let detail = if self.now < facts.not_before {
            format!("not valid before {}", facts.not_before)
        } else {
            format!("ended at {}", facts.not_after)
        };
        Refusal::about(code, facts, detail)
    }
}

/// RFC 5280 §6.1: webpki reads no policies, and refuses policyConstraints only where they are critical.
fn policies_hold(leaf: &Facts, between: &[Facts], path: &VerifiedPath<'_>) -> Result<(), Refusal> {
    let demands = |facts: &Facts| facts.extensions.iter().any(|oid| oid == POLICY_CONSTRAINTS);
    if !between.iter().chain([leaf]).any(demands) {
        return Ok(());
    }
    let ends = [path.end_entity().der()].into_iter();
    let ders: Vec<_> = ends.chain(path.intermediate_certificates().map(|cert| cert.der())).collect();
    let facts: Vec<&Facts> = [leaf].into_iter().chain(between).collect();
    let mut read = Vec::with_capacity(ders.len());
    for (der, facts) in ders.iter().zip(&facts) {
        let policies = Policies::of(der)
            .map_err(|error| Refusal::about(Code::BadCertificate, facts, error.to_string()))?;
        read.push(policies);
    }
    let down: Vec<(&Facts, &Policies)> = facts.into_iter().zip(&read).rev().collect();
    policy::check(&down)
        .map_err(|(index, unfit)| Refusal::about(Code::CaMisuse, down[index].0, unfit.to_string()))
}

/// webpki's time; what lies before 1970 is drawn there.
pub(crate) fn unix_time(at: Timestamp) -> UnixTime {
    UnixTime::since_unix_epoch(std::time::Duration::from_secs(u64::try_from(at.as_secs()).unwrap_or(0)))
}

impl Path {
    pub(crate) fn new(leaf: Facts, between: Vec<Facts>, anchor: &CaCertificate, dates: LeafDates) -> Path {
        let of_leaf = match dates {
            LeafDates::Checked => leaf.not_after,
            LeafDates::Unchecked => Timestamp::NEVER,
        };
        let not_after = between
            .iter()
            .map(|facts| facts.not_after)
            .fold(of_leaf.min(anchor.facts.not_after), Timestamp::min);
        let mut links = Vec::with_capacity(between.len() + 1);
        let issuers =
            between.iter().map(|facts| &facts.computed_key_id).chain([&anchor.facts.computed_key_id]);
        for (facts, issuer) in [&leaf].into_iter().chain(&between).zip(issuers) {
            links.push(Link {
                issuer: issuer.clone(),
                serial: facts.serial.clone(),
                facts: Box::new(facts.clone()),
            });
        }
        Path { leaf, links, not_after, anchor: Box::new(anchor.facts.clone()) }
    }

    /// The certificate whose key signed the leaf.
    pub(crate) fn issuer(&self) -> &Facts {
        self.links.get(1).map_or(&self.anchor, |above| &above.facts)
    }
}

#[allow(clippy::wildcard_enum_match_arm)] // webpki's enum is non-exhaustive
pub(crate) fn code_of(error: &webpki::Error) -> Code {
    use webpki::Error;
    match error {
        Error::CertExpired { .. } | Error::InvalidCertValidity => Code::Expired,
        Error::CertNotValidYet { .. } => Code::NotYetValid,
        Error::UnknownIssuer => Code::UnknownIssuer,
        Error::InvalidSignatureForPublicKey => Code::BadSignature,
        Error::RequiredEkuNotFoundContext(_) | Error::EmptyEkuExtension => Code::WrongPurpose,
        Error::CaUsedAsEndEntity
        | Error::EndEntityUsedAsCa
        | Error::PathLenConstraintViolated
        | Error::NameConstraintViolation => Code::CaMisuse,
        Error::UnsupportedSignatureAlgorithmContext(_)
        | Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => Code::TooWeak,
        Error::CertNotValidForName(_) => Code::NameMismatch,
        Error::CertRevoked => Code::Revoked,
        Error::UnsupportedCertVersion => Code::Version1,
        Error::MaximumPathBuildCallsExceeded
        | Error::MaximumSignatureChecksExceeded
        | Error::MaximumPathDepthExceeded
        | Error::MaximumNameConstraintComparisonsExceeded => Code::CertificateUnknown,
        _ => Code::BadCertificate,
    }
}
