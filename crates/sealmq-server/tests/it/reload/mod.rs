//! Reloads of a whole broker: what changes, what must not, and whom it sends away.

mod by_itself;
mod entrance;
mod listeners;
mod main_file;
mod sessions;
mod storms;

use std::fs;
use std::io::Write as _;
use std::net::TcpStream;

use sealmq_tls::Versions;

use crate::data_plane::{ACCEPTED, Broker, Pki, TlsClient, connect, connect_of, expect, rest};

/// A plain client that was let in.
fn client(broker: &Broker, id: &str, login: Option<(&str, &str)>) -> TcpStream {
    let mut client = broker.tcp();
    client.write_all(&connect(id, login)).unwrap();
    expect(&mut client, &ACCEPTED);
    client
}

/// The same of 5.0; its CONNACK is read whole.
fn client_of_5(broker: &Broker, id: &str) -> (TcpStream, Vec<u8>) {
    use std::io::Read as _;
    let mut client = broker.tcp();
    client.write_all(&connect_of(5, id, None)).unwrap();
    let mut head = [0; 2];
    client.read_exact(&mut head).unwrap();
    let mut body = vec![0; usize::from(head[1])];
    client.read_exact(&mut body).unwrap();
    assert_eq!((head[0], body[1]), (0x20, 0), "{body:?}");
    (client, body)
}

/// Whether a session that was let in is still there: it is asked, not waited for.
fn assert_stays(client: &mut TcpStream) {
    client.write_all(&[0xc0, 0]).unwrap();
    expect(client, &[0xd0, 0]);
}

/// The broker ends it, without a word to a client of 3.1.1.
fn assert_goes(client: &mut TcpStream) {
    assert_eq!(rest(client), b"");
}

fn tls(broker: &Broker, pki: &Pki, device: Option<&str>, id: &str) -> TlsClient {
    let key_pair = device.map(|name| pki.device(name));
    let mut client = TlsClient::connect(broker.tcp(), &pki.ca_pem, key_pair, Versions::OnlyV1_3);
    client.send(&connect(id, None));
    client.expect(&ACCEPTED);
    client
}

fn stays(client: &mut TlsClient) {
    client.send(&[0xc0, 0]);
    client.expect(&[0xd0, 0]);
}

fn goes(client: &mut TlsClient) {
    assert_eq!(client.refusal(), "closed without an alert");
}

fn refused(broker: &Broker, id: &str, login: Option<(&str, &str)>) -> Vec<u8> {
    let mut client = broker.tcp();
    client.write_all(&connect(id, login)).unwrap();
    rest(&mut client)
}

fn write(broker: &Broker, name: &str, text: &str) {
    fs::write(broker.folder.path().join(name), text).unwrap();
}
