//! Whom a reload sends away: exactly those whose admitting entry is gone or changed.

use super::*;
use crate::data_plane::MUTUAL;
use crate::fail_open::names::password_line;

const PASSWORDS: &str = "listener PORT 127.0.0.1\nallow_anonymous true\npassword_file DIR/passwd\n";

#[test]
fn a_password_that_changed_ends_its_session_and_a_line_that_moved_does_not() {
    let (anna, berta) = (password_line("anna", "one"), password_line("berta", "two"));
    let prepare =
        |folder: &std::path::Path| fs::write(folder.join("passwd"), format!("{anna}\n{berta}\n")).unwrap();
    let broker = Broker::start(prepare, PASSWORDS);
    let mut first = client(&broker, "a", Some(("anna", "one")));
    let mut second = client(&broker, "b", Some(("berta", "two")));
    let mut nobody = client(&broker, "n", None);
    write(&broker, "passwd", &format!("# moved\n\n{berta}\n{anna}\n"));
    broker.reloader().reload().unwrap();
    for client in [&mut first, &mut second, &mut nobody] {
        assert_stays(client);
    }
    write(&broker, "passwd", &format!("{berta}\n{}\n", password_line("anna", "three")));
    broker.reloader().reload().unwrap();
    assert_goes(&mut first);
    assert_stays(&mut second);
    assert_stays(&mut nobody);
    write(&broker, "passwd", &password_line("carla", "x"));
    broker.reloader().reload().unwrap();
    assert_goes(&mut second);
    assert_stays(&mut nobody);
    broker.reload(&PASSWORDS.replace("allow_anonymous true", "allow_anonymous false")).unwrap();
    assert_goes(&mut nobody);
}

/// A name that nobody could check needs its password as soon as there is a file of them.
#[test]
fn who_claimed_a_name_goes_when_names_are_checked() {
    let open = "listener PORT 127.0.0.1\nallow_anonymous true\n";
    let prepare =
        |folder: &std::path::Path| fs::write(folder.join("passwd"), password_line("anna", "one")).unwrap();
    let broker = Broker::start(prepare, open);
    let mut claimed = client(&broker, "c", Some(("anna", "whatever")));
    let mut nobody = client(&broker, "n", None);
    broker.reloader().reload().unwrap();
    assert_stays(&mut claimed);
    broker.reload(PASSWORDS).unwrap();
    assert_goes(&mut claimed);
    assert_stays(&mut nobody);
    let mut proved = client(&broker, "c", Some(("anna", "one")));
    // Without the file the proof is gone.
    broker.reload(open).unwrap();
    assert_goes(&mut proved);
    assert_stays(&mut nobody);
}

/// Nor is a name believed where nobody may come without a proof of it.
#[test]
fn who_claimed_a_name_goes_with_allow_anonymous() {
    let open = "listener PORT 127.0.0.1\nallow_anonymous true\n";
    let broker = Broker::start(|_| {}, open);
    let mut claimed = client(&broker, "c", Some(("anna", "whatever")));
    broker.reload(&format!("{open}max_topic_alias 3\n")).unwrap();
    assert_stays(&mut claimed);
    broker.reload(&open.replace("true", "false")).unwrap();
    assert_goes(&mut claimed);
}

/// Contract section 6: the certificate admitted it, so no password file concerns it.
#[test]
fn a_client_of_a_certificate_survives_a_change_of_the_password_file() {
    let pki = Pki::new();
    let prepare = |folder: &std::path::Path| {
        pki.write_server(folder);
        fs::write(folder.join("passwd"), password_line("d1", "one")).unwrap();
    };
    let broker = Broker::start(prepare, &format!("{MUTUAL}password_file DIR/passwd\n"));
    let mut device = tls(&broker, &pki, Some("d1"), "c");
    write(&broker, "passwd", &password_line("other", "two"));
    broker.reloader().reload().unwrap();
    stays(&mut device);
    broker.reload(MUTUAL).unwrap();
    stays(&mut device);
}

/// Its certificate let it through the handshake; that it has no name is `allow_anonymous`'s to allow.
#[test]
fn who_has_a_certificate_and_no_name_goes_with_allow_anonymous() {
    let pki = Pki::new();
    let conf = MUTUAL.replace("use_identity_as_username true", "allow_anonymous true");
    let broker = Broker::start(|folder| pki.write_server(folder), &conf);
    let mut device = tls(&broker, &pki, Some("d1"), "c");
    broker.reloader().reload().unwrap();
    stays(&mut device);
    broker.reload(&conf.replace("allow_anonymous true", "allow_anonymous false")).unwrap();
    goes(&mut device);
}

