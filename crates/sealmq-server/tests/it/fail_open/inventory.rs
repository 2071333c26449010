//! Our own CA's certificates count only as long as the inventory says so, and it can say so.

use sealmq_pki::Serial;
use sealmq_pki::inventory::{Inventory as _, RevocationReason, Role, State};

use super::*;
use crate::data_plane::NOT_AUTHORISED;

fn revoke(own: &Own) {
    let record = own.record(Role::Device);
    let state = State::Revoked { at: record.not_before, reason: RevocationReason::KeyCompromise };
    let act = own.home.act(&Surroundings::look().unwrap());
    own.home.inventory().set_state(&record.issuer, &record.serial, state, &act).unwrap();
    own.broker.control().raise();
}

#[test]
fn a_certificate_that_the_ca_signed_and_the_inventory_does_not_know_is_refused() {
    let own = Own::start();
    let mut forged = own.dial(Some(own.forge("operator", Serial::from_random([9; 16]).unwrap())));
    assert_eq!(forged.refusal(), "closed without an alert");
    accepted(&mut own.arrive(own.device("pump"), "c"));
    assert!(own.broker.stop().contains("SMQ-T"));
}

/// Whoever has the issuing CA's key (a stolen backup) knows serials that are valid, too.
#[test]
fn another_certificate_under_the_operators_serial_is_refused() {
    let own = Own::start();
    let serial = own.record(Role::Operator).serial;
    let mut forged = own.dial(Some(own.forge("operator", serial)));
    assert_eq!(forged.refusal(), "closed without an alert");
    accepted(&mut own.arrive(own.operator(), "c"));
    let log = own.broker.stop();
    assert!(log.contains("its serial is that of another certificate"), "{log}");
}

#[test]
fn a_revoked_device_is_let_go_and_comes_in_no_more() {
    let own = Own::start();
    let (pump, kettle) = (own.device("pump"), own.device("kettle"));
    let mut stays = own.arrive(pump.clone(), "stays");
    accepted(&mut stays);
    let mut goes = own.arrive(kettle.clone(), "goes");
    accepted(&mut goes);
    revoke(&own);
    assert_eq!(goes.refusal(), "closed without an alert");
    assert_eq!(own.dial(Some(kettle)).refusal(), "closed without an alert");
    stays.send(&[0xc0, 0]);
    stays.expect(&[0xd0, 0]);
    accepted(&mut own.arrive(pump, "again"));
}

/// The door has judged the certificate; then it is revoked; then CONNECT comes.
#[test]
fn a_revocation_between_handshake_and_connect_is_noticed() {
    let own = Own::start();
    let pump = own.device("pump");
    let mut client = own.dial(Some(pump));
    own.broker.wait_for_line("negotiated");
    revoke(&own);
    client.send(&connect("c", None));
    client.expect(&NOT_AUTHORISED);
    assert!(own.broker.stop().contains("not authorised ("));

    let own = Own::start();
    let mut client = own.dial(Some(own.device("pump")));
    own.broker.wait_for_line("negotiated");
    // The trust has moved, and not to this client's harm.
    own.broker.control().raise();
    client.send(&connect("c", None));
    accepted(&mut client);
}

#[test]
fn while_the_inventory_is_not_there_nobody_of_ours_gets_in() {
    let own = Own::start();
    let pump = own.device("pump");
    let path = own.home.place().ca().inventory();
    let aside = path.with_extension("aside");
    std::fs::rename(&path, &aside).unwrap();
    assert_eq!(own.dial(Some(pump.clone())).refusal(), "closed without an alert");
    // An older copy in its place is another file: it may not know of a revocation.
    std::fs::copy(&aside, &path).unwrap();
    assert_eq!(own.dial(Some(pump.clone())).refusal(), "closed without an alert");
    std::fs::rename(&aside, &path).unwrap();
    accepted(&mut own.arrive(pump, "c"));
}

#[test]
fn an_inventory_that_another_process_has_locked_stops_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::at(&folder.path().join("data"));
    let around = Surroundings::look().unwrap();
    drop(Home::up(&place, &Wanted::default(), &around, &mut |_| Ok(())).unwrap());
    let other = rusqlite::Connection::open(place.ca().inventory()).unwrap();
    other.execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE;").unwrap();
    let error = Home::open(&place, &around).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("locked") && !error.hint().is_empty(), "{error}");
    drop(other);
    assert!(Home::open(&place, &around).is_ok());
}
