//! What the verifier hears from the inventory: the truth of this moment, or that nobody can tell.

use sealmq_pki::inventory::{Inventory as _, RevocationReason, State};
use sealmq_pki::{KeyId, Serial};
use sealmq_server::home::Home;
use sealmq_tls::{Known, Status};

use crate::home::Machine;

/// The operator's certificate: one that is in the inventory.
fn operator(home: &Home) -> (KeyId, Serial) {
    let records = home.inventory().all().unwrap();
    let record = records.iter().find(|record| record.role == sealmq_pki::inventory::Role::Operator).unwrap();
    (record.issuer.clone(), record.serial.clone())
}

fn status(home: &Home, (issuer, serial): &(KeyId, Serial)) -> Status {
    Known::status(home.inventory().as_ref(), issuer, serial)
}

#[test]
fn what_was_issued_is_valid_and_anything_else_is_unknown() {
    let machine = Machine::new();
    let (home, _report) = machine.up();
    let certificate = operator(&home);
    assert!(matches!(status(&home, &certificate), Status::Valid { .. }));
    let stranger = Serial::from_random([7; 16]).unwrap();
    assert_eq!(status(&home, &(certificate.0.clone(), stranger)), Status::Unknown);
    assert_eq!(status(&home, &(KeyId::from_bytes(b"another"), certificate.1)), Status::Unknown);
}

#[test]
fn a_revocation_is_known_at_once_by_whoever_made_it() {
    let machine = Machine::new();
    let (home, _report) = machine.up();
    let certificate = operator(&home);
    assert!(matches!(status(&home, &certificate), Status::Valid { .. }));
    let revoked = State::Revoked { at: machine.around.now, reason: RevocationReason::KeyCompromise };
    home.inventory().set_state(&certificate.0, &certificate.1, revoked.clone()).unwrap();
    assert_eq!(status(&home, &certificate), Status::Revoked);
    // Revoked is final.
    assert!(home.inventory().set_state(&certificate.0, &certificate.1, State::Valid).is_err());
    assert_eq!(status(&home, &certificate), Status::Revoked);
}

#[test]
fn a_change_by_another_process_is_known_at_once() {
    let machine = Machine::new();
    let (home, _report) = machine.up();
    let certificate = operator(&home);
    assert!(matches!(status(&home, &certificate), Status::Valid { .. }));
    let other = rusqlite::Connection::open(machine.place().ca().inventory()).unwrap();
    other.execute("DELETE FROM certificate WHERE role = 'operator'", []).unwrap();
    assert_eq!(status(&home, &certificate), Status::Unknown);
}

#[test]
fn a_removed_or_replaced_inventory_can_not_tell() {
    let machine = Machine::new();
    let (home, _report) = machine.up();
    let certificate = operator(&home);
    let path = machine.place().ca().inventory();
    let aside = path.with_extension("aside");
    std::fs::rename(&path, &aside).unwrap();
    assert_eq!(status(&home, &certificate), Status::CannotTell);
    std::fs::copy(&aside, &path).unwrap();
    assert_eq!(status(&home, &certificate), Status::CannotTell);
    std::fs::rename(&aside, &path).unwrap();
    assert!(matches!(status(&home, &certificate), Status::Valid { .. }));
}

#[test]
fn a_row_that_makes_no_sense_can_not_tell() {
    let machine = Machine::new();
    let (home, _report) = machine.up();
    let certificate = operator(&home);
    let other = rusqlite::Connection::open(machine.place().ca().inventory()).unwrap();
    other
        .execute("UPDATE certificate SET state = 'revoked', revoke_reason = 77 WHERE role = 'operator'", [])
        .unwrap();
    assert_eq!(status(&home, &certificate), Status::CannotTell);
}

#[test]
fn a_serial_is_entered_once() {
    let machine = Machine::new();
    let (home, _report) = machine.up();
    let record = home.inventory().all().unwrap().remove(3);
    let error = home.inventory().insert(&record).unwrap_err();
    assert!(error.to_string().contains("is in the inventory already"), "{error}");
}

/// What was answered about a name is kept, and forgotten at every change, by whomever.
#[test]
fn whether_a_certificate_lives_under_a_name_is_known_at_once_and_when_nobody_can_tell_said() {
    let machine = Machine::new();
    let (home, _report) = machine.up();
    let lives = |days| {
        let key = sealmq_pki::Name::parse("Pump").unwrap().key();
        home.inventory().certificate_lives(&key, machine.around.now.plus_days(days))
    };
    assert!(!lives(0).unwrap());
    let other = rusqlite::Connection::open(machine.place().ca().inventory()).unwrap();
    other
        .execute("UPDATE certificate SET name = 'pump', name_key = 'pump' WHERE role = 'operator'", [])
        .unwrap();
    assert!(lives(0).unwrap());
    // Before its first second it is taken as well; after its last one it is free.
    assert!(lives(-10_000).unwrap() && !lives(10_000).unwrap());
    let (issuer, serial) = operator(&home);
    let revoked = State::Revoked { at: machine.around.now, reason: RevocationReason::Superseded };
    home.inventory().set_state(&issuer, &serial, revoked).unwrap();
    assert!(!lives(0).unwrap());
    other
        .execute("UPDATE certificate SET state = 'valid', state_at = NULL, revoke_reason = NULL", [])
        .unwrap();
    assert!(lives(0).unwrap());
    let path = machine.place().ca().inventory();
    std::fs::rename(&path, path.with_extension("aside")).unwrap();
    assert!(lives(0).is_err());
}
