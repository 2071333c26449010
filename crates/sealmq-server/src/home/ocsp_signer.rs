//! The certificate and key that sign OCSP answers in the issuing CA's place: made and renewed as the operator's are, so
//! that a responder on the network never holds the key that issues.

use sealmq_pki::cert::{SignedBy, signed_by};
use sealmq_pki::issue::Certificate;
use sealmq_pki::{Facts, Holder, Signer as _, SoftKey};

use super::create::Progress;
use super::error::HomeError;
use super::leaves::{Leaf, first_certificate};
use super::place::KeyPairFiles;
use super::{Home, Surroundings, files};

/// What signs, as it lies on disk. That it is not revoked is not looked at here.
pub(crate) struct OcspSigner {
    pub(crate) certificate: Certificate,
    pub(crate) key: SoftKey,
}

impl Home {
    /// Makes the OCSP signer's certificate new where that is needed.
    pub fn ensure_ocsp_signer(&self, around: &Surroundings, done: Progress<'_>) -> Result<Leaf, HomeError> {
        self.ensure_leaf(&self.place().ocsp(), Holder::OcspSigner, None, around, done)
    }
}

impl OcspSigner {
    /// Reads both files.
    ///
    /// # Errors
    /// One is missing or no use, they are no pair, or another CA issued it.
    pub(crate) fn read(pair: &KeyPairFiles, issuer: &Facts) -> Result<OcspSigner, HomeError> {
        let corrupt = |path: std::path::PathBuf, text: String| HomeError::Corrupt { path, text };
        let at = pair.certificate();
        let der = first_certificate(&at)?.ok_or_else(|| HomeError::Incomplete { path: at.clone() })?;
        let certificate =
            Certificate::from_der(der).map_err(|error| corrupt(at.clone(), error.to_string()))?;
        let pem =
            files::read_secret(&pair.key())?.ok_or_else(|| HomeError::Incomplete { path: pair.key() })?;
        let key = SoftKey::from_pem(&pem).map_err(|error| corrupt(pair.key(), error.to_string()))?;
        if key.public_key().spki_der() != certificate.facts().spki_der.as_slice() {
            return Err(corrupt(at, "key and certificate do not belong together".to_owned()));
        }
        match signed_by(certificate.der(), issuer) {
            Ok(SignedBy::Yes) => Ok(OcspSigner { certificate, key }),
            Ok(SignedBy::No | SignedBy::Unverifiable) | Err(_) => {
                Err(corrupt(at, "another CA issued it".to_owned()))
            }
        }
    }
}
