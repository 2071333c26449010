//! The user name: one source, usable or refused.

use sealmq_pki::cert::AltName;
use sealmq_tls::{
    CertificateField, Code, FieldValue, IdentityRule, IdentitySourceError, IdentitySources, Refusal,
    ServerTls,
};

use crate::fixture::{CLIENT, Pair, altered, fixtures};
use crate::pair::{client, client_spec, meet, server, server_spec};

fn leaf(name: &str, subject: &str) -> Pair {
    fixtures().leaf(name, subject, Some(CLIENT))
}

fn tls(rule: IdentityRule) -> ServerTls {
    let mut spec = server_spec();
    spec.identity = rule;
    server(spec)
}

fn refusal(rule: IdentityRule, pair: &Pair) -> Refusal {
    let met = meet(&tls(rule), &client(client_spec(Some(pair))));
    met.judged.expect("the handshake is not the place for this").expect_err("a refusal")
}

#[test]
fn cn_subject_and_none() {
    let pair = leaf("rules", "/C=US/O=MyOrg/CN=client1");
    let client = client(client_spec(Some(&pair)));
    assert_eq!(meet(&tls(IdentityRule::CommonName), &client).name(), "client1");
    assert_eq!(meet(&tls(IdentityRule::Subject), &client).name(), "CN=client1,O=MyOrg,C=US");
    let met = meet(&tls(IdentityRule::None), &client);
    assert!(met.judged.unwrap().unwrap().identity().unwrap().name().is_none());
}

#[test]
fn an_absent_cn_is_refused_and_never_falls_through() {
    let refusal = refusal(IdentityRule::CommonName, &leaf("no-cn", "/O=Only an organisation"));
    assert_eq!(refusal.code, Code::IdentityAbsent);
    assert!(refusal.to_string().contains("hint: "));
}

#[test]
fn an_empty_subject_is_refused_where_it_makes_the_name() {
    let pair = leaf("no-subject", "/");
    assert_eq!(refusal(IdentityRule::Subject, &pair).code, Code::IdentityAbsent);
    let met = meet(&tls(IdentityRule::None), &client(client_spec(Some(&pair))));
    assert!(met.judged.unwrap().is_ok());
}

#[test]
fn several_cns_are_refused_and_the_subject_still_serves() {
    let pair = leaf("two-cn", "/CN=client1/CN=admin");
    assert_eq!(refusal(IdentityRule::CommonName, &pair).code, Code::IdentitySeveral);
    let met = meet(&tls(IdentityRule::Subject), &client(client_spec(Some(&pair))));
    assert_eq!(met.name(), "CN=admin,CN=client1");
}

#[test]
fn plus_hash_and_control_characters_are_refused() {
    for (name, subject) in
        [("plus", r"/CN=a\+b"), ("hash", "/CN=a#"), ("control", "/CN=a\u{1}b"), ("newline", "/CN=a\nb")]
    {
        let pair = leaf(&format!("cn-{name}"), subject);
        assert_eq!(refusal(IdentityRule::CommonName, &pair).code, Code::IdentityForbidden, "{subject:?}");
    }
}

#[test]
fn a_nul_in_the_cn_is_refused() {
    // openssl cannot write one: its certificate is altered and signed again with the CA's key.
    let pair = fixtures().leaf("nul", "/CN=adminXevil", Some(CLIENT));
    let pair = altered(&pair, &fixtures().ca, b"adminXevil", b"admin\0evil");
    assert_eq!(pair.facts().common_names(), ["admin\0evil"]);
    assert_eq!(refusal(IdentityRule::CommonName, &pair).code, Code::IdentityForbidden);
}

#[test]
fn a_slash_is_allowed_with_a_finding() {
    let pair = leaf("slash", r"/CN=plant\/line1");
    let met = meet(&tls(IdentityRule::CommonName), &client(client_spec(Some(&pair))));
    assert_eq!(met.name(), "plant/line1");
    let judged = met.judged.unwrap().unwrap();
    assert_eq!(judged.identity().unwrap().findings()[0].code, "identity-with-slash");
}

fn sources(list: &str) -> IdentityRule {
    IdentityRule::Sources(IdentitySources::parse(list).unwrap())
}

fn with_san(name: &str, subject: &str, san: &str) -> Pair {
    fixtures().leaf(name, subject, Some(&format!("{CLIENT}subjectAltName={san}\n")))
}

