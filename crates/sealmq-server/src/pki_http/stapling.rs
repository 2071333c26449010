//! The broker's own OCSP response, stapled to its handshakes: what our responder says of the certificate that serves.
//!
//! Looked at every few seconds: a renewed certificate gets its own soon, half of a response's life is never passed, and
//! where there is no "good" nothing is stapled. A client that does not insist goes on then.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sealmq_pki::ocsp::{self, CertId, HashAlgorithm, Question, Request};
use sealmq_pki::{Facts, pem};
use sealmq_tls::{Staple, Staples};

use super::responder::Reply;
use super::{Moment, Publisher};
use crate::believed;

const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Staples from now on, until the task is aborted.
pub(crate) async fn staple_for_ever(publisher: Arc<Publisher>, staples: Arc<Staples>) {
    loop {
        let moment = Moment { wall: believed::now(), mono: Instant::now() };
        staples.replace(publisher.staple(moment));
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

impl Publisher {
    /// What proves now that the server's certificate counts.
    pub(crate) fn staple(&self, moment: Moment) -> Option<Staple> {
        let text = std::fs::read(&self.server).ok()?;
        let der = pem::of_label(&text, "CERTIFICATE").ok()?.into_iter().next()?;
        let certificate = Facts::parse(&der).ok()?;
        let issuer = self.responder.issuer();
        let id = CertId::new(HashAlgorithm::Sha1, issuer, &certificate.serial);
        let request = Request { ids: vec![id], nonce: None }.to_der();
        let response = match self.responder.answer(&request, moment) {
            Reply::Kept { der, .. } => der,
            Reply::Fresh(_) | Reply::None(_) => return None,
        };
        let question = Question { certificate: &certificate, issuer, nonce: None, now: moment.wall };
        ocsp::verify(&response, &question).ok()?;
        Some(Staple { certificate: certificate.fingerprint, response })
    }
}
