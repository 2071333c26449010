//! A name has one kind of proof: what a certificate of ours is called, nobody is by any other means, at CONNECT or later.

use sealmq_server::control::{ControlThread, DeviceHolder, DraftRequest, Office};

use super::names::password_line;
use super::scram::{Said, V5, scram_file};
use super::tokens::Issuer;
use super::*;
use crate::data_plane::NOT_AUTHORISED;

/// All words beside each other. Its password file is another than the directory's, whose names are no devices' ever.
const WORDS: &str = "data_dir DIR/data\nlistener PORT 127.0.0.1\npassword_file DIR/passwd\nscram_file DIR/scram\n\
    jwt_key DIR/key.pem\njwt_issuer https://idp\njwt_audience mqtt\n";
/// Nobody checks names.
const BELIEVING: &str = "data_dir DIR/data\nlistener PORT 127.0.0.1\nallow_anonymous true\n";

fn start(issuer: &Issuer) -> Own {
    Own::with(WORDS, |home| {
        let folder = home.place().folder().parent().unwrap();
        let users = ["pump", "Pump", "kettle"].map(|name| (name, "pencil"));
        fs::write(folder.join("scram"), scram_file(&users)).unwrap();
        fs::write(
            folder.join("passwd"),
            ["boiler", "stove"].map(|name| password_line(name, "secret")).concat(),
        )
        .unwrap();
        fs::write(folder.join("key.pem"), issuer.pem()).unwrap();
    })
}

/// What the broker says to one who logs in by these words, and the client.
fn by_words(broker: &Broker, id: &str, user: Option<&str>, password: &str) -> (u8, V5) {
    let mut client = V5::dial(broker);
    client.connect(id, user, Some(password), &[]);
    let Said::ConnAck(code, ..) = client.next() else { panic!("no CONNACK") };
    (code, client)
}

fn by_scram(broker: &Broker, id: &str, name: &str) -> (u8, V5) {
    let mut client = V5::dial(broker);
    let Said::ConnAck(code, ..) = client.log_in_as(id, name, "pencil") else { panic!("no CONNACK") };
    (code, client)
}

#[test]
fn a_scram_entry_under_the_name_of_a_certificate_lets_nobody_in() {
    let own = start(&Issuer::new());
    own.device("pump");
    for (name, code) in [("pump", 0x87), ("Pump", 0x87), ("kettle", 0)] {
        assert_eq!(by_scram(&own.broker, "c", name).0, code, "{name}");
    }
    let log = own.broker.stop();
    assert_eq!(log.matches("SMQ-A015").count(), 2, "{log}");
}

#[test]
fn a_token_under_the_name_of_a_certificate_lets_nobody_in() {
    let issuer = Issuer::new();
    let own = start(&issuer);
    own.device("valve");
    for (name, code) in [("valve", 0x87), ("VALVE", 0x87), ("operator", 0x87), ("lamp", 0)] {
        let token = issuer.token(name, 300, "");
        assert_eq!(by_words(&own.broker, "c", None, &token).0, code, "{name}");
    }
    let log = own.broker.stop();
    assert_eq!(log.matches("SMQ-A015").count(), 3, "{log}");
}

/// A broker with its control socket, which holds the directory from now on.
struct Desk {
    broker: Broker,
    _thread: ControlThread,
    office: Office,
}

impl Desk {
    fn of(own: Own) -> Desk {
        let Own { broker, home } = own;
        let place = home.place().clone();
        let thread = broker.serve_control(home);
        Desk { office: Office::reach(&place).unwrap(), broker, _thread: thread }
    }

    /// `sealmq device add NAME`, up to the bundle.
    fn add(&mut self, name: &str) {
        let request = DraftRequest {
            name: name.to_owned(),
            holder: DeviceHolder::New,
            public_key: String::new(),
            days: None,
            bundles: Vec::new(),
            host: None,
        };
        let key = SoftKey::generate().unwrap();
        self.office.draft_device(request, key.public_key()).unwrap();
        self.office.enter().unwrap();
    }
}

/// Issues `names[0]`: its session is told why and goes, and nobody comes by that name; the session of `names[1]` stays.
fn goes_and_stays(own: Own, names: [&str; 2], enter: impl Fn(&Broker, &str) -> (u8, V5)) {
    let mut desk = Desk::of(own);
    let [(first, mut goes), (second, mut stays)] = names.map(|name| enter(&desk.broker, name));
    assert_eq!((first, second), (0, 0), "{names:?}");
    desk.add(names[0]);
    assert_eq!(goes.next(), Said::Disconnect(0x87), "{}", names[0]);
    assert_eq!(goes.next(), Said::Closed);
    assert_eq!(stays.ping(), Said::Pong, "{}", names[1]);
    let again = names.map(|name| enter(&desk.broker, name).0);
    assert_eq!(again, [0x87, 0], "{names:?}");
    let Desk { broker, _thread: thread, office } = desk;
    drop((thread, office));
    let log = broker.stop();
    assert!(log.matches("SMQ-A015").count() == 2, "{log}");
}

#[test]
fn a_session_by_scram_goes_when_a_certificate_of_its_name_is_issued() {
    goes_and_stays(start(&Issuer::new()), ["pump", "kettle"], |broker, name| by_scram(broker, name, name));
}

