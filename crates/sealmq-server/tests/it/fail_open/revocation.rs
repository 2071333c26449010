//! Revocation lists of a running broker: who is on them is out within a second, and a bad one changes nothing.

use std::num::NonZeroU32;
use std::path::Path;
use std::time::{Duration, Instant};

use sealmq_pki::{End, Timestamp};

use super::*;
use crate::data_plane::{MUTUAL, Pki, connect_of, now, prepare, publish, subscribe};

/// What a list says; signed by hand, so that its dates can be seconds.
#[derive(Clone, Copy)]
pub(super) struct List {
    /// The number that the revoked serial is made of.
    pub(super) revoked: Option<u8>,
    pub(super) number: u8,
    pub(super) this: i64,
    pub(super) next: i64,
}

pub(super) const LIST: List = List { revoked: None, number: 1, this: -60, next: 86_400 };

impl List {
    pub(super) fn write(self, pki: &Pki, folder: &Path) {
        fs::write(folder.join("ca.crl"), self.der(pki)).unwrap();
    }

    fn der(self, pki: &Pki) -> Vec<u8> {
        const ALGORITHM: &[u8] = &[0x30, 0x0a, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
        let time = |secs| {
            let text: String = now()
                .plus_secs(secs)
                .to_string()
                .chars()
                .filter(|c| c.is_ascii_digit() || *c == 'Z')
                .collect();
            der(0x18, text.as_bytes())
        };
        let entry = |number: u8| der(0x30, &[der(2, &[number; 16]), time(-60)].concat());
        let extension = der(0x30, &[der(6, &[0x55, 0x1d, 20]), der(4, &der(2, &[self.number]))].concat());
        let mut body = vec![der(2, &[1]), ALGORITHM.to_vec(), pki.issuer(), time(self.this), time(self.next)];
        body.extend(self.revoked.map(|number| der(0x30, &entry(number))));
        body.push(der(0xa0, &der(0x30, &extension)));
        let tbs = der(0x30, &body.concat());
        let signature = [vec![0], pki.key.sign(&tbs).unwrap()].concat();
        der(0x30, &[tbs, ALGORITHM.to_vec(), der(3, &signature)].concat())
    }
}

fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let len = content.len();
    let mut out = match len {
        0..=0x7f => vec![tag, len as u8],
        0x80..=0xff => vec![tag, 0x81, len as u8],
        _ => vec![tag, 0x82, (len >> 8) as u8, len as u8],
    };
    out.extend_from_slice(content);
    out
}

pub(super) const CRL: &str = "crlfile DIR/ca.crl\n";

fn start(pki: &Pki, list: List, more: &str) -> Broker {
    let prepare = |folder: &Path| {
        pki.write_server(folder);
        list.write(pki, folder);
    };
    Broker::start(prepare, &format!("{MUTUAL}{CRL}{more}"))
}

fn dial(broker: &Broker, pki: &Pki, device: KeyPair) -> TlsClient {
    TlsClient::connect(broker.tcp(), &pki.ca_pem, Some(device), Versions::OnlyV1_3)
}

/// Connected with MQTT 5; CONNACK has properties.
fn five(broker: &Broker, pki: &Pki, device: KeyPair, id: &str) -> TlsClient {
    let mut client = dial(broker, pki, device);
    client.send(&connect_of(5, id, None));
    let header = client.read_exactly(2);
    assert_eq!(header[0], 0x20);
    assert_eq!(client.read_exactly(usize::from(header[1]))[1], 0);
    client
}

fn ping(client: &mut TlsClient) {
    client.send(&[0xc0, 0]);
    client.expect(&[0xd0, 0]);
}

/// DISCONNECT with 0x87 Not authorized, then the end; and how long that took.
fn told_to_go(client: &mut TlsClient, since: Instant) {
    let header = client.read_exactly(2);
    assert_eq!(header[0], 0xe0);
    assert_eq!(client.read_exactly(usize::from(header[1]))[0], 0x87);
    assert_eq!(client.refusal(), "closed without an alert");
    assert!(since.elapsed() < Duration::from_secs(1), "{:?}", since.elapsed());
}

