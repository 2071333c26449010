//! What in `cafile` counts: anchors, intermediates, neither, and files that are only partly readable.

use sealmq_tls::{AnchorError, BuildError, ClientAuth, Code, PemSource, ServerTls, ServerTlsSpec};

use crate::fixture::{CA, CLIENT, Pair, SERVER, fixtures, issue, now, openssl, root};
use crate::pair::{chain_of, client, client_spec, meet, meet_at, server, server_spec};

fn refused(spec: ServerTlsSpec, at: sealmq_pki::Timestamp) -> AnchorError {
    match ServerTls::build(spec, at).expect_err("a build error") {
        BuildError::Anchors(error) => error,
        other @ (BuildError::Crls(_) | BuildError::Policy(_) | BuildError::Library { .. }) => {
            panic!("{other}")
        }
    }
}

/// root → issuing → leaf; root ends first with `root_days`.
fn three(name: &str, root_days: u32, issuing_days: u32) -> (Pair, Pair, Pair) {
    let dir = fixtures().dir();
    let top = root(dir, &format!("{name}-root"), &format!("/CN={name} Root"), CA, root_days);
    let issuing =
        issue(dir, &top, &format!("{name}-issuing"), &format!("/CN={name} Issuing"), Some(CA), issuing_days);
    let leaf = issue(dir, &issuing, &format!("{name}-leaf"), &format!("/CN={name}"), Some(CLIENT), 365);
    (top, issuing, leaf)
}

fn both(pairs: &[&Pair]) -> PemSource {
    PemSource::new("ca.crt", pairs.iter().map(|pair| pair.cert.as_str()).collect::<String>())
}

#[test]
fn a_device_that_sends_only_its_leaf_is_accepted_if_cafile_has_the_intermediate() {
    let (top, issuing, leaf) = three("leafonly", 3650, 3650);
    let mut spec = server_spec();
    spec.anchors = vec![both(&[&top, &issuing])];
    assert_eq!(meet(&server(spec.clone()), &client(client_spec(Some(&leaf)))).name(), "leafonly");
    spec.anchors = vec![top.source()];
    let met = meet(&server(spec.clone()), &client(client_spec(Some(&leaf))));
    assert_eq!(met.server_failure().code, Code::UnknownIssuer);
    let met = meet(&server(spec), &client(client_spec(Some(&leaf.with_chain(&[&issuing])))));
    assert_eq!(met.name(), "leafonly");
}

#[test]
fn an_intermediate_alone_is_no_anchor() {
    let (_, issuing, _) = three("nontop", 3650, 3650);
    let mut spec = server_spec();
    spec.anchors = vec![issuing.source()];
    let error = refused(spec.clone(), now());
    assert!(matches!(error, AnchorError::NoAnchor { .. }), "{error}");
    assert!(error.to_string().contains("hint: append the self-signed root"), "{error}");
    spec.client_auth = ClientAuth::None;
    server(spec);
}

#[test]
fn a_leaf_in_cafile_is_a_finding_and_not_used() {
    let (top, _, _) = three("leafinca", 3650, 3650);
    let mut spec = server_spec();
    spec.anchors = vec![both(&[&top, &fixtures().client])];
    let (tls, findings) = ServerTls::build(spec.clone(), now()).unwrap();
    assert!(
        findings.iter().any(|finding| finding.code == "not-a-ca" && finding.text.contains("client1")),
        "{findings:?}"
    );
    assert_eq!(
        meet(&tls, &client(client_spec(Some(&fixtures().client)))).server_failure().code,
        Code::UnknownIssuer
    );
    spec.anchors = vec![fixtures().client.source()];
    assert!(matches!(refused(spec, now()), AnchorError::NoAnchor { .. }));
}

#[test]
fn a_self_signed_leaf_in_cafile_is_no_anchor_for_itself() {
    let dir = fixtures().dir();
    let own = root(dir, "self-signed-leaf", "/CN=selfie", CLIENT, 365);
    let mut spec = server_spec();
    spec.anchors.push(own.source());
    let (tls, findings) = ServerTls::build(spec, now()).unwrap();
    assert!(findings.iter().any(|finding| finding.text.contains("CA:TRUE")), "{findings:?}");
    let met = meet(&tls, &client(client_spec(Some(&own))));
    assert_eq!(met.server_failure().code, Code::SelfSigned);
}

#[test]
fn a_ca_without_key_cert_sign_is_no_anchor() {
    let dir = fixtures().dir();
    let weak = root(
        dir,
        "crl-only",
        "/CN=CRL only",
        "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,cRLSign\n",
        365,
    );
    let leaf = issue(dir, &weak, "under-crl-only", "/CN=x", Some(CLIENT), 365);
    let mut spec = server_spec();
    spec.anchors.push(weak.source());
    let (tls, findings) = ServerTls::build(spec, now()).unwrap();
    assert!(findings.iter().any(|finding| finding.text.contains("keyCertSign")));
    assert_eq!(meet(&tls, &client(client_spec(Some(&leaf)))).server_failure().code, Code::UnknownIssuer);
}