#[test]
fn a_session_by_token_goes_when_a_certificate_of_its_name_is_issued() {
    let issuer = Issuer::new();
    goes_and_stays(start(&issuer), ["valve", "lamp"], |broker, name| {
        by_words(broker, name, None, &issuer.token(name, 300, ""))
    });
}

#[test]
fn a_session_by_password_goes_when_a_certificate_of_its_name_is_issued() {
    goes_and_stays(start(&Issuer::new()), ["boiler", "stove"], |broker, name| {
        by_words(broker, name, Some(name), "secret")
    });
}

#[test]
fn a_session_by_a_believed_name_goes_when_a_certificate_of_its_name_is_issued() {
    goes_and_stays(Own::with(BELIEVING, |_| {}), ["pump", "kettle"], |broker, name| {
        by_words(broker, name, Some(name), "")
    });
}

/// A certificate of the very name is issued in another case, and who has no name is asked for none.
#[test]
fn the_name_is_the_same_in_any_case_and_who_has_none_stays() {
    let mut desk = Desk::of(Own::with(BELIEVING, |_| {}));
    let (_, mut goes) = by_words(&desk.broker, "a", Some("PUMP"), "");
    let mut nobody = V5::dial(&desk.broker);
    nobody.connect("b", None, None, &[]);
    assert_eq!(nobody.next(), Said::ConnAck(0, None, Vec::new()));
    desk.add("pump");
    assert_eq!(goes.next(), Said::Disconnect(0x87));
    assert_eq!(nobody.ping(), Said::Pong);
}

/// Whoever adds a thousand devices has no session judged a thousand times, and no ticket made worthless.
#[test]
fn a_certificate_whose_name_nobody_goes_by_makes_nobody_be_judged_again() {
    let mut desk = Desk::of(Own::with(BELIEVING, |_| {}));
    let (_, mut kettle) = by_words(&desk.broker, "a", Some("kettle"), "");
    let (gone, mut pump) = by_words(&desk.broker, "b", Some("pump"), "");
    assert_eq!(gone, 0);
    pump.send_bytes(&[0xe0, 0]);
    assert_eq!(pump.next(), Said::Closed);
    while desk.broker.connections() > 1 {
        std::thread::yield_now();
    }
    let before = desk.broker.control().raise();
    desk.add("pump");
    desk.add("valve");
    assert_eq!(desk.broker.control().raise(), before + 1);
    assert_eq!(kettle.ping(), Said::Pong);
    desk.add("kettle");
    assert_eq!(kettle.next(), Said::Disconnect(0x87));
    assert_eq!(desk.broker.control().raise(), before + 3);
}

/// A plaintext client by such a name, as 3.1.1 has it told: by the end of its connection.
#[test]
fn a_client_of_3_1_1_goes_too() {
    let mut desk = Desk::of(Own::with(BELIEVING, |_| {}));
    let mut client = desk.broker.tcp();
    std::io::Write::write_all(&mut client, &connect("c", Some(("pump", "")))).unwrap();
    expect(&mut client, &ACCEPTED);
    desk.add("pump");
    assert_eq!(crate::data_plane::rest(&mut client), b"");
    answers(desk.broker.tcp(), &connect("c", Some(("pump", ""))), &NOT_AUTHORISED);
}

/// The first four bytes of the answer to a client without a certificate; the last of them is the reason.
fn without_certificate(own: &Own, connect: &[u8]) -> u8 {
    let mut client = own.dial(None);
    client.send(connect);
    client.read_exactly(4)[3]
}

/// CONNECT of 5.0 with a password and no user name.
const PASSWORD_ONLY: &[u8] = b"\x10\x16\x00\x04MQTT\x05\x42\x00\x3c\x00\x00\x01c\x00\x06secret";

/// Beside names from certificates who has none must prove a name; that anonymous clients are let in elsewhere is no proof.
#[test]
fn beside_names_from_certificates_who_proves_nothing_is_refused() {
    let passwords =
        |home: &Home| fs::write(home.place().passwd(), password_line("kettle", "secret")).unwrap();
    for (more, nameless) in [("", 0x87), ("allow_anonymous true\n", 0x86)] {
        let own = Own::with(&OWN.replace("listener", &format!("{more}listener")), passwords);
        assert_eq!(without_certificate(&own, PASSWORD_ONLY), nameless, "{more}");
        assert_eq!(without_certificate(&own, &connect("c", None)), 4, "{more}");
        assert_eq!(without_certificate(&own, &connect("c", Some(("kettle", "guess")))), 5, "{more}");
        assert_eq!(without_certificate(&own, &connect("c", Some(("kettle", "secret")))), 0, "{more}");
    }
}

/// Where no certificate is even asked for, nobody has a name, and no password gives one.
#[test]
fn a_password_counts_only_where_certificates_are_asked_for() {
    let passwords =
        |home: &Home| fs::write(home.place().passwd(), password_line("kettle", "secret")).unwrap();
    for (demand, answer) in [("optional", 0), ("false", 4)] {
        let conf = OWN.replace("require_certificate optional", &format!("require_certificate {demand}"));
        let own = Own::with(&conf, passwords);
        assert_eq!(without_certificate(&own, &connect("c", Some(("kettle", "secret")))), answer, "{demand}");
    }
}
