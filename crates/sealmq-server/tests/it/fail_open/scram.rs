//! SCRAM-SHA-256 over a real broker: who gets in, who does not, and what ends a session that got in.

use std::io::{Read as _, Write as _};

use sealmq_auth::scram::{Client, Entry, METHOD, NonceSeed};
use sealmq_config::scram_file::ScramFile;
use sealmq_mqtt::{
    Auth, ConnAckCode, Connect, Decoded, Limits, Packet, PropertiesBuf, Property, ReasonCode, Secret,
    Version, decode, encode,
};

use super::*;

pub(super) const CONF: &str = "listener PORT 127.0.0.1\nscram_file DIR/scram\n";

/// A SCRAM file of users and passwords, at the least cost.
pub(super) fn scram_file(users: &[(&str, &str)]) -> String {
    let mut file = ScramFile::default();
    file.ensure_decoy_key([9; 32]);
    for (name, password) in users {
        assert!(file.set(name, Entry::of(password.as_bytes(), [5; 16], 4_096).unwrap()));
    }
    file.to_text().to_string()
}

/// What the broker says, as far as these tests look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Said {
    ConnAck(u8, Option<String>, Vec<u8>),
    Auth(u8, Vec<u8>),
    Disconnect(u8),
    Pong,
    /// The end of the stream.
    Closed,
}

/// A client of 5.0 that speaks packet by packet.
pub(super) struct V5 {
    tcp: TcpStream,
    got: Vec<u8>,
}

impl V5 {
    pub(super) fn dial(broker: &Broker) -> V5 {
        V5 { tcp: broker.tcp(), got: Vec::new() }
    }

    pub(super) fn send(&mut self, packet: &Packet<'_>) {
        let mut bytes = Vec::new();
        encode(packet, Version::V5, &mut bytes).unwrap();
        self.send_bytes(&bytes);
    }

    pub(super) fn send_bytes(&mut self, bytes: &[u8]) {
        self.tcp.write_all(bytes).unwrap();
    }

