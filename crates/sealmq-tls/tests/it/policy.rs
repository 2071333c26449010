//! `tls_version`, `ciphers`, `ciphers_tls1.3`.

use sealmq_tls::{
    BuildError, ClientTlsSpec, Code, Direction, PolicyError, ServerTls, ServerTlsSpec, TlsPolicy, TlsVersion,
    Versions,
};

use crate::fixture::{fixtures, now};
use crate::pair::{client, client_spec, meet, policy, server, server_spec};

const ECDSA_256: &str = "ECDHE-ECDSA-AES256-GCM-SHA384";
const RSA_256: &str = "ECDHE-RSA-AES256-GCM-SHA384";

fn selected(list: &str) -> Vec<&'static str> {
    let (policy, _) = TlsPolicy::from_openssl(Versions::OnlyV1_2, Some(list), None).unwrap();
    policy.suites()
}

#[test]
fn one_version_is_a_minimum_and_a_list_is_exact() {
    let read = Versions::from_mosquitto;
    assert_eq!(read("tlsv1.2"), Ok(Versions::V1_2AndV1_3));
    assert_eq!(read("tlsv1.3"), Ok(Versions::OnlyV1_3));
    assert_eq!(read("tlsv1.2 tlsv1.3"), Ok(Versions::V1_2AndV1_3));
    assert_eq!(read("tlsv1.2 tlsv1.2"), Ok(Versions::OnlyV1_2));
    assert_eq!(Versions::from_client_flag("tlsv1.2"), Ok(Versions::OnlyV1_2));
    for old in ["tlsv1", "tlsv1.1", "sslv3", "tlsv1.1 tlsv1.2"] {
        let error = read(old).unwrap_err();
        assert!(
            matches!(error, PolicyError::VersionTooOld { .. }) && error.to_string().contains("hint: "),
            "{error}"
        );
    }
    for unknown in ["", "tls1.3", "TLSv1.3", "1.3"] {
        assert!(matches!(read(unknown), Err(PolicyError::UnknownVersion { .. })), "{unknown}");
    }
}

#[test]
fn the_guides_list_selects_exactly_its_two_suites_and_leaves_tls_1_3_alone() {
    let list = format!("{ECDSA_256}:{RSA_256}");
    assert_eq!(selected(&list), [ECDSA_256, RSA_256]);
    let (policy, findings) = TlsPolicy::from_openssl(Versions::V1_2AndV1_3, Some(&list), None).unwrap();
    assert!(findings.is_empty());
    assert_eq!(policy.suites().len(), 5);
}

#[test]
fn classes_operators_and_separators_as_in_openssl() {
    assert_eq!(selected("HIGH").len(), 6);
    assert_eq!(selected("DEFAULT:!aNULL:!eNULL:!MD5").len(), 6);
    assert_eq!(selected("ECDHE+AESGCM").len(), 4);
    assert_eq!(selected("ECDHE+AESGCM:!AES128"), [ECDSA_256, RSA_256]);
    assert_eq!(selected("aRSA+CHACHA20"), ["ECDHE-RSA-CHACHA20-POLY1305"]);
    assert_eq!(selected("ALL:!ECDSA:-AES128:+AES256"), ["ECDHE-RSA-CHACHA20-POLY1305", RSA_256]);
    assert_eq!(selected("!AES256:AES256:AES128").len(), 2, "what is killed stays dead");
    assert_eq!(selected("-AES256:AES256").len(), 2, "what is only removed may come back");
    assert_eq!(selected("AES128:AES256:@STRENGTH")[..2], [ECDSA_256, RSA_256]);
    assert_eq!(selected(&format!("{RSA_256}, {ECDSA_256}")), [RSA_256, ECDSA_256]);
    assert_eq!(selected("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384:@SECLEVEL=2"), [RSA_256]);
}

#[test]
fn a_list_that_selects_nothing_is_an_error_with_the_names_that_would_work() {
    for list in [
        "AES256-SHA",
        "RSA",
        "kRSA+AES",
        "HIGH:!ECDHE",
        "",
        "SHA256",
        "DHE-RSA-AES256-GCM-SHA384",
        "nonsense",
    ] {
        let error = TlsPolicy::from_openssl(Versions::V1_2AndV1_3, Some(list), None).unwrap_err();
        assert!(matches!(error, PolicyError::NothingSelected { .. }), "{list}");
        assert!(error.to_string().contains(RSA_256), "{error}");
    }
    let error = TlsPolicy::from_openssl(Versions::V1_2AndV1_3, None, Some(RSA_256)).unwrap_err();
    assert!(error.to_string().contains("TLS_AES_256_GCM_SHA384"), "{error}");
    assert!(matches!(
        TlsPolicy::from_openssl(Versions::V1_2AndV1_3, Some("HIGH:@SECLEVEL=4"), None),
        Err(PolicyError::UnknownCommand { .. })
    ));
}

#[test]
fn names_without_effect_in_a_list_that_selects_something_are_findings() {
    let list = format!("{RSA_256}:AES256-SHA:TLS_AES_128_GCM_SHA256:!nonsense:!RC4");
    let (policy, findings) = TlsPolicy::from_openssl(Versions::OnlyV1_2, Some(&list), None).unwrap();
    assert_eq!(policy.suites(), [RSA_256]);
    let texts: Vec<&str> = findings.iter().map(|finding| finding.text.as_str()).collect();
    assert_eq!(texts.len(), 3, "{texts:?}");
    assert!(texts[1].contains("ciphers_tls1.3"), "{texts:?}");
    let (_, findings) = TlsPolicy::from_openssl(Versions::OnlyV1_3, Some(RSA_256), None).unwrap();
    assert_eq!(findings[0].code, "ciphers-without-version");
}

