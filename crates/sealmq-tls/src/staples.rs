//! An OCSP response about our own certificate, shown along with it to clients that ask for one (RFC 6066 §8).
//!
//! Not here: where it comes from, and for how long it counts; whoever put it takes it away in time.

use std::sync::{Arc, Mutex, PoisonError};

use rustls::sign::CertifiedKey;
use sealmq_pki::Fingerprint;

/// The response that is stapled now, if any. One for the listeners of a process; a reload keeps it.
#[derive(Debug, Default)]
pub struct Staples(Mutex<Option<Staple>>);

/// A response and the certificate that it is about.
#[derive(Clone, Debug)]
pub struct Staple {
    /// SHA-256 of the certificate: with any other one it would prove nothing.
    pub certificate: Fingerprint,
    /// The OCSPResponse, DER.
    pub response: Arc<[u8]>,
}

impl Staples {
    /// Staples this from now on, or nothing.
    pub fn replace(&self, staple: Option<Staple>) {
        // A value that is put there whole.
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = staple;
    }

    /// The same key and chain, with the response if it is about this leaf.
    pub(crate) fn onto(&self, certified: Arc<CertifiedKey>) -> Arc<CertifiedKey> {
        let staple = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match (staple, certified.cert.first()) {
            (Some(staple), Some(leaf)) if staple.certificate == Fingerprint::of(leaf) => {
                let mut stapled = CertifiedKey::new(certified.cert.clone(), Arc::clone(&certified.key));
                stapled.ocsp = Some(staple.response.to_vec());
                Arc::new(stapled)
            }
            (_, _) => certified,
        }
    }
}