    pub(super) fn connect(
        &mut self,
        id: &str,
        user: Option<&str>,
        password: Option<&str>,
        properties: &[Property<'_>],
    ) {
        let properties = PropertiesBuf::of(properties.iter().copied()).unwrap();
        self.send(&Packet::Connect(Connect {
            version: Version::V5,
            bridge: false,
            clean_start: true,
            keep_alive_secs: 60,
            client_id: id,
            will: None,
            username: user,
            password: password.map(|password| Secret::new(password.as_bytes())),
            properties: properties.as_properties(),
        }));
    }

    pub(super) fn auth(&mut self, reason: ReasonCode, method: &str, data: &[u8]) {
        let properties = PropertiesBuf::of([
            Property::AuthenticationMethod(method),
            Property::AuthenticationData(Secret::new(data)),
        ])
        .unwrap();
        self.send(&Packet::Auth(Auth { reason, properties: properties.as_properties() }));
    }

    pub(super) fn next(&mut self) -> Said {
        loop {
            match decode(&self.got, Version::V5, &Limits::of_client()).unwrap() {
                Decoded::Packet { packet, len } => {
                    let said = said(&packet);
                    self.got.drain(..len);
                    return said;
                }
                Decoded::Incomplete { .. } => {}
            }
            let mut buffer = [0; 4096];
            match self.tcp.read(&mut buffer).unwrap() {
                0 => return Said::Closed,
                n => self.got.extend_from_slice(&buffer[..n]),
            }
        }
    }

    /// CONNECT with the method and the first message; gives the login that waits for the challenge.
    fn begin(&mut self, user: &str, password: &str) -> Client {
        self.begin_as("c", user, password)
    }

    fn begin_as(&mut self, id: &str, user: &str, password: &str) -> Client {
        let login = Client::new(user, password.as_bytes(), &NonceSeed([3; 18])).unwrap();
        let first = login.first();
        let properties =
            [Property::AuthenticationMethod(METHOD), Property::AuthenticationData(Secret::new(&first))];
        self.connect(id, None, None, &properties);
        login
    }

    /// Logs in to the end; what CONNACK says.
    fn log_in(&mut self, user: &str, password: &str) -> Said {
        self.log_in_as("c", user, password)
    }

    /// The same with another client id.
    pub(super) fn log_in_as(&mut self, id: &str, user: &str, password: &str) -> Said {
        let login = self.begin_as(id, user, password);
        self.go_on(login)
    }

    /// Answers the challenge; what comes then, the server's proof checked.
    fn go_on(&mut self, login: Client) -> Said {
        let Said::Auth(0x18, challenge) = self.next() else { panic!("no challenge") };
        let (last, server) = login.answer(&challenge).unwrap();
        self.auth(ReasonCode::ContinueAuthentication, METHOD, &last);
        let said = self.next();
        if let Said::ConnAck(0, _, proof) | Said::Auth(0, proof) = &said {
            server.check(proof).unwrap();
        }
        said
    }

    fn again(&mut self, user: &str, password: &str) -> Said {
        let login = Client::new(user, password.as_bytes(), &NonceSeed([4; 18])).unwrap();
        self.auth(ReasonCode::ReAuthenticate, METHOD, &login.first());
        self.go_on(login)
    }

    pub(super) fn ping(&mut self) -> Said {
        self.send_bytes(&[0xc0, 0]);
        self.next()
    }
}

#[allow(clippy::wildcard_enum_match_arm, reason = "a test says no to what it does not expect")]
fn said(packet: &Packet<'_>) -> Said {
    let data = |properties: &sealmq_mqtt::Properties<'_>| {
        properties.authentication_data().map(|data| data.expose().to_vec()).unwrap_or_default()
    };
    match packet {
        Packet::ConnAck(connack) => {
            let ConnAckCode::V5(code) = connack.code else { panic!("a code of 3.x") };
            let method = connack.properties.authentication_method().map(str::to_owned);
            Said::ConnAck(code.as_u8(), method, data(&connack.properties))
        }
        Packet::Auth(auth) => {
            assert_eq!(auth.properties.authentication_method(), Some(METHOD));
            Said::Auth(auth.reason.as_u8(), data(&auth.properties))
        }
        Packet::Disconnect(disconnect) => Said::Disconnect(disconnect.reason.as_u8()),
        Packet::PingResp => Said::Pong,
        other => panic!("{other:?}"),
    }
}

fn start(users: &[(&str, &str)]) -> Broker {
    let file = scram_file(users);
    Broker::start(|folder| fs::write(folder.join("scram"), file).unwrap(), CONF)
}

fn is_let_in(said: &Said) -> bool {
    matches!(said, Said::ConnAck(0, Some(method), proof) if method == METHOD && !proof.is_empty())
}

const REFUSED: Said = Said::ConnAck(0x87, None, Vec::new());

/// [MQTT-4.12.0-2] [MQTT-4.12.0-4]
#[test]
fn the_right_password_gets_in_and_everybody_else_gets_the_same_answer() {
    let broker = start(&[("anna", "pencil")]);
    let mut client = V5::dial(&broker);
    assert!(is_let_in(&client.log_in("anna", "pencil")));
    assert_eq!(client.ping(), Said::Pong);
    for (name, password) in [("anna", "Pencil"), ("berta", "pencil")] {
        let mut client = V5::dial(&broker);
        assert_eq!(client.log_in(name, password), REFUSED);
        assert_eq!(client.next(), Said::Closed);
    }
    let log = broker.stop();
    assert!(log.contains("u'anna'") && !log.contains("pencil"), "{log}");
    // Whose name was tried stands at the refusal, though CONNECT said none.
    let refused: Vec<&str> = log.lines().filter(|line| line.contains("SMQ-A023")).collect();
    assert!(
        matches!(refused[..], [anna, berta] if anna.contains("anna") && berta.contains("berta")),
        "{log}"
    );
}

