//! A reload puts everything to use or nothing; what was replaced counts no more.

use sealmq_broker::ListenerId;
use sealmq_tls::{
    Alpn, ClientAuth, ClientDates, IdentityRule, LegacyClientCerts, RecordSize, Resumption, Served,
    ServerTls, ServerTlsSpec, TlsPolicy, TrustGeneration,
};

use super::*;
use crate::data_plane::{MUTUAL, Pki, now, prepare, rest};

fn dial(broker: &Broker, server: &Pki, client: &Pki) -> TlsClient {
    TlsClient::connect(broker.tcp(), &server.ca_pem, Some(client.device("d1")), Versions::OnlyV1_3)
}

#[test]
fn a_cafile_that_is_half_readable_stops_the_start() {
    let pki = Pki::new();
    let folder = tempfile::tempdir().unwrap();
    pki.write_server(folder.path());
    let start = |cafile: String| {
        fs::write(folder.path().join("ca.crt"), cafile).unwrap();
        prepare(folder.path(), MUTUAL)
    };
    assert!(start(pki.ca_pem.clone()).is_ok());
    let cut = Pki::new().ca_pem;
    let error = start(format!("{}{}", pki.ca_pem, &cut[..cut.len() / 2])).unwrap_err();
    assert!(error.to_string().contains("ca.crt"), "{error}");
    let no_certificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert!(start(format!("{}{no_certificate}", pki.ca_pem)).is_err());
}

#[test]
fn a_file_of_capath_that_is_half_readable_stops_the_start_and_what_is_no_pem_does_not() {
    let pki = Pki::new();
    let conf = MUTUAL.replace("cafile DIR/ca.crt", "capath DIR/cas");
    let prepare = |folder: &std::path::Path| {
        pki.write_server(folder);
        fs::create_dir(folder.join("cas")).unwrap();
        fs::write(folder.join("cas/a.pem"), &pki.ca_pem).unwrap();
        fs::write(folder.join("cas/README"), "CAs of the plant\n").unwrap();
        fs::write(folder.join("cas/noise"), [0xff, 0, 0x30]).unwrap();
    };
    let broker = Broker::start(prepare, &conf);
    let mut client = dial(&broker, &pki, &pki);
    client.send(&connect("c", None));
    accepted(&mut client);
    let cut = Pki::new().ca_pem;
    fs::write(broker.folder.path().join("cas/b.pem"), &cut[..cut.len() / 2]).unwrap();
    let error = broker.reloader().reload().unwrap_err();
    assert!(error.to_string().contains("b.pem"), "{error}");
}

#[test]
fn a_reload_with_a_broken_ca_changes_nothing_and_one_with_another_ca_lets_the_old_clients_go() {
    let (pki, other) = (Pki::new(), Pki::new());
    let broker = Broker::start(|folder| pki.write_server(folder), MUTUAL);
    let mut client = dial(&broker, &pki, &pki);
    client.send(&connect("c", None));
    accepted(&mut client);
    let cafile = broker.folder.path().join("ca.crt");
    fs::write(&cafile, format!("{}garbage", &other.ca_pem[..200])).unwrap();
    assert!(broker.reloader().reload().is_err());
    client.send(&[0xc0, 0]);
    client.expect(&[0xd0, 0]);
    let mut second = dial(&broker, &pki, &pki);
    second.send(&connect("d", None));
    accepted(&mut second);

    fs::write(&cafile, &other.ca_pem).unwrap();
    broker.reloader().reload().unwrap();
    assert_eq!(client.refusal(), "closed without an alert");
    assert!(!dial(&broker, &pki, &pki).refusal().contains("closed without"));
    let mut third = dial(&broker, &pki, &other);
    third.send(&connect("e", None));
    accepted(&mut third);
}

/// Trust that is made stricter holds for who is in already.
#[test]
fn who_came_without_a_certificate_goes_when_one_is_demanded() {
    let pki = Pki::new();
    let conf =
        "listener PORT 127.0.0.1\ncertfile DIR/server.crt\nkeyfile DIR/server.key\nallow_anonymous true\n";
    let broker = Broker::start(|folder| pki.write_server(folder), conf);
    let mut client = TlsClient::connect(broker.tcp(), &pki.ca_pem, None, Versions::OnlyV1_3);
    client.send(&connect("c", None));
    accepted(&mut client);
    let read = |name: &str| PemSource::new(name, fs::read(broker.folder.path().join(name)).unwrap());
    let replace = |client_auth| {
        let spec = ServerTlsSpec {
            policy: TlsPolicy::from_openssl(Versions::V1_2AndV1_3, None, None).unwrap().0,
            key_pair: KeyPair::load(&read("server.crt"), &read("server.key"), None).unwrap(),
            anchors: vec![read("ca.crt")],
            client_auth,
            identity: IdentityRule::None,
            legacy_client_certs: LegacyClientCerts::Deny,
            client_dates: ClientDates::Checked,
            crls: None,
            own: None,
            served: Served::default(),
            generation: TrustGeneration::new(),
            signatures: sealmq_tls::KnownSignatures::new(),
            record_size_max: RecordSize::default(),
            alpn: Alpn::NONE,
            more_key_pairs: Vec::new(),
            resumption: Resumption::Off,
        };
        let (tls, _findings) = ServerTls::build(spec, now()).unwrap();
        broker.control().replace_tls(ListenerId(0), std::sync::Arc::new(tls));
    };
    replace(ClientAuth::Optional);
    client.send(&[0xc0, 0]);
    client.expect(&[0xd0, 0]);
    replace(ClientAuth::Required);
    assert_eq!(client.refusal(), "closed without an alert");
}

/// A password file that became a link is read by nobody: it could be anybody's.
#[test]
fn a_password_file_that_is_a_link_is_refused() {
    let write = |folder: &std::path::Path| {
        fs::write(folder.join("passwd"), super::names::password_line("anna", "secret")).unwrap();
    };
    let broker = Broker::start(write, "listener PORT 127.0.0.1\npassword_file DIR/passwd\n");
    let (file, other) = (broker.folder.path().join("passwd"), broker.folder.path().join("other"));
    fs::write(&other, super::names::password_line("eve", "secret")).unwrap();
    fs::remove_file(&file).unwrap();
    std::os::unix::fs::symlink(&other, &file).unwrap();
    let error = broker.reloader().reload().unwrap_err();
    assert_eq!(error.exit, 13, "{error}");
    answers(broker.tcp(), &connect("c", Some(("anna", "secret"))), &ACCEPTED);
    let mut eve = broker.tcp();
    std::io::Write::write_all(&mut eve, &connect("d", Some(("eve", "secret")))).unwrap();
    assert_eq!(rest(&mut eve), crate::data_plane::NOT_AUTHORISED);
}
