//! Our own certificate and key: loaded, paired and weighed before anything is opened with them.
//!
//! The pair is checked here and not by rustls, whose `keys_match` refuses version 1 certificates (rustls#2364).
//! Not here: reading files and their modes (the caller does), tokens (they come as another [`KeyPair`] source).

use std::collections::HashSet;
use std::sync::Arc;

use rustls::SignatureAlgorithm;
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::{CertifiedKey, SigningKey};
use sealmq_pki::cert::Version;
use sealmq_pki::{Facts, Fingerprint, KeyError, SoftKey, Timestamp};
use thiserror::Error;

use crate::Finding;
use crate::anchors::{self, AnchorError, PemSource};

/// Why certificate and key cannot be used.
#[derive(Debug, Error)]
pub enum KeyPairError {
    /// The file of the certificate.
    #[error("{0}")]
    Certificate(#[from] AnchorError),
    /// The file of the key.
    #[error("{origin}: {error}")]
    Key {
        /// Where.
        origin: String,
        /// What.
        error: KeyError,
    },
    /// They are not a pair.
    #[error(
        "{key_origin}: this private key does not belong to the certificate '{subject}' in {origin}\nhint: {hint}"
    )]
    Mismatch {
        /// The certificate's file.
        origin: String,
        /// The key's file.
        key_origin: String,
        /// RFC 2253, escaped.
        subject: String,
        /// The likely reason and its mend.
        hint: String,
    },
    /// The library refuses the key.
    #[error(
        "{origin}: the private key cannot be used: {reason}\nhint: use P-256 or RSA of 2048 to 8192 bits"
    )]
    Unusable {
        /// Where.
        origin: String,
        /// What rustls says.
        reason: String,
    },
}

/// A certificate chain (leaf first) with its private key. Cheap to clone; the key cannot be read back.
#[derive(Clone)]
pub struct KeyPair {
    chain: Vec<CertificateDer<'static>>,
    key: Arc<dyn SigningKey>,
    leaf: Arc<Facts>,
    origin: String,
}

impl KeyPair {
    /// Reads a chain and its key. The passphrase is used only if the key is encrypted.
    ///
    /// # Errors
    /// [`KeyPairError`]: unreadable, too weak, not a pair.
    pub fn load(
        chain: &PemSource,
        key: &PemSource,
        passphrase: Option<&[u8]>,
    ) -> Result<KeyPair, KeyPairError> {
        let soft = match passphrase {
            Some(passphrase) => SoftKey::from_encrypted_pem(&key.pem, passphrase),
            None => SoftKey::from_pem(&key.pem),
        }
        .map_err(|error| KeyPairError::Key { origin: key.origin.clone(), error })?;
        let certificates = anchors::certificates(chain, &mut Vec::new())?;
        let leaf = certificates.first().expect("`certificates` gives at least one").facts.clone();
        let ours = |facts: &Facts| facts.spki_der == sealmq_pki::Signer::public_key(&soft).spki_der();
        if !ours(&leaf) {
            let hint = match certificates.iter().position(|cert| ours(&cert.facts)) {
                Some(index) => format!("it belongs to certificate {} of the file: put that one first", index + 1),
                None => "compare `openssl x509 -noout -pubkey` of the one with `openssl pkey -pubout` of the other".into(),
            };
            let subject = leaf.subject.rfc2253().escape_debug().to_string();
            let (origin, key_origin) = (chain.origin.clone(), key.origin.clone());
            return Err(KeyPairError::Mismatch { origin, key_origin, subject, hint });
        }
        let der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(soft.pkcs8_der().to_vec()));
        let signing = any_supported_type(&der).map_err(|error| KeyPairError::Unusable {
            origin: key.origin.clone(),
            reason: error.to_string(),
        })?;
        Ok(KeyPair {
            chain: certificates.into_iter().map(|cert| cert.der).collect(),
            key: signing,
            leaf: Arc::new(leaf),
            origin: chain.origin.clone(),
        })
    }

    /// The leaf.
    pub fn leaf(&self) -> &Facts {
        &self.leaf
    }

    /// Where the certificate came from.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// What a person should know about a server's certificate: version 1, no SAN, its dates.
    pub fn server_findings(&self, now: Timestamp) -> Vec<Finding> {
        let mut findings = self.common_findings(now);
        if self.leaf.alt_names.is_empty() {
            findings.push(Finding::new(
                "server-certificate-without-san",
                format!(
                    "{}: the certificate has no subject alternative name; modern clients refuse it",
                    self.origin
                ),
                "reissue it with every name and address that clients dial as SAN",
            ));
        }
        findings
    }

    /// What a person should know about any certificate that we present.
    pub fn common_findings(&self, now: Timestamp) -> Vec<Finding> {
        let mut findings = Vec::new();
        if self.leaf.version == Version::V1 {
            findings.push(Finding::new(
                "version-1-certificate",
                format!(
                    "{}: an X.509 version 1 certificate: it cannot say its names nor its purpose",
                    self.origin
                ),
                "reissue it as version 3 with the same key: `openssl x509 -req` again, with '-extfile' (subjectAltName for a server, extendedKeyUsage=clientAuth for a client)",
            ));
        }
        if !self.leaf.is_current(now) {
            findings.push(Finding::new(
                "certificate-out-of-dates",
                format!(
                    "{}: valid from {} to {}, which is not now",
                    self.origin, self.leaf.not_before, self.leaf.not_after
                ),
                "renew it, or look at the clock of this machine",
            ));
        }
        findings
    }

    pub(crate) fn chain(&self) -> &[CertificateDer<'static>] {
        &self.chain
    }

    pub(crate) fn algorithm(&self) -> SignatureAlgorithm {
        self.key.algorithm()
    }

    pub(crate) fn certified(&self, chain: Vec<CertificateDer<'static>>) -> Arc<CertifiedKey> {
        Arc::new(CertifiedKey::new(chain, Arc::clone(&self.key)))
    }
}

impl std::fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyPair")
            .field("origin", &self.origin)
            .field("leaf", &self.leaf.fingerprint)
            .finish_non_exhaustive()
    }
}

/// What the listeners of this broker serve, by fingerprint and by key. One value for all of them.
#[derive(Clone, Debug, Default)]
pub struct Served {
    fingerprints: HashSet<Fingerprint>,
    keys: HashSet<Fingerprint>,
}

impl Served {
    /// The certificates and keys of these pairs.
    pub fn of<'a>(pairs: impl IntoIterator<Item = &'a KeyPair>) -> Served {
        let mut served = Served::default();
        pairs.into_iter().for_each(|pair| served.add(pair));
        served
    }

    /// One more pair.
    pub fn add(&mut self, pair: &KeyPair) {
        self.fingerprints.insert(pair.leaf.fingerprint);
        self.keys.insert(pair.leaf.spki_sha256);
    }

    pub(crate) fn holds(&self, facts: &Facts) -> bool {
        self.fingerprints.contains(&facts.fingerprint) || self.keys.contains(&facts.spki_sha256)
    }
}
