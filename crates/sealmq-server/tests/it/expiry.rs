//! What a whole broker says about ends: in the log and in `$SYS`, once, with what mends it.

use std::path::Path;

use sealmq_pki::inventory::{Inventory as _, Record, Role};
use sealmq_pki::{End, Fingerprint, Name, Serial};
use sealmq_server::control::{ListRequest, Office};
use sealmq_server::directory;
use sealmq_server::door::limits::DoorLimits;
use sealmq_server::home::{Home, Place, Surroundings, Wanted, wall_now};
use sealmq_server::running::Threads;
use sealmq_tls::Versions;

use crate::data_plane::{ACCEPTED, Broker, MUTUAL, Pki, TlsClient, connect, publish, subscribe};

/// A server's certificate of 90 days that was made so many days ago.
fn aged(pki: &Pki, folder: &Path, days: i64) {
    pki.write_server_at(folder, wall_now().plus_days(-days).plus_secs(3_600));
}

/// Its leaves may be old.
fn old_pki() -> Pki {
    Pki::since(wall_now().plus_days(-400))
}

#[test]
fn a_served_certificate_near_its_end_is_said_once_for_each_threshold_with_what_mends_it() {
    let pki = old_pki();
    let broker = Broker::start(|folder| aged(&pki, folder, 72), MUTUAL);
    broker.wait_for_line("server.crt: the certificate 'CN=localhost' ends in 18 days");
    broker.reload(&format!("{MUTUAL}max_topic_alias 3\n")).unwrap();
    // A renewal that does not renew much: what is said of it comes after the look that the reload caused.
    aged(&pki, broker.folder.path(), 80);
    broker.reloader().reload().unwrap();
    broker.wait_for_line("server.crt: the certificate 'CN=localhost' ends in 10 days");
    let log = broker.stop();
    assert_eq!(log.matches("the certificate 'CN=localhost' ends in").count(), 2, "{log}");
    assert!(log.contains("certbot renew"), "{log}");
}

#[test]
fn what_is_fresh_is_not_said() {
    let pki = old_pki();
    let broker = Broker::start(|folder| aged(&pki, folder, 60), MUTUAL);
    let other = Broker::start(|folder| aged(&pki, folder, 89), MUTUAL);
    other.wait_for_line("the certificate 'CN=localhost' ends in");
    assert!(!broker.stop().contains("the certificate 'CN=localhost' ends in"));
}

/// Only what was verified: a stranger makes nobody an alarm.
#[test]
fn a_certificate_that_a_client_shows_is_watched() {
    let pki = old_pki();
    let broker = Broker::start(|folder| pki.write_server(folder), MUTUAL);
    let show = |pki: &Pki, ca: &str, name: &str, number| {
        let device = pki.device_of(name, number, wall_now().plus_days(-360), End::Profile);
        TlsClient::connect(broker.tcp(), ca, Some(device), Versions::OnlyV1_3)
    };
    let stranger = old_pki();
    show(&stranger, &pki.ca_pem, "stranger", 8).refusal();
    let mut known = show(&pki, &pki.ca_pem, "pump", 9);
    known.send(&connect("c", None));
    known.expect(&ACCEPTED);
    broker.reload(&format!("{MUTUAL}max_topic_alias 3\n")).unwrap();
    broker.wait_for_line("the certificate 'CN=pump' that a client shows ends in");
    assert!(!broker.stop().contains("CN=stranger' that a client shows"));
}

#[test]
fn the_numbers_of_ends_stand_in_sys() {
    let pki = old_pki();
    let conf = format!("sys_interval 1\n{MUTUAL}acl_file DIR/acl\n");
    let prepare = |folder: &Path| {
        aged(&pki, folder, 80);
        std::fs::write(folder.join("acl"), "pattern read $SYS/#\n").unwrap();
    };
    let broker = Broker::start(prepare, &conf);
    broker.wait_for_line("ends in 10 days");
    let mut watcher =
        TlsClient::connect(broker.tcp(), &pki.ca_pem, Some(pki.device("d")), Versions::OnlyV1_3);
    watcher.send(&connect("c", None));
    watcher.expect(&ACCEPTED);
    watcher.send(&subscribe("$SYS/broker/certificates/expiring/14d"));
    watcher.read_exactly(5);
    // As the table says it: retained, or once it has changed.
    let said = watcher.read_until(b"14d1");
    assert!(said.len() < 3 * publish("$SYS/broker/certificates/expiring/14d", "1").len());
}

