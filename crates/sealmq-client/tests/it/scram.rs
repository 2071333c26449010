//! Logging in by SCRAM-SHA-256: the password is not on the wire, and a server that cannot prove itself is left.

use sealmq_auth::scram::{ClientError, ClientFirst, Entry, Exchange, Lookup, METHOD, NonceSeed};
use sealmq_client::{AuthMethod, Event, ReasonCode, SessionError, SessionOptions, Version};
use sealmq_mqtt::{Auth, Decoded, Limits, Packet, PropertiesBuf, Property, Secret, decode};

use crate::story::Story;

fn options() -> SessionOptions {
    SessionOptions {
        version: Version::V5,
        client_id: "c".into(),
        username: Some("anna".to_owned()),
        password: Some(b"pencil".to_vec().into()),
        auth_method: AuthMethod::ScramSha256 { random: || Some(NonceSeed([7; 18])) },
        ..SessionOptions::default()
    }
}

fn properties(data: &[u8]) -> PropertiesBuf {
    PropertiesBuf::of([
        Property::AuthenticationMethod(METHOD),
        Property::AuthenticationData(Secret::new(data)),
    ])
    .unwrap()
}

/// The last packet's authentication data.
fn said(story: &mut Story) -> Vec<u8> {
    let bytes = story.sent.pop().unwrap();
    assert!(!bytes.windows(6).any(|window| window == b"pencil"));
    let Decoded::Packet { packet, .. } = decode(&bytes, Version::V5, &Limits::of_broker()).unwrap() else {
        panic!("half a packet")
    };
    let properties = match &packet {
        Packet::Connect(connect) => {
            assert!(connect.username.is_none() && connect.password.is_none());
            connect.properties
        }
        Packet::Auth(auth) => {
            assert_eq!(auth.reason, ReasonCode::ContinueAuthentication);
            auth.properties
        }
        _ => panic!("{packet:?}"),
    };
    assert_eq!(properties.authentication_method(), Some(METHOD));
    properties.authentication_data().unwrap().expose().to_vec()
}

/// Up to CONNACK, with a server that has this password; the server's proof.
fn challenged(story: &mut Story, password: &[u8]) -> Result<Vec<u8>, sealmq_auth::scram::ScramError> {
    story.open();
    let first = ClientFirst::parse(&said(story)).unwrap();
    assert_eq!(first.username(), "anna");
    let entry = Entry::of(password, [1; 16], 4_096).unwrap();
    let (exchange, challenge) = Exchange::begin(first, Lookup::Known(entry), &NonceSeed([8; 18]));
    let list = properties(&challenge);
    let auth = Auth { reason: ReasonCode::ContinueAuthentication, properties: list.as_properties() };
    story.server(&Packet::Auth(auth));
    exchange.finish(&said(story))
}

fn failed(story: &Story) -> &SessionError {
    let Some(Event::Failed(error)) = story.events.last() else { panic!("{:?}", story.events) };
    error
}

#[test]
fn the_server_gets_a_proof_and_no_password_and_proves_itself() {
    let mut story = Story::of(options());
    let proof = challenged(&mut story, b"pencil").unwrap();
    story.connack(false, &properties(&proof));
    assert!(story.session.is_connected());
}

#[test]
fn a_server_that_accepts_without_knowing_the_password_is_left() {
    for proof in [None, Some(&b"v=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="[..])] {
        let mut story = Story::of(options());
        assert!(challenged(&mut story, b"guess").is_err());
        story.connack(false, &proof.map_or_else(PropertiesBuf::new, properties));
        assert!(matches!(failed(&story), SessionError::Scram(_)), "{proof:?}");
        assert!(story.closed && !story.session.is_connected());
    }
    // One that does not even ask.
    let mut story = Story::of(options());
    story.open();
    story.connack(false, &PropertiesBuf::new());
    assert_eq!(failed(&story), &SessionError::Scram(ClientError::ServerProof));
}

#[test]
fn auth_that_was_not_asked_for_ends_the_connection() {
    let list = properties(b"r=x,s=AAAA,i=4096");
    let auth = Auth { reason: ReasonCode::ContinueAuthentication, properties: list.as_properties() };
    let mut story = Story::of(SessionOptions { auth_method: AuthMethod::Password, ..options() });
    story.open();
    story.server(&Packet::Auth(auth));
    assert_eq!(failed(&story), &SessionError::AuthNotSupported);
    // A second challenge.
    let mut story = Story::of(options());
    challenged(&mut story, b"pencil").unwrap();
    story.server(&Packet::Auth(auth));
    assert_eq!(failed(&story), &SessionError::AuthNotSupported);
}

#[test]
fn each_connection_logs_in_anew() {
    let mut story = Story::of(options());
    for _ in 0..2 {
        let proof = challenged(&mut story, b"pencil").unwrap();
        story.connack(false, &properties(&proof));
        assert!(story.session.is_connected());
        story.lose();
    }
}

#[test]
fn what_scram_does_not_take_is_said_before_anything_is_sent() {
    let mut story =
        Story::of(SessionOptions { password: Some("p\u{e4}ss".as_bytes().to_vec().into()), ..options() });
    story.open();
    assert!(matches!(failed(&story), SessionError::NotPrintable(_)));
    assert!(story.sent.is_empty());
}
