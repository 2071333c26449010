//! Certificate and key: paired, strong enough, in every form that openssl writes.

use sealmq_tls::{KeyPair, KeyPairError, PemSource};

use crate::fixture::{fixtures, now, openssl, s};
use crate::pair::{client, client_spec, meet, server, server_spec};

#[test]
fn every_form_of_a_key_loads_and_serves() {
    let fixtures = fixtures();
    let dir = fixtures.dir();
    type Form<'a> = (&'a str, &'a [&'a str], Option<&'a [u8]>);
    let forms: [Form<'_>; 4] = [
        ("sec1", &["ec", "-in", "server.key", "-out", "server.sec1"], None),
        ("pkcs8", &["pkcs8", "-topk8", "-nocrypt", "-in", "server.key", "-out", "server.pkcs8"], None),
        (
            "encrypted",
            &[
                "pkcs8",
                "-topk8",
                "-v2",
                "aes-256-cbc",
                "-passout",
                "pass:secret",
                "-in",
                "server.key",
                "-out",
                "server.encrypted",
            ],
            Some(b"secret"),
        ),
        (
            "plain with a passphrase",
            &["pkcs8", "-topk8", "-nocrypt", "-in", "server.key", "-out", "server.plain"],
            Some(b"unused"),
        ),
    ];
    for (name, line, passphrase) in forms {
        let line: Vec<String> =
            line.iter()
                .map(|word| {
                    if word.starts_with("server.") {
                        s(&dir.join(word)).to_owned()
                    } else {
                        (*word).to_owned()
                    }
                })
                .collect();
        openssl(&line.iter().map(String::as_str).collect::<Vec<_>>());
        let key = PemSource::new(name, std::fs::read(line.last().unwrap()).unwrap());
        let mut spec = server_spec();
        spec.key_pair = KeyPair::load(&fixtures.server.source(), &key, passphrase).unwrap();
        assert!(
            meet(&server(spec), &client(client_spec(Some(&fixtures.client)))).ends.established(),
            "{name}"
        );
    }
    let key = PemSource::new("server.encrypted", std::fs::read(dir.join("server.encrypted")).unwrap());
    for wrong in [None, Some(&b"wrong"[..])] {
        let error = KeyPair::load(&fixtures.server.source(), &key, wrong).unwrap_err();
        assert!(matches!(error, KeyPairError::Key { .. }) && error.to_string().contains("hint: "), "{error}");
    }
}

#[test]
fn a_key_of_another_certificate_is_refused_and_a_wrong_order_is_named() {
    let fixtures = fixtures();
    let error = KeyPair::load(&fixtures.server.source(), &fixtures.client.key_source(), None).unwrap_err();
    assert!(matches!(error, KeyPairError::Mismatch { .. }));
    let reversed = PemSource::new("chain.pem", format!("{}{}", fixtures.ca.cert, fixtures.server.cert));
    let error = KeyPair::load(&reversed, &fixtures.server.key_source(), None).unwrap_err();
    assert!(error.to_string().contains("certificate 2 of the file: put that one first"), "{error}");
    // Version 1, where rustls' own check does not work.
    let error = KeyPair::load(&fixtures.guide_server.source(), &fixtures.guide_client.key_source(), None)
        .unwrap_err();
    assert!(matches!(error, KeyPairError::Mismatch { .. }));
    fixtures.guide_server.load();
}

#[test]
fn an_rsa_key_below_2048_bits_is_refused() {
    let dir = fixtures().dir();
    let (key, cert) = (dir.join("weak.key"), dir.join("weak.crt"));
    openssl(&["genrsa", "-out", s(&key), "1024"]);
    openssl(&["req", "-new", "-x509", "-key", s(&key), "-subj", "/CN=weak", "-days", "10", "-out", s(&cert)]);
    let read = |path: &std::path::Path| PemSource::new(s(path), std::fs::read(path).unwrap());
    let error = KeyPair::load(&read(&cert), &read(&key), None).unwrap_err();
    assert!(error.to_string().contains("RSA 1024"), "{error}");
}

#[test]
fn the_guides_server_certificate_comes_with_its_findings() {
    let pair = fixtures().guide_server.load();
    let codes: Vec<&str> = pair.server_findings(now()).iter().map(|finding| finding.code).collect();
    assert!(codes.contains(&"server-certificate-without-san"), "{codes:?}");
    let codes: Vec<&str> =
        pair.server_findings(now().plus_days(400)).iter().map(|finding| finding.code).collect();
    assert!(codes.contains(&"certificate-out-of-dates"), "{codes:?}");
    assert!(fixtures().server.load().server_findings(now()).is_empty());
}
