//! The control socket: changes go through whoever holds the directory, and nobody else is heard.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use sealmq_pki::{PublicKey, Signer, SoftKey};
use sealmq_server::control::{
    self, BanRow, Broker, ControlSpec, ControlThread, DeviceHolder, DraftRequest, Office, Status, Swept,
};
use sealmq_server::home::passwords::Hash;
use sealmq_server::log::{Format, Levels, Log, LogKeeper, LogSpec, Timestamp};

use crate::home::Machine;

/// Counts what it is told.
struct Listening(Arc<AtomicUsize>);

impl Broker for Listening {
    fn status(&self) -> Status {
        Status { port: 8883, connections: 7, ..Status::default() }
    }

    fn passwords_changed(&self) -> Result<(), String> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    fn certificate_changed(&self) -> Result<(), String> {
        Ok(())
    }

    fn device_entered(&self, _: &sealmq_pki::Name) {}

    fn taken_back(&self, passwords: &[String], gone: &[sealmq_broker::Owner]) -> Result<Swept, String> {
        Ok(Swept { ended: passwords.len() as u64, forgotten: gone.len() as u64 })
    }

    fn bans(&self) -> Vec<BanRow> {
        vec![BanRow { network: "192.0.2.7".to_owned(), left_secs: 60 }]
    }

    fn lift_ban(&self, address: std::net::IpAddr) -> bool {
        address == std::net::IpAddr::from([192, 0, 2, 7])
    }
}

/// A log that goes nowhere; its writer lives as long as the process.
fn log() -> Log {
    let spec = LogSpec {
        destinations: vec![],
        format: Format::Human,
        levels: Levels::NONE,
        timestamp: Timestamp::None,
        ..LogSpec::default()
    };
    let keeper = LogKeeper::start(spec).unwrap();
    let log = keeper.log();
    std::mem::forget(keeper);
    log
}

/// These tests go by the real clock, as commands do.
fn machine() -> Machine {
    let mut machine = Machine::new();
    machine.around = sealmq_server::home::Surroundings::look().unwrap();
    machine
}

fn serving(machine: &Machine) -> (ControlThread, Arc<AtomicUsize>) {
    let told = Arc::new(AtomicUsize::new(0));
    let (home, _report) = machine.up();
    let broker = Box::new(Listening(Arc::clone(&told)));
    let thread = control::start(ControlSpec { home, broker, port: 8883, log: log() }).unwrap();
    (thread, told)
}

fn key() -> PublicKey {
    SoftKey::generate().unwrap().public_key().clone()
}

fn request(name: &str) -> DraftRequest {
    DraftRequest {
        name: name.to_owned(),
        holder: DeviceHolder::New,
        public_key: String::new(),
        days: None,
        bundles: vec![],
        host: None,
    }
}

fn hash() -> Hash {
    Hash::parse("$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$cWdDZxlYaWQrYmFzZTY0aGFzaA").unwrap()
}

#[test]
fn a_device_is_added_through_the_broker_and_counts_at_once() {
    let machine = machine();
    let (_thread, _told) = serving(&machine);
    let mut office = Office::reach(&machine.place()).unwrap();
    assert_eq!(office.status().unwrap().connections, 7);
    let issued = office.draft_device(request("pump"), &key()).unwrap();
    assert_eq!(issued.port, 8883);
    assert!(office.devices().unwrap().is_empty());
    office.enter().unwrap();
    assert_eq!(office.devices().unwrap()[0].name, "pump");
    let mut second = Office::reach(&machine.place()).unwrap();
    assert!(second.draft_device(request("Pump"), &key()).is_err());
}

#[test]
fn a_device_is_added_without_a_broker_and_the_next_broker_knows_it() {
    let machine = machine();
    drop(machine.up());
    let mut office = Office::reach(&machine.place()).unwrap();
    assert!(office.status().is_err());
    office.draft_device(request("pump"), &key()).unwrap();
    office.enter().unwrap();
    drop(office);
    let (_thread, _told) = serving(&machine);
    assert_eq!(Office::reach(&machine.place()).unwrap().devices().unwrap().len(), 1);
}

#[test]
fn a_connection_that_ends_before_the_entry_leaves_nothing() {
    let machine = machine();
    let (_thread, _told) = serving(&machine);
    let mut office = Office::reach(&machine.place()).unwrap();
    office.draft_device(request("pump"), &key()).unwrap();
    drop(office);
    let mut office = Office::reach(&machine.place()).unwrap();
    assert!(office.enter().is_err());
    assert!(office.devices().unwrap().is_empty());
    office.draft_device(request("pump"), &key()).unwrap();
    office.enter().unwrap();
}

