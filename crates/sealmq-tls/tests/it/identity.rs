//! The user name: one source, usable or refused.

use sealmq_pki::{Signer, SoftKey, pem};
use sealmq_tls::{Code, IdentityRule, Refusal, ServerTls};

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
