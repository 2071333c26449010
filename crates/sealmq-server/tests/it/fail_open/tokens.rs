//! JSON Web Tokens as passwords on a real broker.

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::names::password_line;
use super::scram::{Said, V5, scram_file};
use super::*;
use crate::data_plane::{NOT_AUTHORISED, now, prepare, publish, rest, subscribe};

const CONF: &str =
    "listener PORT 127.0.0.1\njwt_key DIR/key.pem\njwt_issuer https://idp\njwt_audience mqtt\n";

pub(crate) struct Issuer(Ed25519KeyPair);

impl Issuer {
    pub(crate) fn new() -> Issuer {
        Issuer(Ed25519KeyPair::generate().unwrap())
    }

    pub(crate) fn pem(&self) -> String {
        sealmq_pki::pem::encode("PUBLIC KEY", self.0.public_key().as_der().unwrap().as_ref()).to_string()
    }

    /// A token for this name that lives so long, with more claims: `,"a":1`.
    pub(crate) fn token(&self, name: &str, secs: i64, more: &str) -> String {
        let exp = now().as_secs() + secs;
        let claims = format!(r#"{{"sub":"{name}","iss":"https://idp","aud":"mqtt","exp":{exp}{more}}}"#);
        let signed =
            format!("{}.{}", URL_SAFE_NO_PAD.encode(r#"{"alg":"EdDSA"}"#), URL_SAFE_NO_PAD.encode(claims));
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(self.0.sign(signed.as_bytes())))
    }
}

fn start(issuer: &Issuer, conf: &str, passwords: &str) -> Broker {
    let prepare = |folder: &std::path::Path| {
        fs::write(folder.join("key.pem"), issuer.pem()).unwrap();
        fs::write(folder.join("passwd"), passwords).unwrap();
        fs::write(folder.join("scram"), scram_file(&[("sara", "pencil")])).unwrap();
    };
    Broker::start(prepare, conf)
}

/// What 5.0 answers to a user name and a password.
fn v5(broker: &Broker, user: Option<&str>, password: Option<&str>) -> u8 {
    let mut client = V5::dial(broker);
    client.connect("c", user, password, &[]);
    let Said::ConnAck(code, None, _) = client.next() else { panic!() };
    code
}

#[test]
fn a_good_token_names_its_bearer_whatever_else_connect_leaves_out() {
    let (issuer, other) = (Issuer::new(), Issuer::new());
    let broker = start(&issuer, CONF, "");
    let token = issuer.token("anna", 300, "");
    for (user, code) in [(None, 0), (Some(""), 0), (Some("anna"), 0), (Some("berta"), 0x87)] {
        assert_eq!(v5(&broker, user, Some(&token)), code, "{user:?}");
    }
    let refused = [
        other.token("anna", 300, ""),
        issuer.token("anna", 0, ""),
        issuer.token("a+b", 300, ""),
        issuer.token("anna", 300, r#","nbf":9999999999"#),
        issuer.token("anna", 300, r#","aud":"shop""#),
        issuer.token("anna", 300, r#","acl":{"pub":["a/#/b"]}"#),
        token.replace('.', "..."),
        String::new(),
        "secret".to_owned(),
    ];
    for token in &refused {
        assert_eq!(v5(&broker, None, Some(token)), 0x87, "{token}");
        assert_eq!(v5(&broker, Some("anna"), Some(token)), 0x87, "{token}");
    }
    for user in [None, Some("anna")] {
        assert_eq!(v5(&broker, user, None), 0x87);
    }
    let log = broker.stop();
    assert!(log.contains("u'anna'") && !log.contains(&token), "{log}");
}

#[test]
fn where_tokens_prove_names_no_name_is_believed() {
    let issuer = Issuer::new();
    let broker = start(&issuer, &format!("{CONF}allow_anonymous true\n"), "");
    assert_eq!(v5(&broker, None, None), 0);
    assert_eq!(v5(&broker, Some("anna"), None), 0x87);
    assert_eq!(v5(&broker, Some("anna"), Some("x")), 0x87);
    // Who brings something that should prove a name and does not is not anonymous.
    assert_eq!(v5(&broker, None, Some(&Issuer::new().token("anna", 300, ""))), 0x87);
    assert_eq!(v5(&broker, Some("anna"), Some(&issuer.token("anna", 300, ""))), 0);
}

/// What looks like a token is judged as one, and a name of the files is theirs.
#[test]
fn beside_files_a_refused_token_falls_through_to_none_of_them() {
    let issuer = Issuer::new();
    let stranger = Issuer::new().token("paul", 300, "");
    let conf = format!("{CONF}password_file DIR/passwd\nscram_file DIR/scram\nallow_anonymous true\n");
    let lines = [password_line("paul", "secret"), password_line("mary", &stranger)].concat();
    let broker = start(&issuer, &conf, &lines);
    assert_eq!(v5(&broker, Some("paul"), Some("secret")), 0);
    assert_eq!(v5(&broker, Some("anna"), Some(&issuer.token("anna", 300, ""))), 0);
    assert_eq!(v5(&broker, None, Some(&issuer.token("anna", 300, ""))), 0);
    // mary's password in the file is this very text; it is judged as a token and refused.
    assert_eq!(v5(&broker, Some("mary"), Some(&stranger)), 0x87);
    assert_eq!(v5(&broker, None, Some(&stranger)), 0x87);
    for taken in ["paul", "sara"] {
        assert_eq!(v5(&broker, None, Some(&issuer.token(taken, 300, ""))), 0x87, "{taken}");
    }
}

#[test]
fn the_topics_of_a_token_narrow_the_access_list() {
    let issuer = Issuer::new();
    let broker = start(&issuer, CONF, "");
    let enter = |more: &str| {
        let mut client = broker.tcp();
        let token = issuer.token("anna", 300, more);
        let connect = connect("c", Some(("", &token)));
        std::io::Write::write_all(&mut client, &[connect, subscribe("#")].concat()).unwrap();
        expect(&mut client, &ACCEPTED);
        expect(&mut client, &[0x90, 3, 0, 1, 0]);
        client
    };
    let mut narrow = enter(r#","acl":{"pub":["out"],"sub":["in","out"]}"#);
    std::io::Write::write_all(&mut narrow, &[publish("in", "x"), publish("out", "y")].concat()).unwrap();
    expect(&mut narrow, &publish("out", "y"));
    let mut wide = enter("");
    std::io::Write::write_all(&mut wide, &publish("in", "x")).unwrap();
    expect(&mut wide, &publish("in", "x"));
}

#[test]
fn the_session_ends_with_the_token() {
    let issuer = Issuer::new();
    let broker = start(&issuer, CONF, "");
    let (mut short, mut long) = (V5::dial(&broker), V5::dial(&broker));
    short.connect("short", None, Some(&issuer.token("anna", 2, "")), &[]);
    long.connect("long", None, Some(&issuer.token("anna", 300, "")), &[]);
    assert!(matches!((short.next(), long.next()), (Said::ConnAck(0, ..), Said::ConnAck(0, ..))));
    assert_eq!(short.next(), Said::Disconnect(0x87));
    long.send_bytes(&[0xc0, 0]);
    assert_eq!(long.next(), Said::Pong);
}

#[test]
fn a_session_goes_with_the_key_that_signed_its_token() {
    let (old, new) = (Issuer::new(), Issuer::new());
    let broker = start(&old, CONF, "");
    let key = broker.folder.path().join("key.pem");
    let enter = |issuer: &Issuer, id: &str| {
        let mut client = V5::dial(&broker);
        client.connect(id, None, Some(&issuer.token("anna", 300, "")), &[]);
        (client.next(), client)
    };
    let (said, mut first) = enter(&old, "first");
    assert!(matches!(said, Said::ConnAck(0, ..)));
    // Rotation: both keys for a while.
    fs::write(&key, old.pem() + &new.pem()).unwrap();
    broker.reloader().reload().unwrap();
    let (said, mut second) = enter(&new, "second");
    assert!(matches!(said, Said::ConnAck(0, ..)));
    fs::write(&key, "-----BEGIN PUBLIC KEY-----\n").unwrap();
    let error = broker.reloader().reload().unwrap_err();
    assert!(error.to_string().contains("key.pem"), "{error}");
    first.send_bytes(&[0xc0, 0]);
    assert_eq!(first.next(), Said::Pong);
    fs::write(&key, new.pem()).unwrap();
    broker.reloader().reload().unwrap();
    assert_eq!(first.next(), Said::Disconnect(0x87));
    assert!(matches!(enter(&old, "third").0, Said::ConnAck(0x87, ..)));
    second.send_bytes(&[0xc0, 0]);
    assert_eq!(second.next(), Said::Pong);
}

#[test]
fn a_session_by_token_goes_when_a_file_claims_its_name() {
    let issuer = Issuer::new();
    let broker =
        start(&issuer, &format!("{CONF}password_file DIR/passwd\n"), &password_line("paul", "secret"));
    let mut client = V5::dial(&broker);
    client.connect("c", None, Some(&issuer.token("anna", 300, "")), &[]);
    assert!(matches!(client.next(), Said::ConnAck(0, ..)));
    fs::write(broker.folder.path().join("passwd"), password_line("anna", "secret")).unwrap();
    broker.reloader().reload().unwrap();
    assert_eq!(client.next(), Said::Disconnect(0x87));
}

#[test]
fn a_key_that_cannot_be_used_stops_the_start() {
    let start = |key: &str| {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("key.pem"), key).unwrap();
        prepare(folder.path(), CONF)
    };
    assert!(start(&Issuer::new().pem()).is_ok());
    for bad in [
        "",
        "secret",
        r#"{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}"#,
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
    ] {
        let error = start(bad).unwrap_err();
        assert!(error.text.contains("jwt_key") && error.hint.is_some(), "{error}");
    }
}

/// 3.1.1 has no word for a token, and takes one as it takes a password.
#[test]
fn a_client_of_3_1_1_is_refused_like_any_other() {
    let issuer = Issuer::new();
    let broker = start(&issuer, CONF, "");
    let mut client = broker.tcp();
    std::io::Write::write_all(&mut client, &connect("c", Some(("anna", "eyJ.eyJ.x")))).unwrap();
    assert_eq!(rest(&mut client), NOT_AUTHORISED);
}

#[test]
fn a_session_goes_when_tokens_of_its_issuer_or_names_without_proof_count_no_more() {
    let issuer = Issuer::new();
    let broker = start(&issuer, CONF, "");
    let mut client = V5::dial(&broker);
    client.connect("c", None, Some(&issuer.token("anna", 300, "")), &[]);
    assert!(matches!(client.next(), Said::ConnAck(0, ..)));
    broker.reload(CONF).unwrap();
    client.send_bytes(&[0xc0, 0]);
    assert_eq!(client.next(), Said::Pong);
    broker.reload(&CONF.replace("https://idp", "https://other")).unwrap();
    assert_eq!(client.next(), Said::Disconnect(0x87));

    // Nobody checked anna's name; then tokens do.
    let open = "listener PORT 127.0.0.1\nallow_anonymous true\n";
    let broker = start(&issuer, open, "");
    let (mut named, mut nameless) = (V5::dial(&broker), V5::dial(&broker));
    named.connect("c", Some("anna"), None, &[]);
    nameless.connect("d", None, None, &[]);
    assert!(matches!((named.next(), nameless.next()), (Said::ConnAck(0, ..), Said::ConnAck(0, ..))));
    broker.reload(&format!("{CONF}allow_anonymous true\n")).unwrap();
    assert_eq!(named.next(), Said::Disconnect(0x87));
    nameless.send_bytes(&[0xc0, 0]);
    assert_eq!(nameless.next(), Said::Pong);
}
