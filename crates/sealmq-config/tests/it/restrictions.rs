//! What restricts is honoured or stops the start. Each refusal beside the configuration that is accepted.

use crate::reading::{config, errors, warnings};
use sealmq_config::{ClientCertificates, CrlCheck, CrlPolicy, IdentityRule, TlsVersions, UnknownAlpn};

const CERT: &str = "listener 8883\ncertfile c.crt\nkeyfile c.key\n";

#[test]
fn require_certificate_needs_tls() {
    let refused = errors("listener 8883\nrequire_certificate true\n");
    assert!(
        refused[0].starts_with("2: Error: require_certificate specified without certfile and keyfile"),
        "{refused:?}"
    );
    let refused = errors("listener 8883\nrequire_certificate optional\n");
    assert!(refused[0].starts_with("2: Error: require_certificate specified without"), "{refused:?}");
    config("listener 8883\nrequire_certificate false\n");
    let accepted = config(format!("{CERT}cafile ca.crt\nrequire_certificate true\n"));
    assert_eq!(accepted.listeners[0].tls.as_ref().unwrap().client_certificates, ClientCertificates::Required);
}

#[test]
fn require_certificate_needs_a_ca() {
    let refused = errors(format!("{CERT}require_certificate true\n"));
    assert!(refused[0].starts_with("4: Error: require_certificate needs a CA"), "{refused:?}");
    config(format!("{CERT}require_certificate true\ncapath ca.d\n"));
    config(format!("data_dir data\n{CERT}require_certificate true\n"));
}

#[test]
fn certificates_that_are_optional_are_a_third_way() {
    let tls = |value: &str| {
        config(format!("{CERT}cafile ca\nrequire_certificate {value}\n")).listeners.remove(0).tls.unwrap()
    };
    assert_eq!(tls("optional").client_certificates, ClientCertificates::Optional);
    assert_eq!(tls("false").client_certificates, ClientCertificates::None);
    assert_eq!(tls("1").client_certificates, ClientCertificates::Required);
}

#[test]
fn a_name_from_a_certificate_needs_tls() {
    for key in ["use_identity_as_username", "use_subject_as_username"] {
        let refused = errors(format!("listener 1883\n{key} true\n"));
        assert!(
            refused[0].starts_with(&format!("2: Error: {key} specified without certfile")),
            "{refused:?}"
        );
        config(format!("listener 1883\n{key} false\n"));
    }
    let tls = |lines: &str| {
        config(format!("{CERT}cafile ca\nrequire_certificate true\n{lines}")).listeners.remove(0).tls.unwrap()
    };
    assert_eq!(tls("use_identity_as_username true\n").identity, IdentityRule::CommonName);
    assert_eq!(tls("use_subject_as_username true\n").identity, IdentityRule::Subject);
    assert_eq!(tls("").identity, IdentityRule::None);
}

#[test]
fn identity_source_is_an_ordered_list_and_the_only_rule() {
    let conf = |line: &str| format!("{CERT}cafile ca\nrequire_certificate true\n{line}\n");
    let sources = |line: &str| match config(conf(line)).listeners.remove(0).tls.unwrap().identity {
        IdentityRule::Sources(sources) => sources.to_string(),
        other => panic!("{other:?}"),
    };
    assert_eq!(sources("identity_source san_uri,cn"), "san_uri, cn");
    assert_eq!(
        sources("identity_source  fingerprint , san_dns san_email # why"),
        "fingerprint, san_dns, san_email"
    );
    for bad in ["ou", "CN", "cn,cn", ",", "cn;san_uri", "use_cn"] {
        let refused = errors(conf(&format!("identity_source {bad}")));
        assert!(refused[0].contains("Invalid 'identity_source' value"), "{refused:?}");
    }
    assert!(errors("listener 1883\nidentity_source cn\n")[0].contains("specified without certfile"));
    for other in ["use_identity_as_username", "use_subject_as_username"] {
        let refused = errors(conf(&format!("identity_source cn\n{other} true")));
        assert!(refused[0].contains("cannot be used together"), "{refused:?}");
        assert_eq!(sources(&format!("identity_source cn\n{other} false")), "cn");
    }
}

