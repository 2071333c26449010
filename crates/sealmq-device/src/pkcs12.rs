//! PKCS#12 (RFC 7292): key and chain in one file under a passphrase, as OpenSSL 3 writes it: PBES2 with
//! PBKDF2-HMAC-SHA256 and AES-256-CBC (RFC 8018), a MAC with SHA-256.
//!
//! Written by hand because the crates for it bring pre-release parts of CMS, DES and RC2 along; what has to be written
//! is four nested sequences. Only writing: nothing here reads PKCS#12.

use std::num::NonZeroU32;

use aws_lc_rs::cipher::{AES_256, EncryptionContext, PaddedBlockEncryptingKey, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::{digest, hmac, pbkdf2};
use zeroize::Zeroizing;

use sealmq_pki::{Certificate, Name, Signer as _, SoftKey};

use crate::bundle::{BundleError, BundleFile, BundleRequest, Randomness, stem};

/// Rounds of PBKDF2, for passphrases that people choose.
const ROUNDS: u32 = 600_000;

/// Rounds of the MAC's own key derivation.
const MAC_ROUNDS: u32 = 2048;

const PASSPHRASE_CHARS_MAX: usize = 128;

const DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01];
const ENCRYPTED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x06];
const PBES2: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05, 0x0d];
const PBKDF2: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05, 0x0c];
const HMAC_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02, 0x09];
const AES_256_CBC: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x2a];
const SHA256: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01];
const SHROUDED_KEY_BAG: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x0c, 0x0a, 0x01, 0x02];
const CERT_BAG: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x0c, 0x0a, 0x01, 0x03];
const X509_CERTIFICATE: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x16, 0x01];
const FRIENDLY_NAME: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x14];
const LOCAL_KEY_ID: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x15];

const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;
const NULL: u8 = 0x05;
const OID: u8 = 0x06;
const BMP_STRING: u8 = 0x1e;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
/// `[0] EXPLICIT`.
const TAGGED_0: u8 = 0xa0;
/// `[0] IMPLICIT OCTET STRING`.
const TAGGED_0_OCTETS: u8 = 0x80;

/// What goes into a PKCS#12 file. No `Debug`: there is a key in it.
pub struct Pkcs12<'a> {
    /// The friendly name, by which key stores show it.
    pub name: &'a Name,
    /// The private key.
    pub key: &'a SoftKey,
    /// Its certificate, then those of the CAs behind it.
    pub chain: &'a [Certificate],
    /// Roots, for programs that take them from here; may be empty.
    pub anchors: &'a [Certificate],
    /// Salts and initialization vectors; never for two files.
    pub randomness: &'a Randomness,
}

impl Pkcs12<'_> {
    /// The file, under a passphrase of 1 to 128 printable ASCII characters.
    ///
    /// # Errors
    /// No certificate, one of another key, a passphrase that programs read differently, or the library fails.
    pub fn to_der(&self, passphrase: &str) -> Result<Zeroizing<Vec<u8>>, BundleError> {
        let wrong = |reason| BundleError::Certificate { name: self.name.clone(), reason };
        let leaf = self.chain.first().ok_or_else(|| wrong("there is none"))?;
        if leaf.facts().spki_der != self.key.public_key().spki_der() {
            return Err(wrong("it is for another key"));
        }
        pfx(self, leaf, passphrase)
    }
}

/// `NAME.p12`, the passphrase beside it where we made it up, and the roots for programs that want them apart.
pub(crate) fn files(request: &BundleRequest<'_>) -> Result<Vec<BundleFile>, BundleError> {
    let stem = stem(request.name);
    let made_up = random_passphrase(&request.randomness);
    let passphrase = request.passphrase.as_ref().unwrap_or(&made_up);
    let content = Pkcs12 {
        name: request.name,
        key: request.key,
        chain: request.chain,
        anchors: request.anchors,
        randomness: &request.randomness,
    };
    let p12 = content.to_der(passphrase)?;
    let mut files = vec![BundleFile::secret(
        format!("{stem}.p12"),
        &p12,
        "private key and certificates under the passphrase",
    )];
    if request.passphrase.is_none() {
        let line = Zeroizing::new(format!("{}\n", made_up.as_str()));
        files.push(BundleFile::secret(
            format!("{stem}.p12.passphrase"),
            line.as_bytes(),
            "passphrase of the .p12 file: keep the two apart",
        ));
    }
    files.push(BundleFile::public("ca.crt", request.anchors_pem(), "root certificate: verifies the broker"));
    Ok(files)
}

