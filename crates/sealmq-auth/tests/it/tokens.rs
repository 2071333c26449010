//! Tokens signed here with real keys: what is let in, and each thing that must not be.

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sealmq_auth::jwt::{Algorithm, Keys, KeysError, Rules, TokenError, Verified, looks_like_a_token, verify};
use serde_json::{Value, json};

const NOW: i64 = 1_800_000_000;

fn encoded(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// An issuer with one key of each kind.
struct Issuer {
    ed: Ed25519KeyPair,
    ec: EcdsaKeyPair,
    rsa: RsaKeyPair,
}

impl Issuer {
    fn new() -> Issuer {
        Issuer {
            ed: Ed25519KeyPair::generate().unwrap(),
            ec: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap(),
            rsa: RsaKeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap(),
        }
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        let signed = format!("{}.{}", encoded(header.to_string()), encoded(claims.to_string()));
        let signature = match header["alg"].as_str() {
            Some("ES256") => self.ec.sign(&SystemRandom::new(), signed.as_bytes()).unwrap().as_ref().to_vec(),
            Some("RS256") => {
                let mut out = vec![0; self.rsa.public_modulus_len()];
                self.rsa.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut out).unwrap();
                out
            }
            _ => self.ed.sign(signed.as_bytes()).as_ref().to_vec(),
        };
        format!("{signed}.{}", encoded(signature))
    }

    fn ed_pem(&self) -> String {
        sealmq_pki::pem::encode("PUBLIC KEY", self.ed.public_key().as_der().unwrap().as_ref()).to_string()
    }

    fn pem(&self) -> String {
        let ec = self.ec.public_key().as_der().unwrap();
        let rsa = self.rsa.public_key().as_der().unwrap();
        let pem = |der: &[u8]| sealmq_pki::pem::encode("PUBLIC KEY", der).to_string();
        format!("{}{}{}", self.ed_pem(), pem(ec.as_ref()), pem(rsa.as_ref()))
    }

    fn set(&self) -> Value {
        let point = self.ec.public_key().as_ref();
        // RFC 8017 §A.1.1: SEQUENCE of n and e; 2048 bits, so the lengths are known.
        let rsa = self.rsa.public_key().as_ref();
        let (n, e) = (&rsa[rsa.len() - 256 - 5..rsa.len() - 5], &rsa[rsa.len() - 3..]);
        json!({ "keys": [
            { "kty": "OKP", "crv": "Ed25519", "x": encoded(self.ed.public_key()), "kid": "ed", "use": "sig" },
            { "kty": "EC", "crv": "P-256", "x": encoded(&point[1..33]), "y": encoded(&point[33..]), "kid": "ec" },
            { "kty": "RSA", "n": encoded(n), "e": encoded(e), "kid": "rsa", "alg": "RS256" },
        ]})
    }
}

fn claims() -> Value {
    json!({ "sub": "anna", "exp": NOW + 300 })
}

fn with(member: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[member] = value;
    claims
}

fn header(alg: &str) -> Value {
    json!({ "alg": alg, "typ": "JWT" })
}

fn judge(keys: &Keys, rules: &Rules, token: &str) -> Result<Verified, TokenError> {
    verify(keys, rules, token.as_bytes(), NOW)
}

#[test]
fn each_kind_of_key_lets_its_own_tokens_in_from_pem_and_from_a_set() {
    let (issuer, other) = (Issuer::new(), Issuer::new());
    for keys in [issuer.pem(), issuer.set().to_string()] {
        let keys = Keys::parse(keys.as_bytes()).unwrap();
        for alg in ["EdDSA", "ES256", "RS256"] {
            let token = issuer.sign(&header(alg), &claims());
            let verified = judge(&keys, &Rules::default(), &token).unwrap();
            assert_eq!((verified.username.as_str(), verified.expires_at_secs), ("anna", NOW + 300));
            assert!(keys.has(&verified.key) && looks_like_a_token(token.as_bytes()));
            let stranger = other.sign(&header(alg), &claims());
            assert_eq!(judge(&keys, &Rules::default(), &stranger), Err(TokenError::Signature), "{alg}");
        }
    }
}

