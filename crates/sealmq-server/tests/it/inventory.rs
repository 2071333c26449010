//! What the verifier hears from the inventory: the truth of this moment, or that nobody can tell.

use sealmq_pki::inventory::{Inventory as _, RevocationReason, Sighting, State};
use sealmq_pki::{Fingerprint, KeyId, Serial, Timestamp};
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
    let act = home.act(&machine.around);
    let revoked = State::Revoked { at: act.at, reason: RevocationReason::KeyCompromise };
    home.inventory().set_state(&certificate.0, &certificate.1, revoked.clone(), &act).unwrap();
    assert_eq!(status(&home, &certificate), Status::Revoked);
    // Revoked is final.
    assert!(home.inventory().set_state(&certificate.0, &certificate.1, State::Valid, &act).is_err());
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
    let error = home.inventory().insert(&record, &home.act(&machine.around)).unwrap_err();
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
    home.inventory().set_state(&issuer, &serial, revoked, &home.act(&machine.around)).unwrap();
    assert!(!lives(0).unwrap());
    other
        .execute("UPDATE certificate SET state = 'valid', state_at = NULL, revoke_reason = NULL", [])
        .unwrap();
    assert!(lives(0).unwrap());
    let path = machine.place().ca().inventory();
    std::fs::rename(&path, path.with_extension("aside")).unwrap();
    assert!(lives(0).is_err());
}

#[test]
fn a_certificate_on_hold_is_refused_until_it_is_let_go_of() {
    let machine = Machine::new();
    let (home, _report) = machine.up();
    let (issuer, serial) = operator(&home);
    let act = home.act(&machine.around);
    home.inventory().set_state(&issuer, &serial, State::Valid.held(act.at), &act).unwrap();
    assert_eq!(status(&home, &(issuer.clone(), serial.clone())), Status::Revoked);
    home.inventory().set_state(&issuer, &serial, State::Valid, &act).unwrap();
    assert!(matches!(status(&home, &(issuer, serial)), Status::Valid { .. }));
}

fn sighting(serial: u8, not_after: i64) -> Sighting {
    Sighting {
        fingerprint: Fingerprint::of(&[serial]),
        issuer: "CN=Foreign CA".to_owned(),
        serial: Serial::parse_hex(&format!("{serial:02X}")).unwrap(),
        subject: "CN=pump".to_owned(),
        not_before: Timestamp::from_secs(0),
        not_after: Timestamp::from_secs(not_after),
        first_seen: Timestamp::from_secs(10),
        last_seen: Timestamp::from_secs(10),
    }
}

/// A foreign CA may sign the key identifier of ours and any serial into what it issues.
#[test]
fn what_was_seen_is_watched_and_makes_nothing_valid() {
    let machine = Machine::new();
    let (home, _report) = machine.up();
    let (issuer, _) = operator(&home);
    let records = home.inventory().all().unwrap().len();
    home.inventory().note_seen(&[sighting(7, 300), sighting(8, 200), sighting(9, 400)]).unwrap();
    let again = Sighting {
        last_seen: Timestamp::from_secs(20),
        first_seen: Timestamp::from_secs(20),
        ..sighting(7, 300)
    };
    home.inventory().note_seen(&[again]).unwrap();
    let seen = home.inventory().seen(Timestamp::from_secs(300), 10).unwrap();
    assert_eq!(seen.iter().map(|seen| seen.not_after.as_secs()).collect::<Vec<_>>(), [200, 300]);
    assert_eq!((seen[1].first_seen.as_secs(), seen[1].last_seen.as_secs()), (10, 20));
    assert_eq!(home.inventory().seen(Timestamp::NEVER, 1).unwrap().len(), 1);
    assert_eq!(home.inventory().all().unwrap().len(), records);
    assert_eq!(status(&home, &(issuer, sighting(7, 0).serial)), Status::Unknown);
}