#[test]
fn the_first_source_that_is_present_decides() {
    let pair =
        with_san("all", "/O=Plant/CN=pump7", "URI:urn:dev:7,DNS:pump7.example.com,email:p7@example.com");
    let client = client(client_spec(Some(&pair)));
    for (list, expected) in [
        ("san_uri,cn", "urn:dev:7"),
        ("san_dns", "pump7.example.com"),
        ("san_email,cn", "p7@example.com"),
        ("cn,san_uri", "pump7"),
        ("subject", "CN=pump7,O=Plant"),
    ] {
        assert_eq!(meet(&tls(sources(list)), &client).name(), expected, "{list}");
    }
    let fingerprint = meet(&tls(sources("fingerprint")), &client).name();
    assert_eq!(fingerprint, pair.facts().fingerprint.as_bytes().map(|byte| format!("{byte:02x}")).concat());
    let bare = leaf("bare", "/CN=pump8");
    let client = crate::pair::client(client_spec(Some(&bare)));
    assert_eq!(meet(&tls(sources("san_uri,san_dns,cn")), &client).name(), "pump8");
    assert_eq!(refusal(sources("san_uri,san_dns"), &bare).code, Code::IdentityAbsent);
}

/// Present but unusable: refused, though the CN behind it would do.
#[test]
fn a_source_that_cannot_be_used_never_falls_through() {
    for (name, san, code) in [
        ("two-uris", "URI:urn:a,URI:urn:b", Code::IdentitySeveral),
        ("plus-uri", "URI:urn:a+b", Code::IdentityForbidden),
        ("many-uris", "URI:urn:a,DNS:x.example.com,URI:urn:a", Code::IdentitySeveral),
    ] {
        let pair = with_san(name, "/CN=pump7", san);
        assert_eq!(refusal(sources("san_uri,cn"), &pair).code, code, "{san}");
        let met = meet(&tls(sources("cn,san_uri")), &client(client_spec(Some(&pair))));
        assert_eq!(met.name(), "pump7");
    }
}

#[test]
fn a_slash_makes_no_name_under_our_rule_and_a_uri_is_one_level() {
    let slash = leaf("slash-cn", r"/CN=a\/b");
    assert_eq!(refusal(sources("cn"), &slash).code, Code::IdentityForbidden);
    let met = meet(&tls(IdentityRule::CommonName), &client(client_spec(Some(&slash))));
    assert_eq!(met.name(), "a/b");
    let spiffe = with_san("spiffe", "/CN=x", "URI:spiffe://plant/a%2Fb");
    let met = meet(&tls(sources("san_uri")), &client(client_spec(Some(&spiffe))));
    assert_eq!(met.name(), "spiffe:%2F%2Fplant%2Fa%252Fb");
}

#[test]
fn a_field_is_absent_one_text_or_unusable() {
    let facts = with_san("fields", "/O=Plant/OU=a/OU=b/CN=x", "DNS:x.example.com").facts();
    let read = |field: CertificateField| field.read(&facts);
    assert_eq!(read(CertificateField::Organization), FieldValue::Text("Plant".to_owned()));
    assert_eq!(read(CertificateField::OrganizationalUnit), FieldValue::Several(2));
    assert_eq!(read(CertificateField::SanUri), FieldValue::Absent);
    assert_eq!(read(CertificateField::SanDns), FieldValue::Text("x.example.com".to_owned()));
    for field in CertificateField::ALL {
        assert_eq!(CertificateField::parse(field.name()), Some(field));
    }
}

/// What openssl does not write: an empty name, and octets that are no text.
#[test]
fn an_empty_field_and_one_that_is_no_text_make_no_name() {
    let pair = with_san("odd-uri", "/CN=pump7", "URI:urn:x");
    let uri = [&[0x86, 5], b"urn:x".as_slice()].concat();
    let [empty, no_text] = [[&[0x86, 0, 0x82, 3], b"a.b".as_slice()], [&[0x86, 5], b"urn:\xff".as_slice()]]
        .map(|by| altered(&pair, &fixtures().ca, &uri, &by.concat()));
    assert_eq!(empty.facts().alt_names, [AltName::Uri(String::new()), AltName::Dns("a.b".to_owned())]);
    assert_eq!(refusal(sources("san_uri,cn"), &empty).code, Code::IdentityAbsent);
    assert_eq!(refusal(sources("san_uri,cn"), &no_text).code, Code::IdentityForbidden);
    // Of another kind, it is nothing.
    assert_eq!(CertificateField::SanDns.read(&no_text.facts()), FieldValue::Absent);
    for pair in [&pair, &empty, &no_text] {
        let met = meet(&tls(sources("san_email,cn,san_uri")), &client(client_spec(Some(pair))));
        assert_eq!(met.name(), "pump7");
    }
    let no_subject = leaf("no-subject-field", "/");
    assert_eq!(CertificateField::Subject.read(&no_subject.facts()), FieldValue::Absent);
}

#[test]
fn a_list_of_sources_names_fields_that_name_a_client_and_each_once() {
    let error = |list: &str| IdentitySources::parse(list).unwrap_err();
    assert_eq!(error(" , "), IdentitySourceError::Empty);
    for word in ["ou", "o", "CN", "san"] {
        assert_eq!(error(&format!("cn,{word}")), IdentitySourceError::Unknown(word.to_owned()));
    }
    assert_eq!(error("cn,san_uri cn"), IdentitySourceError::Repeated(CertificateField::CommonName));
    assert_eq!(IdentitySources::parse("san_uri, cn").unwrap().to_string(), "san_uri, cn");
}
