//! openssl's client comes again to a running broker: what its old session opens, and what it does not.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use super::revocation::{CRL, LIST, List};
use super::*;
use crate::data_plane::{MUTUAL, Pki, rest};

const VERSIONS: [&str; 2] = ["-tls1_2", "-tls1_3"];

/// One visit of `openssl s_client`: everything it printed, CONNACK among it.
fn visit(broker: &Broker, flags: &[&str]) -> Visit {
    let folder = broker.folder.path();
    let mut child = Command::new("openssl")
        .current_dir(folder)
        .args(["s_client", "-connect", &format!("127.0.0.1:{}", broker.port), "-CAfile", "ca.crt"])
        .args(flags)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the openssl command line is needed by these tests");
    let mut stdin = child.stdin.take().unwrap();
    // A broker that has refused it already may have closed.
    let _ = stdin.write_all(&connect("s_client", None));
    let (mut printed, mut chunk) = (Vec::new(), [0; 4096]);
    let stdout = child.stdout.as_mut().unwrap();
    while !holds(&printed, &ACCEPTED) {
        match stdout.read(&mut chunk).unwrap() {
            0 => break,
            read => printed.extend_from_slice(&chunk[..read]),
        }
    }
    let accepted = holds(&printed, &ACCEPTED);
    drop(stdin);
    printed.extend(rest(stdout));
    printed.extend(rest(child.stderr.as_mut().unwrap()));
    child.wait().unwrap();
    let printed = String::from_utf8_lossy(&printed).into_owned();
    Visit { accepted, resumed: printed.contains("Reused, TLS"), printed }
}

struct Visit {
    accepted: bool,
    resumed: bool,
    printed: String,
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

fn start(pki: &Pki, more: &str) -> Broker {
    let prepare = |folder: &Path| {
        pki.write_server(folder);
        pki.write_server_of(folder, "other.example.org");
        pki.write_device(folder, "gone", 10);
        pki.write_device(folder, "renewed", 11);
        LIST.write(pki, folder);
    };
    Broker::start(prepare, &format!("{MUTUAL}{CRL}{more}"))
}

const GONE: [&str; 4] = ["-cert", "gone.crt", "-key", "gone.key"];
const RENEWED: [&str; 4] = ["-cert", "renewed.crt", "-key", "renewed.key"];

fn with(who: [&'static str; 4], version: &'static str, session: [&'static str; 2]) -> Vec<&'static str> {
    let mut flags = who.to_vec();
    flags.push(version);
    flags.extend(session);
    flags
}

#[test]
fn a_session_from_before_a_reload_opens_nothing_and_its_client_comes_in_by_a_full_handshake() {
    for version in VERSIONS {
        let pki = Pki::new();
        let broker = start(&pki, "");
        let first = visit(&broker, &with(GONE, version, ["-sess_out", "session"]));
        assert!(first.accepted && !first.resumed, "{}", first.printed);
        fs::copy(broker.folder.path().join("session"), broker.folder.path().join("kept")).unwrap();
        let again = visit(&broker, &with(GONE, version, ["-sess_in", "session"]));
        assert!(again.accepted && again.resumed, "{}", again.printed);
        broker.wait_for_line(", resumed");
        broker.reloader().reload().unwrap();
        let after = visit(&broker, &with(GONE, version, ["-sess_in", "kept"]));
        assert!(after.accepted && !after.resumed, "{}", after.printed);
    }
}

#[test]
fn whoever_was_revoked_cannot_resume_and_comes_in_with_its_renewed_certificate() {
    for version in VERSIONS {
        let pki = Pki::new();
        let broker = start(&pki, "");
        assert!(visit(&broker, &with(GONE, version, ["-sess_out", "session"])).accepted);
        List { revoked: Some(10), number: 2, ..LIST }.write(&pki, broker.folder.path());
        broker.reloader().reload().unwrap();
        let refused = visit(&broker, &with(GONE, version, ["-sess_in", "session"]));
        assert!(!refused.accepted && refused.printed.contains("certificate revoked"), "{}", refused.printed);
        let renewed = visit(&broker, &with(RENEWED, version, ["-sess_in", "session"]));
        assert!(renewed.accepted && !renewed.resumed, "{}", renewed.printed);
    }
}

#[test]
fn with_resumption_false_no_session_is_given() {
    for version in VERSIONS {
        let broker = start(&Pki::new(), "resumption false\n");
        let first = visit(&broker, &with(GONE, version, ["-sess_out", "session"]));
        assert!(first.accepted && !first.printed.contains("TLS session ticket:"), "{}", first.printed);
    }
}

/// `sni_certificate`: for its name, and checked and reloaded as `certfile`.
#[test]
fn the_certificate_of_the_name_is_shown_and_a_reload_takes_a_new_one_or_nothing() {
    let pki = Pki::new();
    let broker = start(&pki, "sni_certificate DIR/other.example.org.crt DIR/other.example.org.key\n");
    let folder = broker.folder.path().to_owned();
    let ask = |name: &'static str| {
        let flags = ["-verify_return_error", "-verify_hostname", name, "-servername", name];
        visit(&broker, &[&GONE[..], &flags[..]].concat())
    };
    assert!(ask("localhost").accepted);
    assert!(ask("other.example.org").accepted);
    assert!(!ask("third.example.org").accepted, "the first certificate is not for that name");
    let certificate = folder.join("other.example.org.crt");
    let good = fs::read(&certificate).unwrap();
    for bad in [&good[..good.len() / 2], &fs::read(folder.join("server.crt")).unwrap()] {
        fs::write(&certificate, bad).unwrap();
        let error = broker.reloader().reload().unwrap_err();
        assert!(error.text.contains("other.example.org") && error.hint.is_some(), "{error}");
        assert!(ask("other.example.org").accepted);
    }
    fs::write(&certificate, &good).unwrap();
    // What it serves under any name logs nobody in.
    let thief = ["-cert", "other.example.org.crt", "-key", "other.example.org.key"];
    assert!(!visit(&broker, &thief).accepted);
    pki.write_server_of(&folder, "third.example.org");
    fs::copy(folder.join("third.example.org.crt"), &certificate).unwrap();
    fs::copy(folder.join("third.example.org.key"), folder.join("other.example.org.key")).unwrap();
    broker.reloader().reload().unwrap();
    assert!(ask("third.example.org").accepted && !ask("other.example.org").accepted);
}

#[test]
fn a_client_that_offers_other_protocols_only_comes_in_as_with_mosquitto_unless_alpn_is_strict() {
    for (keys, offered, accepted) in [
        ("", "h2", true),
        ("", "mqtt", true),
        ("", "x-amzn-mqtt-ca", true),
        ("alpn strict\n", "h2", false),
        ("alpn strict\n", "h2,mqtt", true),
    ] {
        let broker = start(&Pki::new(), keys);
        let visit = visit(&broker, &[&GONE[..], &["-alpn", offered]].concat());
        assert_eq!(visit.accepted, accepted, "{keys} {offered}: {}", visit.printed);
        if accepted && offered != "h2" {
            broker.wait_for_line(", ALPN ");
        }
    }
}