fn device(pki: &Pki, name: &str, number: u8) -> KeyPair {
    pki.device_of(name, number, now(), End::Profile)
}

#[test]
fn who_comes_onto_the_list_goes_within_a_second_and_comes_in_no_more() {
    let pki = Pki::new();
    let broker = start(&pki, LIST, "");
    let mut gone = five(&broker, &pki, device(&pki, "gone", 10), "five");
    let mut old = dial(&broker, &pki, device(&pki, "old", 10));
    old.send(&connect("three", None));
    accepted(&mut old);
    let mut stays = five(&broker, &pki, device(&pki, "stays", 11), "stays");
    List { revoked: Some(10), number: 2, ..LIST }.write(&pki, broker.folder.path());
    let since = Instant::now();
    broker.reloader().reload().unwrap();
    told_to_go(&mut gone, since);
    assert_eq!(old.refusal(), "closed without an alert");
    assert!(since.elapsed() < Duration::from_secs(1));
    ping(&mut stays);
    let refusal = dial(&broker, &pki, device(&pki, "gone", 10)).refusal();
    assert!(refusal.contains("SMQ-T016"), "{refusal}");
    let mut new = dial(&broker, &pki, device(&pki, "new", 12));
    new.send(&connect("new", None));
    accepted(&mut new);
}

#[test]
fn a_reload_with_a_bad_list_changes_nothing() {
    let pki = Pki::new();
    let broker = start(&pki, List { revoked: Some(10), number: 5, ..LIST }, "");
    let mut client = five(&broker, &pki, device(&pki, "c", 11), "c");
    let good = List { revoked: None, number: 6, ..LIST }.der(&pki);
    let mut damaged = good.clone();
    *damaged.last_mut().unwrap() ^= 1;
    let cases = [
        (Vec::new(), "holds no CRL"),
        (good[..good.len() - 1].to_vec(), "not a valid CRL"),
        (damaged, "was not signed by the key"),
        (List { number: 4, ..LIST }.der(&pki), "number 4, in force is number 5"),
        (List { number: 6, this: -3600, ..LIST }.der(&pki), "made at"),
        (List { number: 6, this: 3600, ..LIST }.der(&pki), "is not valid before"),
    ];
    for (bytes, why) in cases {
        fs::write(broker.folder.path().join("ca.crl"), bytes).unwrap();
        let error = broker.reloader().reload().unwrap_err();
        assert!(error.text.contains(why) && error.hint.is_some(), "{why}: {error:?}");
        assert_eq!(error.exit, 1);
        ping(&mut client);
        assert!(dial(&broker, &pki, device(&pki, "gone", 10)).refusal().contains("SMQ-T016"), "{why}");
    }
    fs::write(broker.folder.path().join("ca.crl"), good).unwrap();
    broker.reloader().reload().unwrap();
    let mut back = dial(&broker, &pki, device(&pki, "gone", 10));
    back.send(&connect("back", None));
    accepted(&mut back);
}

/// Nothing but time passes: past its end a list counts no more, for who is in and for who comes.
#[test]
fn when_the_list_ends_its_clients_go_within_a_second() {
    let pki = Pki::new();
    let broker = start(&pki, List { next: 3, ..LIST }, "crl_policy strict\n");
    let ends = now().plus_secs(3);
    let mut client = five(&broker, &pki, device(&pki, "c", 11), "c");
    let graceful = start(&pki, List { next: 3, ..LIST }, "crl_policy grace 1h\n");
    let mut fine = five(&graceful, &pki, device(&pki, "c", 11), "c");
    told_to_go(&mut client, instant_of(ends));
    // The alert for it is OpenSSL's: unknown_ca.
    assert!(dial(&broker, &pki, device(&pki, "c", 11)).refusal().contains("SMQ-T001"));
    broker.wait_for_line("SMQ-T041");
    ping(&mut fine);
    graceful.wait_for_line("who was revoked since is not known");
    // A new list brings them back without a restart.
    List { number: 2, this: -1, ..LIST }.write(&pki, broker.folder.path());
    broker.reloader().reload().unwrap();
    five(&broker, &pki, device(&pki, "c", 11), "c");
}