fn pfx(
    content: &Pkcs12<'_>,
    leaf: &Certificate,
    passphrase: &str,
) -> Result<Zeroizing<Vec<u8>>, BundleError> {
    let printable = passphrase.bytes().all(|b| (0x20..0x7f).contains(&b));
    if !printable || !(1..=PASSPHRASE_CHARS_MAX).contains(&passphrase.len()) {
        return Err(BundleError::Passphrase);
    }
    let certificates = sealed_certificates(content, leaf, passphrase)?;
    let key = sealed_key(content, leaf, passphrase)?;
    let safe = tlv(SEQUENCE, &[&certificates, &content_info(DATA, &tlv(OCTET_STRING, &[&key]))]);
    let mac = mac(&safe, passphrase, &content.randomness.block(5))?;
    Ok(tlv(SEQUENCE, &[&integer(3), &content_info(DATA, &tlv(OCTET_STRING, &[&safe])), &mac]))
}

/// ContentInfo with EncryptedData: the leaf with name and key id, then the rest of the chain and the roots.
fn sealed_certificates(
    content: &Pkcs12<'_>,
    leaf: &Certificate,
    passphrase: &str,
) -> Result<Zeroizing<Vec<u8>>, BundleError> {
    let others = content.chain.iter().skip(1).chain(content.anchors);
    let mut bags = vec![certificate_bag(leaf.der(), &attributes(content.name, leaf))];
    bags.extend(others.map(|certificate| certificate_bag(certificate.der(), &[])));
    let bags: Vec<&[u8]> = bags.iter().map(|bag| bag.as_slice()).collect();
    let plain = tlv(SEQUENCE, &bags);
    let sealed = seal(&plain, passphrase, content.randomness.block(1), content.randomness.block(2))?;
    let inner =
        tlv(SEQUENCE, &[&tlv(OID, &[DATA]), &sealed.algorithm, &tlv(TAGGED_0_OCTETS, &[&sealed.octets])]);
    Ok(content_info(ENCRYPTED_DATA, &tlv(SEQUENCE, &[&integer(0), &inner])))
}

/// SafeContents with one PKCS8ShroudedKeyBag.
fn sealed_key(
    content: &Pkcs12<'_>,
    leaf: &Certificate,
    passphrase: &str,
) -> Result<Zeroizing<Vec<u8>>, BundleError> {
    let randomness = content.randomness;
    let sealed = seal(content.key.pkcs8_der(), passphrase, randomness.block(3), randomness.block(4))?;
    let info = tlv(SEQUENCE, &[&sealed.algorithm, &tlv(OCTET_STRING, &[&sealed.octets])]);
    let bag = tlv(
        SEQUENCE,
        &[&tlv(OID, &[SHROUDED_KEY_BAG]), &tlv(TAGGED_0, &[&info]), &attributes(content.name, leaf)],
    );
    Ok(tlv(SEQUENCE, &[&bag]))
}

fn certificate_bag(der: &[u8], attributes: &[u8]) -> Zeroizing<Vec<u8>> {
    let value = tlv(TAGGED_0, &[&tlv(OCTET_STRING, &[der])]);
    let certificate = tlv(SEQUENCE, &[&tlv(OID, &[X509_CERTIFICATE]), &value]);
    tlv(SEQUENCE, &[&tlv(OID, &[CERT_BAG]), &tlv(TAGGED_0, &[&certificate]), attributes])
}

/// friendlyName and localKeyID, which tie key and certificate together.
fn attributes(name: &Name, leaf: &Certificate) -> Zeroizing<Vec<u8>> {
    let name = bmp(name.as_str());
    let key_id = &leaf.facts().fingerprint.as_bytes()[..20];
    let attribute = |oid: &[u8], value: &[u8]| tlv(SEQUENCE, &[&tlv(OID, &[oid]), &tlv(SET, &[value])]);
    let friendly = attribute(FRIENDLY_NAME, &tlv(BMP_STRING, &[&name]));
    let local = attribute(LOCAL_KEY_ID, &tlv(OCTET_STRING, &[key_id]));
    // DER orders a SET OF by its members' encodings.
    let mut members = [friendly, local];
    members.sort_by(|a, b| a.as_slice().cmp(b.as_slice()));
    tlv(SET, &[&members[0], &members[1]])
}

/// Something encrypted, and how.
struct Sealed {
    algorithm: Zeroizing<Vec<u8>>,
    octets: Vec<u8>,
}

fn seal(plain: &[u8], passphrase: &str, salt: [u8; 16], iv: [u8; 16]) -> Result<Sealed, BundleError> {
    let failed = |_| BundleError::Library { action: "encrypted a PKCS#12 file" };
    let rounds = NonZeroU32::new(ROUNDS).expect("it is not zero");
    let mut key = Zeroizing::new([0; 32]);
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, rounds, &salt, passphrase.as_bytes(), key.as_mut_slice());
    let key = UnboundCipherKey::new(&AES_256, key.as_slice()).map_err(failed)?;
    let key = PaddedBlockEncryptingKey::cbc_pkcs7(key).map_err(failed)?;
    // Room for the padding, so that the plain text never moves to another buffer.
    let mut octets = Vec::with_capacity(plain.len() + 16);
    octets.extend_from_slice(plain);
    key.less_safe_encrypt(&mut octets, EncryptionContext::Iv128(FixedLength::from(iv))).map_err(failed)?;
    Ok(Sealed { algorithm: pbes2(&salt, &iv), octets })
}

