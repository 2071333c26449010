//! Certification requests: those of openssl and GnuTLS, and those that nobody should sign.

use std::path::{Path, PathBuf};

use sealmq_pki::cert::{ExtKeyUsage, KeyUsageBit};
use sealmq_pki::csr::{self, CSR_BYTES_MAX, LIST_MAX, RequestedValue, fuzz};
use sealmq_pki::{AltName, Csr, CsrError, Signer as _, SoftKey};

use crate::asn1::{ECDSA_SHA256, der, seq};
use crate::fixture::{attempt, tool, write};

const EXTENSION_REQUEST: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x0e];
const MICROSOFT_EXTENSION_REQUEST: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x02, 0x01, 0x0e];
const ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];

fn corpus(name: &str) -> Vec<u8> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/csr");
    std::fs::read(folder.join(name)).unwrap()
}

/// A request by hand, signed by a key of its own.
pub(crate) struct Wish {
    key: SoftKey,
    version: u8,
    attributes: Vec<Vec<u8>>,
}

impl Wish {
    pub(crate) fn new() -> Wish {
        Wish { key: SoftKey::generate().unwrap(), version: 0, attributes: Vec::new() }
    }

    fn with(attributes: Vec<Vec<u8>>) -> Wish {
        Wish { attributes, ..Wish::new() }
    }

    pub(crate) fn for_extensions(extensions: &[Vec<u8>]) -> Wish {
        Wish::with(vec![attribute(EXTENSION_REQUEST, &[seq(extensions)])])
    }

    fn info(&self) -> Vec<u8> {
        let cn = seq(&[der(0x06, &[0x55, 0x04, 0x03]), der(0x0c, b"kitchen")]);
        let subject = seq(&[der(0x31, &cn)]);
        let spki = self.key.public_key().spki_der().to_vec();
        seq(&[der(0x02, &[self.version]), subject, spki, der(0xa0, &self.attributes.concat())])
    }

    fn signed(&self, info: &[u8]) -> Vec<u8> {
        let signature = self.key.sign(info).unwrap();
        seq(&[info.to_vec(), ECDSA_SHA256.to_vec(), der(0x03, &[&[0], signature.as_slice()].concat())])
    }

    pub(crate) fn der(&self) -> Vec<u8> {
        self.signed(&self.info())
    }

    pub(crate) fn read(&self) -> Result<Csr, CsrError> {
        Csr::parse(self.der())
    }
}

fn attribute(oid: &[u8], values: &[Vec<u8>]) -> Vec<u8> {
    seq(&[der(0x06, oid), der(0x31, &values.concat())])
}

pub(crate) fn extension(oid: &[u8], critical: bool, value: &[u8]) -> Vec<u8> {
    let critical = if critical { der(0x01, &[0xff]) } else { Vec::new() };
    seq(&[der(0x06, oid), critical, der(0x04, value)])
}

fn alt_names(count: usize) -> Vec<u8> {
    extension(ALT_NAME, false, &seq(&vec![der(0x82, b"kitchen"); count]))
}

#[test]
fn openssls_request_is_read_in_each_form_that_it_comes_in() {
    let pem = Csr::read(&corpus("ec.pem")).unwrap();
    assert_eq!(pem.subject().rfc2253(), "CN=kitchen");
    assert_eq!(pem.public_key().kind().to_string(), "EC P-256");
    assert!(pem.requested().is_empty() && pem.attributes().is_empty());
    for form in ["new_label.pem", "with_text.pem"] {
        assert_eq!(Csr::read(&corpus(form)).unwrap().der(), pem.der(), "{form}");
    }
    assert_eq!(Csr::read(&corpus("ec.der")).unwrap().public_key(), pem.public_key());
    let bare = Csr::read(&corpus("p384_bare_base64")).unwrap();
    assert_eq!(bare.public_key().kind().to_string(), "EC P-384");
    assert_eq!(Csr::read(&corpus("no_subject.der")).unwrap().subject().rfc2253(), "");
}

