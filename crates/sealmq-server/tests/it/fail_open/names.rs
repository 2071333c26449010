//! Who someone is comes from what was verified, never from what they say.

use std::io::Write as _;

use super::*;
use crate::data_plane::{MUTUAL, NOT_AUTHORISED, Pki, publish, subscribe};

/// `NAME` with the password `secret`: SHA-512 with a salt of twelve bytes, as mosquitto_passwd 1.x wrote it.
pub(crate) fn password_line(name: &str, password: &str) -> String {
    use base64::Engine as _;
    let engine = base64::engine::general_purpose::STANDARD;
    let salt = b"twelve bytes";
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA512, &[password.as_bytes(), salt].concat());
    format!("{name}:$6${}${}\n", engine.encode(salt), engine.encode(hash))
}

#[test]
fn the_certificate_names_the_client_whatever_connect_says() {
    let pki = Pki::new();
    let broker = Broker::start(|folder| pki.write_server(folder), MUTUAL);
    let mut client =
        TlsClient::connect(broker.tcp(), &pki.ca_pem, Some(pki.device("d1")), Versions::OnlyV1_3);
    client.send(&connect("c", Some(("admin", "whatever"))));
    accepted(&mut client);
    let log = broker.stop();
    assert!(log.contains("u'd1'") && !log.contains("u'admin'"), "{log}");
}

/// `allow_anonymous` lets in who has no name; it gives nobody the name and the rights of a certificate.
#[test]
fn without_a_certificate_nobody_gets_what_the_list_grants_to_one() {
    let pki = Pki::new();
    let conf = MUTUAL.replace("require_certificate true", "require_certificate optional")
        + "allow_anonymous true\nacl_file DIR/acl\npassword_file DIR/passwd\n";
    let prepare = |folder: &std::path::Path| {
        pki.write_server(folder);
        fs::write(folder.join("acl"), "user d1\ntopic readwrite #\n").unwrap();
        // While nobody has a password, TLS itself demands a certificate and CONNECT is never read.
        fs::write(folder.join("passwd"), password_line("other", "secret")).unwrap();
    };
    let broker = Broker::start(prepare, &conf);
    for login in [None, Some(("d1", "")), Some(("d1", "guess"))] {
        let mut client = TlsClient::connect(broker.tcp(), &pki.ca_pem, None, Versions::OnlyV1_3);
        client.send(&connect("c", login));
        client.expect(&BAD_NAME);
    }
    let mut client =
        TlsClient::connect(broker.tcp(), &pki.ca_pem, Some(pki.device("d1")), Versions::OnlyV1_3);
    client.send(&[connect("c", None), subscribe("t"), publish("t", "m")].concat());
    accepted(&mut client);
    client.expect(&[0x90, 3, 0, 1, 0]);
    client.expect(&publish("t", "m"));
}

/// mosquitto takes no password where names come from certificates. Nobody here knows which names those are.
#[test]
fn a_password_does_not_count_where_names_come_from_certificates() {
    for demand in ["require_certificate optional", "require_certificate false"] {
        let names = "use_identity_as_username true\n";
        for (rule, answer) in [(names, BAD_NAME), ("", ACCEPTED)] {
            let pki = Pki::new();
            let conf = MUTUAL.replace("require_certificate true", demand).replace(names, rule)
                + "password_file DIR/passwd\n";
            let prepare = |folder: &std::path::Path| {
                pki.write_server(folder);
                fs::write(folder.join("passwd"), password_line("d1", "secret")).unwrap();
            };
            let broker = Broker::start(prepare, &conf);
            let mut client = TlsClient::connect(broker.tcp(), &pki.ca_pem, None, Versions::OnlyV1_3);
            client.send(&connect("c", Some(("d1", "secret"))));
            client.expect(&answer);
        }
    }
}

#[test]
fn a_password_under_the_name_of_a_certificate_lets_nobody_in() {
    let own = Own::start();
    own.device("pump");
    // Written by hand into a running broker's file: the start would have refused it.
    let lines = ["Pump", "operator", "kettle"].map(|name| password_line(name, "secret")).concat();
    fs::write(own.home.place().passwd(), lines).unwrap();
    own.broker.reloader().reload_passwords().unwrap();
    let answer = |name: &str, answer: [u8; 4]| {
        let mut client = own.dial(None);
        client.send(&connect("c", Some((name, "secret"))));
        client.expect(&answer);
    };
    answer("Pump", NOT_AUTHORISED);
    answer("operator", NOT_AUTHORISED);
    answer("kettle", ACCEPTED);
    assert!(own.broker.stop().contains("SMQ-A015"));
}

