//! Several certificates on one listener (SNI), and application protocols (ALPN).

use sealmq_pki::Fingerprint;
use sealmq_tls::{
    Alpn, BuildError, ClientAuth, ClientTls, Code, ServerTls, ServerTlsSpec, TlsPolicy, UnknownAlpn, Versions,
};

use crate::fixture::{Pair, fixtures, issue, now, openssl, s};
use crate::pair::{Met, VERSIONS, client, client_spec, meet, meet_at, policy, server, server_spec};

fn named(file: &str, names: &str) -> Pair {
    let extensions =
        format!("basicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\nsubjectAltName={names}\n");
    fixtures().leaf(file, &format!("/CN={file}"), Some(&extensions))
}

fn several(pairs: &[&Pair]) -> ServerTls {
    server(ServerTlsSpec {
        more_key_pairs: pairs.iter().map(|pair| pair.load()).collect(),
        client_auth: ClientAuth::None,
        ..server_spec()
    })
}

/// Whoever checks names would refuse the first certificate for other names; here it is seen which one came.
fn dialler() -> ClientTls {
    let mut spec = client_spec(None);
    spec.verify = sealmq_tls::VerifyServer::InsecureAnyName;
    client(spec)
}

fn shown(tls: &ServerTls, name: &str) -> Fingerprint {
    let met = meet_at(tls, &dialler(), name, now());
    assert!(met.ends.established(), "{name}: {:?} {:?}", met.ends.server.failure, met.ends.client.failure);
    let chain = met.ends.client.session.peer_chain();
    Fingerprint::of(&chain.certificates()[0])
}

fn is(tls: &ServerTls, name: &str, pair: &Pair) -> bool {
    shown(tls, name) == pair.facts().fingerprint
}

#[test]
fn the_certificate_for_the_name_that_was_asked_for_is_shown() {
    let first = &fixtures().server;
    let plant = named("sni-plant", "DNS:plant.example.org,DNS:*.plant.example.org");
    let exact = named("sni-exact", "DNS:one.plant.example.org");
    let tls = several(&[&plant, &exact]);
    assert!(is(&tls, "localhost", first));
    assert!(is(&tls, "mqtt.example.com", first));
    assert!(is(&tls, "plant.example.org", &plant));
    assert!(is(&tls, "PLANT.example.org", &plant));
    assert!(is(&tls, "two.plant.example.org", &plant));
    assert!(is(&tls, "one.plant.example.org", &exact), "an exact name before a wildcard");
    // Nobody's name, two labels for a wildcard's one, an address (which SNI cannot carry): the first one.
    for other in ["elsewhere.example.org", "a.b.plant.example.org", "192.0.2.1"] {
        assert!(is(&tls, other, first), "{other}");
    }
}

#[test]
fn each_certificate_is_presented_with_its_chain() {
    let f = fixtures();
    let middle = issue(f.dir(), &f.ca, "sni-middle", "/CN=SNI Middle", Some(crate::fixture::CA), 3650);
    let extensions = "extendedKeyUsage=serverAuth\nsubjectAltName=DNS:below.example.org\n";
    let below = issue(f.dir(), &middle, "sni-below", "/CN=below", Some(extensions), 365);
    let mut spec = server_spec();
    spec.anchors.push(middle.source());
    spec.more_key_pairs = vec![below.load()];
    spec.client_auth = ClientAuth::None;
    let met = meet_at(&server(spec), &client(client_spec(None)), "below.example.org", now());
    assert!(met.ends.established(), "{:?}", met.ends.client.failure);
    assert_eq!(met.ends.client.session.peer_chain().certificates().len(), 2);
}