#[test]
fn every_extension_that_is_asked_for_is_listed() {
    let csr = Csr::read(&corpus("rsa_extensions.pem")).unwrap();
    assert_eq!(csr.subject().rfc2253(), "CN=kitchen,O=Example,C=DE");
    let found: Vec<(&str, bool)> = csr.requested().iter().map(|r| (r.oid.as_str(), r.critical)).collect();
    let wanted = [("2.5.29.17", false), ("2.5.29.15", true), ("2.5.29.37", false), ("2.5.29.19", false)];
    assert_eq!(found, wanted);
    let names = [AltName::Dns("kitchen".to_owned()), AltName::Uri("urn:device:kitchen".to_owned())];
    assert_eq!(csr.requested()[0].value, RequestedValue::AltNames(names.to_vec()));
    let RequestedValue::KeyUsage(usage) = csr.requested()[1].value else { panic!() };
    assert!(usage.has(KeyUsageBit::DigitalSignature) && !usage.has(KeyUsageBit::KeyCertSign));
    assert_eq!(csr.requested()[2].value, RequestedValue::ExtKeyUsage(vec![ExtKeyUsage::ClientAuth]));
    let csr = Csr::read(&corpus("ca.der")).unwrap();
    let oids: Vec<&str> = csr.requested().iter().map(|r| r.oid.as_str()).collect();
    assert_eq!(oids, ["2.5.29.19", "2.16.840.1.113730.1.13", "1.3.6.1.5.5.7.1.24"]);
    assert!(matches!(csr.requested()[1].value, RequestedValue::Other(_)));
}

#[test]
fn a_request_of_gnutls_is_read() {
    let csr = Csr::read(&corpus("certtool.pem")).unwrap();
    assert_eq!(csr.subject().rfc2253(), "CN=kitchen");
    assert!(csr.requested().iter().any(|r| r.oid == "2.5.29.17"));
}

#[test]
fn a_challenge_password_is_named_and_not_kept() {
    let csr = Csr::read(&corpus("challenge.der")).unwrap();
    assert!(csr.attributes().contains(&"1.2.840.113549.1.9.7".to_owned()));
    assert!(csr.requested().is_empty() && !format!("{:?}", csr.attributes()).contains("secret"));
}

#[test]
fn who_does_not_have_the_key_gets_nothing() {
    let wish = Wish::new();
    assert!(wish.read().is_ok());
    let other = Wish::new();
    // The info of one, signed by the key of another: a request for somebody else's public key.
    assert!(matches!(Csr::parse(other.signed(&wish.info())), Err(CsrError::NotSigned)));
    assert!(matches!(Csr::read(&corpus("bad_signature.der")), Err(CsrError::NotSigned)));
    let error = Csr::read(&corpus("sha1.der")).unwrap_err();
    assert!(matches!(&error, CsrError::SignatureAlgorithm { algorithm } if algorithm == "ecdsa-with-SHA1"));
}

#[test]
fn keys_that_a_certificate_may_not_carry_are_refused_with_the_command_for_a_good_one() {
    for (file, kind) in [("rsa1024.pem", "RSA 1024"), ("ed25519.pem", "Ed25519")] {
        let error = Csr::read(&corpus(file)).unwrap_err();
        assert!(matches!(error, CsrError::Key(_)));
        let text = error.to_string();
        assert!(text.contains(kind) && text.contains("openssl ecparam -name prime256v1"), "{text}");
    }
}

