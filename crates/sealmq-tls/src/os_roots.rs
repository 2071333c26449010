//! The operating system's trust anchors, for clients that were given no `--cafile`.
//!
//! A shell module: it reads files of the system. Version 1 certificates are never accepted under these anchors.

use rustls::pki_types::CertificateDer;

use crate::Finding;

/// What the system trusts.
#[derive(Clone, Debug, Default)]
pub struct OsRoots {
    pub(crate) certificates: Vec<CertificateDer<'static>>,
}

impl OsRoots {
    /// Reads them (`SSL_CERT_FILE` and `SSL_CERT_DIR` count, as in OpenSSL). What cannot be read is a finding.
    pub fn load() -> (OsRoots, Vec<Finding>) {
        let loaded = rustls_native_certs::load_native_certs();
        let findings = loaded.errors.iter().map(|error| {
            Finding::new(
                "os-roots-unreadable",
                format!("the system's CA certificates: {error}"),
                "name a CA with --cafile",
            )
        });
        (OsRoots { certificates: loaded.certs }, findings.collect())
    }
}
