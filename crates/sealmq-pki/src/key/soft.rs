//! A private key in memory.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
    KeyPair, RSA_PKCS1_SHA256,
};
use zeroize::Zeroizing;

use super::{KeyError, PublicKey, SignError, SignatureAlgorithm, Signer, encrypted};
use crate::cert::Reader;
use crate::pem::{self, Block, Headers};

/// A private key in memory: P-256, P-384 or RSA of at least 2048 bits.
///
/// No `Debug`, no `Clone`; its PKCS#8 bytes are wiped on drop, and so are aws-lc's (it cleanses what it frees).
///
/// ```compile_fail
/// fn shown(_: impl std::fmt::Debug) {}
/// shown(sealmq_pki::SoftKey::generate());
/// ```
pub struct SoftKey {
    pair: Pair,
    pkcs8: Zeroizing<Vec<u8>>,
    public_key: PublicKey,
}

/// The kinds of key that we make.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NewKey {
    /// P-256: what the smallest devices verify fastest.
    #[default]
    P256,
    /// P-384, for a root where somebody asks for it.
    P384,
}

enum Pair {
    Ecdsa(EcdsaKeyPair),
    Rsa(rsa::KeyPair),
}

impl SoftKey {
    /// A new P-256 key, from aws-lc's own generator (see the crate's page for why not from an argument).
    ///
    /// # Errors
    /// The library fails: no randomness.
    pub fn generate() -> Result<SoftKey, KeyError> {
        SoftKey::generate_on(NewKey::P256)
    }

    /// A new key on this curve.
    ///
    /// # Errors
    /// The library fails: no randomness.
    pub fn generate_on(curve: NewKey) -> Result<SoftKey, KeyError> {
        let algorithm = match curve {
            NewKey::P256 => &ECDSA_P256_SHA256_ASN1_SIGNING,
            NewKey::P384 => &ECDSA_P384_SHA384_ASN1_SIGNING,
        };
        let pair =
            EcdsaKeyPair::generate(algorithm).map_err(|_| KeyError::Library { action: "generated a key" })?;
        SoftKey::from_ecdsa(pair)
    }

    /// The one private key of a PEM text: PKCS#8, SEC1 (`EC PRIVATE KEY`) or PKCS#1 (`RSA PRIVATE KEY`).
    /// Other blocks (certificates, `EC PARAMETERS`) may stand beside it.
    ///
    /// # Errors
    /// [`KeyError`]; [`KeyError::PassphraseNeeded`] for an encrypted key.
    pub fn from_pem(text: &[u8]) -> Result<SoftKey, KeyError> {
        SoftKey::from_pem_block(&sole_key_block(text)?, None)
    }

    /// As [`from_pem`](SoftKey::from_pem), with a passphrase for `ENCRYPTED PRIVATE KEY` (PBES2). A key that is not
    /// encrypted is read as well.
    ///
    /// # Errors
    /// [`KeyError`]; [`KeyError::WrongPassphrase`] when it does not fit.
    pub fn from_encrypted_pem(text: &[u8], passphrase: &[u8]) -> Result<SoftKey, KeyError> {
        SoftKey::from_pem_block(&sole_key_block(text)?, Some(passphrase))
    }

    fn from_pem_block(block: &Block, passphrase: Option<&[u8]>) -> Result<SoftKey, KeyError> {
        if block.headers == Headers::Present {
            return Err(KeyError::UnsupportedEncryption {
                scheme: "OpenSSL's old PEM encryption".to_owned(),
            });
        }
        match (block.label.as_str(), passphrase) {
            ("EC PRIVATE KEY", _) => SoftKey::from_sec1(&block.der),
            ("RSA PRIVATE KEY", _) => {
                SoftKey::from_rsa(rsa::KeyPair::from_der(&block.der), || rsa_bits_of_pkcs1(&block.der))
            }
            ("ENCRYPTED PRIVATE KEY", None) => Err(KeyError::PassphraseNeeded),
            ("ENCRYPTED PRIVATE KEY", Some(passphrase)) => {
                SoftKey::from_pkcs8_der(&encrypted::decrypt(&block.der, passphrase)?)
            }
            _ => SoftKey::from_pkcs8_der(&block.der),
        }
    }

