//! A directory that is not as we left it: refused with a hint, nothing touched. Each refusal beside the whole one.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use sealmq_pki::Timestamp;
use sealmq_server::home::{HomeError, tls_port};
use sealmq_server::inventory::StoreError;

use super::{BUILD, Machine};

fn whole() -> Machine {
    let machine = Machine::new();
    drop(machine.up());
    drop(machine.up());
    machine
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn sql(machine: &Machine, text: &str) {
    rusqlite::Connection::open(machine.place().ca().inventory()).unwrap().execute_batch(text).unwrap();
}

#[test]
fn an_absurd_clock_makes_no_ca_and_not_even_a_folder() {
    for absurd in [Timestamp::from_secs(0), BUILD.plus_days(-30), BUILD.plus_days(16 * 365)] {
        let mut machine = Machine::new();
        machine.around.now = absurd;
        assert!(matches!(machine.refused(), HomeError::AbsurdClock { .. }));
        assert!(!machine.data().exists());
        machine.around.now = BUILD.plus_days(1);
        assert!(machine.try_up().is_ok());
    }
}

#[test]
fn what_exists_starts_with_any_clock() {
    let mut machine = whole();
    machine.around.now = Timestamp::from_secs(0);
    assert!(machine.try_up().is_ok());
    machine.around.now = BUILD.plus_days(9 * 365);
    assert!(machine.try_up().is_ok());
}

#[test]
fn others_can_not_reach_what_is_private() {
    for name in ["", "ca", "ca/issuing", "server", "operator", "run"] {
        let machine = whole();
        chmod(&machine.file(name), 0o755);
        let error = machine.refused();
        assert!(matches!(error, HomeError::WrongMode { .. }), "{name}: {error}");
        chmod(&machine.file(name), 0o700);
        assert!(machine.try_up().is_ok(), "{name}");
    }
    for name in ["ca/issuing/issuing.key", "server/server.key", "operator/operator.key"] {
        let machine = whole();
        chmod(&machine.file(name), 0o644);
        let error = machine.refused();
        assert!(matches!(error, HomeError::WrongMode { .. }), "{name}: {error}");
        assert_eq!(error.hint(), format!("chmod 600 {}", machine.file(name).display()));
    }
}

/// `ca init` and `ca import` make no configuration; the first start does.
#[test]
fn without_a_configuration_the_hint_is_the_start_that_writes_it() {
    let machine = whole();
    fs::remove_file(machine.place().conf()).unwrap();
    let error = tls_port(&machine.place()).unwrap_err();
    assert_eq!(error.hint(), "start the broker once, which writes it: sealmq up");
    drop(machine.up());
    tls_port(&machine.place()).unwrap();
}

#[test]
fn an_empty_folder_of_ours_is_taken_and_closed() {
    let machine = Machine::new();
    fs::create_dir(machine.data()).unwrap();
    chmod(&machine.data(), 0o755);
    drop(machine.up());
    assert_eq!(fs::metadata(machine.data()).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn a_folder_with_other_things_is_not_taken() {
    let machine = Machine::new();
    fs::create_dir(machine.data()).unwrap();
    chmod(&machine.data(), 0o700);
    fs::write(machine.file("thesis.tex"), "x").unwrap();
    assert!(matches!(machine.refused(), HomeError::Foreign { .. }));
}

#[test]
fn a_file_in_place_of_the_folder_is_refused() {
    let machine = Machine::new();
    fs::write(machine.data(), "x").unwrap();
    assert!(matches!(machine.refused(), HomeError::WrongKind { .. }));
}

#[test]
fn a_link_in_place_of_a_key_is_refused() {
    let machine = whole();
    let key = machine.file("ca/issuing/issuing.key");
    fs::rename(&key, machine.file("ca/issuing/elsewhere")).unwrap();
    std::os::unix::fs::symlink("elsewhere", &key).unwrap();
    assert!(matches!(machine.refused(), HomeError::WrongKind { .. }));
}

#[test]
fn a_ca_is_not_made_again_beside_what_an_older_one_left() {
    for left in ["server", "operator", "passwd", "sealmq.conf"] {
        let machine = whole();
        fs::remove_dir_all(machine.file("ca")).unwrap();
        for other in ["server", "operator", "run"] {
            if other != left {
                fs::remove_dir_all(machine.file(other)).unwrap();
            }
        }
        assert!(matches!(machine.refused(), HomeError::Incomplete { .. }), "{left}");
    }
}

#[test]
fn a_missing_part_of_the_ca_is_not_made_again() {
    for part in ["issuing/issuing.key", "issuing/issuing.crt", "ca.crt"] {
        let machine = whole();
        fs::remove_file(machine.file("ca").join(part)).unwrap();
        assert!(matches!(machine.refused(), HomeError::Incomplete { .. }), "{part}");
    }
}

#[test]
fn the_root_is_not_needed() {
    let machine = whole();
    fs::remove_dir_all(machine.file("ca/root")).unwrap();
    assert_eq!(machine.up().1.root_key, sealmq_server::home::RootKey::Offline);
}

#[test]
fn a_key_of_another_ca_is_refused() {
    let machine = whole();
    let other = whole();
    let key = "ca/issuing/issuing.key";
    fs::copy(other.file(key), machine.file(key)).unwrap();
    assert!(matches!(machine.refused(), HomeError::Issue(_)));
}

#[test]
fn an_inventory_of_another_ca_is_refused() {
    let machine = whole();
    let other = whole();
    fs::copy(other.place().ca().inventory(), machine.place().ca().inventory()).unwrap();
    let error = machine.refused();
    assert!(error.to_string().contains("does not know the issuing CA"), "{error}");
}

#[test]
fn a_ca_without_its_inventory_is_refused_and_none_is_made() {
    let machine = whole();
    fs::remove_file(machine.place().ca().inventory()).unwrap();
    assert!(matches!(machine.refused(), HomeError::Store(StoreError::Missing { .. })));
    assert!(!machine.place().ca().inventory().exists());
}

#[test]
fn a_damaged_inventory_is_refused() {
    let machine = whole();
    let path = machine.place().ca().inventory();
    fs::write(&path, vec![0x5a; 8192]).unwrap();
    assert!(matches!(machine.refused(), HomeError::Store(StoreError::Corrupt { .. })));

    let machine = whole();
    let path = machine.place().ca().inventory();
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 4..bytes.len();
    bytes[middle].fill(0xff);
    fs::write(&path, bytes).unwrap();
    assert!(matches!(machine.refused(), HomeError::Store(StoreError::Corrupt { .. })));
}

#[test]
fn a_newer_inventory_is_refused() {
    let machine = whole();
    sql(&machine, "PRAGMA user_version = 99");
    let error = machine.refused();
    assert!(matches!(error, HomeError::Store(StoreError::Newer { found: 99, .. })), "{error}");
}

#[test]
fn an_inventory_that_others_can_write_is_refused() {
    let machine = whole();
    chmod(&machine.place().ca().inventory(), 0o666);
    assert!(matches!(machine.refused(), HomeError::Store(StoreError::Untrusted { .. })));
}

#[test]
fn the_directory_can_be_moved() {
    let machine = whole();
    let moved = Machine::new();
    fs::rename(machine.data(), moved.data()).unwrap();
    let (_home, report) = moved.up();
    assert!(matches!(report.server, sealmq_server::home::Leaf::Kept { .. }), "{:?}", report.server);
}
