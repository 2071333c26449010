//! What the data directory's CA gives out in plain HTTP (`pki_listener`): its certificates, its revocation list, and
//! answers of its OCSP responder. Plain on purpose: each of them is signed.
//!
//! Here is what is answered; sockets, time and places are the door's (`door/pki.rs`). Nothing else is reachable: no file
//! is found by a path that somebody sent.
//!
//! Invariants: what the inventory cannot tell is never answered with "good"; what strangers can make us keep or sign has
//! a bound.

mod answer;
mod bucket;
mod files;
mod kept;
pub(crate) mod responder;
pub(crate) mod route;
pub(crate) mod stapling;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use sealmq_pki::{KeyId, Timestamp, pem};

pub(crate) use answer::Answer;
use answer::{Freshness, KEPT_SECS_MAX};
use files::CrlFile;
use responder::{Reply, Responder};
use route::{Refusal, Wanted, route};

use crate::home::Home;
use crate::http::request::Request;

/// Two moments that are one: for what stands in answers, and for what is counted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    pub(crate) wall: Timestamp,
    pub(crate) mono: Instant,
}

/// Everything that is given out.
pub struct Publisher {
    pub(crate) responder: Responder,
    issuer: KeyId,
    root: Option<Certificate>,
    issuing: Certificate,
    bundle: Arc<[u8]>,
    crl: CrlFile,
    /// The server's certificate, for stapling.
    server: PathBuf,
}

/// A certificate to give out.
struct Certificate {
    der: Arc<[u8]>,
    not_before: Timestamp,
}

impl Certificate {
    fn read(der: &[u8]) -> Option<Certificate> {
        let not_before = sealmq_pki::Facts::parse(der).ok()?.not_before;
        Some(Certificate { der: der.into(), not_before })
    }

    fn answer(&self, request: &Request<'_>, now: Timestamp) -> Answer {
        let fresh = Freshness { since: self.not_before, until: now.plus_secs(KEPT_SECS_MAX) };
        Answer::of(request, "application/pkix-cert", Arc::clone(&self.der), fresh, now)
    }
}

impl Publisher {
    /// Of this directory.
    #[must_use]
    pub fn of(home: &Home) -> Publisher {
        let issuing = home.issuing().certificate();
        let anchors = pem::of_label(home.anchors_pem().as_bytes(), "CERTIFICATE").unwrap_or_default();
        let bundle = format!("{}{}", issuing.pem(), home.anchors_pem());
        Publisher {
            responder: Responder::of(home),
            server: home.place().server().certificate(),
            issuer: home.issuing().key_id().clone(),
            root: anchors.first().and_then(|der| Certificate::read(der)),
            issuing: Certificate { der: issuing.der().into(), not_before: issuing.facts().not_before },
            bundle: bundle.into_bytes().into(),
            crl: CrlFile::new(home.place().ca().folder().join("crl/issuing.crl"), issuing.facts().clone()),
        }
    }

    /// What a request gets; `body` is what stands behind its head, whole.
    pub(crate) fn answer(&self, request: &Request<'_>, body: &[u8], moment: Moment) -> Answer {
        match route(request) {
            Ok(wanted) => self.give(request, wanted, body, moment),
            Err(refusal) => Answer::refusal(refusal),
        }
    }

    fn give(&self, request: &Request<'_>, wanted: Wanted, body: &[u8], moment: Moment) -> Answer {
        let now = moment.wall;
        match wanted {
            Wanted::Root => match &self.root {
                Some(root) => root.answer(request, now),
                None => Answer::refusal(Refusal::NotFound),
            },
            Wanted::Issuing => self.issuing.answer(request, now),
            Wanted::Bundle => {
                let fresh = Freshness { since: self.issuing.not_before, until: now.plus_secs(KEPT_SECS_MAX) };
                Answer::of(request, "application/x-pem-file", Arc::clone(&self.bundle), fresh, now)
            }
            Wanted::Crl(issuer) if issuer.eq_ignore_ascii_case(&self.issuer.to_string()) => {
                match self.crl.read() {
                    Some(list) => {
                        let fresh = Freshness { since: list.this_update, until: list.next_update };
                        Answer::of(request, "application/pkix-crl", list.der, fresh, now)
                    }
                    None => Answer::refusal(Refusal::NotFound),
                }
            }
            Wanted::Crl(_) => Answer::refusal(Refusal::NotFound),
            Wanted::OcspPost => Answer::ocsp(self.responder.answer(body, moment)),
            Wanted::OcspGet(der) => match self.responder.answer(&der, moment) {
                // RFC 9919 §6: only what any other client would get too.
                Reply::Kept { der, this_update, next_update } => {
                    let fresh = Freshness { since: this_update, until: next_update };
                    Answer::of(request, answer::OCSP_RESPONSE, der, fresh, now)
                }
                other @ (Reply::Fresh(_) | Reply::None(_)) => Answer::ocsp(other),
            },
        }
    }
}

#[cfg(test)]
mod tests;
