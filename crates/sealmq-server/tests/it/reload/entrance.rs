//! Rules of the door that a reload brings, against who is in: what a newcomer would be refused for ends a session too.

use super::*;
use crate::data_plane::MUTUAL;
use crate::data_plane::websockets::request;

/// A client of this version that offers these application protocols.
fn offering(broker: &Broker, pki: &Pki, versions: Versions, alpn: &[&str], id: &str) -> TlsClient {
    let mut spec = TlsClient::spec(&pki.ca_pem, Some(pki.device(id)), versions);
    spec.alpn = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    let mut client = TlsClient::by(spec, b"", broker.tcp());
    client.send(&connect(id, None));
    client.expect(&ACCEPTED);
    client
}

fn of_version(broker: &Broker, pki: &Pki, versions: Versions, id: &str) -> TlsClient {
    offering(broker, pki, versions, &[], id)
}

#[test]
fn a_tls_version_that_is_not_spoken_any_more_ends_its_sessions() {
    let pki = Pki::new();
    let broker = Broker::start(|folder| pki.write_server(folder), MUTUAL);
    let mut old = of_version(&broker, &pki, Versions::OnlyV1_2, "d1");
    let mut new = of_version(&broker, &pki, Versions::OnlyV1_3, "d2");
    broker.reload(&format!("{MUTUAL}tls_version tlsv1.2\n")).unwrap();
    stays(&mut old);
    stays(&mut new);
    broker.reload(&format!("{MUTUAL}tls_version tlsv1.3\n")).unwrap();
    goes(&mut old);
    stays(&mut new);
    broker.reload(&format!("{MUTUAL}tls_version tlsv1.2 tlsv1.2\n")).unwrap();
    goes(&mut new);
}

#[test]
fn a_suite_that_is_not_allowed_any_more_ends_its_sessions() {
    let (aes, chacha) = ("TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256");
    let (aes_12, chacha_12) = ("ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305");
    let pki = Pki::new();
    let only = |of_13: &str, of_12: &str| format!("{MUTUAL}ciphers_tls1.3 {of_13}\nciphers {of_12}\n");
    let broker = Broker::start(|folder| pki.write_server(folder), &only(aes, aes_12));
    let mut of_13 = of_version(&broker, &pki, Versions::OnlyV1_3, "d1");
    let mut of_12 = of_version(&broker, &pki, Versions::OnlyV1_2, "d2");
    broker.reload(&only(&format!("{chacha}:{aes}"), &format!("{chacha_12}:{aes_12}"))).unwrap();
    stays(&mut of_13);
    stays(&mut of_12);
    broker.reload(&only(chacha, aes_12)).unwrap();
    goes(&mut of_13);
    stays(&mut of_12);
    broker.reload(&only(chacha, chacha_12)).unwrap();
    goes(&mut of_12);
}

/// RFC 7301 §3.2. Who offered nothing, or something that is spoken, is not concerned.
#[test]
fn who_offers_other_protocols_only_goes_with_alpn_strict() {
    let pki = Pki::new();
    let broker = Broker::start(|folder| pki.write_server(folder), MUTUAL);
    let met = |alpn: &[&str], id| offering(&broker, &pki, Versions::OnlyV1_3, alpn, id);
    let (mut other, mut nothing, mut ours) = (met(&["h2"], "d1"), met(&[], "d2"), met(&["mqtt"], "d3"));
    broker.reload(&format!("{MUTUAL}alpn lenient\n")).unwrap();
    stays(&mut other);
    broker.reload(&format!("{MUTUAL}alpn strict\n")).unwrap();
    goes(&mut other);
    stays(&mut nothing);
    stays(&mut ours);
}

const BROWSERS: &str = "listener PORT 127.0.0.1\nprotocol websockets\nallow_anonymous true\n";
const OPENED: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Accept: Ako91O0lxiq8gN0+b9YCijMx8lk=\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n";

/// A masked frame of a client that holds one packet.
fn frame(packet: &[u8]) -> Vec<u8> {
    [&[0x82, 0x80 | u8::try_from(packet.len()).unwrap(), 0, 0, 0, 0], packet].concat()
}

fn page(broker: &Broker, origin: Option<&str>, id: &str) -> TcpStream {
    let mut client = broker.tcp();
    let field = origin.map(|origin| format!("Origin: {origin}\r\n"));
    client.write_all(&request(&field.unwrap_or_default())).unwrap();
    expect(&mut client, OPENED);
    client.write_all(&frame(&connect(id, None))).unwrap();
    expect(&mut client, &[&[0x82, 4][..], &ACCEPTED].concat());
    client
}

fn page_stays(client: &mut TcpStream) {
    client.write_all(&frame(&[0xc0, 0])).unwrap();
    expect(client, &[0x82, 2, 0xd0, 0]);
}

/// It is told in a close frame at most.
fn page_goes(client: &mut TcpStream) {
    let told = rest(client);
    assert!(told.is_empty() || told[0] == 0x88, "{told:?}");
}

#[test]
fn a_page_of_an_origin_that_may_not_connect_any_more_goes() {
    let (a, b) = ("https://a.example", "https://b.example");
    let broker = Broker::plain(BROWSERS);
    let (mut of_a, mut of_b) = (page(&broker, Some(a), "a"), page(&broker, Some(b), "b"));
    let mut no_browser = page(&broker, None, "n");
    broker.reload(&format!("{BROWSERS}websockets_origin {a}\nwebsockets_origin {b}\n")).unwrap();
    page_stays(&mut of_a);
    page_stays(&mut of_b);
    broker.reload(&format!("{BROWSERS}websockets_origin {a}\n")).unwrap();
    page_goes(&mut of_b);
    page_stays(&mut of_a);
    page_stays(&mut no_browser);
    // Any page may again.
    broker.reload(BROWSERS).unwrap();
    page_stays(&mut of_a);
}

/// [MQTT311-3.1.3-8]
#[test]
fn who_gave_no_client_id_goes_where_none_is_assigned_any_more() {
    let open = "listener PORT 127.0.0.1\nallow_anonymous true\n";
    let broker = Broker::plain(open);
    let (mut given, mut assigned) = (client(&broker, "c", None), client(&broker, "", None));
    broker.reload(&format!("{open}allow_zero_length_clientid true\n")).unwrap();
    assert_stays(&mut assigned);
    broker.reload(&format!("{open}allow_zero_length_clientid false\n")).unwrap();
    assert_goes(&mut assigned);
    assert_stays(&mut given);
}
