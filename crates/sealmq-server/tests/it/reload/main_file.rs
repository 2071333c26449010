//! The main file is read again: whole, or nothing of it.

use super::*;
use crate::data_plane::{MUTUAL, NOT_AUTHORISED, Pki, TlsClient};
use sealmq_tls::Versions;

const OPEN: &str = "listener PORT 127.0.0.1\nallow_anonymous true\n";

#[test]
fn what_the_file_allows_and_forbids_now_counts_for_newcomers_and_for_who_is_there() {
    let broker = Broker::plain(OPEN);
    let mut anonymous = client(&broker, "a", None);
    broker.reload("listener PORT 127.0.0.1\nallow_anonymous false\n").unwrap();
    assert_goes(&mut anonymous);
    assert_eq!(refused(&broker, "b", None), NOT_AUTHORISED);
    broker.reload(OPEN).unwrap();
    client(&broker, "c", None);
}

/// mosquitto resets the listener before it reads it: after a typo in front of `require_certificate`, nobody needs one.
#[test]
fn a_typo_before_require_certificate_changes_nothing() {
    let pki = Pki::new();
    let broker = Broker::start(|folder| pki.write_server(folder), MUTUAL);
    let dial = |device| TlsClient::connect(broker.tcp(), &pki.ca_pem, device, Versions::OnlyV1_3);
    let mut inside = dial(Some(pki.device("d1")));
    inside.send(&connect("inside", None));
    inside.expect(&ACCEPTED);
    let before = broker.reloader().config();
    for typo in ["max_qoss 1\n", "max_qos 7\n", "allow_anonymous falst\n"] {
        let conf = MUTUAL.replace("require_certificate", &format!("{typo}require_certificate"));
        let error = broker.reload(&conf).unwrap_err();
        assert!(error.text.contains("mosquitto.conf:"), "the line is named: {error}");
    }
    assert_eq!(*broker.reloader().config(), *before);
    assert_eq!((broker.reloader().counts().taken, broker.reloader().counts().refused), (0, 3));
    assert!(
        !dial(None).refusal().contains("closed without"),
        "who has no certificate is refused by an alert"
    );
    inside.send(&[0xc0, 0]);
    inside.expect(&[0xd0, 0]);
    // Its twin: the same key without a typo counts.
    broker
        .reload(
            &MUTUAL
                .replace("require_certificate true\nuse_identity_as_username true", "allow_anonymous true"),
        )
        .unwrap();
    let mut without = dial(None);
    without.send(&connect("without", None));
    without.expect(&ACCEPTED);
}

/// One wrong file anywhere, and nothing of the main file counts either.
#[test]
fn a_broken_file_keeps_the_whole_main_file_from_counting() {
    let broker = Broker::plain(OPEN);
    write(&broker, "acl", "topic readwrite a#\n");
    let stricter = "listener PORT 127.0.0.1\nallow_anonymous false\nacl_file DIR/acl\n";
    assert!(broker.reload(stricter).is_err());
    client(&broker, "a", None);
    write(&broker, "acl", "topic readwrite a/#\n");
    broker.reload(stricter).unwrap();
    assert_eq!(refused(&broker, "a", None), NOT_AUTHORISED);
}

#[test]
fn limits_of_the_file_count_for_who_is_there_and_connack_tells_newcomers() {
    let broker = Broker::plain(OPEN);
    let (mut early, before) = client_of_5(&broker, "early");
    broker
        .reload(&format!("{OPEN}max_inflight_messages 7\nmessage_size_limit 3\nmax_packet_size 500\n"))
        .unwrap();
    let (_late, after) = client_of_5(&broker, "late");
    // Receive Maximum (0x21) and Maximum Packet Size (0x27).
    let has =
        |connack: &[u8], property: &[u8]| connack.windows(property.len()).any(|window| window == property);
    assert!(has(&before, &[0x21, 0, 20]) && has(&before, &[0x27, 0, 0x1e, 0x84, 0x80]), "{before:?}");
    assert!(has(&after, &[0x21, 0, 7]) && has(&after, &[0x27, 0, 0, 1, 0xf4]), "{after:?}");
    // QoS 1 with a payload of four bytes: PUBACK 0x95 for the session that was there before, too.
    early.write_all(&[0x32, 10, 0, 1, b't', 0, 9, 0, b'1', b'2', b'3', b'4']).unwrap();
    expect(&mut early, &[0x40, 3, 0, 9, 0x95]);
}