/// This machine's clock as an `Instant`: the beginning of that second, or now if it has passed.
fn instant_of(at: Timestamp) -> Instant {
    let wall = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let at = Duration::from_secs(u64::try_from(at.as_secs()).unwrap());
    Instant::now() + at.saturating_sub(wall)
}

fn brief(pki: &Pki, seconds: i64) -> KeyPair {
    let issued = now().plus_secs(seconds - 86_400);
    pki.device_of("brief", 20, issued, End::Days(NonZeroU32::new(1).unwrap()))
}

#[test]
fn a_certificate_that_ends_ends_its_session_within_a_second() {
    let pki = Pki::new();
    let broker = start(&pki, LIST, "");
    let staying = start(&pki, LIST, "expiry_kick false\n");
    let end = now().plus_secs(3);
    let mut client = five(&broker, &pki, brief(&pki, 3), "c");
    let mut stays = five(&staying, &pki, brief(&pki, 3), "c");
    // notAfter is the last second in which it is valid (RFC 5280 §4.1.2.5).
    told_to_go(&mut client, instant_of(end.plus_secs(1)));
    // Its end ends nothing there, also when trust moves; who comes with it is refused.
    staying.reloader().reload().unwrap();
    ping(&mut stays);
    let refusal = dial(&staying, &pki, brief(&pki, -2)).refusal();
    assert!(refusal.contains("SMQ-T005"), "{refusal}");
    // What else is wrong with it ends it all the same.
    List { revoked: Some(20), number: 2, ..LIST }.write(&pki, staying.folder.path());
    staying.reloader().reload().unwrap();
    told_to_go(&mut stays, Instant::now());
}

/// The end of a certificate is a timer of its session: a reload sets it, and takes it away.
#[test]
fn expiry_kick_counts_for_who_is_in_from_the_reload_on() {
    let pki = Pki::new();
    let (kept, ending) = (start(&pki, LIST, "expiry_kick false\n"), start(&pki, LIST, ""));
    let end = now().plus_secs(4);
    let mut goes = five(&kept, &pki, brief(&pki, 4), "c");
    let mut stays = five(&ending, &pki, brief(&pki, 4), "c");
    let conf = |broker: &Broker, rule: &str| broker.reload(&format!("{MUTUAL}{CRL}{rule}")).unwrap();
    conf(&kept, "expiry_kick true\n");
    conf(&ending, "expiry_kick false\n");
    told_to_go(&mut goes, instant_of(end.plus_secs(1)));
    ping(&mut stays);
}

/// Which end counts is what the last judgment found, not the first.
#[test]
fn whether_dates_are_checked_counts_for_who_is_in_from_the_reload_on() {
    let pki = Pki::new();
    let unchecked = "disable_client_cert_date_checks true\n";
    let (strict, lenient) = (start(&pki, LIST, unchecked), start(&pki, LIST, ""));
    let end = now().plus_secs(4);
    let mut goes = five(&strict, &pki, brief(&pki, 4), "c");
    let mut stays = five(&lenient, &pki, brief(&pki, 4), "c");
    let conf = |broker: &Broker, rule: &str| broker.reload(&format!("{MUTUAL}{CRL}{rule}")).unwrap();
    conf(&strict, "");
    conf(&lenient, unchecked);
    told_to_go(&mut goes, instant_of(end.plus_secs(1)));
    ping(&mut stays);
}

#[test]
fn with_revocation_kick_false_who_is_in_stays_and_who_comes_is_refused() {
    let pki = Pki::new();
    let broker = start(&pki, LIST, "revocation_kick false\n");
    let mut stays = five(&broker, &pki, device(&pki, "gone", 10), "c");
    List { revoked: Some(10), number: 2, ..LIST }.write(&pki, broker.folder.path());
    broker.reloader().reload().unwrap();
    ping(&mut stays);
    assert!(dial(&broker, &pki, device(&pki, "gone", 10)).refusal().contains("SMQ-T016"));
    // A CA that is gone is no revocation.
    let other = Pki::new();
    fs::write(broker.folder.path().join("ca.crt"), &other.ca_pem).unwrap();
    LIST.write(&other, broker.folder.path());
    broker.reloader().reload().unwrap();
    told_to_go(&mut stays, Instant::now());
}

