//! Private keys under a passphrase: PKCS#8 with PBES2 (RFC 8018), as `openssl pkcs8 -topk8` writes them.

use pkcs8::EncryptedPrivateKeyInfoRef;
use pkcs8::der::{Decode, Encode, asn1::OctetStringRef};
use pkcs8::pkcs5::{self, EncryptionScheme, pbes2, scrypt};
use zeroize::Zeroizing;

use super::KeyError;

/// Work factor of scrypt for what we write: N = 2^14, r = 8, p = 1, the most that OpenSSL takes without being told.
const SCRYPT_LOG_N: u8 = 14;

/// The most that reading a key file may cost: scrypt blocks N·r·p (128 bytes each), and PBKDF2 rounds.
const SCRYPT_BLOCKS_MAX: u64 = 1 << 23;
const PBKDF2_ROUNDS_MAX: u32 = 5_000_000;

/// Fresh random bytes for one encryption; never use them for two.
#[derive(Clone, Copy)]
pub struct EncryptionSalts {
    /// Salt of the key derivation.
    pub salt: [u8; 16],
    /// Initialization vector of AES-256-CBC.
    pub iv: [u8; 16],
}

pub(super) fn encrypt(
    pkcs8: &[u8],
    passphrase: &[u8],
    salts: EncryptionSalts,
) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let failed = |_| KeyError::Library { action: "encrypted a key" };
    let work =
        scrypt::Params::new(SCRYPT_LOG_N, 8, 1).map_err(|_| KeyError::Library { action: "set scrypt up" })?;
    let scheme = pbes2::Parameters::generate_scrypt_aes256cbc(work, &salts.salt, salts.iv).map_err(failed)?;
    let encrypted = scheme.encrypt(passphrase, pkcs8).map_err(failed)?;
    let data = OctetStringRef::new(&encrypted).map_err(|_| KeyError::Library { action: "encoded a key" })?;
    let info = EncryptedPrivateKeyInfoRef { encryption_algorithm: scheme.into(), encrypted_data: data };
    info.to_der().map(Zeroizing::new).map_err(|_| KeyError::Library { action: "encoded a key" })
}

pub(super) fn decrypt(der: &[u8], passphrase: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let info = EncryptedPrivateKeyInfoRef::from_der(der)
        .map_err(|e| KeyError::UnsupportedEncryption { scheme: e.to_string() })?;
    bounded(&info.encryption_algorithm)?;
    let mut buffer = Zeroizing::new(info.encrypted_data.as_bytes().to_vec());
    let plain = info.encryption_algorithm.decrypt_in_place(passphrase, &mut buffer);
    let len = match plain {
        Ok(plain) => plain.len(),
        Err(pkcs5::Error::DecryptFailed | pkcs5::Error::EncryptFailed) => {
            return Err(KeyError::WrongPassphrase);
        }
        Err(other) => {
            return Err(KeyError::UnsupportedEncryption { scheme: other.to_string() });
        }
    };
    buffer.truncate(len);
    // A wrong passphrase leaves valid padding once in 256 times; what comes out is then no DER.
    if pkcs8::PrivateKeyInfoRef::try_from(buffer.as_slice()).is_err() {
        return Err(KeyError::WrongPassphrase);
    }
    Ok(buffer)
}

/// A key file decides how much work it is to open; a mistaken or hostile one must not take the memory of the machine.
fn bounded(scheme: &EncryptionScheme) -> Result<(), KeyError> {
    let Some(parameters) = scheme.pbes2() else {
        return Err(KeyError::UnsupportedEncryption { scheme: "PBES1".to_owned() });
    };
    let absurd = match &parameters.kdf {
        pbes2::Kdf::Scrypt(work) => {
            work.cost_parameter
                .saturating_mul(u64::from(work.block_size))
                .saturating_mul(u64::from(work.parallelization))
                > SCRYPT_BLOCKS_MAX
        }
        pbes2::Kdf::Pbkdf2(work) => work.iteration_count > PBKDF2_ROUNDS_MAX,
        _ => false,
    };
    if absurd {
        return Err(KeyError::UnsupportedEncryption { scheme: "an absurd work factor".to_owned() });
    }
    Ok(())
}