/// Neither can say or show that it is a CA: version 1 that another one signed, and a signature that nobody checks today.
#[test]
fn a_version_1_certificate_of_another_and_a_root_signed_with_sha1_are_no_anchors() {
    let dir = fixtures().dir();
    let old = issue(dir, &fixtures().ca, "v1-no-anchor", "/CN=V1 No Anchor", None, 365);
    let sha1 = root(dir, "sha1-root", "/CN=SHA-1 Root", CA, 365);
    let at = |ext: &str| dir.join(format!("sha1-root.{ext}")).to_str().unwrap().to_owned();
    let (csr, key, ext, out) = (at("csr"), at("key"), at("ext"), at("crt"));
    openssl(&["x509", "-req", "-sha1", "-in", &csr, "-signkey", &key, "-extfile", &ext, "-out", &out]);
    let sha1 = Pair { cert: std::fs::read_to_string(out).unwrap(), ..sha1 };
    for (ca, reason) in [(&old, "version 1"), (&sha1, "SHA-1")] {
        let leaf = issue(dir, ca, &format!("{}-leaf", ca.name), "/CN=x", Some(CLIENT), 300);
        let mut spec = server_spec();
        spec.anchors.push(ca.source());
        let (tls, findings) = ServerTls::build(spec, now()).unwrap();
        assert!(findings.iter().any(|finding| finding.text.contains(reason)), "{findings:?}");
        let met = meet(&tls, &client(client_spec(Some(&leaf))));
        assert_eq!(met.server_failure().code, Code::UnknownIssuer, "{}", ca.name);
    }
}

#[test]
fn an_expired_and_a_not_yet_valid_anchor_do_not_count_at_start() {
    let (top, _, _) = three("dated", 10, 3650);
    let mut spec = server_spec();
    spec.anchors = vec![top.source()];
    ServerTls::build(spec.clone(), now()).unwrap();
    for at in [now().plus_days(11), now().plus_days(-2)] {
        let error = refused(spec.clone(), at);
        assert!(error.to_string().contains("does not count"), "{error}");
    }
}

#[test]
fn an_anchor_that_ends_while_we_run_stops_counting_for_new_and_for_judged_clients() {
    let (top, issuing, leaf) = three("ending", 10, 3650);
    let mut spec = server_spec();
    spec.anchors = vec![both(&[&top, &issuing])];
    let tls = server(spec);
    let (before, after) = (now().plus_days(9), now().plus_days(11));
    let mut client_side = client_spec(Some(&leaf));
    client_side.anchors = vec![fixtures().ca.source()];
    let client = client(client_side);
    let met = meet_at(&tls, &client, "localhost", before);
    assert_eq!(met.name(), "ending");
    let identity = met.judged.as_ref().unwrap().as_ref().unwrap().identity().unwrap().clone();
    assert_eq!(identity.not_after(), top.facts().not_after, "the first end in the chain is the anchor's");
    let refusal = tls.judge(&met.ends.server.session.peer_chain(), after).unwrap_err();
    assert_eq!(refusal.code, Code::AnchorEnded);
    assert_eq!(meet_at(&tls, &client, "localhost", after).server_failure().code, Code::AnchorEnded);
    assert_eq!(tls.next_change(now()), Some(top.facts().not_after.plus_secs(1)));
    // Before it begins, that is what comes next.
    let begins = top.facts().not_before;
    assert_eq!(tls.next_change(begins.plus_secs(-1)), Some(begins));
}

#[test]
fn an_intermediate_that_ends_stops_counting() {
    let (top, issuing, leaf) = three("midend", 3650, 10);
    let mut spec = server_spec();
    spec.anchors = vec![both(&[&top, &issuing])];
    let tls = server(spec);
    let chain = chain_of(&tls, &leaf);
    let judged = tls.judge(&chain, now()).unwrap();
    assert_eq!(judged.identity().unwrap().not_after(), issuing.facts().not_after);
    let refusal = tls.judge(&chain, now().plus_days(11)).unwrap_err();
    assert_eq!(refusal.code, Code::Expired);
    assert_eq!(refusal.certificate.unwrap().subject, "CN=midend Issuing");
}

#[test]
fn a_block_that_does_not_parse_stops_everything_and_names_itself() {
    let good = &fixtures().ca.cert;
    let damaged = good.replacen("MII", "AII", 1);
    let mut spec = server_spec();
    spec.anchors = vec![PemSource::new("ca.crt", format!("{good}{damaged}"))];
    let error = refused(spec.clone(), now());
    assert!(matches!(&error, AnchorError::Block { block: 2, .. }), "{error}");
    assert!(error.to_string().starts_with("ca.crt: block 2 (line"), "{error}");
    spec.anchors = vec![PemSource::new("ca.crt", &good.as_bytes()[..good.len() - 30])];
    assert!(matches!(refused(spec.clone(), now()), AnchorError::Pem { .. }));
    spec.anchors = vec![PemSource::new("empty.crt", "")];
    assert!(matches!(refused(spec.clone(), now()), AnchorError::Empty { .. }));
    spec.anchors = vec![PemSource::new("ca.crt", format!("some text\n{good}"))];
    server(spec);
}

#[test]
fn a_chain_is_completed_from_cafile_without_the_root() {
    let (top, issuing, _) = three("complete", 3650, 3650);
    let leaf = issue(fixtures().dir(), &issuing, "complete-server", "/CN=localhost", Some(SERVER), 365);
    let mut spec = server_spec();
    spec.key_pair = leaf.load();
    spec.anchors = vec![both(&[&top, &issuing])];
    spec.client_auth = ClientAuth::None;
    let tls = server(spec.clone());
    assert_eq!(tls.presented(), 2);
    let mut client_side = client_spec(None);
    client_side.anchors = vec![top.source()];
    let client = client(client_side);
    assert!(meet(&tls, &client).ends.established());
    spec.anchors = Vec::new();
    let met = meet(&server(spec.clone()), &client);
    assert_eq!(met.client_failure().code, Code::UnknownIssuer, "without cafile only the leaf is sent");
    spec.key_pair = leaf.with_chain(&[&issuing, &top]).load();
    assert_eq!(server(spec).presented(), 3, "what stands in certfile is sent as it stands");
}