/// 3.1.1 with a will for `will`.
fn with_will(id: &str) -> Vec<u8> {
    let mut connect = connect(id, None);
    connect[9] |= 0x04;
    for field in ["will", "gone"] {
        connect.extend_from_slice(&[0, 4]);
        connect.extend_from_slice(field.as_bytes());
    }
    connect[1] += 12;
    connect
}

#[test]
fn the_will_of_the_revoked_is_published_as_far_as_the_list_allows_or_dropped() {
    let acl = |may: &str| {
        format!("user watcher\ntopic read will\n\nuser gone\ntopic {may}\n\nuser helper\ntopic write will\n")
    };
    for (keys, may, heard) in [
        ("", "write will", true),
        ("", "write other", false),
        ("revocation_will drop\n", "write will", false),
    ] {
        let pki = Pki::new();
        let prepare = |folder: &Path| {
            pki.write_server(folder);
            LIST.write(&pki, folder);
            fs::write(folder.join("acl"), acl(may)).unwrap();
        };
        let broker = Broker::start(prepare, &format!("{MUTUAL}{CRL}acl_file DIR/acl\n{keys}"));
        let mut watcher = dial(&broker, &pki, device(&pki, "watcher", 11));
        watcher.send(&connect("watcher", None));
        accepted(&mut watcher);
        watcher.send(&subscribe("will"));
        watcher.expect(&[0x90, 3, 0, 1, 0]);
        let mut helper = dial(&broker, &pki, device(&pki, "helper", 12));
        helper.send(&connect("helper", None));
        accepted(&mut helper);
        let mut gone = dial(&broker, &pki, device(&pki, "gone", 10));
        gone.send(&with_will("gone"));
        accepted(&mut gone);
        List { revoked: Some(10), number: 2, ..LIST }.write(&pki, broker.folder.path());
        broker.reloader().reload().unwrap();
        assert_eq!(gone.refusal(), "closed without an alert");
        broker.wait_for_line("SMQ-T016");
        if heard {
            watcher.expect(&publish("will", "gone"));
        }
        // What comes next shows that nothing came before it.
        helper.send(&publish("will", "last"));
        watcher.expect(&publish("will", "last"));
    }
}

#[test]
fn a_crlfile_that_cannot_be_used_stops_the_start_with_exit_code_1() {
    let pki = Pki::new();
    let folder = tempfile::tempdir().unwrap();
    pki.write_server(folder.path());
    let start = |crlfile: &str| prepare(folder.path(), &format!("{MUTUAL}crlfile DIR/{crlfile}\n"));
    fs::write(folder.path().join("empty.crl"), "").unwrap();
    fs::create_dir(folder.path().join("none")).unwrap();
    fs::write(folder.path().join("none/README"), "lists of the plant").unwrap();
    for bad in ["missing.crl", "empty.crl", "none"] {
        let error = start(bad).unwrap_err();
        assert_eq!(error.exit, 1, "{error}");
        assert!(
            error.text.contains(bad) && error.hint.is_some() && error.text.contains("found at"),
            "{error}"
        );
    }
    // A folder, with OpenSSL's hashed names or without, and something else beside.
    let lists = folder.path().join("lists");
    fs::create_dir(&lists).unwrap();
    fs::write(lists.join("README"), "lists of the plant").unwrap();
    LIST.write(&pki, &lists);
    std::os::unix::fs::symlink("ca.crl", lists.join("0a1b2c3d.r0")).unwrap();
    start("lists").unwrap();
    let list = LIST.der(&pki);
    fs::write(lists.join("cut.r1"), &list[..list.len() / 2]).unwrap();
    assert!(start("lists").unwrap_err().text.contains("cut.r1"));
}

/// An alarm that is said again with every reload is read by nobody.
#[test]
fn an_old_list_is_said_once_however_often_it_is_read() {
    let pki = Pki::new();
    let broker = start(&pki, List { this: -86_400, next: 3_600, ..LIST }, "");
    for _ in 0..3 {
        broker.reloader().reload().unwrap();
    }
    let log = broker.stop();
    assert_eq!(log.matches("is past half of its life").count(), 1, "{log}");
}