/// What a newcomer would be refused for ends who is in: a restriction that counts for newcomers only is kept open by them.
#[test]
fn a_stricter_rule_for_client_ids_or_versions_ends_who_does_not_keep_it() {
    let open = "listener PORT 127.0.0.1\nallow_anonymous true\n";
    let broker = Broker::plain(open);
    let (mut fits, mut other) = (client(&broker, "dev-1", None), client(&broker, "x-1", None));
    let (mut named, mut claims) =
        (client(&broker, "dev-2", Some(("dev-2", ""))), client(&broker, "dev-3", Some(("anna", ""))));
    broker.reload(&format!("{open}clientid_prefixes dev-\n")).unwrap();
    assert_goes(&mut other);
    for client in [&mut fits, &mut named, &mut claims] {
        assert_stays(client);
    }
    // Who says no user name has none to be its id.
    broker.reload(&format!("{open}use_username_as_clientid true\n")).unwrap();
    assert_goes(&mut fits);
    assert_goes(&mut claims);
    assert_stays(&mut named);
    broker.reload(&format!("{open}accept_protocol_versions 5\n")).unwrap();
    assert_goes(&mut named);
    let (mut five, _) = client_of_5(&broker, "five");
    five.write_all(&[0xc0, 0]).unwrap();
    expect(&mut five, &[0xd0, 0]);
    // A name that nobody proved is no identity.
    broker.reload(&format!("{open}client_id_matches_identity true\n")).unwrap();
    let mut told = [0; 2];
    std::io::Read::read_exact(&mut five, &mut told).unwrap();
    assert_eq!(told[0], 0xe0);
}

#[test]
fn an_id_that_must_be_the_name_ends_those_of_certificates_whose_is_not() {
    let pki = Pki::new();
    let broker = Broker::start(|folder| pki.write_server(folder), MUTUAL);
    let (mut own, mut other) =
        (tls(&broker, &pki, Some("d1"), "d1"), tls(&broker, &pki, Some("d2"), "something"));
    broker.reload(&format!("{MUTUAL}client_id_matches_identity true\n")).unwrap();
    goes(&mut other);
    stays(&mut own);
}

#[test]
fn another_rule_for_names_ends_who_is_named_by_the_old_one() {
    let pki = Pki::new();
    let broker = Broker::start(|folder| pki.write_server(folder), MUTUAL);
    let mut device = tls(&broker, &pki, Some("d1"), "c");
    broker.reload(&format!("{MUTUAL}max_topic_alias 3\n")).unwrap();
    stays(&mut device);
    broker.reload(&MUTUAL.replace("use_identity_as_username", "use_subject_as_username")).unwrap();
    goes(&mut device);
}

/// Where certificates name clients from now on, nobody without one goes on under a name that none gave.
#[test]
fn who_came_without_a_certificate_goes_when_certificates_name_clients() {
    let pki = Pki::new();
    let conf = MUTUAL
        .replace("require_certificate true", "require_certificate optional")
        .replace("use_identity_as_username true", "allow_anonymous true");
    let broker = Broker::start(|folder| pki.write_server(folder), &conf);
    let mut nobody = tls(&broker, &pki, None, "c");
    broker.reload(&format!("{conf}max_topic_alias 3\n")).unwrap();
    stays(&mut nobody);
    broker.reload(&format!("{conf}use_identity_as_username true\n")).unwrap();
    goes(&mut nobody);
}

/// A password's name does not count beside those of certificates where it did not do so when its client came.
#[test]
fn who_has_a_password_goes_when_certificates_name_clients() {
    let pki = Pki::new();
    let optional = MUTUAL.replace("require_certificate true", "require_certificate optional");
    let beside = format!("{optional}password_file DIR/passwd\n");
    let alone = beside.replace("use_identity_as_username true\n", "");
    let anna = |conf: &str| {
        let prepare = |folder: &std::path::Path| {
            pki.write_server(folder);
            fs::write(folder.join("passwd"), password_line("anna", "one")).unwrap();
        };
        let broker = Broker::start(prepare, conf);
        let mut anna = TlsClient::connect(broker.tcp(), &pki.ca_pem, None, Versions::OnlyV1_3);
        anna.send(&connect("c", Some(("anna", "one"))));
        anna.expect(&ACCEPTED);
        broker.reload(&format!("{conf}max_topic_alias 3\n")).unwrap();
        stays(&mut anna);
        (broker, anna)
    };
    let (broker, mut before) = anna(&alone);
    broker.reload(&beside).unwrap();
    goes(&mut before);
}

#[test]
fn a_certificate_that_only_came_along_is_not_missed() {
    let pki = Pki::new();
    let conf = MUTUAL.replace("use_identity_as_username true", "allow_anonymous true");
    let broker = Broker::start(|folder| pki.write_server(folder), &conf);
    let mut device = tls(&broker, &pki, Some("d1"), "c");
    broker.reload(&conf.replace("require_certificate true", "require_certificate false")).unwrap();
    stays(&mut device);
    // Twin: demanded again, it counts again; who has none goes.
    let mut without = tls(&broker, &pki, None, "w");
    broker.reload(&conf).unwrap();
    stays(&mut device);
    goes(&mut without);
}