/// The data directory's broker; its configuration is the one of `up`.
fn serve(place: &Place) -> (Broker, Home) {
    let home = Home::open(place, &Surroundings::look().unwrap()).unwrap();
    let conf =
        "listener PORT 127.0.0.1\ncertfile DIR/server.crt\nkeyfile DIR/server.key\ncafile DIR/ca.crt\n";
    let folder = tempfile::tempdir().unwrap();
    Pki::new().write_server(folder.path());
    let hooks = directory::hooks(&home);
    (Broker::launch(folder, conf, hooks, DoorLimits::default(), Threads::default()), home)
}

/// A record as `device add` makes it, that ends in so many days.
fn issue(home: &Home, name: &str, number: u8, days: i64) {
    let act = home.act(&Surroundings::look().unwrap());
    let server =
        home.inventory().all().unwrap().into_iter().find(|record| record.role == Role::Server).unwrap();
    let record = Record {
        serial: Serial::from_random([number; 16]).unwrap(),
        role: Role::Device,
        name: Some(Name::parse(name).unwrap()),
        subject: format!("CN={name}"),
        not_after: wall_now().plus_days(days).plus_secs(60),
        not_before: wall_now().plus_days(-300),
        fingerprint: Fingerprint::of(&[number]),
        ..server
    };
    home.inventory().insert(&record, &act).unwrap();
}

#[test]
fn what_our_own_ca_issued_is_watched_and_a_restart_says_nothing_again() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::at(&folder.path().join("data"));
    let around = Surroundings::look().unwrap();
    let (home, _) = Home::up(&place, &Wanted::default(), &around, &mut |_| Ok(())).unwrap();
    issue(&home, "pump", 1, 10);
    // Replaced: its holder has another one.
    issue(&home, "kettle", 2, 10);
    issue(&home, "kettle", 3, 200);
    drop(home);
    let (broker, home) = serve(&place);
    broker.wait_for_line("the certificate of 'pump' ('CN=pump') ends in 10 days");
    let log = broker.stop();
    assert!(log.contains("sealmq device rotate pump") && !log.contains("kettle"), "{log}");
    issue(&home, "lamp", 4, 10);
    drop(home);
    let (broker, _home) = serve(&place);
    broker.wait_for_line("the certificate of 'lamp' ('CN=lamp') ends in 10 days");
    assert!(!broker.stop().contains("pump"));
}

#[test]
fn the_inventory_is_listed_by_end_state_and_name() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::at(&folder.path().join("data"));
    let around = Surroundings::look().unwrap();
    let (home, _) = Home::up(&place, &Wanted::default(), &around, &mut |_| Ok(())).unwrap();
    for (name, number, days) in
        [("pump-1", 1, 10), ("pump-2", 2, 200), ("lamp", 3, -3), ("old", 4, -40), ("pump-1", 5, 300)]
    {
        issue(&home, name, number, days);
    }
    drop(home);
    let mut office = Office::reach(&place).unwrap();
    let mut ends = |request: ListRequest| -> Vec<String> {
        let rows = office.certificates(request).unwrap();
        rows.into_iter().filter_map(|row| row.name).filter(|name| name != "operator").collect()
    };
    let all = ListRequest::default;
    assert_eq!(ends(all()), ["old", "lamp", "pump-1", "pump-2", "pump-1"]);
    let soon = Some(30 * 86_400);
    assert_eq!(ends(ListRequest { expiring_within_secs: soon, ..all() }), ["old", "lamp", "pump-1"]);
    assert_eq!(ends(ListRequest { state: Some("ended".to_owned()), ..all() }), ["old", "lamp"]);
    assert_eq!(
        ends(ListRequest { name: Some("PUMP-*".to_owned()), ..all() }),
        ["pump-1", "pump-2", "pump-1"]
    );
    // What was replaced, or ended long ago, needs nobody.
    let expiring = office.certificates_expiring(30 * 86_400).unwrap();
    let names: Vec<_> =
        expiring.into_iter().filter_map(|row| row.name).filter(|name| name != "operator").collect();
    assert_eq!(names, ["lamp"]);
    for (state, name) in [(Some("fine"), None), (None, Some("a b"))] {
        let [state, name] = [state, name].map(|text| text.map(str::to_owned));
        let refused = office.certificates(ListRequest { state, name, ..all() }).unwrap_err();
        assert!(!refused.hint().is_empty(), "{refused}");
    }
}
