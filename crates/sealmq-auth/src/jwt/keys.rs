//! The keys that may sign tokens: PEM (`PUBLIC KEY` blocks) or a JWK Set (RFC 7517). Each key has one algorithm.

use aws_lc_rs::digest;
use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rsa::PublicKeyComponents;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, VerificationAlgorithm,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sealmq_pki::pem;
use serde_json::{Map, Value};

use super::TokenError;

/// Keys of one file: so many signatures may be tried for one token at most.
const KEYS_MAX: usize = 32;
/// A SubjectPublicKeyInfo with a 2,048 bit modulus has 294 bytes; with a shorter one, fewer.
const RSA_DER_BYTES_MIN: usize = 294;

/// What a key signs with (RFC 7518 §3.1, RFC 8037 §3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256, 2,048 to 8,192 bits.
    Rs256,
    /// ECDSA with P-256 and SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
}

impl Algorithm {
    /// As `alg` writes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Algorithm::Rs256 => "RS256",
            Algorithm::Es256 => "ES256",
            Algorithm::EdDsa => "EdDSA",
        }
    }
}

/// Recognises a key again: SHA-256 of its SubjectPublicKeyInfo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyMark([u8; 32]);

struct Key {
    id: Option<String>,
    algorithm: Algorithm,
    public: ParsedPublicKey,
    mark: KeyMark,
}

/// The keys of a file; at least one.
pub struct Keys {
    keys: Vec<Key>,
    passed_over: Vec<String>,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys").field("keys", &self.keys.len()).finish_non_exhaustive()
    }
}

/// Why a file gives no keys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeysError {
    /// Its PEM is broken.
    #[error("{0}")]
    Pem(pem::PemError),
    /// It is neither PEM nor JSON.
    #[error(
        "it holds neither a PEM block `PUBLIC KEY` nor a JWK Set\nhint: openssl pkey -in KEY -pubout writes the first, the issuer's jwks_uri serves the second"
    )]
    Nothing,
    /// A PEM block of another kind.
    #[error(
        "line {line}: the block `{label}` is no public key\nhint: openssl pkey -in KEY -pubout -out FILE writes the public half; the private one does not belong on this machine"
    )]
    OtherBlock {
        /// Where it begins.
        line: usize,
        /// Its label, escaped.
        label: String,
    },
    /// A public key that signs with nothing we know.
    #[error(
        "line {line}: the public key is neither RSA of 2048 to 8192 bits, P-256 nor Ed25519\nhint: let the issuer sign with RS256, ES256 or EdDSA"
    )]
    UnknownKey {
        /// Where its block begins.
        line: usize,
    },
    /// JSON that is no JWK Set.
    #[error(
        "it is no JWK Set: {0}\nhint: it must be an object with a list `keys`, as the issuer's jwks_uri serves it"
    )]
    NoSet(String),
    /// No key of the set can be used.
    #[error(
        "no key of the JWK Set can check a signature ({0})\nhint: let the issuer sign with RS256, ES256 or EdDSA"
    )]
    NoneUsable(String),
    /// A key that claims to be of a kind we know and is broken.
    #[error(
        "key {number} of the JWK Set is damaged: {why}\nhint: fetch the set again from the issuer's jwks_uri"
    )]
    Damaged {
        /// Counted from 1.
        number: usize,
        /// What is wrong.
        why: &'static str,
    },
    /// Private key material where a public one belongs.
    #[error(
        "key {0} of the JWK Set holds a private or shared key\nhint: whoever reads it can make tokens: keep it at the issuer, and put its public half here"
    )]
    Private(usize),
    /// More than can be tried for one token.
    #[error("more than {KEYS_MAX} keys\nhint: remove those that sign no more")]
    TooMany,
}

impl Keys {
    /// Reads a file of keys.
    ///
    /// # Errors
    /// [`KeysError`]; half a file is no file.
    pub fn parse(bytes: &[u8]) -> Result<Keys, KeysError> {
        let is_json = bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
        let keys = if is_json { of_set(bytes)? } else { of_pem(bytes)? };
        if keys.keys.len() > KEYS_MAX { Err(KeysError::TooMany) } else { Ok(keys) }
    }