/// AlgorithmIdentifier of PBES2 (RFC 8018 appendix A.4).
fn pbes2(salt: &[u8], iv: &[u8]) -> Zeroizing<Vec<u8>> {
    let prf = tlv(SEQUENCE, &[&tlv(OID, &[HMAC_SHA256]), &tlv(NULL, &[])]);
    let derivation = tlv(SEQUENCE, &[&tlv(OCTET_STRING, &[salt]), &integer(ROUNDS), &prf]);
    let derivation = tlv(SEQUENCE, &[&tlv(OID, &[PBKDF2]), &derivation]);
    let cipher = tlv(SEQUENCE, &[&tlv(OID, &[AES_256_CBC]), &tlv(OCTET_STRING, &[iv])]);
    tlv(SEQUENCE, &[&tlv(OID, &[PBES2]), &tlv(SEQUENCE, &[&derivation, &cipher])])
}

/// MacData over the AuthenticatedSafe (RFC 7292 §5.1).
fn mac(safe: &[u8], passphrase: &str, salt: &[u8]) -> Result<Zeroizing<Vec<u8>>, BundleError> {
    let key = mac_key(passphrase, salt);
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.as_slice()), safe);
    let algorithm = tlv(SEQUENCE, &[&tlv(OID, &[SHA256]), &tlv(NULL, &[])]);
    let info = tlv(SEQUENCE, &[&algorithm, &tlv(OCTET_STRING, &[tag.as_ref()])]);
    Ok(tlv(SEQUENCE, &[&info, &tlv(OCTET_STRING, &[salt]), &integer(MAC_ROUNDS)]))
}

/// The key derivation of RFC 7292 appendix B.2 for a MAC key (ID = 3): SHA-256, one block, since 32 octets are wanted.
fn mac_key(passphrase: &str, salt: &[u8]) -> Zeroizing<Vec<u8>> {
    const BLOCK: usize = 64;
    let mut password = bmp(passphrase);
    password.extend_from_slice(&[0, 0]);
    // Reserved whole, so that growing leaves no copy of the passphrase behind.
    let mut input = Zeroizing::new(Vec::with_capacity(BLOCK + BLOCK + password.len() + BLOCK));
    input.extend_from_slice(&[3; BLOCK]);
    for part in [salt, &password] {
        let filled = part.len().div_ceil(BLOCK) * BLOCK;
        input.extend(part.iter().cycle().take(filled));
    }
    let mut hash = digest::digest(&digest::SHA256, &input);
    for _ in 1..MAC_ROUNDS {
        hash = digest::digest(&digest::SHA256, hash.as_ref());
    }
    Zeroizing::new(hash.as_ref().to_vec())
}

/// A passphrase: 26 characters of 5 bits each, without those that look alike.
pub fn random_passphrase(randomness: &Randomness) -> Zeroizing<String> {
    const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut bits = u128::from_be_bytes(randomness.block(0));
    let mut text = Zeroizing::new(String::with_capacity(32));
    for index in 0..26 {
        if index > 0 && index % 5 == 0 {
            text.push('-');
        }
        text.push(char::from(ALPHABET[(bits & 31) as usize]));
        bits >>= 5;
    }
    text
}

fn content_info(kind: &[u8], content: &[u8]) -> Zeroizing<Vec<u8>> {
    tlv(SEQUENCE, &[&tlv(OID, &[kind]), &tlv(TAGGED_0, &[content])])
}

fn integer(value: u32) -> Zeroizing<Vec<u8>> {
    let octets = value.to_be_bytes();
    let first = octets.iter().position(|octet| *octet != 0).unwrap_or(3);
    let sign: &[u8] = if octets[first] & 0x80 == 0 { &[] } else { &[0] };
    tlv(INTEGER, &[sign, &octets[first..]])
}

/// UTF-16BE; names and passphrases here are ASCII.
fn bmp(text: &str) -> Zeroizing<Vec<u8>> {
    let mut octets = Zeroizing::new(Vec::with_capacity(2 * text.len() + 2));
    octets.extend(text.bytes().flat_map(|octet| [0, octet]));
    octets
}

/// One DER value from the parts of its content.
fn tlv(tag: u8, parts: &[&[u8]]) -> Zeroizing<Vec<u8>> {
    let len: usize = parts.iter().map(|part| part.len()).sum();
    let mut octets = Zeroizing::new(Vec::with_capacity(len + 6));
    octets.push(tag);
    if len < 0x80 {
        octets.push(len as u8);
    } else {
        let bytes = len.to_be_bytes();
        let first = bytes.iter().position(|byte| *byte != 0).expect("it is at least 0x80");
        octets.push(0x80 | (bytes.len() - first) as u8);
        octets.extend_from_slice(&bytes[first..]);
    }
    parts.iter().for_each(|part| octets.extend_from_slice(part));
    octets
}
