//! Listeners that come, go and move while the broker runs.

use super::*;
use crate::ports::free_port;
use std::io::Read as _;
use std::net::{SocketAddr, TcpListener};

const OPEN: &str = "listener PORT 127.0.0.1\nallow_anonymous true\n";

fn dial(port: u16) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], port)))?;
    stream.set_read_timeout(Some(std::time::Duration::from_secs(10)))?;
    Ok(stream)
}

fn client_on(port: u16, id: &str) -> TcpStream {
    let mut stream = dial(port).unwrap();
    stream.write_all(&connect(id, None)).unwrap();
    expect(&mut stream, &ACCEPTED);
    stream
}

/// Nobody is let in there: refused by the kernel, or closed if the backlog still had room.
fn assert_closed(port: u16) {
    let by = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while let Ok(mut stream) = dial(port) {
        let _ = stream.write_all(&connect("x", None));
        let mut answer = [0; 4];
        assert!(stream.read_exact(&mut answer).is_err(), "{answer:?}");
        assert!(std::time::Instant::now() < by, "it still accepts");
    }
}

#[test]
fn a_listener_that_is_added_opens_and_one_that_is_removed_closes_with_its_clients() {
    let broker = Broker::plain(OPEN);
    let second = free_port();
    let both = format!("{OPEN}listener {second} 127.0.0.1\n");
    let mut first = client(&broker, "first", None);
    broker.reload(&both).unwrap();
    let mut there = client_on(second, "there");
    broker.reload(OPEN).unwrap();
    assert_goes(&mut there);
    assert_closed(second);
    assert_stays(&mut first);
    // And again: its number is another one, which nothing old counts for.
    broker.reload(&both).unwrap();
    client_on(second, "there");
}

/// 5.0 hears that it is not its fault: 0x98.
#[test]
fn a_client_of_a_removed_listener_is_told_an_administrative_action() {
    let broker = Broker::plain(&format!("{OPEN}listener {} 127.0.0.1\n", free_port()));
    let (mut client, _) = client_of_5(&broker, "c");
    broker.reload(&format!("listener {} 127.0.0.1\n", free_port())).unwrap();
    assert_eq!(rest(&mut client), [0xe0, 1, 0x98]);
}

/// From every address to one: the port is the same, so the old socket has to go first.
#[test]
fn a_listener_moves_to_another_address_of_its_port() {
    let broker = Broker::plain(&OPEN.replace(" 127.0.0.1", ""));
    let mut everywhere = client(&broker, "c", None);
    broker.reload(OPEN).unwrap();
    assert_goes(&mut everywhere);
    client(&broker, "d", None);
    let addresses = broker.control().listeners().len();
    assert_eq!(addresses, 1);
}

#[test]
fn a_port_that_somebody_else_has_refuses_the_reload_and_nothing_has_changed() {
    let broker = Broker::plain(OPEN);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut inside = client(&broker, "c", None);
    let port = taken.local_addr().unwrap().port();
    let error = broker.reload(&format!("listener {port} 127.0.0.1\nallow_anonymous true\n")).unwrap_err();
    assert!(error.text.contains("Address already in use") && error.hint.is_some(), "{error}");
    assert_stays(&mut inside);
    client(&broker, "d", None);
}

/// What was let go for a move that then failed is taken back.
#[test]
fn a_move_that_fails_leaves_the_old_place_open() {
    let broker = Broker::plain(&OPEN.replace(" 127.0.0.1", ""));
    let mut inside = client(&broker, "c", None);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let conf = format!("{OPEN}listener {port} 127.0.0.1\n");
    assert!(broker.reload(&conf).is_err());
    assert_stays(&mut inside);
    client(&broker, "d", None);
    drop(taken);
    broker.reload(&conf).unwrap();
    client(&broker, "e", None);
    client_on(port, "f");
}

#[test]
fn a_unix_socket_comes_and_goes_with_its_file() {
    let broker = Broker::plain(OPEN);
    let path = broker.folder.path().join("sock");
    broker.reload(&format!("{OPEN}listener 0 DIR/sock\n")).unwrap();
    let mut there = crate::data_plane::unix(&path);
    there.write_all(&connect("c", None)).unwrap();
    expect(&mut there, &ACCEPTED);
    broker.reload(OPEN).unwrap();
    assert_eq!(rest(&mut there), b"");
    let by = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while path.exists() {
        assert!(std::time::Instant::now() < by, "its file stays");
        std::thread::yield_now();
    }
}

/// What was said on a listener with an access list of its own cannot be judged once it is gone: it is held back.
#[test]
fn a_retained_message_of_a_removed_listener_is_delivered_no_more() {
    let second = free_port();
    let one = "per_listener_settings true\nlistener PORT 127.0.0.1\nallow_anonymous true\n";
    let both = format!("{one}listener {second} 127.0.0.1\nallow_anonymous true\nacl_file DIR/acl\n");
    let prepare = |folder: &std::path::Path| fs::write(folder.join("acl"), "topic readwrite #\n").unwrap();
    let broker = Broker::start(prepare, &both);
    let mut publisher = client_on(second, "p");
    // RETAIN 1, then PINGREQ: it is stored when that is answered.
    publisher.write_all(&[0x31, 4, 0, 1, b't', b'x', 0xc0, 0]).unwrap();
    expect(&mut publisher, &[0xd0, 0]);
    let subscribe = crate::data_plane::subscribe("t");
    let suback_and_retained = [0x90, 3, 0, 1, 0, 0x31, 4, 0, 1, b't', b'x'];
    let mut reader = client(&broker, "r", None);
    reader.write_all(&subscribe).unwrap();
    expect(&mut reader, &suback_and_retained);
    broker.reload(one).unwrap();
    let mut reader = client(&broker, "s", None);
    reader.write_all(&subscribe).unwrap();
    reader.write_all(&[0xc0, 0]).unwrap();
    expect(&mut reader, &[0x90, 3, 0, 1, 0, 0xd0, 0]);
}