#[test]
fn what_stands_beside_a_request_decides_whether_it_is_one() {
    let request = corpus("ec.pem");
    assert!(Csr::read(&request).is_ok());
    assert!(matches!(Csr::read(&corpus("with_key.pem")), Err(CsrError::PrivateKey { line: 1 })));
    let two = [request.as_slice(), &request].concat();
    assert!(matches!(Csr::read(&two), Err(CsrError::Several { count: 2, .. })));
    let certificate = sealmq_pki::pem::encode("CERTIFICATE", b"x");
    let error = Csr::read(certificate.as_bytes()).unwrap_err();
    assert!(matches!(&error, CsrError::NoRequest { found } if found == "CERTIFICATE"), "{error}");
    for nothing in [&b""[..], b"hello", b"MTIz", b"{}"] {
        assert!(matches!(Csr::read(nothing), Err(CsrError::NoRequest { .. })), "{nothing:?}");
    }
    let cut = &request[..request.len() - 40];
    assert!(matches!(Csr::read(cut), Err(CsrError::Pem(_))));
}

#[test]
fn nothing_is_said_twice() {
    let names = alt_names(1);
    let asks = |oid: &[u8]| attribute(oid, &[seq(std::slice::from_ref(&names))]);
    assert!(Wish::with(vec![asks(EXTENSION_REQUEST)]).read().is_ok());
    assert!(Wish::with(vec![asks(MICROSOFT_EXTENSION_REQUEST)]).read().is_ok());
    let repeated = |wish: Wish| matches!(wish.read(), Err(CsrError::Repeated { .. }));
    assert!(repeated(Wish::with(vec![asks(EXTENSION_REQUEST), asks(EXTENSION_REQUEST)])));
    assert!(repeated(Wish::with(vec![asks(EXTENSION_REQUEST), asks(MICROSOFT_EXTENSION_REQUEST)])));
    assert!(repeated(Wish::for_extensions(&[names.clone(), names.clone()])));
    let list = seq(std::slice::from_ref(&names));
    let two_values = attribute(EXTENSION_REQUEST, &[list.clone(), list]);
    assert!(matches!(Wish::with(vec![two_values]).read(), Err(CsrError::Malformed { .. })));
    assert!(Wish::with(vec![attribute(EXTENSION_REQUEST, &[])]).read().is_err(), "no value at all");
}

#[test]
fn lists_have_an_end_and_names_a_beginning() {
    assert!(Wish::for_extensions(&[alt_names(LIST_MAX)]).read().is_ok());
    assert!(matches!(
        Wish::for_extensions(&[alt_names(LIST_MAX + 1)]).read(),
        Err(CsrError::TooMany { max: LIST_MAX, .. })
    ));
    assert!(Wish::for_extensions(&[alt_names(0)]).read().is_err());
    let many = |count: u8| (0..count).map(|n| extension(&[0x55, 0x1d, 100 + n / 8, n % 8], false, &[5, 0]));
    assert!(Wish::for_extensions(&many(64).collect::<Vec<_>>()).read().is_ok());
    let above = Wish::for_extensions(&many(65).collect::<Vec<_>>()).read();
    assert!(matches!(above, Err(CsrError::TooMany { .. })));
    let attributes = |count: u8| (0..count).map(|n| attribute(&[0x2a, n + 1], &[der(0x0c, b"x")])).collect();
    assert!(Wish::with(attributes(64)).read().is_ok());
    assert!(matches!(Wish::with(attributes(65)).read(), Err(CsrError::TooMany { .. })));
    let filled = |bytes: usize| Wish::with(vec![attribute(&[0x2a, 1], &[der(0x0c, &vec![b'x'; bytes])])]);
    let small = filled(CSR_BYTES_MAX - 400).der();
    assert!(small.len() <= CSR_BYTES_MAX && Csr::read(&small).is_ok());
    assert!(matches!(filled(CSR_BYTES_MAX).read(), Err(CsrError::TooLarge { .. })));
    assert!(matches!(Csr::read(&vec![b'\n'; 70_000]), Err(CsrError::TooLarge { .. })));
}

