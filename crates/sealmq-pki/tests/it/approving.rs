//! What a profile makes of a request: every refusal beside what is accepted.

use sealmq_pki::cert::{ExtKeyUsage, KeyUsageBit};
use sealmq_pki::profile::{DEVICE, OCSP_SIGNER, OPERATOR, SERVER, STATIC_DEVICE};
use sealmq_pki::{
    AltName, ApprovedCsr, Csr, End, Holder, HostName, IssueError, LeafRequest, Name, NotApproved, Profile,
    Profiles, Signer as _, SoftKey, csr, issue_approved, issue_leaf_under,
};

use crate::asn1::{der, seq};
use crate::csr::{Wish, extension};
use crate::fixture::{NOW, Pki, serial, tool, write};

const KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x0f];
const ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];
const CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x13];
const PURPOSE: &[u8] = &[0x55, 0x1d, 0x25];

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

/// A request of `kitchen` with these extensions, for the device `kitchen`.
fn device(extensions: &[Vec<u8>]) -> Result<ApprovedCsr, NotApproved> {
    under(&DEVICE, extensions)
}

fn under(profile: &Profile, extensions: &[Vec<u8>]) -> Result<ApprovedCsr, NotApproved> {
    let csr = Wish::for_extensions(extensions).read().unwrap();
    ApprovedCsr::new(&csr, profile, Holder::Device(&name("kitchen")))
}

fn purpose(last: u8) -> Vec<u8> {
    extension(PURPOSE, false, &seq(&[der(0x06, &[0x2b, 6, 1, 5, 5, 7, 3, last])]))
}

fn alt(tag: u8, content: &[u8]) -> Vec<u8> {
    extension(ALT_NAME, false, &seq(&[der(tag, content)]))
}

fn request(cn: &str, names: &[AltName]) -> Csr {
    csr::make(&SoftKey::generate().unwrap(), cn, names).unwrap()
}

#[test]
fn an_approved_request_becomes_a_certificate_with_its_key_and_the_askers_name() {
    let pki = Pki::new();
    let names = [AltName::Dns("kitchen".to_owned()), AltName::Uri("urn:device:kitchen".to_owned())];
    let csr = request("kitchen", &names);
    let approved = ApprovedCsr::new(&csr, &DEVICE, Holder::Device(&name("kitchen"))).unwrap();
    let certificate = issue_approved(&pki.issuing, &approved, &serial(9), NOW, End::Profile).unwrap();
    let facts = certificate.facts();
    assert_eq!(facts.spki_der, csr.public_key().spki_der());
    assert_eq!(facts.subject.rfc2253(), "CN=kitchen");
    assert_eq!(facts.alt_names, names);
    assert_eq!(facts.ext_key_usage, Some(vec![ExtKeyUsage::ClientAuth]));
    assert!(!facts.is_ca() && facts.not_after == NOW.plus_days(365));
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "root.pem", pki.root.certificate().pem());
    write(dir.path(), "issuing.pem", pki.issuing.certificate().pem());
    write(dir.path(), "leaf.pem", certificate.pem());
    let at = NOW.as_secs().to_string();
    let args = ["verify", "-x509_strict", "-purpose", "sslclient", "-attime", &at];
    let files = ["-CAfile", "root.pem", "-untrusted", "issuing.pem", "leaf.pem"];
    tool("openssl", &[&args[..], &files[..]].concat(), dir.path());
}

#[test]
fn the_name_comes_from_who_asks() {
    let approve =
        |cn: &str| ApprovedCsr::new(&request(cn, &[]), &DEVICE, Holder::Device(&name("kitchen"))).map(|_| ());
    approve("kitchen").unwrap();
    let error = approve("operator").unwrap_err();
    assert!(
        matches!(&error, NotApproved::OtherName { asked, found } if asked == "kitchen" && found == "operator"),
        "{error}"
    );
    assert!(approve("Kitchen").is_err(), "another case is another name");
    assert!(approve("kitchen\0").is_err());
    // No CN: the asker's.
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/csr/no_subject.der");
    let nameless = Csr::read(&std::fs::read(corpus).unwrap()).unwrap();
    ApprovedCsr::new(&nameless, &DEVICE, Holder::Device(&name("kitchen"))).unwrap();
}

