//! What a stranger cannot take from others.

use std::io::Write;

use super::*;

#[test]
fn silent_connections_do_not_block_others() {
    let pki = Pki::new();
    let broker = Broker::start(|folder| pki.write_server(folder), MUTUAL);
    let _silent: Vec<_> = (0..50).map(|_| broker.tcp()).collect();
    let mut client =
        TlsClient::connect(broker.tcp(), &pki.ca_pem, Some(pki.device("d1")), Versions::OnlyV1_3);
    client.send(&connect("c", None));
    client.expect(&ACCEPTED);
}

#[test]
fn one_connection_too_many_is_closed_without_a_word_until_another_goes() {
    let broker = Broker::plain("listener PORT 127.0.0.1\nallow_anonymous true\nmax_connections 1\n");
    let mut first = broker.tcp();
    first.write_all(&connect("a", None)).unwrap();
    expect(&mut first, &ACCEPTED);
    let mut second = broker.tcp();
    let mut byte = [0];
    assert!(!matches!(second.read(&mut byte), Ok(1)));
    first.write_all(&[0xe0, 0]).unwrap();
    assert_eq!(rest(&mut first), b"");
    while broker.connections() > 0 {
        std::thread::yield_now();
    }
    let mut third = broker.tcp();
    third.write_all(&connect("b", None)).unwrap();
    expect(&mut third, &ACCEPTED);
    assert!(broker.stop().contains("max_connections of this listener is reached"));
}

#[test]
fn a_huge_first_packet_is_refused_by_its_header() {
    let broker = Broker::plain("listener PORT 127.0.0.1\nallow_anonymous true\n");
    let mut client = broker.tcp();
    client.write_all(&[0x10, 0xff, 0xff, 0xff, 0x7f]).unwrap();
    assert_eq!(rest(&mut client), b"");
    assert!(broker.stop().contains("rejected"));
}