#[test]
fn the_algorithm_is_the_keys_and_never_the_tokens() {
    let issuer = Issuer::new();
    let pem = issuer.ed_pem();
    let keys = Keys::parse(pem.as_bytes()).unwrap();
    assert_eq!(keys.algorithms().collect::<Vec<_>>(), [Algorithm::EdDsa]);
    assert!(judge(&keys, &Rules::default(), &issuer.sign(&header("EdDSA"), &claims())).is_ok());
    let signed =
        |alg: &str| format!("{}.{}", encoded(header(alg).to_string()), encoded(claims().to_string()));
    for alg in ["none", "None", "HS256", "RS256", "ES256", ""] {
        // Without a signature, and with one of the public key as if it were a shared secret.
        let hmac = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, pem.as_bytes());
        let tag = aws_lc_rs::hmac::sign(&hmac, signed(alg).as_bytes());
        for signature in [String::new(), encoded(tag)] {
            let token = format!("{}.{signature}", signed(alg));
            let refused = judge(&keys, &Rules::default(), &token);
            assert_eq!(refused, Err(TokenError::Algorithm(alg.to_owned())));
        }
    }
}

#[test]
fn a_token_is_good_for_its_time_only() {
    let issuer = Issuer::new();
    let keys = Keys::parse(issuer.ed_pem().as_bytes()).unwrap();
    let at = |claims: Value| {
        judge(&keys, &Rules::default(), &issuer.sign(&header("EdDSA"), &claims))
            .map(|verified| verified.expires_at_secs)
    };
    assert_eq!(at(with("exp", json!(NOW + 1))), Ok(NOW + 1));
    assert_eq!(at(with("exp", json!(NOW as f64 + 1.5))), Ok(NOW + 1));
    assert_eq!(at(with("exp", json!(NOW))), Err(TokenError::Expired));
    assert_eq!(at(with("exp", json!("soon"))), Err(TokenError::Claim("exp".to_owned())));
    assert_eq!(at(json!({ "sub": "anna" })), Err(TokenError::Claim("exp".to_owned())));
    for claim in ["nbf", "iat"] {
        assert!(at(with(claim, json!(NOW + 60))).is_ok());
        assert_eq!(at(with(claim, json!(NOW + 61))), Err(TokenError::NotYet), "{claim}");
        assert_eq!(at(with(claim, json!("x"))), Err(TokenError::Claim(claim.to_owned())));
    }
}

#[test]
fn issuer_and_audience_are_demanded_where_configured() {
    let issuer = Issuer::new();
    let keys = Keys::parse(issuer.ed_pem().as_bytes()).unwrap();
    let judge = |rules: &Rules, claims: Value| {
        judge(&keys, rules, &issuer.sign(&header("EdDSA"), &claims)).map(|_| ())
    };
    let from = Rules { issuer: Some("https://idp".to_owned()), ..Rules::default() };
    assert_eq!(judge(&from, with("iss", json!("https://idp"))), Ok(()));
    assert_eq!(judge(&from, with("iss", json!("https://idp/"))), Err(TokenError::Issuer));
    assert_eq!(judge(&from, with("iss", json!(["https://idp"]))), Err(TokenError::Issuer));
    assert_eq!(judge(&from, claims()), Err(TokenError::Issuer));
    let to = Rules { audience: Some("broker".to_owned()), ..Rules::default() };
    assert_eq!(judge(&to, with("aud", json!("broker"))), Ok(()));
    assert_eq!(judge(&to, with("aud", json!(["shop", "broker"]))), Ok(()));
    for wrong in [json!("shop"), json!(["shop"]), json!([]), json!(null), json!({ "broker": 1 })] {
        assert_eq!(judge(&to, with("aud", wrong)), Err(TokenError::Audience));
    }
    assert_eq!(judge(&to, claims()), Err(TokenError::Audience));
    // RFC 7519 §4.1.3: somebody else's token, where we have no name to find in it.
    assert_eq!(judge(&Rules::default(), with("aud", json!("shop"))), Err(TokenError::Audience));
}