/// A plaintext listener that believes whoever comes, beside certificates.
#[test]
fn a_name_that_nobody_checked_is_none_of_a_certificate() {
    let conf = "data_dir DIR/data\nallow_anonymous true\nacl_file acl\nlistener PORT 127.0.0.1\n";
    let own = Own::with(conf, |_| {});
    own.device("pump");
    for name in ["pump", "PUMP", "operator"] {
        answers(own.broker.tcp(), &connect("c", Some((name, ""))), &NOT_AUTHORISED);
    }
    answers(own.broker.tcp(), &connect("c", Some(("kettle", ""))), &ACCEPTED);
}

#[test]
fn every_client_id_begins_with_the_prefix_ours_too() {
    let conf = "listener PORT 127.0.0.1\nallow_anonymous true\nclientid_prefixes dev-\n";
    let broker = Broker::plain(conf);
    for id in ["c", "DEV-c", ""] {
        answers(broker.tcp(), &connect(id, None), &NOT_AUTHORISED);
    }
    answers(broker.tcp(), &connect("dev-c", None), &ACCEPTED);
    let broker = Broker::plain(&format!("{conf}auto_id_prefix dev-\n"));
    answers(broker.tcp(), &connect("", None), &ACCEPTED);
    // The user name takes the place of the client id; what CONNECT says must pass all the same.
    let broker = Broker::plain(&format!("{conf}use_username_as_clientid true\n"));
    answers(broker.tcp(), &connect("c", Some(("anna", ""))), &NOT_AUTHORISED);
    answers(broker.tcp(), &connect("dev-c", Some(("anna", ""))), &ACCEPTED);
    answers(broker.tcp(), &connect("dev-c", None), &NOT_AUTHORISED);
}

#[test]
fn a_session_of_a_certificate_is_taken_by_no_other_one() {
    let own = Own::start();
    let (pump, kettle) = (own.device("pump"), own.device("kettle"));
    let mut first = own.arrive(pump.clone(), "the-id");
    accepted(&mut first);
    own.arrive(kettle, "the-id").expect(&NOT_AUTHORISED);
    first.send(&[0xc0, 0]);
    first.expect(&[0xd0, 0]);
    accepted(&mut own.arrive(pump, "the-id"));
}

/// Two listeners: one checks names, the other believes whoever says one.
#[test]
fn a_session_of_a_proved_name_is_not_given_to_who_only_says_it() {
    let conf = "session_owner bound\nper_listener_settings true\nlistener PORT 127.0.0.1\npassword_file DIR/passwd\n\
        listener 0 DIR/believing\nallow_anonymous true\n";
    let prepare =
        |folder: &std::path::Path| fs::write(folder.join("passwd"), password_line("anna", "secret")).unwrap();
    let broker = Broker::start(prepare, conf);
    let say = |id: &str| {
        let mut client = crate::data_plane::unix(&broker.folder.path().join("believing"));
        std::io::Write::write_all(&mut client, &connect(id, Some(("anna", "x")))).unwrap();
        let mut got = [0; 4];
        std::io::Read::read_exact(&mut client, &mut got).unwrap();
        (got, client)
    };
    let mut proved = broker.tcp();
    std::io::Write::write_all(&mut proved, &connect("c", Some(("anna", "secret")))).unwrap();
    expect(&mut proved, &ACCEPTED);
    assert_eq!(say("c").0, crate::data_plane::NOT_AUTHORISED);
    // Its own it takes over as often as it likes, and so does who proves the name.
    let first = say("d");
    assert_eq!((first.0, say("d").0), (ACCEPTED, ACCEPTED));
    answers(broker.tcp(), &connect("c", Some(("anna", "secret"))), &ACCEPTED);
}

#[test]
fn allow_anonymous_of_one_listener_opens_no_other() {
    let conf = "per_listener_settings true\nlistener 0 DIR/open.sock\nallow_anonymous true\n\
        listener PORT 127.0.0.1\n";
    let broker = Broker::plain(conf);
    answers(broker.tcp(), &connect("c", None), &NOT_AUTHORISED);
    let mut open = crate::data_plane::unix(&broker.folder.path().join("open.sock"));
    open.write_all(&connect("c", None)).unwrap();
    expect(&mut open, &ACCEPTED);
}