/// One that gave the name is: without it nobody has that name.
#[test]
fn a_certificate_that_gave_the_name_is_missed_where_none_is_asked_for() {
    let pki = Pki::new();
    let conf = format!("{MUTUAL}allow_anonymous true\n");
    let broker = Broker::start(|folder| pki.write_server(folder), &conf);
    let mut device = tls(&broker, &pki, Some("d1"), "c");
    broker.reload(&format!("{conf}max_topic_alias 3\n")).unwrap();
    stays(&mut device);
    let nobodys = conf.replace("require_certificate true\nuse_identity_as_username true\n", "");
    broker.reload(&nobodys).unwrap();
    goes(&mut device);
}

#[test]
fn plain_sessions_end_where_tls_is_spoken_from_now_on() {
    let pki = Pki::new();
    let open = "listener PORT 127.0.0.1\nallow_anonymous true\n";
    let secured = format!("{open}certfile DIR/server.crt\nkeyfile DIR/server.key\n");
    let broker = Broker::start(|folder| pki.write_server(folder), open);
    let mut plain = client(&broker, "c", None);
    broker.reload(&secured).unwrap();
    assert_goes(&mut plain);
    let mut inside = tls(&broker, &pki, None, "d");
    broker.reload(&format!("{secured}max_topic_alias 3\n")).unwrap();
    stays(&mut inside);
}

#[test]
fn another_mount_point_ends_who_sees_the_old_one() {
    let conf = "listener PORT 127.0.0.1\nallow_anonymous true\nmount_point one/\n";
    let broker = Broker::plain(conf);
    let mut client = client(&broker, "c", None);
    broker.reload(&format!("{conf}max_qos 1\n")).unwrap();
    assert_stays(&mut client);
    broker.reload(&conf.replace("one/", "two/")).unwrap();
    assert_goes(&mut client);
}

/// The will of whom the reload ends is published under the access list of that reload.
#[test]
fn the_will_of_who_is_let_go_is_published_by_the_new_access_list() {
    let conf = "listener PORT 127.0.0.1\nallow_anonymous true\npassword_file DIR/passwd\nacl_file DIR/acl\n";
    let acl = |anna: &str| format!("topic readwrite #\nuser anna\n{anna}");
    let line = |user: &str| password_line(user, "one");
    let prepare = |folder: &std::path::Path| {
        fs::write(folder.join("passwd"), format!("{}\n{}\n", line("anna"), line("berta"))).unwrap();
        let both = "topic readwrite #\nuser berta\ntopic readwrite #\n";
        fs::write(folder.join("acl"), format!("{}{both}", acl("topic readwrite #\n"))).unwrap();
    };
    let broker = Broker::start(prepare, conf);
    let mut watcher = client(&broker, "w", None);
    watcher.write_all(&crate::data_plane::subscribe("will/#")).unwrap();
    expect(&mut watcher, &[0x90, 3, 0, 1, 0]);
    let mut anna = with_will(&broker, "anna");
    let mut berta = with_will(&broker, "berta");
    write(&broker, "passwd", &line("carla"));
    write(&broker, "acl", &format!("{}user berta\ntopic readwrite #\n", acl("topic read #\n")));
    broker.reloader().reload().unwrap();
    assert_goes(&mut anna);
    assert_goes(&mut berta);
    expect(&mut watcher, &crate::data_plane::publish("will/berta", "x"));
    assert_stays(&mut watcher);
}

fn with_will(broker: &Broker, name: &str) -> TcpStream {
    let text = |value: &str| [&[0, u8::try_from(value.len()).unwrap()], value.as_bytes()].concat();
    let mut body = text("MQTT");
    body.extend([4, 0xc6, 0, 60]);
    for value in [name, &format!("will/{name}"), "x", name, "one"] {
        body.extend(text(value));
    }
    let mut client = broker.tcp();
    client.write_all(&[&[0x10, u8::try_from(body.len()).unwrap()], &body[..]].concat()).unwrap();
    expect(&mut client, &ACCEPTED);
    client
}

/// What the reload replaced is dropped; sessions that it let in do not keep it.
#[test]
fn an_old_tls_configuration_is_dropped_while_its_sessions_live() {
    let pki = Pki::new();
    let broker = Broker::start(|folder| pki.write_server(folder), MUTUAL);
    let mut device = tls(&broker, &pki, Some("d1"), "c");
    let old = std::sync::Arc::downgrade(&broker.control().listeners()[0].tls().unwrap());
    broker.reloader().reload().unwrap();
    stays(&mut device);
    assert!(old.upgrade().is_none());
}