#[test]
fn only_the_configured_suites_are_negotiated() {
    for (list, suite) in
        [("ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256"), (ECDSA_256, ECDSA_256)]
    {
        let mut spec = server_spec();
        spec.policy = TlsPolicy::from_openssl(Versions::OnlyV1_2, Some(list), None).unwrap().0;
        let met = meet(&server(spec), &client(client_spec(Some(&fixtures().client))));
        assert_eq!(met.ends.server.session.suite(), Some(suite));
    }
    let mut spec = server_spec();
    spec.policy =
        TlsPolicy::from_openssl(Versions::OnlyV1_3, None, Some("TLS_CHACHA20_POLY1305_SHA256")).unwrap().0;
    let met = meet(&server(spec.clone()), &client(client_spec(Some(&fixtures().client))));
    assert_eq!(met.ends.server.session.suite(), Some("TLS_CHACHA20_POLY1305_SHA256"));
    let mut other = client_spec(Some(&fixtures().client));
    other.policy =
        TlsPolicy::from_openssl(Versions::OnlyV1_3, None, Some("TLS_AES_128_GCM_SHA256")).unwrap().0;
    let met = meet(&server(spec), &client(other));
    assert_eq!(met.server_failure().code, Code::NothingInCommon);
    assert_eq!(
        (met.client_failure().code, met.client_failure().direction),
        (Code::NothingInCommon, Direction::TheyRefused)
    );
}

#[test]
fn versions_without_overlap_are_refused_on_both_sides_in_words() {
    for (ours, theirs) in [(Versions::OnlyV1_3, Versions::OnlyV1_2), (Versions::OnlyV1_2, Versions::OnlyV1_3)]
    {
        let mut spec = server_spec();
        spec.policy = policy(ours);
        let mut client_side = client_spec(Some(&fixtures().client));
        client_side.policy = policy(theirs);
        let met = meet(&server(spec), &client(client_side));
        assert_eq!(met.server_failure().code, Code::Version);
        assert_eq!(met.client_failure().code, Code::Version);
    }
    let met = meet(&server(server_spec()), &client(client_spec(Some(&fixtures().client))));
    assert_eq!(met.ends.server.session.version(), Some(TlsVersion::V1_3));
}

#[test]
fn suites_that_do_not_fit_the_key_stop_the_start_or_are_a_finding() {
    let mut spec = server_spec();
    spec.policy = TlsPolicy::from_openssl(Versions::OnlyV1_2, Some("aRSA"), None).unwrap().0;
    let error = ServerTls::build(spec.clone(), now()).unwrap_err();
    assert!(matches!(error, BuildError::Policy(PolicyError::KeyWithoutSuite { .. })), "{error}");
    spec.policy = TlsPolicy::from_openssl(Versions::V1_2AndV1_3, Some("aRSA"), None).unwrap().0;
    let (_, findings) = ServerTls::build(spec.clone(), now()).unwrap();
    assert!(findings.iter().any(|finding| finding.code == "no-tls12-suite-for-key"));
    spec.key_pair = fixtures().guide_server.load();
    spec.policy = TlsPolicy::from_openssl(Versions::OnlyV1_2, Some("aECDSA"), None).unwrap().0;
    let error = ServerTls::build(spec, now()).unwrap_err().to_string();
    assert!(error.contains("an RSA key") && error.contains("ECDHE+aRSA"), "{error}");
}

#[test]
fn one_group_alone_is_what_both_ends_use() {
    let policy = TlsPolicy::default().with_group("X25519").unwrap();
    let met = meet(
        &server(server_spec()),
        &client(ClientTlsSpec { policy, ..client_spec(Some(&fixtures().client)) }),
    );
    assert_eq!(met.ends.server.session.group().as_deref(), Some("X25519"));
    assert!(TlsPolicy::default().with_group("x25519").is_none());
}

/// Judged again by other rules than those of its handshake: version, suite and application protocols count.
#[test]
fn what_was_agreed_upon_is_allowed_where_a_new_handshake_could_come_to_it() {
    let by = |versions, ciphers| {
        let policy = TlsPolicy::from_openssl(versions, ciphers, None).unwrap().0;
        server(ServerTlsSpec { policy, ..server_spec() })
    };
    let tls = by(Versions::V1_2AndV1_3, None);
    let mut spec = client_spec(Some(&fixtures().client));
    spec.policy = TlsPolicy::from_openssl(Versions::OnlyV1_2, Some(ECDSA_256), None).unwrap().0;
    spec.alpn = vec![b"h2".to_vec()];
    let agreed = meet(&tls, &client(spec)).ends.server.session.negotiated();
    let list = format!("{RSA_256}:{ECDSA_256}");
    for same in [&tls, &by(Versions::OnlyV1_2, Some(&list))] {
        assert_eq!(same.allows(agreed), Ok(()));
    }
    for (versions, ciphers, code, word) in [
        (Versions::OnlyV1_3, None, Code::Version, "TLSv1.2"),
        (Versions::V1_2AndV1_3, Some("ECDHE-ECDSA-AES128-GCM-SHA256"), Code::NothingInCommon, ECDSA_256),
    ] {
        let refusal = by(versions, ciphers).allows(agreed).unwrap_err();
        assert_eq!(refusal.code, code);
        assert!(refusal.detail.contains(word), "{refusal}");
    }
    // What is not agreed upon yet is not allowed.
    let begun = tls.session(now()).negotiated();
    assert_eq!(tls.allows(begun).unwrap_err().code, Code::NothingInCommon);
}
