//! The user name: one source, usable or refused.

use sealmq_pki::{Signer, SoftKey, pem};
use sealmq_tls::{CertificateField, Code, FieldValue, IdentityRule, IdentitySources, Refusal, ServerTls};

use crate::fixture::{CLIENT, Pair, fixtures};
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
    let der = &pem::of_label(pair.cert.as_bytes(), "CERTIFICATE").unwrap()[0];
    let parsed = content(der);
    let tbs_len = content(parsed).len() + (content(parsed).as_ptr() as usize - parsed.as_ptr() as usize);
    let (tbs, rest) = parsed.split_at(tbs_len);
    let algorithm = &rest[..2 + usize::from(rest[1])];
    let mut tbs = tbs.to_vec();
    let at = tbs.windows(10).position(|window| window == b"adminXevil").unwrap();
    tbs[at + 5] = 0;
    let ca = SoftKey::from_pem(fixtures().ca.key.as_bytes()).unwrap();
    let signature = [&[0], ca.sign(&tbs).unwrap().as_slice()].concat();
    let body = [tbs.as_slice(), algorithm, &[3, u8::try_from(signature.len()).unwrap()], &signature].concat();
    let length = u16::try_from(body.len()).unwrap().to_be_bytes();
    let cert = [&[0x30, 0x82], length.as_slice(), &body].concat();
    let pair = Pair { cert: pem::encode("CERTIFICATE", &cert).to_string(), ..pair };
    assert_eq!(pair.facts().common_names(), ["admin\0evil"]);
    assert_eq!(refusal(IdentityRule::CommonName, &pair).code, Code::IdentityForbidden);
}

/// Content of a SEQUENCE with a length of two octets.
fn content(der: &[u8]) -> &[u8] {
    let len = usize::from(u16::from_be_bytes([der[2], der[3]]));
    assert_eq!(der[..2], [0x30, 0x82]);
    &der[4..4 + len]
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