/// RSA for who cannot do ECDSA, under the same name.
#[test]
fn of_one_name_the_key_that_the_client_can_check_is_taken() {
    let f = fixtures();
    let rsa = rsa_pair();
    let tls = several(&[&rsa]);
    assert!(is(&tls, "localhost", &f.server));
    let old = |suites: &str| {
        let mut spec = client_spec(None);
        spec.policy = TlsPolicy::from_openssl(Versions::OnlyV1_2, Some(suites), None).unwrap().0;
        meet_at(&tls, &client(spec), "localhost", now())
    };
    assert!(old("ECDHE-ECDSA-AES128-GCM-SHA256").ends.established());
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let child = std::process::Command::new("openssl")
        .args([
            "s_client",
            "-connect",
            &address,
            "-servername",
            "localhost",
            "-sigalgs",
            "RSA+SHA256",
            "-tls1_2",
        ])
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let (mut stream, _) = listener.accept().unwrap();
    let mut session = tls.session(now());
    let (mut incoming, mut plain, mut out, mut chunk) = (Vec::new(), Vec::new(), Vec::new(), [0; 4096]);
    while session.is_handshaking() {
        let read = std::io::Read::read(&mut stream, &mut chunk).unwrap();
        assert!(read > 0);
        incoming.extend_from_slice(&chunk[..read]);
        session.open(&mut incoming, &mut plain, &mut out).unwrap();
        std::io::Write::write_all(&mut stream, &out).unwrap();
        out.clear();
    }
    drop(stream);
    let printed = crate::openssl_peer::output(child);
    assert!(printed.contains("Peer signature type: RSA"), "{printed}");
}

/// A certificate for `localhost` with an RSA key, made once: tests run at the same time and its files have one name.
fn rsa_pair() -> Pair {
    static PAIR: std::sync::OnceLock<Pair> = std::sync::OnceLock::new();
    PAIR.get_or_init(make_rsa_pair).clone()
}

fn make_rsa_pair() -> Pair {
    let f = fixtures();
    let at = |ext: &str| f.dir().join(format!("sni-rsa.{ext}"));
    openssl(&["genrsa", "-out", s(&at("key")), "2048"]);
    openssl(&["req", "-new", "-key", s(&at("key")), "-subj", "/CN=localhost", "-out", s(&at("csr"))]);
    std::fs::write(at("ext"), crate::fixture::SERVER).unwrap();
    let ca = |ext: &str| f.dir().join(format!("root.{ext}"));
    openssl(&[
        "x509",
        "-req",
        "-in",
        s(&at("csr")),
        "-CA",
        s(&ca("crt")),
        "-CAkey",
        s(&ca("key")),
        "-set_serial",
        "0x77",
        "-days",
        "365",
        "-extfile",
        s(&at("ext")),
        "-out",
        s(&at("crt")),
    ]);
    let read = |ext: &str| std::fs::read_to_string(at(ext)).unwrap();
    Pair { name: "sni-rsa".to_owned(), cert: read("crt"), key: read("key") }
}

/// Whatever one of the listeners serves logs nobody in, whichever name it is for.
#[test]
fn none_of_the_served_certificates_logs_anybody_in() {
    let no_purpose =
        fixtures().leaf("sni-no-purpose", "/CN=plant2.example.org", Some("basicConstraints=CA:FALSE\n"));
    let dial = client(client_spec(Some(&no_purpose)));
    assert!(meet(&server(server_spec()), &dial).ends.established());
    let serves = server(ServerTlsSpec { more_key_pairs: vec![no_purpose.load()], ..server_spec() });
    assert_eq!(meet(&serves, &dial).server_failure().code, Code::ServedAsClient);
    // A bridge's says itself that it is a client's, too.
    let both = "basicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth,clientAuth\n";
    let both = fixtures().leaf("sni-both", "/CN=plant3.example.org", Some(both));
    let serves = server(ServerTlsSpec { more_key_pairs: vec![both.load()], ..server_spec() });
    assert_eq!(meet(&serves, &client(client_spec(Some(&both)))).name(), "plant3.example.org");
}

#[test]
fn a_certificate_without_a_name_is_pointed_out_and_one_that_no_suite_fits_stops_the_start() {
    let address = named("sni-address", "IP:192.0.2.1");
    let spec = |pair: &Pair| ServerTlsSpec { more_key_pairs: vec![pair.load()], ..server_spec() };
    let (_, findings) = ServerTls::build(spec(&address), now()).unwrap();
    assert!(findings.iter().any(|finding| finding.code == "certificate-for-no-name"), "{findings:?}");
    let (_, findings) = ServerTls::build(spec(&named("sni-fine", "DNS:fine.example.org")), now()).unwrap();
    assert!(findings.iter().all(|finding| finding.code != "certificate-for-no-name"));
    let mut misfit = spec(&rsa_pair());
    misfit.policy =
        TlsPolicy::from_openssl(Versions::OnlyV1_2, Some("ECDHE-ECDSA-AES128-GCM-SHA256"), None).unwrap().0;
    assert!(matches!(ServerTls::build(misfit, now()), Err(BuildError::Policy(_))));
}

