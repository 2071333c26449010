//! TlsSession: both sides, both versions, records, closing, garbage.

use sealmq_tls::{ClientAuth, Code, Direction, RecordSize, Role, Stage, TlsVersion, Versions};

use crate::fixture::{fixtures, now};
use crate::pair::{Ends, VERSIONS, client, client_spec, meet, policy, server, server_spec};

#[test]
fn mutual_tls_carries_data_both_ways_in_both_versions() {
    for versions in VERSIONS {
        let mut spec = server_spec();
        spec.policy = policy(versions);
        let mut met = meet(&server(spec), &client(client_spec(Some(&fixtures().client))));
        assert_eq!(met.name(), "client1");
        met.ends.client.session.seal(b"up", &mut met.ends.client.out).unwrap();
        met.ends.run();
        met.ends.server.session.seal(b"down", &mut met.ends.server.out).unwrap();
        met.ends.client.incoming.append(&mut met.ends.server.out);
        met.ends.run();
        assert_eq!(
            (met.ends.server.plain.as_slice(), met.ends.client.plain.as_slice()),
            (&b"up"[..], &b"down"[..])
        );
        let session = &met.ends.server.session;
        let version = if versions == Versions::OnlyV1_2 { TlsVersion::V1_2 } else { TlsVersion::V1_3 };
        assert_eq!(session.version(), Some(version));
        assert_eq!(session.sni().as_deref(), Some("localhost"));
        assert!(!session.is_resumed());
        assert!(session.suite().is_some_and(|suite| suite.contains("GCM")));
    }
}

#[test]
fn the_hybrid_group_is_used_where_the_client_offers_a_share_for_it() {
    let met = meet(&server(server_spec()), &client(client_spec(Some(&fixtures().client))));
    assert_eq!(met.ends.server.session.group().as_deref(), Some("X25519MLKEM768"));
}

#[test]
fn bytes_may_come_one_by_one() {
    let server = server(server_spec());
    let client = client(client_spec(Some(&fixtures().client)));
    let mut ends = Ends::new(server.session(now()), client.session("localhost", now()).unwrap());
    let mut waiting: Vec<u8> = Vec::new();
    for _ in 0..20_000 {
        ends.client
            .session
            .open(&mut ends.client.incoming, &mut ends.client.plain, &mut ends.client.out)
            .unwrap();
        waiting.append(&mut ends.client.out);
        if !waiting.is_empty() {
            ends.server.incoming.push(waiting.remove(0));
        }
        ends.server
            .session
            .open(&mut ends.server.incoming, &mut ends.server.plain, &mut ends.server.out)
            .unwrap();
        ends.client.incoming.append(&mut ends.server.out);
        if waiting.is_empty() && ends.established() {
            return;
        }
    }
    panic!("no handshake");
}

#[test]
fn a_record_holds_at_most_the_configured_plaintext_and_several_seals_share_a_write() {
    let mut spec = server_spec();
    spec.record_size_max = RecordSize::new(512).unwrap();
    let mut met = meet(&server(spec), &client(client_spec(Some(&fixtures().client))));
    let out = &mut met.ends.server.out;
    met.ends.server.session.seal(&[7; 1300], out).unwrap();
    met.ends.server.session.seal(&[8; 10], out).unwrap();
    let lengths: Vec<usize> = records(out).iter().map(|record| record.len() - 5 - 17).collect();
    assert_eq!(lengths, [512, 512, 276, 10]);
    met.ends.client.incoming.append(out);
    met.ends.run();
    assert_eq!(met.ends.client.plain.len(), 1310);
}

#[test]
fn close_notify_is_a_clean_end_and_the_end_of_bytes_alone_is_none() {
    for versions in VERSIONS {
        let mut spec = server_spec();
        spec.policy = policy(versions);
        let mut met = meet(&server(spec), &client(client_spec(Some(&fixtures().client))));
        assert!(!met.ends.server.closed);
        met.ends.client.session.seal(b"last words", &mut met.ends.client.out).unwrap();
        met.ends.client.session.close_notify(&mut met.ends.client.out);
        met.ends.run();
        assert!(met.ends.server.closed);
        assert_eq!(met.ends.server.plain, b"last words");
        let mut out = Vec::new();
        assert!(met.ends.client.session.seal(b"more", &mut out).is_err() && out.is_empty());
    }
}

#[test]
fn nothing_can_be_sealed_before_the_handshake_is_done() {
    let mut session = server(server_spec()).session(now());
    let mut out = Vec::new();
    let failure = session.seal(b"early", &mut out).unwrap_err();
    assert_eq!((failure.stage, out.len()), (Stage::Handshake, 0));
}

#[test]
fn an_altered_record_ends_the_connection_with_an_alert() {
    for versions in VERSIONS {
        let mut spec = server_spec();
        spec.policy = policy(versions);
        let mut met = meet(&server(spec), &client(client_spec(Some(&fixtures().client))));
        met.ends.client.session.seal(b"abc", &mut met.ends.client.out).unwrap();
        *met.ends.client.out.last_mut().unwrap() ^= 1;
        met.ends.run();
        let failure = met.server_failure();
        assert_eq!(
            (failure.code, failure.direction, failure.stage),
            (Code::Protocol, Direction::Broken, Stage::Traffic)
        );
        assert_eq!(met.client_failure().direction, Direction::TheyRefused);
        assert!(met.ends.server.plain.is_empty());
    }
}