#[test]
fn a_name_that_would_reach_further_is_refused() {
    let issuer = Issuer::new();
    let keys = Keys::parse(issuer.ed_pem().as_bytes()).unwrap();
    let rules = Rules { username_claim: "name".to_owned(), ..Rules::default() };
    let name = |value: Value| {
        judge(&keys, &rules, &issuer.sign(&header("EdDSA"), &with("name", value)))
            .map(|verified| verified.username)
    };
    assert_eq!(name(json!("auth0|berta@x")), Ok("auth0|berta@x".to_owned()));
    for bad in ["", "+", "a#", "a/b", "a\nb", "a\0", &"x".repeat(1_025)] {
        assert_eq!(name(json!(bad)), Err(TokenError::Username), "{bad:?}");
    }
    assert_eq!(name(json!(7)), Err(TokenError::Claim("name".to_owned())));
    let without = issuer.sign(&header("EdDSA"), &claims());
    assert_eq!(judge(&keys, &rules, &without), Err(TokenError::Claim("name".to_owned())));
}

#[test]
fn topic_claims_are_read_whole_or_refused() {
    let issuer = Issuer::new();
    let keys = Keys::parse(issuer.ed_pem().as_bytes()).unwrap();
    let acl = |value: Value| {
        judge(&keys, &Rules::default(), &issuer.sign(&header("EdDSA"), &with("acl", value)))
            .map(|verified| verified.topics.map(|topics| (topics.publish, topics.subscribe)))
    };
    let one = |text: &str| vec![text.to_owned()];
    assert_eq!(acl(json!({ "pub": ["a/#"], "sub": ["b"] })), Ok(Some((one("a/#"), one("b")))));
    assert_eq!(acl(json!({ "pub": ["a/#"] })), Ok(Some((one("a/#"), vec![]))));
    assert_eq!(acl(json!({})), Ok(Some((vec![], vec![]))));
    for bad in [
        json!(null),
        json!("a/#"),
        json!(["a/#"]),
        json!({ "publish": ["a"] }),
        json!({ "pub": "a" }),
        json!({ "pub": [1] }),
    ] {
        assert_eq!(acl(bad.clone()), Err(TokenError::Claim("acl".to_owned())), "{bad}");
    }
    let silent = issuer.sign(&header("EdDSA"), &claims());
    assert_eq!(judge(&keys, &Rules::default(), &silent).unwrap().topics, None);
}

#[test]
fn what_is_no_token_or_has_a_critical_extension_is_refused() {
    let issuer = Issuer::new();
    let keys = Keys::parse(issuer.ed_pem().as_bytes()).unwrap();
    let mut critical = header("EdDSA");
    critical["crit"] = json!(["b64"]);
    let token = issuer.sign(&critical, &claims());
    assert_eq!(judge(&keys, &Rules::default(), &token), Err(TokenError::Critical));
    let good = issuer.sign(&header("EdDSA"), &claims());
    assert!(judge(&keys, &Rules::default(), &good).is_ok());
    for bad in
        ["", ".", "..", "a.b.c", "secret", &format!("{good}."), &format!("{good}="), &good.replace('.', "..")]
    {
        assert!(matches!(judge(&keys, &Rules::default(), bad), Err(TokenError::Malformed(_))), "{bad}");
    }
    assert_eq!(judge(&keys, &Rules::default(), &"a".repeat(16 * 1024 + 1)), Err(TokenError::TooLong));
    for (text, looks) in [
        ("eyJhIjoxfQ.e30.x", true),
        ("eyJ..", true),
        ("eyJ.x", false),
        ("my.pass.word", false),
        ("eyJ.a b.c", false),
    ] {
        assert_eq!(looks_like_a_token(text.as_bytes()), looks, "{text}");
    }
}

#[test]
fn the_key_id_picks_the_key_and_an_unknown_one_picks_none() {
    let issuer = Issuer::new();
    let keys = Keys::parse(issuer.set().to_string().as_bytes()).unwrap();
    let by = |id: &str| {
        let header = json!({ "alg": "EdDSA", "kid": id });
        judge(&keys, &Rules::default(), &issuer.sign(&header, &claims())).map(|_| ())
    };
    assert_eq!(by("ed"), Ok(()));
    assert_eq!(by("old"), Err(TokenError::Signature));
}