/// As in mosquitto: whoever is in is held to it as well.
#[test]
fn a_smaller_max_packet_size_counts_for_who_is_there_and_a_larger_one_does_not() {
    let broker = Broker::plain(OPEN);
    let (mut large, mut small) = (client(&broker, "large", None), client(&broker, "small", None));
    let subscribed = |filter: usize| crate::data_plane::subscribe(&"a".repeat(filter));
    broker.reload(&format!("{OPEN}max_packet_size 60\n")).unwrap();
    small.write_all(&subscribed(40)).unwrap();
    expect(&mut small, &[0x90, 3, 0, 1, 0]);
    large.write_all(&subscribed(60)).unwrap();
    assert_goes(&mut large);
    let (mut told, _) = client_of_5(&broker, "told");
    broker.reload(OPEN).unwrap();
    small.write_all(&subscribed(60)).unwrap();
    expect(&mut small, &[0x90, 3, 0, 1, 0]);
    // CONNACK said 60. DISCONNECT with 0x95.
    told.write_all(&[0x30, 70, 0, 1, b't', 0]).unwrap();
    told.write_all(&[0; 66]).unwrap();
    assert_eq!(rest(&mut told), [0xe0, 1, 0x95]);
}

#[test]
fn connection_limits_of_the_file_send_nobody_away_and_let_nobody_in() {
    let broker = Broker::plain(OPEN);
    let (mut one, _two) = (client(&broker, "one", None), client(&broker, "two", None));
    for limit in ["max_connections 2\n", "global_max_connections 2\n"] {
        broker.reload(&format!("{OPEN}{limit}")).unwrap();
        assert_stays(&mut one);
        assert_eq!(rest(&mut broker.tcp()), b"", "{limit}");
    }
    broker.reload(OPEN).unwrap();
    client(&broker, "three", None);
}

#[test]
fn a_client_id_prefix_of_the_file_counts_for_newcomers() {
    let broker = Broker::plain(OPEN);
    client(&broker, "a", None);
    broker.reload(&format!("{OPEN}clientid_prefixes dev-\n")).unwrap();
    assert_eq!(refused(&broker, "a", None), NOT_AUTHORISED);
    client(&broker, "dev-a", None);
}

#[test]
fn what_only_a_restart_can_change_is_said_with_both_values_and_the_rest_is_taken() {
    let broker = Broker::plain(OPEN);
    broker.reload(&format!("pid_file DIR/pid\n{OPEN}clientid_prefixes dev-\n")).unwrap();
    broker.wait_for_line("pid_file was not set and is '");
    assert!(!broker.folder.path().join("pid").exists());
    assert_eq!(refused(&broker, "a", None), NOT_AUTHORISED);
}

#[test]
fn a_restriction_that_only_a_restart_can_put_in_force_refuses_the_whole_file() {
    let broker = Broker::plain(OPEN);
    let error = broker.reload(&format!("{OPEN}clientid_prefixes dev-\ndata_dir DIR/data\n")).unwrap_err();
    assert!(error.text.contains("data_dir was not set and is '"), "{error}");
    client(&broker, "a", None);
}

/// Sessions are counted for all shards together, so that the bound need not be there from the start.
#[test]
fn global_max_clients_counts_from_the_reload_on_over_all_shards() {
    let broker = Broker::plain(OPEN);
    let there: Vec<_> = (0..5).map(|number| client(&broker, &format!("client-{number}"), None)).collect();
    broker.reload(&format!("{OPEN}global_max_clients 6\n")).unwrap();
    let sixth = client(&broker, "sixth", None);
    // mosquitto tells a client of 3.x nothing.
    assert!(refused(&broker, "seventh", None).is_empty());
    // Who has a session may come again.
    let again = client(&broker, "client-0", None);
    broker.reload(OPEN).unwrap();
    client(&broker, "seventh", None);
    drop((there, sixth, again));
}
