//! How often an address may come, and the ban list, on a whole broker.

use std::io::Write;

use super::*;

/// Sends a CONNECT; whether the broker answered it.
fn is_heard(stream: &mut TcpStream, connect: &[u8]) -> bool {
    stream.write_all(connect).is_ok() && matches!(stream.read(&mut [0; 4]), Ok(4))
}

#[test]
fn who_comes_more_often_than_connection_rate_is_closed_before_tls() {
    let pki = Pki::new();
    let conf = format!("connection_rate 1 2\n{MUTUAL}");
    let broker = Broker::start(|folder| pki.write_server(folder), &conf);
    let mut inside: Vec<_> = (0..2)
        .map(|_| TlsClient::connect(broker.tcp(), &pki.ca_pem, Some(pki.device("d1")), Versions::OnlyV1_3))
        .collect();
    let mut third = broker.tcp();
    // The server speaks no byte of TLS to it, whatever it says.
    let _ = third.write_all(&[0x16, 3, 1]);
    assert!(!matches!(third.read(&mut [0]), Ok(1)));
    // Those inside are left alone.
    inside[0].send(&connect("c", None));
    inside[0].expect(&ACCEPTED);
    assert!(broker.stop().contains("this address connects too often (connection_rate)"));
}

#[test]
fn loopback_is_exempt_from_the_default_rate() {
    let broker = Broker::plain("listener PORT 127.0.0.1\nallow_anonymous true\n");
    for _ in 0..2_100 {
        drop(broker.tcp());
    }
    assert!(is_heard(&mut broker.tcp(), &connect("c", None)));
}

const PASSWORDS: &str = "listener PORT 127.0.0.1\npassword_file DIR/passwd\n";

fn guess(broker: &Broker) -> bool {
    is_heard(&mut broker.tcp(), &connect("c", Some(("anna", "wrong"))))
}

#[test]
fn failed_passwords_ban_an_address_until_the_ban_is_lifted() {
    let conf = format!("ban_after 3 60 600\n{PASSWORDS}");
    let broker = Broker::start(super::refusals::write_passwords, &conf);
    assert!((0..3).all(|_| guess(&broker)));
    let right = connect("c", Some(("anna", "secret")));
    assert!(!is_heard(&mut broker.tcp(), &right));
    let control = broker.control();
    let bans = control.fence().bans(std::time::Instant::now());
    assert_eq!(bans.iter().map(|ban| ban.network.to_string()).collect::<Vec<_>>(), ["127.0.0.1"]);
    assert!(control.fence().lift([127, 0, 0, 1].into()));
    assert!(is_heard(&mut broker.tcp(), &right));
    let log = broker.stop();
    assert!(log.contains("127.0.0.1 is banned for 600 seconds"), "{log}");
    assert!(log.contains("this address is banned after failed authentications"), "{log}");
}

#[test]
fn a_ban_never_hits_an_address_with_an_established_session() {
    let conf = format!("ban_after 3 60 600\n{PASSWORDS}");
    let broker = Broker::start(super::refusals::write_passwords, &conf);
    let mut inside = broker.tcp();
    assert!(is_heard(&mut inside, &connect("first", Some(("anna", "secret")))));
    assert!((0..10).all(|_| guess(&broker)));
    assert!(is_heard(&mut broker.tcp(), &connect("second", Some(("anna", "secret")))));
    assert!(!broker.stop().contains("is banned"));
}

#[test]
fn without_ban_after_nobody_is_banned() {
    let broker = Broker::start(super::refusals::write_passwords, PASSWORDS);
    assert!((0..10).all(|_| guess(&broker)));
    assert!(is_heard(&mut broker.tcp(), &connect("c", Some(("anna", "secret")))));
}