#[test]
fn a_profile_is_for_holders_of_its_role_only() {
    let (csr, kitchen) = (request("kitchen", &[]), name("kitchen"));
    let approve = |profile: &Profile, holder| ApprovedCsr::new(&csr, profile, holder).map(|_| ());
    approve(&DEVICE, Holder::Device(&kitchen)).unwrap();
    approve(&STATIC_DEVICE, Holder::Device(&kitchen)).unwrap();
    approve(&OPERATOR, Holder::Operator(&kitchen)).unwrap();
    // An OCSP signer is called nothing that a request could say.
    assert!(approve(&OCSP_SIGNER, Holder::OcspSigner).is_err());
    let hosts = [HostName::parse("kitchen").unwrap()];
    for (profile, holder) in [
        (&OPERATOR, Holder::Device(&kitchen)),
        (&DEVICE, Holder::Operator(&kitchen)),
        (&DEVICE, Holder::Server(&hosts)),
        (&sealmq_pki::profile::ISSUING, Holder::Device(&kitchen)),
    ] {
        assert!(matches!(approve(profile, holder), Err(NotApproved::OtherRole { .. })));
    }
    let key = SoftKey::generate().unwrap();
    let pki = Pki::new();
    let leaf = |profile: &Profile, holder| {
        let request = LeafRequest {
            holder,
            public_key: key.public_key(),
            serial: serial(7),
            now: NOW,
            end: End::Profile,
        };
        issue_leaf_under(&pki.issuing, profile, &request).map(|_| ())
    };
    leaf(&STATIC_DEVICE, Holder::Device(&kitchen)).unwrap();
    assert!(matches!(leaf(&OPERATOR, Holder::Device(&kitchen)), Err(IssueError::OtherRole { .. })));
}

#[test]
fn an_extension_that_is_not_on_the_list_is_an_error_with_its_oid() {
    device(&[]).unwrap();
    let error = device(&[extension(&[0x55, 0x1d, 0x1e], false, &[0x30, 0])]).unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, NotApproved::Extension { .. }));
    assert!(text.contains("nameConstraints (2.5.29.30)") && text.contains("'device'"), "{text}");
    assert!(device(&[extension(&[0x2a, 3, 4], true, &[5, 0])]).is_err(), "an OID without a name");
    // What the profile does not list is refused though we could write it.
    let text = "[device]\nrequest_extensions = [\"keyUsage\"]\n";
    let strict = Profiles::parse(text).unwrap();
    let strict = strict.find("device").unwrap();
    under(strict, &[extension(KEY_USAGE, true, &[3, 2, 7, 0x80])]).unwrap();
    assert!(matches!(under(strict, &[purpose(2)]), Err(NotApproved::Extension { .. })));
    device(&[purpose(2)]).unwrap();
}

#[test]
fn nobody_asks_to_be_a_ca() {
    let constraints = |content: &[u8]| extension(CONSTRAINTS, true, &der(0x30, content));
    device(&[constraints(&[])]).unwrap();
    assert!(matches!(device(&[constraints(&[1, 1, 0xff])]), Err(NotApproved::Value { .. })));
    let usage = |bits: u8, unused: u8| extension(KEY_USAGE, true, &[3, 2, unused, bits]);
    device(&[usage(0x80, 7)]).unwrap();
    let error = device(&[usage(0x84, 2)]).unwrap_err();
    assert!(matches!(&error, NotApproved::Value { asked, .. } if asked == "keyCertSign"), "{error}");
    // keyEncipherment says something for RSA keys only.
    assert!(device(&[usage(0xa0, 5)]).is_err());
}

#[test]
fn a_purpose_is_the_profiles() {
    device(&[purpose(2)]).unwrap();
    for other in [1, 3, 9] {
        let error = device(&[purpose(other)]).unwrap_err();
        assert!(matches!(&error, NotApproved::Value { written, .. } if written == "clientAuth"), "{error}");
    }
    let any = extension(PURPOSE, false, &seq(&[der(0x06, &[0x55, 0x1d, 0x25, 0])]));
    assert!(device(&[any]).is_err());
    let critical = extension(PURPOSE, true, &seq(&[der(0x06, &[0x2b, 6, 1, 5, 5, 7, 3, 2])]));
    assert!(matches!(device(&[critical]), Err(NotApproved::Critical { .. })));
}

#[test]
fn a_devices_other_names_say_its_name() {
    for (tag, text) in [(0x82, "kitchen"), (0x86, "urn:device:kitchen"), (0x86, "spiffe://home/kitchen")] {
        assert_eq!(device(&[alt(tag, text.as_bytes())]).unwrap().alt_names().len(), 1, "{text}");
    }
    for (tag, text) in [
        (0x82, "cellar"),
        (0x82, "Kitchen"),
        (0x86, "urn:device:cellar"),
        (0x86, "urn:device:notkitchen"),
        (0x86, "http://x/?a=/kitchen"),
    ] {
        let error = device(&[alt(tag, text.as_bytes())]).unwrap_err();
        assert!(matches!(error, NotApproved::AltName { .. }), "{text}: {error}");
    }
    for (tag, content) in [(0x87, &[10, 0, 0, 1][..]), (0x81, b"kitchen"), (0x88, &[0x2a]), (0x82, &[0xff])] {
        let error = device(&[alt(tag, content)]).unwrap_err();
        assert!(matches!(error, NotApproved::AltNameKind { .. }), "{tag:#x}: {error}");
    }
    let email = Profiles::parse("[device]\nsubject_alt_names = [\"email\"]\n").unwrap();
    under(email.find("device").unwrap(), &[alt(0x81, b"kitchen")]).unwrap();
}