#[test]
fn a_bit_flipped_anywhere_in_the_clients_handshake_never_leads_to_an_established_server() {
    for versions in VERSIONS {
        let mut spec = server_spec();
        spec.policy = policy(versions);
        let (server, client) = (server(spec), client(client_spec(Some(&fixtures().client))));
        let mut flipped = 0;
        // The second flight: certificate, key exchange, signature, Finished.
        for position in (6..700).step_by(31) {
            let mut ends = Ends::new(server.session(now()), client.session("localhost", now()).unwrap());
            let (mut flight, seen) = (0, flipped);
            ends.run_with(|bytes| {
                flight += usize::from(!bytes.is_empty());
                if flight == 2 && bytes.len() > position && !is_type_or_version_of_a_record(bytes, position) {
                    bytes[position] ^= 1;
                    flipped += 1;
                }
            });
            assert!(flipped == seen || !ends.established(), "{versions:?} byte {position}");
        }
        assert!(flipped > 10);
    }
}

/// Type and version in a record's header say nothing once records are protected: TLS 1.3 has the true type inside
/// (RFC 8446 §5.1, §5.2), and rustls computes both for the check of integrity instead of reading them.
fn is_type_or_version_of_a_record(bytes: &[u8], position: usize) -> bool {
    let mut start = 0;
    records(bytes).iter().any(|record| {
        let is = (start..start + 3).contains(&position);
        start += record.len();
        is
    })
}

#[test]
fn who_does_not_speak_tls_is_told_apart() {
    for (bytes, code) in [
        (&b"\x10\x0e\x00\x04MQTT\x04\x02\x00\x3c\x00\x02ab"[..], Code::PlainMqtt),
        (b"GET / HTTP/1.1\r\n", Code::PlainHttp),
        (b"\x80\x2e\x01\x03\x01\x00\x15\x00\x00", Code::NotTls),
        (b"PROXY TCP4 1.2.3.4 ", Code::NotTls),
    ] {
        let mut session = server(server_spec()).session(now());
        let failure = session.open(&mut bytes.to_vec(), &mut Vec::new(), &mut Vec::new()).unwrap_err();
        assert_eq!((failure.code, failure.stage, failure.role), (code, Stage::FirstBytes, Role::Server));
        assert!(failure.to_string().contains("\nhint: "), "{failure}");
    }
    let failure = TlsFailureText(&b"\x10\x02"[..]).of();
    assert!(failure.contains("the peer speaks plain MQTT to a TLS port"), "{failure}");
}

struct TlsFailureText(&'static [u8]);

impl TlsFailureText {
    fn of(&self) -> String {
        let mut session = server(server_spec()).session(now());
        session.open(&mut self.0.to_vec(), &mut Vec::new(), &mut Vec::new()).unwrap_err().to_string()
    }
}

#[test]
fn any_bytes_at_all_are_refused_without_a_panic() {
    let tls = server(server_spec());
    let mut state = 0x1234_5678_u32;
    for round in 0..2_000u32 {
        let mut bytes: Vec<u8> = (0..round % 97)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 24) as u8
            })
            .collect();
        // Half of them look like a handshake record.
        if round % 2 == 0 && bytes.len() > 5 {
            bytes[..5].copy_from_slice(&[0x16, 3, 1, 0, (round % 64) as u8]);
        }
        let mut session = tls.session(now());
        let _ = session.open(&mut bytes, &mut Vec::new(), &mut Vec::new());
        assert!(session.is_handshaking());
    }
}

#[test]
fn our_client_never_resumes() {
    // The same client configuration twice, and nothing after the handshake in either direction.
    for versions in VERSIONS {
        for auth in [ClientAuth::None, ClientAuth::Required] {
            let mut spec = server_spec();
            spec.policy = policy(versions);
            spec.client_auth = auth;
            let (server, client) = (server(spec), client(client_spec(Some(&fixtures().client))));
            for _ in 0..2 {
                let met = meet(&server, &client);
                assert!(met.ends.established());
                assert!(!met.ends.client.session.is_resumed() && !met.ends.server.session.is_resumed());
            }
        }
    }
}

#[test]
fn our_client_offers_neither_a_session_nor_early_data_when_it_comes_again() {
    const PRE_SHARED_KEY: u16 = 41;
    const EARLY_DATA: u16 = 42;
    const KEY_SHARE: u16 = 51;
    let (server, client) = (server(server_spec()), client(client_spec(Some(&fixtures().client))));
    for _ in 0..2 {
        let mut hello = Vec::new();
        client
            .session("localhost", now())
            .unwrap()
            .open(&mut Vec::new(), &mut Vec::new(), &mut hello)
            .unwrap();
        let offered = extensions(&hello);
        assert!(offered.contains(&KEY_SHARE), "{offered:?}");
        assert!(!offered.contains(&PRE_SHARED_KEY) && !offered.contains(&EARLY_DATA), "{offered:?}");
        assert!(meet(&server, &client).ends.established());
    }
}

/// The extension types of a ClientHello in its record (RFC 8446 §4.1.2).
fn extensions(record: &[u8]) -> Vec<u16> {
    let number = |at: usize| usize::from(u16::from_be_bytes([record[at], record[at + 1]]));
    let session_id = 5 + 4 + 2 + 32;
    let suites = session_id + 1 + usize::from(record[session_id]);
    let compression = suites + 2 + number(suites);
    let mut at = compression + 1 + usize::from(record[compression]) + 2;
    let mut found = Vec::new();
    while at < record.len() {
        found.push(u16::try_from(number(at)).unwrap());
        at += 4 + number(at + 2);
    }
    found
}

pub(crate) fn records(bytes: &[u8]) -> Vec<&[u8]> {
    let mut rest = bytes;
    let mut found = Vec::new();
    while rest.len() >= 5 {
        let (record, after) = rest.split_at(5 + usize::from(u16::from_be_bytes([rest[3], rest[4]])));
        found.push(record);
        rest = after;
    }
    found
}