    /// How many keys.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Never: a file without a key is an error.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Whether this key is among them.
    #[must_use]
    pub fn has(&self, mark: &KeyMark) -> bool {
        self.keys.iter().any(|key| key.mark == *mark)
    }

    /// What each key signs with, in the order of the file.
    pub fn algorithms(&self) -> impl Iterator<Item = Algorithm> {
        self.keys.iter().map(|key| key.algorithm)
    }

    /// Keys of a set that are not for signatures we know; a token by one of them is refused. For the log.
    #[must_use]
    pub fn passed_over(&self) -> &[String] {
        &self.passed_over
    }

    /// The key that made this signature.
    pub(super) fn signer(
        &self,
        algorithm: &str,
        id: Option<&str>,
        signed: &[u8],
        signature: &[u8],
    ) -> Result<KeyMark, TokenError> {
        let fits = |key: &&Key| key.algorithm.name() == algorithm;
        if !self.keys.iter().any(|key| fits(&key)) {
            // Bounded: it goes to the log.
            return Err(TokenError::Algorithm(algorithm.chars().take(16).collect()));
        }
        // A token's key id picks among keys that have ids; keys of PEM files have none and are tried too.
        let meant = |key: &&Key| match (&key.id, id) {
            (Some(own), Some(id)) => own == id,
            (None, _) | (_, None) => true,
        };
        let mut candidates = self.keys.iter().filter(fits).filter(meant);
        let signer = candidates.find(|key| key.public.verify_sig(signed, signature).is_ok());
        signer.map(|key| key.mark).ok_or(TokenError::Signature)
    }
}

fn of_pem(bytes: &[u8]) -> Result<Keys, KeysError> {
    let blocks = pem::blocks(bytes).map_err(|error| match error {
        pem::PemError::Binary => KeysError::Nothing,
        pem::PemError::Unfinished { .. } | pem::PemError::Base64 { .. } => KeysError::Pem(error),
    })?;
    let mut keys = Vec::new();
    for block in &blocks {
        if block.label != "PUBLIC KEY" {
            let label = block.label.escape_debug().take(64).collect();
            return Err(KeysError::OtherBlock { line: block.line, label });
        }
        let found = of_der(&block.der).ok_or(KeysError::UnknownKey { line: block.line })?;
        keys.extend(Key::new(None, found));
    }
    if keys.is_empty() { Err(KeysError::Nothing) } else { Ok(Keys { keys, passed_over: Vec::new() }) }
}