    /// From unencrypted PKCS#8 DER.
    ///
    /// # Errors
    /// [`KeyError::Damaged`] or [`KeyError::UnsupportedKind`].
    pub fn from_pkcs8_der(der: &[u8]) -> Result<SoftKey, KeyError> {
        let info = pkcs8::PrivateKeyInfoRef::try_from(der)
            .map_err(|e| KeyError::Damaged { reason: e.to_string() })?;
        match info.algorithm.oid {
            const_oid::db::rfc5912::RSA_ENCRYPTION => {
                SoftKey::from_rsa(rsa::KeyPair::from_pkcs8(der), || {
                    rsa_bits_of_pkcs1(info.private_key.as_bytes())
                })
            }
            const_oid::db::rfc5912::ID_EC_PUBLIC_KEY => {
                let curve = info
                    .algorithm
                    .parameters_oid()
                    .map_err(|e| KeyError::Damaged { reason: e.to_string() })?;
                let pair = EcdsaKeyPair::from_pkcs8(curve_algorithm(&curve)?, der);
                SoftKey::from_ecdsa(pair.map_err(|e| KeyError::Damaged { reason: e.to_string() })?)
            }
            const_oid::db::rfc8410::ID_ED_25519 => {
                Err(KeyError::UnsupportedKind { kind: "Ed25519".to_owned() })
            }
            other => Err(KeyError::UnsupportedKind { kind: other.to_string() }),
        }
    }

    fn from_sec1(der: &[u8]) -> Result<SoftKey, KeyError> {
        // SEC1 may leave out the curve's name, so the curve is found by trying; only the right one parses.
        let found = [&ECDSA_P256_SHA256_ASN1_SIGNING, &ECDSA_P384_SHA384_ASN1_SIGNING]
            .into_iter()
            .find_map(|algorithm| EcdsaKeyPair::from_private_key_der(algorithm, der).ok());
        match found {
            Some(pair) => SoftKey::from_ecdsa(pair),
            None => Err(KeyError::UnsupportedKind {
                kind: "EC other than P-256 and P-384, or damaged".to_owned(),
            }),
        }
    }

    fn from_ecdsa(pair: EcdsaKeyPair) -> Result<SoftKey, KeyError> {
        let pkcs8 = pair.to_pkcs8v1().map_err(|_| KeyError::Library { action: "encoded a key" })?;
        let spki: PublicKeyX509Der<'_> =
            pair.public_key().as_der().map_err(|_| KeyError::Library { action: "encoded a public key" })?;
        let public_key = PublicKey::from_spki_der(spki.as_ref())?;
        Ok(SoftKey { pkcs8: Zeroizing::new(pkcs8.as_ref().to_vec()), public_key, pair: Pair::Ecdsa(pair) })
    }

    fn from_rsa(
        pair: Result<rsa::KeyPair, aws_lc_rs::error::KeyRejected>,
        bits: impl FnOnce() -> Option<usize>,
    ) -> Result<SoftKey, KeyError> {
        let pair = pair.map_err(|rejected| match bits() {
            Some(bits) if !(2048..=8192).contains(&bits) => {
                KeyError::UnsupportedKind { kind: format!("RSA {bits}") }
            }
            _ => KeyError::Damaged { reason: rejected.to_string() },
        })?;
        let pkcs8: Pkcs8V1Der<'_> =
            pair.as_der().map_err(|_| KeyError::Library { action: "encoded a key" })?;
        let spki: PublicKeyX509Der<'_> =
            pair.public_key().as_der().map_err(|_| KeyError::Library { action: "encoded a public key" })?;
        let public_key = PublicKey::from_spki_der(spki.as_ref())?;
        Ok(SoftKey { pkcs8: Zeroizing::new(pkcs8.as_ref().to_vec()), public_key, pair: Pair::Rsa(pair) })
    }