#[test]
fn the_broker_hears_of_a_new_password() {
    let machine = machine();
    let (_thread, told) = serving(&machine);
    let mut office = Office::reach(&machine.place()).unwrap();
    office.add_user("kettle", &hash()).unwrap();
    assert_eq!(told.load(Ordering::SeqCst), 1);
    assert!(office.add_user("kettle", &hash()).is_err());
    assert_eq!(told.load(Ordering::SeqCst), 1);
    office.remove_user("kettle").unwrap();
    assert_eq!(told.load(Ordering::SeqCst), 2);
    assert!(office.users().unwrap().is_empty());
}

#[test]
fn the_socket_is_private_and_goes_with_the_broker() {
    let machine = machine();
    let (thread, _told) = serving(&machine);
    let socket = machine.place().control_socket();
    assert_eq!(std::fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
    drop(thread);
    assert!(!socket.exists());
    assert!(Office::reach(&machine.place()).is_ok(), "the lock is free again");
}

#[test]
fn a_socket_that_a_crashed_broker_left_is_no_broker() {
    let machine = machine();
    drop(machine.up());
    drop(std::os::unix::net::UnixListener::bind(machine.place().control_socket()).unwrap());
    let mut office = Office::reach(&machine.place()).unwrap();
    assert!(office.devices().unwrap().is_empty());
    drop(office);
    let (_thread, _told) = serving(&machine);
    assert!(Office::reach(&machine.place()).unwrap().status().is_ok());
}

#[test]
fn what_is_no_request_is_refused_and_what_is_too_long_is_not_read() {
    let machine = machine();
    let (_thread, _told) = serving(&machine);
    let mut stream = UnixStream::connect(machine.place().control_socket()).unwrap();
    stream.write_all(b"{\"format\":\"c:\"}\n").unwrap();
    let mut answer = String::new();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    reader.read_line(&mut answer).unwrap();
    assert!(answer.contains("refused"), "{answer}");

    let mut stream = UnixStream::connect(machine.place().control_socket()).unwrap();
    let long = vec![b' '; 300 * 1024];
    // The broker hangs up in the middle of it.
    let _ = stream.write_all(&long);
    let mut answer = String::new();
    let read = BufReader::new(stream).read_line(&mut answer);
    assert!(read.is_err() || answer.is_empty(), "{answer}");
    assert!(Office::reach(&machine.place()).unwrap().status().is_ok());
}

#[test]
fn a_path_longer_than_a_socket_address_works() {
    let machine = machine();
    let long = machine.file(&"long".repeat(30));
    std::fs::create_dir_all(machine.data()).unwrap();
    let place = sealmq_server::home::Place::at(&long);
    let wanted = sealmq_server::home::Wanted::default();
    let (home, _report) =
        sealmq_server::home::Home::up(&place, &wanted, &machine.around, &mut |_| Ok(())).unwrap();
    let broker = Box::new(Listening(Arc::default()));
    let _thread = control::start(ControlSpec { home, broker, port: 1, log: log() }).unwrap();
    assert!(Office::reach(&place).unwrap().status().is_ok());
}

#[test]
fn a_missing_directory_is_said() {
    let machine = machine();
    let error = Office::reach(&machine.place()).map(|_| ()).unwrap_err();
    assert!(error.hint().contains("sealmq up"), "{}", error.hint());
}

#[test]
fn bans_are_listed_and_lifted_through_the_broker_and_nowhere_else() {
    let machine = machine();
    let (thread, _told) = serving(&machine);
    let mut office = Office::reach(&machine.place()).unwrap();
    let bans = office.bans().unwrap();
    assert_eq!(bans, [BanRow { network: "192.0.2.7".to_owned(), left_secs: 60 }]);
    office.lift_ban([192, 0, 2, 7].into()).unwrap();
    let refused = office.lift_ban([192, 0, 2, 8].into()).unwrap_err().to_string();
    assert!(refused.contains("192.0.2.8 is not banned"), "{refused}");
    drop((office, thread));
    let refused = Office::reach(&machine.place()).unwrap().bans().unwrap_err().to_string();
    assert!(refused.contains("no broker runs on"), "{refused}");
}
