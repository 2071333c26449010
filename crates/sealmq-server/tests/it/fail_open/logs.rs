//! The canary: a run with every kind of secret, whose whole log holds none of them, and no line that a peer wrote.

use std::io::Write as _;

use super::*;
use crate::data_plane::{NOT_AUTHORISED, publish, rest};

const CANARY: &str = "canary-0f9b-sings";

#[test]
fn no_password_key_or_payload_is_in_the_log() {
    let own = Own::start();
    fs::write(own.home.place().passwd(), super::names::password_line("kettle", CANARY)).unwrap();
    own.broker.reloader().reload_passwords().unwrap();
    let mut right = own.dial(None);
    right.send(&connect("right", Some(("kettle", CANARY))));
    accepted(&mut right);
    right.send(&publish("t", CANARY));
    // A packet that is none, with the secret in it.
    let mut malformed = vec![0x36, 30];
    malformed.extend_from_slice(&[CANARY.as_bytes(), &[0; 13]].concat());
    right.send(&malformed);
    right.refusal();
    let mut wrong = own.dial(None);
    wrong.send(&connect("wrong", Some(("kettle", &format!("{CANARY}!")))));
    wrong.expect(&NOT_AUTHORISED);
    let mut stranger = own.dial(None);
    stranger.send(&connect("stranger", Some(("nobody", CANARY))));
    stranger.expect(&NOT_AUTHORISED);
    accepted(&mut own.arrive(own.operator(), "op"));
    let key = fs::read_to_string(own.home.place().operator().key()).unwrap();
    let hash = fs::read_to_string(own.home.place().passwd()).unwrap();
    let log = own.broker.stop();
    assert!(log.contains("right") && log.contains("wrong") && log.contains("stranger"), "{log}");
    assert!(!log.contains(CANARY), "{log}");
    for secret in key.lines().filter(|line| !line.starts_with('-')) {
        assert!(!log.contains(secret), "{log}");
    }
    assert!(!log.contains(hash.trim().rsplit('$').next().unwrap()), "{log}");
}

#[test]
fn a_client_id_writes_no_line_of_its_own_and_drives_no_terminal() {
    let conf = "listener PORT 127.0.0.1\nallow_anonymous true\nclientid_prefixes a\n";
    let broker = Broker::plain(conf);
    // What MQTT forbids in a text is refused before anybody could log it; the rest is shown, not obeyed.
    for id in ["a\u{1b}[2J", "a\u{9b}2J", "a\r\n1: forged line", "a\u{202e}x", "b\u{2028}d"] {
        let mut client = broker.tcp();
        client.write_all(&connect(id, Some((id, id)))).unwrap();
        client.shutdown(std::net::Shutdown::Write).unwrap();
        rest(&mut client);
    }
    answers(broker.tcp(), &connect("a-plain", None), &ACCEPTED);
    let log = broker.stop();
    assert!(log.contains("a-plain") && log.contains("a\\u{202e}x") && log.contains("b\\u{2028}d"), "{log}");
    let driven = |c: char| c != '\n' && (c.is_control() || matches!(c, '\u{202e}' | '\u{2028}'));
    assert!(!log.chars().any(driven), "{log:?}");
    assert!(!log.lines().any(|line| line.starts_with("1: forged")), "{log}");
}