/// A SubjectPublicKeyInfo: its object identifier fits exactly one of the three.
fn of_der(der: &[u8]) -> Option<(Algorithm, ParsedPublicKey)> {
    let kinds: [(Algorithm, &'static dyn VerificationAlgorithm); 3] = [
        (Algorithm::EdDsa, &ED25519),
        (Algorithm::Es256, &ECDSA_P256_SHA256_FIXED),
        (Algorithm::Rs256, &RSA_PKCS1_2048_8192_SHA256),
    ];
    let (algorithm, public) = kinds.into_iter().find_map(|(algorithm, verification)| {
        Some((algorithm, ParsedPublicKey::new(verification, der).ok()?))
    })?;
    is_long_enough(algorithm, &public).then_some((algorithm, public))
}

fn is_long_enough(algorithm: Algorithm, public: &ParsedPublicKey) -> bool {
    match algorithm {
        Algorithm::Rs256 => public.as_der().is_ok_and(|der| der.as_ref().len() >= RSA_DER_BYTES_MIN),
        Algorithm::Es256 | Algorithm::EdDsa => true,
    }
}

impl Key {
    fn new(id: Option<String>, (algorithm, public): (Algorithm, ParsedPublicKey)) -> Option<Key> {
        let der = public.as_der().ok()?;
        let digest = digest::digest(&digest::SHA256, der.as_ref());
        let mark = KeyMark(digest.as_ref().try_into().ok()?);
        Some(Key { id, algorithm, public, mark })
    }
}

fn of_set(bytes: &[u8]) -> Result<Keys, KeysError> {
    let set: Map<String, Value> =
        serde_json::from_slice(bytes).map_err(|error| KeysError::NoSet(error.to_string()))?;
    let list = set.get("keys").and_then(Value::as_array);
    let list = list.ok_or_else(|| KeysError::NoSet("it has no list `keys`".to_owned()))?;
    let (mut keys, mut passed_over) = (Vec::new(), Vec::new());
    for (jwk, number) in list.iter().zip(1_usize..) {
        let jwk = jwk.as_object().ok_or(KeysError::Damaged { number, why: "it is no object" })?;
        match of_jwk(jwk, number)? {
            Some(key) => keys.push(key),
            None => passed_over.push(describe(jwk, number)),
        }
    }
    match keys.is_empty() {
        true => Err(KeysError::NoneUsable(passed_over.join(", "))),
        false => Ok(Keys { keys, passed_over }),
    }
}

/// `None`: a key for something else (encryption, another curve). RFC 7517 §5 wants such ones passed over.
fn of_jwk(jwk: &Map<String, Value>, number: usize) -> Result<Option<Key>, KeysError> {
    let text = |member: &str| jwk.get(member).and_then(Value::as_str);
    if jwk.contains_key("d") || jwk.contains_key("k") {
        return Err(KeysError::Private(number));
    }
    // Beside text they could say anything, and "signs nothing" among it.
    if ["use", "alg", "kid"].iter().any(|member| jwk.get(*member).is_some_and(|value| !value.is_string())) {
        return Err(KeysError::Damaged { number, why: "use, alg or kid is no text" });
    }
    let (kind, curve) = (text("kty").unwrap_or_default(), text("crv").unwrap_or_default());
    let algorithm = match (kind, curve) {
        ("RSA", _) => Algorithm::Rs256,
        ("EC", "P-256") => Algorithm::Es256,
        ("OKP", "Ed25519") => Algorithm::EdDsa,
        _ => return Ok(None),
    };
    let verifies = jwk.get("key_ops").is_none_or(|operations| {
        operations.as_array().is_some_and(|list| list.iter().any(|one| one.as_str() == Some("verify")))
    });
    let for_signatures = text("use").is_none_or(|usage| usage == "sig") && verifies;
    // Of RFC 9864 the fully specified name.
    let named = text("alg").is_none_or(|named| {
        named == algorithm.name() || (algorithm == Algorithm::EdDsa && named == "Ed25519")
    });
    if !for_signatures || !named {
        return Ok(None);
    }
    let damaged = |why| KeysError::Damaged { number, why };
    let field = |member: &str| {
        let bytes = text(member).and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
        bytes.ok_or(damaged("a member is missing or not Base64url"))
    };
    let rejected = |_| damaged("its numbers are no key of its kind");
    let public = match algorithm {
        Algorithm::Rs256 => PublicKeyComponents { n: field("n")?, e: field("e")? }
            .to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256)
            .map_err(rejected)?,
        Algorithm::Es256 => {
            let point = [vec![4], field("x")?, field("y")?].concat();
            ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).map_err(rejected)?
        }
        Algorithm::EdDsa => ParsedPublicKey::new(&ED25519, field("x")?).map_err(rejected)?,
    };
    if !is_long_enough(algorithm, &public) {
        return Err(damaged("an RSA key below 2048 bits"));
    }
    let key = Key::new(text("kid").map(str::to_owned), (algorithm, public));
    key.map(Some).ok_or(damaged("its numbers are no key of its kind"))
}

fn describe(jwk: &Map<String, Value>, number: usize) -> String {
    let text = |member: &str| jwk.get(member).and_then(Value::as_str).unwrap_or("-");
    let all =
        ["kty", "crv", "use", "alg"].map(|member| text(member).escape_debug().take(16).collect::<String>());
    format!("key {number}: {}", all.join(" "))
}