/// What is asked of an unknown name has the length and the cost of what is asked of a known one, each time the same.
#[test]
fn who_exists_is_not_told_by_the_challenge() {
    let broker = start(&[("anna", "pencil"), ("clara", "pencil")]);
    let challenge = |name: &str| {
        let mut client = V5::dial(&broker);
        client.begin(name, "x");
        let Said::Auth(0x18, challenge) = client.next() else { panic!() };
        let text = String::from_utf8(challenge).unwrap();
        let (_nonce, rest) = text.split_once(",s=").unwrap();
        rest.to_owned()
    };
    let (known, unknown) = (challenge("anna"), challenge("berta"));
    assert_eq!(known.len(), unknown.len());
    assert_eq!(known.split_once(",i="), Some((&known[..known.len() - 7], "4096")));
    assert!(unknown.ends_with(",i=4096"));
    assert_eq!(challenge("berta"), unknown);
    assert_ne!(challenge("bert"), unknown);
    // Another file, the same decoy key: the name's salt stays.
    fs::write(broker.folder.path().join("scram"), scram_file(&[("anna", "other")])).unwrap();
    broker.reloader().reload().unwrap();
    assert_eq!(challenge("berta"), unknown);
}

#[test]
fn where_names_are_proved_by_scram_no_name_is_believed() {
    let file = scram_file(&[("anna", "pencil")]);
    let conf = format!("{CONF}allow_anonymous true\n");
    let broker = Broker::start(|folder| fs::write(folder.join("scram"), file).unwrap(), &conf);
    answers(broker.tcp(), &connect("c", None), &ACCEPTED);
    answers(broker.tcp(), &connect("c", Some(("anna", "pencil"))), &crate::data_plane::NOT_AUTHORISED);
    assert!(is_let_in(&V5::dial(&broker).log_in("anna", "pencil")));
}

/// [MQTT-4.12.0-1] [MQTT-4.12.0-4] [MQTT-4.12.0-5]
#[test]
fn another_method_another_name_or_a_method_out_of_turn_is_refused() {
    let broker = start(&[("anna", "pencil")]);
    let first = Client::new("anna", b"pencil", &NonceSeed([3; 18])).unwrap().first();
    let data = Property::AuthenticationData(Secret::new(&first));
    for method in ["SCRAM-SHA-1", "scram-sha-256", "PLAIN", ""] {
        let mut client = V5::dial(&broker);
        client.connect("c", None, None, &[Property::AuthenticationMethod(method), data]);
        assert_eq!(client.next(), Said::ConnAck(0x8c, None, Vec::new()), "{method}");
        assert_eq!(client.next(), Said::Closed);
    }
    // CONNECT says another name than the exchange.
    for (user, code) in [("anna", 0), ("berta", 0x87)] {
        let mut client = V5::dial(&broker);
        let login = Client::new("anna", b"pencil", &NonceSeed([3; 18])).unwrap();
        client.connect("c", Some(user), None, &[Property::AuthenticationMethod(METHOD), data]);
        assert!(matches!(client.go_on(login), Said::ConnAck(said, ..) if said == code), "{user}");
    }
    for (reason, method) in [
        (ReasonCode::ReAuthenticate, METHOD),
        (ReasonCode::Success, METHOD),
        (ReasonCode::ContinueAuthentication, "PLAIN"),
    ] {
        let mut client = V5::dial(&broker);
        client.begin("anna", "pencil");
        assert!(matches!(client.next(), Said::Auth(0x18, _)));
        client.auth(reason, method, b"x");
        assert_eq!(client.next(), Said::ConnAck(0x82, None, Vec::new()), "{reason} {method}");
    }
    // [MQTT-3.1.2-30] [MQTT-4.12.0-3]
    let mut client = V5::dial(&broker);
    client.begin("anna", "pencil");
    assert!(matches!(client.next(), Said::Auth(0x18, _)));
    client.send_bytes(&[0xc0, 0]);
    assert_eq!(client.next(), Said::ConnAck(0x82, None, Vec::new()));
    // An AUTH of 3.1.1 is no packet.
    let mut old = broker.tcp();
    old.write_all(&[connect("c", None), vec![0xf0, 0]].concat()).unwrap();
    assert_eq!(crate::data_plane::rest(&mut old), crate::data_plane::NOT_AUTHORISED);
}