/// A pattern by certificate fields gives nothing to who has no certificate, nor what is another's.
#[test]
fn a_pattern_by_certificate_fields_gives_each_its_own_and_others_nothing() {
    let pki = Pki::new();
    let conf = MUTUAL
        .replace("require_certificate true", "require_certificate optional")
        .replace("use_identity_as_username true\n", "allow_anonymous true\nacl_file DIR/acl\n");
    let prepare = |folder: &std::path::Path| {
        pki.write_server(folder);
        fs::write(folder.join("acl"), "pattern readwrite by/%{cn}/#\n").unwrap();
    };
    let broker = Broker::start(prepare, &conf);
    let exchange = |device: Option<&str>, topic: &str| {
        let pair = device.map(|name| pki.device(name));
        let mut client = TlsClient::connect(broker.tcp(), &pki.ca_pem, pair, Versions::OnlyV1_3);
        client.send(&[connect("c", None), subscribe(topic), publish(topic, "m"), vec![0xc0, 0]].concat());
        accepted(&mut client);
        client.expect(&[0x90, 3, 0, 1, 0]);
        client
    };
    let mut own = exchange(Some("d1"), "by/d1/t");
    own.expect(&publish("by/d1/t", "m"));
    own.expect(&[0xd0, 0]);
    for (device, topic) in [(Some("d2"), "by/d1/t"), (None, "by/d1/t"), (None, "by//t"), (None, "by/%{cn}/t")]
    {
        exchange(device, topic).expect(&[0xd0, 0]);
    }
}

/// A list that names certificate fields for the first time counts for those who are connected.
#[test]
fn a_reload_to_a_list_by_certificate_fields_counts_for_live_sessions() {
    let pki = Pki::new();
    let conf = MUTUAL.to_owned() + "acl_file DIR/acl\n";
    let prepare = |folder: &std::path::Path| {
        pki.write_server(folder);
        fs::write(folder.join("acl"), "pattern readwrite by/%u/#\n").unwrap();
    };
    let broker = Broker::start(prepare, &conf);
    let mut client =
        TlsClient::connect(broker.tcp(), &pki.ca_pem, Some(pki.device("d1")), Versions::OnlyV1_3);
    client.send(&[connect("c", None), subscribe("#")].concat());
    accepted(&mut client);
    client.expect(&[0x90, 3, 0, 1, 0]);
    fs::write(broker.folder.path().join("acl"), "pattern readwrite for/%{cn}/#\n").unwrap();
    broker.reloader().reload().unwrap();
    let both =
        [publish("by/d1/t", "old"), publish("for/d1/t", "new"), publish("for/d2/t", "no"), vec![0xc0, 0]];
    client.send(&both.concat());
    client.expect(&publish("for/d1/t", "new"));
    client.expect(&[0xd0, 0]);
}

#[test]
fn a_client_id_is_the_name_that_was_proved() {
    let pki = Pki::new();
    let conf = MUTUAL.to_owned() + "client_id_matches_identity true\n";
    let broker = Broker::start(|folder| pki.write_server(folder), &conf);
    for (id, answer) in [("d1", ACCEPTED), ("d2", [0x20, 2, 0, 2]), ("", [0x20, 2, 0, 2])] {
        let mut client =
            TlsClient::connect(broker.tcp(), &pki.ca_pem, Some(pki.device("d1")), Versions::OnlyV1_3);
        client.send(&connect(id, Some(("d2", ""))));
        client.expect(&answer);
    }
    // A name that nobody checked proves nothing.
    let conf = "listener PORT 127.0.0.1\nallow_anonymous true\n";
    answers(Broker::plain(conf).tcp(), &connect("d1", Some(("d1", ""))), &ACCEPTED);
    let broker = Broker::plain(&format!("{conf}client_id_matches_identity true\n"));
    answers(broker.tcp(), &connect("d1", Some(("d1", ""))), &[0x20, 2, 0, 2]);
}

/// A name that was believed while nobody checked names is no name any more once somebody does.
#[test]
fn a_believed_name_goes_when_names_are_proved_and_who_has_none_stays() {
    let broker = Broker::plain("listener PORT 127.0.0.1\nallow_anonymous true\n");
    let enter = |login: Option<(&str, &str)>| {
        let mut client = broker.tcp();
        client.write_all(&connect(if login.is_none() { "a" } else { "b" }, login)).unwrap();
        expect(&mut client, &ACCEPTED);
        client
    };
    let (mut nobody, mut believed) = (enter(None), enter(Some(("anna", "whatever"))));
    let file = sealmq_config::SourceFile {
        path: "passwd".into(),
        bytes: password_line("anna", "secret").into_bytes(),
    };
    let users = sealmq_config::passwords::parse_file(&file).value.unwrap();
    let table = sealmq_server::door::passwords::PasswordTable::new(users);
    broker.control().replace_passwords(sealmq_broker::ListenerId(0), Some(std::sync::Arc::new(table)));
    assert_eq!(crate::data_plane::rest(&mut believed), b"");
    nobody.write_all(&[0xc0, 0]).unwrap();
    expect(&mut nobody, &[0xd0, 0]);
}