#[test]
fn a_name_from_a_certificate_that_nobody_is_asked_for_is_a_finding() {
    let found = warnings(format!("{CERT}use_identity_as_username true\n"));
    assert!(found[0].contains("every client is refused"), "{found:?}");
    let found =
        warnings(format!("{CERT}cafile ca\nrequire_certificate true\nuse_identity_as_username true\n"));
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn half_of_a_key_pair_is_refused() {
    for lonely in ["certfile c.crt", "keyfile c.key"] {
        assert_eq!(
            errors(format!("listener 8883\n{lonely}\n")),
            ["2: Error: Both certfile and keyfile must be provided to enable a TLS listener."]
        );
    }
    config(CERT);
}

#[test]
fn a_ca_without_a_key_pair_is_refused() {
    assert_eq!(
        errors("listener 8883\ncafile ca.crt\n"),
        ["2: Error: cafile specified without certfile and keyfile."]
    );
    assert_eq!(
        errors("listener 8883\ncapath ca.d\n"),
        ["2: Error: capath specified without certfile and keyfile."]
    );
    config(format!("{CERT}cafile ca.crt\n"));
}

#[test]
fn revocation_lists_are_refused_where_there_is_no_certificate_to_look_up() {
    let refused = errors("listener 8883\ncrlfile ca.crl\n");
    assert_eq!(refused, ["2: Error: crlfile specified without certfile and keyfile."]);
    let tls = |lines: &str| {
        config(format!("{CERT}cafile ca.crt\nrequire_certificate true\n{lines}"))
            .listeners
            .remove(0)
            .tls
            .unwrap()
            .crl
    };
    assert!(tls("").file.is_none());
    let crl = tls("crlfile ca.crl\n");
    assert_eq!((crl.policy, crl.check), (CrlPolicy::GraceSecs(7 * 86_400), CrlCheck::Leaf));
    let crl = tls("crlfile ca.crl\ncrl_policy grace 36h\ncrl_check chain\n");
    assert_eq!((crl.policy, crl.check), (CrlPolicy::GraceSecs(36 * 3600), CrlCheck::Chain));
    assert_eq!(tls("crlfile ca.crl\ncrl_policy strict\n").policy, CrlPolicy::Strict);
    assert_eq!(tls("crlfile ca.crl\ncrl_policy grace 90d\n").policy, CrlPolicy::GraceSecs(90 * 86_400));
    for bad in ["grace", "grace 0d", "grace 91d", "grace 7", "never", "grace 9999999999999999999d"] {
        let refused = errors(format!("{CERT}crl_policy {bad}\n"));
        assert_eq!(refused, [format!("4: Error: Invalid 'crl_policy' value ({bad}).")]);
    }
    let idle = warnings(format!("{CERT}crlfile ca.crl\n"));
    assert!(idle.iter().any(|warning| warning.contains("does not ask for client certificates")), "{idle:?}");
}

#[test]
fn more_certificates_need_both_files_and_a_listener_with_tls() {
    let tls = |lines: &str| config(format!("{CERT}{lines}")).listeners.remove(0).tls.unwrap();
    let found =
        tls("sni_certificate a.crt a.key\nsni_certificate b.crt b.key # the plant's\n").sni_certificates;
    let written: Vec<_> =
        found.iter().map(|pair| (pair.certificate.written.as_str(), pair.key.written.as_str())).collect();
    assert_eq!(written, [("a.crt", "a.key"), ("b.crt", "b.key")]);
    for lonely in ["a.crt", "a.crt # and its key"] {
        let refused = errors(format!("{CERT}sni_certificate {lonely}\n"));
        assert_eq!(refused, [format!("4: Error: Invalid 'sni_certificate' value ({lonely}).")]);
    }
    let refused = errors("listener 8883\nsni_certificate a.crt a.key\n");
    assert_eq!(refused, ["2: Error: sni_certificate specified without certfile and keyfile."]);
}

#[test]
fn unknown_application_protocols_are_ignored_as_in_mosquitto_and_refused_in_a_data_directory() {
    let unknown = |before: &str, lines: &str| {
        config(format!("{before}{CERT}{lines}")).listeners.remove(0).tls.unwrap().unknown_alpn
    };
    assert_eq!(unknown("", ""), UnknownAlpn::Ignored);
    assert_eq!(unknown("", "alpn strict\n"), UnknownAlpn::Refused);
    assert_eq!(unknown("data_dir d\n", ""), UnknownAlpn::Refused);
    assert_eq!(unknown("data_dir d\n", "alpn lenient\n"), UnknownAlpn::Ignored);
}

#[test]
fn old_tls_is_refused_with_the_reason() {
    let refused = errors(format!("{CERT}tls_version tlsv1.1\n"));
    assert!(refused[0].contains("TLS below 1.2 is not in SealMQ"), "{refused:?}");
    let versions = |value: &str| {
        config(format!("{CERT}tls_version {value}\n")).listeners.remove(0).tls.unwrap().versions
    };
    assert_eq!(versions("tlsv1.2"), TlsVersions::From12);
    assert_eq!(versions("tlsv1.3"), TlsVersions::Only13);
    assert_eq!(versions("tlsv1.2 tlsv1.3"), TlsVersions::From12);
}

#[test]
fn what_is_not_built_yet_stops_the_start_unless_it_asks_for_nothing() {
    let refused = errors(format!("{CERT}client_ocsp hard\n"));
    assert_eq!(
        refused,
        ["4: Error: 'client_ocsp hard' is not honoured yet: it comes with \"Certificates for life\"."]
    );
    config("listener 8080\nprotocol mqtt");
}

#[test]
fn what_restricts_nothing_and_is_not_built_yet_is_a_warning() {
    let found = warnings(
        "listener 1883 127.0.0.1\nallow_anonymous true\npersistence true\npersistence_location /var/lib/mosquitto/\n",
    );
    assert_eq!(
        found,
        [
            "Warning: 'persistence' is not honoured yet: it comes with \"Nothing acknowledged is lost\".",
            "Warning: 'persistence_location' is not honoured yet: it comes with \"Nothing acknowledged is lost\".",
        ]
    );
    assert_eq!(
        warnings("listener 1883 127.0.0.1\nallow_anonymous true\npersistence false\n"),
        Vec::<String>::new()
    );
}

#[test]
fn a_restriction_that_is_written_twice_is_pointed_out() {
    let found = warnings("listener 1883 127.0.0.1\npassword_file a\npassword_file b\n");
    assert_eq!(found, ["Warning: 'password_file' is given twice; this one counts."]);
    let config = config("listener 1883\npassword_file a\npassword_file b\n");
    assert_eq!(config.listeners[0].access.password_file.as_ref().unwrap().written, "b");
}

#[test]
fn a_comment_behind_a_file_name_belongs_to_it_and_is_pointed_out() {
    let text = "listener 1883 127.0.0.1 # comments are fine here\npassword_file passwords # and not here\n";
    assert_eq!(
        warnings(text),
        ["Warning: 'password_file' takes the whole line: the text from # on belongs to its value."]
    );
    assert_eq!(
        config(text).listeners[0].access.password_file.as_ref().unwrap().written,
        "passwords # and not here"
    );
}
