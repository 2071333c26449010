//! rustls' view of [`Judge`]: the verifier of client certificates, one for each session.
//!
//! It decides nothing by itself. One value for each session, so that the time is the caller's and the refusal, which
//! rustls' error cannot carry together with a fitting alert, finds its way back to the session.

use std::fmt;
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error as RustlsError, SignatureScheme};
use sealmq_pki::Timestamp;

use crate::judge::{Again, ClientAuth, Judge, guarded};
use crate::session::Seen;
use crate::signature;

/// Verifies in the handshake what needs no inventory.
pub(crate) struct HandshakeVerifier {
    pub(crate) judge: Arc<Judge>,
    pub(crate) names: Arc<[DistinguishedName]>,
    pub(crate) now: Timestamp,
    pub(crate) seen: Arc<Seen>,
}

impl fmt::Debug for HandshakeVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HandshakeVerifier")
    }
}

impl ClientCertVerifier for HandshakeVerifier {
    fn client_auth_mandatory(&self) -> bool {
        self.judge.client_auth == ClientAuth::Required
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.names
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, RustlsError> {
        let chain: Vec<CertificateDer<'_>> = [end_entity]
            .into_iter()
            .chain(intermediates)
            .map(|der| CertificateDer::from(der.as_ref()))
            .collect();
        match guarded(|| self.judge.admit(&chain, Again::as_new(self.now))) {
            Ok(path) => {
                self.seen.proved(path);
                Ok(ClientCertVerified::assertion())
            }
            Err(refusal) => {
                let error = refusal.for_rustls();
                self.seen.refused(refusal);
                Err(error)
            }
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, RustlsError> {
        signature::tls12(message, cert, dss, &self.judge.algorithms, &self.seen)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, RustlsError> {
        signature::tls13(message, cert, dss, &self.judge.algorithms, &self.seen)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.judge.algorithms.supported_schemes()
    }
}