#[test]
fn the_only_version_is_zero_and_nothing_follows_the_request() {
    assert!(Wish { version: 0, ..Wish::new() }.read().is_ok());
    assert!(Wish { version: 1, ..Wish::new() }.read().is_err());
    let wish = Wish::new();
    let whole = wish.der();
    for cut in 0..whole.len() {
        assert!(Csr::parse(whole[..cut].to_vec()).is_err(), "{cut}");
    }
    assert!(Csr::parse([whole.as_slice(), &[0]].concat()).is_err());
    // Something in the signed part that nobody reads, behind the attributes and behind an extension.
    let (info, more) = (wish.info(), der(0x04, b"more"));
    let (_, body) = info.split_at(info.len() - wish_body(&info).len());
    assert!(Csr::parse(wish.signed(&seq(&[body.to_vec()]))).is_ok());
    assert!(Csr::parse(wish.signed(&seq(&[body.to_vec(), more.clone()]))).is_err());
    let strange = seq(&[der(0x06, ALT_NAME), der(0x04, &seq(&[der(0x82, b"a")])), more]);
    assert!(Wish::for_extensions(&[strange]).read().is_err());
}

/// The content of the outer SEQUENCE.
fn wish_body(info: &[u8]) -> &[u8] {
    match info[1] {
        0x81 => &info[3..],
        0x82 => &info[4..],
        _ => &info[2..],
    }
}

#[test]
fn a_bit_flipped_anywhere_panics_nowhere_and_is_never_accepted() {
    let whole = Wish::for_extensions(&[alt_names(2)]).der();
    for at in 0..whole.len() {
        for bit in 0..8 {
            let mut flipped = whole.clone();
            flipped[at] ^= 1 << bit;
            fuzz(&flipped);
        }
    }
}

#[test]
fn the_corpora_of_the_fuzz_targets_are_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    let mut good = 0;
    for file in std::fs::read_dir(folder.join("csr")).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        good += usize::from(Csr::read(&bytes).is_ok());
        fuzz(&bytes);
    }
    assert!(good >= 9, "{good} of the corpus are requests");
    for file in std::fs::read_dir(folder.join("profiles")).unwrap() {
        sealmq_pki::profile::fuzz(&std::fs::read(file.unwrap().path()).unwrap());
    }
}

#[test]
fn openssl_and_gnutls_read_the_requests_that_we_make() {
    let dir = tempfile::tempdir().unwrap();
    let key = SoftKey::generate().unwrap();
    let names = [AltName::Dns("broker.example.com".to_owned()), AltName::Ip([192, 168, 1, 10].into())];
    let csr = csr::make(&key, "broker.example.com", &names).unwrap();
    assert_eq!(csr.requested().len(), 1);
    assert!(csr::make(&key, "kitchen", &[]).unwrap().requested().is_empty());
    write(dir.path(), "ours.csr", csr.pem());
    let args = ["req", "-in", "ours.csr", "-noout", "-verify", "-text"];
    let Some(text) = tool("openssl", &args, dir.path()) else { return };
    assert!(text.contains("verify OK") && text.contains("DNS:broker.example.com, IP Address:192.168.1.10"));
    let Some(text) = tool("certtool", &["--crq-info", "--infile", "ours.csr"], dir.path()) else { return };
    assert!(text.contains("Self signature: verified"), "{text}");
}

/// openssl's verdict on the proof of possession is ours, over a request with each octet changed.
#[test]
fn openssl_accepts_no_proof_that_we_refuse() {
    let dir = tempfile::tempdir().unwrap();
    let good = corpus("ec.der");
    for at in [10, 30, 60, good.len() - 50, good.len() - 3] {
        let mut changed = good.clone();
        changed[at] ^= 1;
        write(dir.path(), "changed.der", &changed);
        let args = ["req", "-inform", "DER", "-in", "changed.der", "-noout", "-verify"];
        let Some((_, text)) = attempt("openssl", &args, dir.path()) else { return };
        assert_eq!(Csr::read(&changed).is_ok(), text.contains("verify OK"), "octet {at}: {text}");
    }
}