#[test]
fn without_a_scram_file_every_method_is_bad() {
    let broker = Broker::plain("listener PORT 127.0.0.1\nallow_anonymous true\n");
    let mut client = V5::dial(&broker);
    client.begin("anna", "pencil");
    assert_eq!(client.next(), Said::ConnAck(0x8c, None, Vec::new()));
    let mut client = V5::dial(&broker);
    client.connect("c", None, None, &[]);
    assert_eq!(client.next(), Said::ConnAck(0, None, Vec::new()));
}

#[test]
fn an_auth_packet_larger_than_any_message_is_refused_by_its_header() {
    let broker = start(&[("anna", "pencil")]);
    let mut client = V5::dial(&broker);
    client.begin("anna", "pencil");
    assert!(matches!(client.next(), Said::Auth(0x18, _)));
    // AUTH, 100,000 bytes to come.
    client.send_bytes(&[0xf0, 0xa0, 0x8d, 0x06]);
    assert_eq!(client.next(), Said::ConnAck(0x82, None, Vec::new()));
    assert_eq!(client.next(), Said::Closed);
}

#[test]
fn what_comes_behind_the_last_auth_is_handled_as_if_it_came_later() {
    let broker = start(&[("anna", "pencil")]);
    let mut client = V5::dial(&broker);
    let login = client.begin("anna", "pencil");
    let Said::Auth(0x18, challenge) = client.next() else { panic!() };
    let (last, _server) = login.answer(&challenge).unwrap();
    let properties = PropertiesBuf::of([
        Property::AuthenticationMethod(METHOD),
        Property::AuthenticationData(Secret::new(&last)),
    ])
    .unwrap();
    let auth = Auth { reason: ReasonCode::ContinueAuthentication, properties: properties.as_properties() };
    let mut flight = Vec::new();
    encode(&Packet::Auth(auth), Version::V5, &mut flight).unwrap();
    flight.extend([0xc0, 0, 0xc0, 0]);
    client.send_bytes(&flight);
    assert!(is_let_in(&client.next()));
    assert_eq!((client.next(), client.next()), (Said::Pong, Said::Pong));
}

/// [MQTT-4.12.1-1] [MQTT-4.12.1-2]
#[test]
fn a_live_session_is_proved_again_and_stays_the_same_user() {
    let broker = start(&[("anna", "pencil"), ("berta", "eraser")]);
    let mut client = V5::dial(&broker);
    assert!(is_let_in(&client.log_in("anna", "pencil")));
    for _ in 0..2 {
        assert!(matches!(client.again("anna", "pencil"), Said::Auth(0, proof) if !proof.is_empty()));
        assert_eq!(client.ping(), Said::Pong);
    }
    // Its messages go on while it thinks.
    let login = Client::new("anna", b"pencil", &NonceSeed([4; 18])).unwrap();
    client.auth(ReasonCode::ReAuthenticate, METHOD, &login.first());
    let Said::Auth(0x18, challenge) = client.next() else { panic!() };
    assert_eq!(client.ping(), Said::Pong);
    let (last, server) = login.answer(&challenge).unwrap();
    client.auth(ReasonCode::ContinueAuthentication, METHOD, &last);
    let Said::Auth(0, proof) = client.next() else { panic!() };
    server.check(&proof).unwrap();
    // Another user's right password is the wrong one here.
    assert_eq!(client.again("berta", "eraser"), Said::Disconnect(0x87));
    assert_eq!(client.next(), Said::Closed);
    let mut client = V5::dial(&broker);
    assert!(is_let_in(&client.log_in("anna", "pencil")));
    assert_eq!(client.again("anna", "guess"), Said::Disconnect(0x87));
}