#[test]
fn a_servers_names_are_the_askers() {
    let hosts = ["broker.example.com", "192.168.1.10"].map(|host| HostName::parse(host).unwrap());
    let approve = |cn: &str, names: &[AltName]| {
        ApprovedCsr::new(&request(cn, names), &SERVER, Holder::Server(&hosts)).map(|a| a.alt_names().to_vec())
    };
    let dns = |text: &str| AltName::Dns(text.to_owned());
    let ip = AltName::Ip([192, 168, 1, 10].into());
    let all = [dns("broker.example.com"), ip.clone(), dns("192.168.1.10")];
    assert_eq!(approve("broker.example.com", &[]).unwrap(), all);
    assert_eq!(approve("192.168.1.10", &[dns("BROKER.example.com"), ip]).unwrap(), all);
    assert!(matches!(approve("evil.example.com", &[]), Err(NotApproved::OtherName { .. })));
    let error = approve("broker.example.com", &[dns("evil.example.com")]).unwrap_err();
    assert!(matches!(error, NotApproved::AltName { .. }));
    assert!(error.to_string().contains("--name"));
    assert!(approve("broker.example.com", &[AltName::Ip([10, 0, 0, 1].into())]).is_err());
    let none = ApprovedCsr::new(&request("x", &[]), &SERVER, Holder::Server(&[]));
    assert!(matches!(none, Err(NotApproved::Subject(IssueError::NoNames))));
    let dns_only = Profiles::parse("[server]\nsubject_alt_names = [\"DNS\"]\n").unwrap();
    let with_address =
        ApprovedCsr::new(&request("broker.example.com", &[]), dns_only.server(), Holder::Server(&hosts));
    assert!(matches!(with_address, Err(NotApproved::AltNameKind { .. })));
}

#[test]
fn a_key_is_of_a_kind_that_the_profile_allows() {
    let (csr, kitchen) = (request("kitchen", &[]), name("kitchen"));
    let with = |text: &str| {
        let profiles = Profiles::parse(text).unwrap();
        ApprovedCsr::new(&csr, profiles.find("device").unwrap(), Holder::Device(&kitchen)).map(|_| ())
    };
    with("[device]\nkeys = [\"P-256\"]\n").unwrap();
    let error = with("[device]\nkeys = [\"P-384\", \"RSA\"]\nrsa_bits_min = 3072\n").unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, NotApproved::Key { .. }));
    assert!(text.contains("EC P-256") && text.contains("P-384, RSA from 3072 bits"), "{text}");
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/csr/rsa_extensions.pem");
    let rsa = Csr::read(&std::fs::read(corpus).unwrap()).unwrap();
    let bits = |min: u32| {
        let profiles = Profiles::parse(&format!("[device]\nrsa_bits_min = {min}\n")).unwrap();
        ApprovedCsr::new(&rsa, profiles.find("device").unwrap(), Holder::Device(&kitchen)).map(|_| ())
    };
    bits(2048).unwrap();
    assert!(matches!(bits(2049), Err(NotApproved::Key { .. })));
}

#[test]
fn key_usage_follows_the_key_and_the_profile() {
    let pki = Pki::new();
    let usage = |text: &str, csr: &Csr| {
        let profiles = Profiles::parse(text).unwrap();
        let holder = name("kitchen");
        let approved =
            ApprovedCsr::new(csr, profiles.find("device").unwrap(), Holder::Device(&holder)).unwrap();
        let made = issue_approved(&pki.issuing, &approved, &serial(8), NOW, End::Profile).unwrap();
        format!("{:?}", made.facts().key_usage.unwrap())
    };
    let ec = request("kitchen", &[]);
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/csr/rsa_extensions.pem");
    let rsa = Csr::read(&std::fs::read(corpus).unwrap()).unwrap();
    assert_eq!(usage("", &ec), format!("{{{:?}}}", KeyUsageBit::DigitalSignature));
    assert_eq!(usage("", &rsa), "{DigitalSignature, KeyEncipherment}");
    let agreeing = "[device]\nkey_usage = [\"keyAgreement\", \"digitalSignature\", \"keyEncipherment\"]\n";
    assert_eq!(usage(agreeing, &ec), "{DigitalSignature, KeyAgreement}");
    assert_eq!(usage(agreeing, &rsa), "{DigitalSignature, KeyEncipherment}");
}