#[test]
fn files_of_keys_are_read_whole_or_refused() {
    let issuer = Issuer::new();
    let error = |text: &str| Keys::parse(text.as_bytes()).map(|_| ()).unwrap_err();
    let pem = issuer.pem();
    assert_eq!(Keys::parse(pem.as_bytes()).unwrap().len(), 3);
    assert_eq!(error(""), KeysError::Nothing);
    assert_eq!(error("secret"), KeysError::Nothing);
    assert!(matches!(error(&pem[..pem.len() - 30]), KeysError::Pem(_)));
    let private = pem.replacen("PUBLIC", "PRIVATE", 2);
    assert_eq!(error(&private), KeysError::OtherBlock { line: 1, label: "PRIVATE KEY".to_owned() });
    let p384 = EcdsaKeyPair::generate(&aws_lc_rs::signature::ECDSA_P384_SHA384_FIXED_SIGNING).unwrap();
    let p384 = sealmq_pki::pem::encode("PUBLIC KEY", p384.public_key().as_der().unwrap().as_ref());
    assert_eq!(error(&p384), KeysError::UnknownKey { line: 1 });
    // openssl genrsa 1024 | openssl pkey -pubout
    let short = "-----BEGIN PUBLIC KEY-----\n\
        MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDdE4MLkOz+YPQoG8IsDOY9kYqq\n\
        473rEsQucGGrZ44c8hae6LBYLjsx6z8ObaHWKRBPIMdfykYxrZXRCFkS3Cc6XZck\n\
        ZxfUMlL/WYMKpA4Qi79vFP5y1DeY3cjUfjbt7s4UCXOMiovO6J1l9yE9HxLRLkh4\n\
        00wODlyCkk6FqXlHPwIDAQAB\n\
        -----END PUBLIC KEY-----\n";
    assert_eq!(error(short), KeysError::UnknownKey { line: 1 });

    assert!(matches!(error("{"), KeysError::NoSet(_)));
    assert!(matches!(error("{}"), KeysError::NoSet(_)));
    assert!(matches!(error(r#"{"keys":[]}"#), KeysError::NoneUsable(_)));
    let mut set = issuer.set();
    set["keys"][0]["d"] = json!("AAAA");
    assert_eq!(error(&set.to_string()), KeysError::Private(1));
    let mut set = issuer.set();
    set["keys"][1]["y"] = json!("AAAA");
    assert!(matches!(error(&set.to_string()), KeysError::Damaged { number: 2, .. }));
    assert_eq!(error(r#"{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}"#), KeysError::Private(1));
    let mut set = issuer.set();
    set["keys"][0]["use"] = json!("enc");
    set["keys"][1]["alg"] = json!("ECDH-ES");
    let keys = Keys::parse(set.to_string().as_bytes()).unwrap();
    assert_eq!(
        (keys.algorithms().collect::<Vec<_>>(), keys.passed_over().len()),
        (vec![Algorithm::Rs256], 2)
    );
    for (operations, verifies) in
        [(json!(["sign", "verify"]), true), (json!(["sign"]), false), (json!("verify"), false)]
    {
        let mut set = issuer.set();
        set["keys"][0]["key_ops"] = operations;
        let keys = Keys::parse(set.to_string().as_bytes()).unwrap();
        assert_eq!((keys.len(), keys.passed_over().len()), if verifies { (3, 0) } else { (2, 1) });
    }
    let short = json!({ "keys": [{ "kty": "RSA", "n": encoded([0xff; 128]), "e": "AQAB" }] });
    assert!(matches!(
        error(&short.to_string()),
        KeysError::Damaged { number: 1, why: "an RSA key below 2048 bits" }
    ));
    // A use, algorithm or id that is no text says nothing that could be taken for a yes.
    for member in ["use", "alg", "kid"] {
        let mut set = issuer.set();
        set["keys"][1][member] = json!(["sig"]);
        assert!(matches!(error(&set.to_string()), KeysError::Damaged { number: 2, .. }), "{member}");
    }
    let many = json!({ "keys": vec![issuer.set()["keys"][0].clone(); 33] });
    assert_eq!(error(&many.to_string()), KeysError::TooMany);
}