#[test]
fn a_session_goes_with_its_entry_and_one_that_was_proved_again_by_the_new_one_stays() {
    let broker = start(&[("anna", "pencil"), ("berta", "pencil")]);
    let [mut anna, mut berta] = ["anna", "berta"].map(|name| {
        let mut client = V5::dial(&broker);
        assert!(is_let_in(&client.log_in_as(name, name, "pencil")));
        client
    });
    let write = |users: &[(&str, &str)]| {
        fs::write(broker.folder.path().join("scram"), scram_file(users)).unwrap();
        broker.reloader().reload()
    };
    // Others change: both stay.
    write(&[("anna", "pencil"), ("berta", "pencil"), ("clara", "x")]).unwrap();
    assert_eq!((anna.ping(), berta.ping()), (Said::Pong, Said::Pong));
    write(&[("anna", "pencil"), ("berta", "changed")]).unwrap();
    assert_eq!(berta.next(), Said::Disconnect(0x87));
    assert_eq!(anna.ping(), Said::Pong);
    // A file that is broken changes nothing.
    fs::write(broker.folder.path().join("scram"), "anna:pencil\n").unwrap();
    assert!(broker.reloader().reload().is_err());
    assert_eq!(anna.ping(), Said::Pong);
    assert!(matches!(anna.again("anna", "pencil"), Said::Auth(0, _)));
    write(&[("anna", "new")]).unwrap();
    assert_eq!(anna.next(), Said::Disconnect(0x87));
}

/// The certificate names the client; an exchange beside it must prove the same name.
#[test]
fn beside_a_certificate_scram_proves_the_same_name() {
    let pki = crate::data_plane::Pki::new();
    let conf = format!("{}scram_file DIR/scram\n", crate::data_plane::MUTUAL);
    let prepare = |folder: &std::path::Path| {
        pki.write_server(folder);
        fs::write(folder.join("scram"), scram_file(&[("d1", "pencil"), ("d2", "pencil")])).unwrap();
    };
    let broker = Broker::start(prepare, &conf);
    for (name, code) in [("d1", 0), ("d2", 0x87)] {
        let mut tls =
            TlsClient::connect(broker.tcp(), &pki.ca_pem, Some(pki.device("d1")), Versions::OnlyV1_3);
        let login = Client::new(name, b"pencil", &NonceSeed([3; 18])).unwrap();
        let first = login.first();
        let properties =
            [Property::AuthenticationMethod(METHOD), Property::AuthenticationData(Secret::new(&first))];
        let properties = PropertiesBuf::of(properties).unwrap();
        let connect = Connect {
            version: Version::V5,
            bridge: false,
            clean_start: true,
            keep_alive_secs: 60,
            client_id: "c",
            will: None,
            username: None,
            password: None,
            properties: properties.as_properties(),
        };
        let packet_of = |packet: &Packet<'_>| {
            let mut bytes = Vec::new();
            encode(packet, Version::V5, &mut bytes).unwrap();
            bytes
        };
        tls.send(&packet_of(&Packet::Connect(connect)));
        let mut read = || {
            let mut head = tls.read_exactly(2);
            let body = tls.read_exactly(usize::from(head[1]));
            head.extend(body);
            let Decoded::Packet { packet, .. } = decode(&head, Version::V5, &Limits::of_client()).unwrap()
            else {
                panic!()
            };
            said(&packet)
        };
        let Said::Auth(0x18, challenge) = read() else { panic!() };
        let (last, _) = login.answer(&challenge).unwrap();
        let properties = PropertiesBuf::of([
            Property::AuthenticationMethod(METHOD),
            Property::AuthenticationData(Secret::new(&last)),
        ])
        .unwrap();
        let auth =
            Auth { reason: ReasonCode::ContinueAuthentication, properties: properties.as_properties() };
        tls.send(&packet_of(&Packet::Auth(auth)));
        let mut head = tls.read_exactly(4);
        assert_eq!(head.remove(3), code, "{name}");
    }
}