fn speaks(versions: Versions, protocols: &[&str], unknown: UnknownAlpn) -> ServerTls {
    let protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    server(ServerTlsSpec {
        policy: policy(versions),
        alpn: Alpn { protocols, unknown },
        client_auth: ClientAuth::None,
        ..server_spec()
    })
}

fn offering(tls: &ServerTls, protocols: &[&str]) -> Met {
    let mut spec = client_spec(None);
    spec.alpn = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    meet(tls, &client(spec))
}

#[test]
fn the_protocol_that_both_speak_is_agreed_upon() {
    for versions in VERSIONS {
        for unknown in [UnknownAlpn::Ignored, UnknownAlpn::Refused] {
            let tls = speaks(versions, &["mqtt", "x-amzn-mqtt-ca"], unknown);
            for (offered, agreed) in [
                (vec!["mqtt"], Some("mqtt")),
                (vec!["x-amzn-mqtt-ca"], Some("x-amzn-mqtt-ca")),
                (vec!["h2", "x-amzn-mqtt-ca", "mqtt"], Some("mqtt")),
                (vec![], None),
            ] {
                let met = offering(&tls, &offered);
                assert!(met.ends.established(), "{offered:?}");
                let agreed = agreed.map(str::as_bytes);
                assert_eq!(met.ends.server.session.alpn(), agreed);
                assert_eq!(met.ends.client.session.alpn(), agreed);
            }
        }
    }
}

/// RFC 7301 §3.2, and mosquitto, which does not know the extension.
#[test]
fn who_offers_other_protocols_only_is_let_in_or_refused_as_the_listener_says() {
    for versions in VERSIONS {
        let met = offering(&speaks(versions, &["mqtt"], UnknownAlpn::Ignored), &["h2", "mqtt/9"]);
        assert!(met.ends.established(), "{:?}", met.ends.server.failure);
        assert_eq!(met.ends.server.session.alpn(), None);
        let met = offering(&speaks(versions, &["mqtt"], UnknownAlpn::Refused), &["h2", "mqtt/9"]);
        assert_eq!(met.server_failure().code, Code::NameOrProtocolRefused);
        assert_eq!(met.client_failure().code, Code::NameOrProtocolRefused);
        let met =
            offering(&server(ServerTlsSpec { client_auth: ClientAuth::None, ..server_spec() }), &["h2"]);
        assert!(met.ends.established());
    }
}

/// The first bytes are looked at before TLS has them: however they come, and whatever they are.
#[test]
fn a_client_hello_in_pieces_and_bytes_that_are_none_are_handled_as_ever() {
    let tls = speaks(Versions::OnlyV1_3, &["mqtt"], UnknownAlpn::Ignored);
    for offered in [["mqtt"], ["h2"]] {
        let mut spec = client_spec(None);
        spec.alpn = offered.iter().map(|name| name.as_bytes().to_vec()).collect();
        let mut dial = client(spec).session("localhost", now()).unwrap();
        let (mut hello, mut none, mut plain) = (Vec::new(), Vec::new(), Vec::new());
        dial.open(&mut none, &mut plain, &mut hello).unwrap();
        let mut session = tls.session(now());
        let (mut incoming, mut out) = (Vec::new(), Vec::new());
        for byte in hello {
            assert!(out.is_empty());
            incoming.push(byte);
            session.open(&mut incoming, &mut plain, &mut out).unwrap();
        }
        assert!(!out.is_empty(), "the server answers with the last byte");
    }
    for strange in [
        b"\x10\x0c\0\x04MQTT".as_slice(),
        b"GET / HTTP/1.1\r\n",
        b"\x16\x03\x01\0\x05\x02\0\0\x01\0",
        &[0x16; 400],
    ] {
        let mut session = tls.session(now());
        let outcome = session.open(&mut strange.to_vec(), &mut Vec::new(), &mut Vec::new());
        assert!(outcome.is_err() || session.is_handshaking());
    }
}