    /// The key as PKCS#8 DER, for a TLS library or a PKCS#12 file.
    pub fn pkcs8_der(&self) -> &[u8] {
        &self.pkcs8
    }

    /// The key as PKCS#8 PEM, unencrypted: to be written with mode 0600.
    pub fn to_pem(&self) -> Zeroizing<String> {
        pem::encode("PRIVATE KEY", &self.pkcs8)
    }

    /// The key as encrypted PKCS#8 PEM (PBES2: scrypt, AES-256-CBC), which OpenSSL reads.
    ///
    /// # Errors
    /// [`KeyError::Library`].
    pub fn to_encrypted_pem(
        &self,
        passphrase: &[u8],
        salts: encrypted::EncryptionSalts,
    ) -> Result<Zeroizing<String>, KeyError> {
        Ok(pem::encode("ENCRYPTED PRIVATE KEY", &encrypted::encrypt(&self.pkcs8, passphrase, salts)?))
    }
}

impl Signer for SoftKey {
    fn algorithm(&self) -> SignatureAlgorithm {
        self.public_key.signature_algorithm()
    }

    fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        let refused = |_| SignError { reason: "the cryptographic library refused".to_owned() };
        // aws-lc draws ECDSA nonces itself; the argument is there for compatibility with ring and is not used.
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Ecdsa(pair) => Ok(pair.sign(&random, message).map_err(refused)?.as_ref().to_vec()),
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).map_err(refused)?;
                Ok(signature)
            }
        }
    }
}

fn sole_key_block(text: &[u8]) -> Result<Block, KeyError> {
    let (mut keys, others): (Vec<Block>, Vec<Block>) =
        pem::blocks(text)?.into_iter().partition(|b| b.label.ends_with("PRIVATE KEY"));
    match (keys.pop(), keys.len()) {
        (Some(key), 0) => Ok(key),
        (Some(last), before) => {
            let lines = keys.iter().chain([&last]).map(|b| b.line.to_string()).collect::<Vec<_>>().join(", ");
            Err(KeyError::SeveralKeys { count: before + 1, lines })
        }
        (None, _) if others.is_empty() => Err(KeyError::NoKey { found: "nothing in PEM form".to_owned() }),
        (None, _) => {
            let labels: Vec<String> =
                others.iter().map(|b| b.label.escape_debug().take(40).collect()).collect();
            Err(KeyError::NoKey { found: labels.join(", ") })
        }
    }
}

fn curve_algorithm(curve: &const_oid::ObjectIdentifier) -> Result<&'static EcdsaSigningAlgorithm, KeyError> {
    match *curve {
        const_oid::db::rfc5912::SECP_256_R_1 => Ok(&ECDSA_P256_SHA256_ASN1_SIGNING),
        const_oid::db::rfc5912::SECP_384_R_1 => Ok(&ECDSA_P384_SHA384_ASN1_SIGNING),
        const_oid::db::rfc5912::SECP_521_R_1 => {
            Err(KeyError::UnsupportedKind { kind: "EC P-521".to_owned() })
        }
        other => Err(KeyError::UnsupportedKind { kind: format!("EC {other}") }),
    }
}

/// Bits of the modulus in a PKCS#1 RSAPrivateKey.
fn rsa_bits_of_pkcs1(der: &[u8]) -> Option<usize> {
    let mut key = Reader::new(der).expect(0x30, "RSAPrivateKey").ok()?.reader();
    key.expect(0x02, "version").ok()?;
    let modulus = key.expect(0x02, "modulus").ok()?.content;
    let leading = modulus.iter().take_while(|octet| **octet == 0).count();
    let magnitude = &modulus[leading..];
    Some(magnitude.len() * 8 - magnitude.first()?.leading_zeros() as usize)
}
