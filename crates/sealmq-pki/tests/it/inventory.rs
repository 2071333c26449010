//! The rules of the inventory.

use sealmq_pki::inventory::{
    Actor, InventoryError, Origin, Reason, ReasonError, Record, RevocationReason, Role, Standing, State,
    Supersession, may_become, name_is_free, predecessors,
};
use sealmq_pki::{Name, Serial};

use crate::fixture::{NOW, Pki};

fn record(name: &str, state: State) -> Record {
    let pki = Pki::new();
    let name = Name::parse(name).unwrap();
    let mut record = pki.device(name.as_str()).record(&pki.issuing, Role::Device, Some(&name), NOW);
    record.state = state;
    record
}

fn revoked() -> State {
    State::Revoked { at: NOW, reason: RevocationReason::KeyCompromise }
}

fn superseded() -> State {
    State::Superseded { at: NOW, by: Serial::parse_hex("0A").unwrap() }
}

#[test]
fn a_second_add_of_a_live_name_is_refused_and_points_to_rotate() {
    let wanted = Name::parse("CLIENT1").unwrap();
    let error = name_is_free(&wanted, &[record("client1", State::Valid)], false, NOW).unwrap_err();
    assert!(matches!(&error, InventoryError::NameTaken { name, .. } if name.as_str() == "client1"));
    assert!(error.to_string().contains("sealmq device rotate client1"), "{error}");
    assert!(name_is_free(&wanted, &[record("client1", superseded())], false, NOW).is_err());
}

#[test]
fn a_name_is_free_again_once_its_certificates_are_revoked_or_over() {
    let wanted = Name::parse("client1").unwrap();
    assert!(name_is_free(&wanted, &[], false, NOW).is_ok());
    assert!(name_is_free(&wanted, &[record("client1", revoked())], false, NOW).is_ok());
    let live = record("client1", State::Valid);
    assert!(name_is_free(&wanted, std::slice::from_ref(&live), false, live.not_after).is_err());
    assert!(name_is_free(&wanted, std::slice::from_ref(&live), false, live.not_after.plus_secs(1)).is_ok());
    assert!(name_is_free(&Name::parse("client2").unwrap(), &[live], false, NOW).is_ok());
}

#[test]
fn a_name_with_a_password_gets_no_certificate() {
    let wanted = Name::parse("client1").unwrap();
    assert!(matches!(name_is_free(&wanted, &[], true, NOW), Err(InventoryError::PasswordName { .. })));
}

#[test]
fn a_record_counts_between_its_dates_unless_revoked() {
    let valid = record("d", State::Valid);
    assert_eq!(valid.standing(valid.not_before.plus_secs(-1)), Standing::NotYet);
    assert_eq!(valid.standing(valid.not_before), Standing::Counts);
    assert_eq!(valid.standing(valid.not_after), Standing::Counts);
    assert_eq!(valid.standing(valid.not_after.plus_secs(1)), Standing::Ended);
    assert_eq!(record("d", superseded()).standing(NOW), Standing::Counts);
    assert_eq!(record("d", revoked()).standing(NOW), Standing::Revoked);
}

#[test]
fn revoked_is_final() {
    assert!(may_become(&record("d", State::Valid), &revoked()).is_ok());
    assert!(may_become(&record("d", superseded()), &revoked()).is_ok());
    for next in [State::Valid, superseded(), State::Valid.held(NOW), revoked()] {
        assert!(matches!(may_become(&record("d", revoked()), &next), Err(InventoryError::Final { .. })));
    }
}

#[test]
fn roles_and_reasons_are_read_back_from_what_is_stored_and_from_nothing_else() {
    for role in Role::ALL {
        assert_eq!(Role::parse(role.as_str()), Some(role));
    }
    assert_eq!(Role::parse("Operator"), None);
    for reason in RevocationReason::ALL {
        assert_eq!(RevocationReason::from_code(reason.code()), Some(reason));
    }
    for absent in [6, 8] {
        assert_eq!(RevocationReason::from_code(absent), None, "a hold is a state, not a reason");
    }
    for origin in Origin::ALL {
        assert_eq!(Origin::parse(origin.as_str()), Some(origin));
    }
    assert_eq!(Origin::parse("seen"), None, "what was seen is no record");
}

#[test]
fn what_is_on_hold_does_not_count_and_becomes_again_what_it_was_or_revoked() {
    for before in [State::Valid, superseded()] {
        let held = before.held(NOW);
        assert!(may_become(&record("d", before.clone()), &held).is_ok());
        assert_eq!(record("d", held.clone()).standing(NOW), Standing::Held);
        assert_eq!(held.unheld(), Some(before.clone()));
        assert!(may_become(&record("d", held.clone()), &before).is_ok());
        assert!(may_become(&record("d", held.clone()), &revoked()).is_ok());
        let other = if before == State::Valid { superseded() } else { State::Valid };
        let error = may_become(&record("d", held), &other).unwrap_err();
        assert!(matches!(error, InventoryError::NotAsBefore { .. }), "{error}");
        assert_eq!(before.unheld(), None);
    }
    assert_eq!(revoked().unheld(), None);
    let held_twice = superseded().held(NOW).held(NOW.plus_secs(1));
    let by = Serial::parse_hex("0A").unwrap();
    assert_eq!(
        held_twice,
        State::Held { at: NOW.plus_secs(1), superseded: Some(Supersession { at: NOW, by }) }
    );
}

#[test]
fn a_hold_keeps_the_name_and_nothing_new_gets_round_it() {
    let held = record("client1", State::Valid.held(NOW));
    let name = Name::parse("client1").unwrap();
    assert!(matches!(
        name_is_free(&name, std::slice::from_ref(&held), false, NOW),
        Err(InventoryError::NameTaken { .. })
    ));
    let others = [record("client1", State::Valid), held.clone()];
    let error = predecessors(&name, &others, NOW).unwrap_err();
    assert!(matches!(error, InventoryError::OnHold { .. }), "{error}");
    // Once it has ended it holds nothing up.
    let after = held.not_after.plus_secs(1);
    assert_eq!(held.standing(after), Standing::Ended);
    assert!(name_is_free(&name, &[held], false, after).is_ok());
    assert_eq!(predecessors(&name, &others[..1], NOW).unwrap().len(), 1);
}

#[test]
fn a_reason_is_one_bounded_line_and_moves_no_cursor() {
    assert_eq!(Reason::parse(" stolen in Gräfelfing ").unwrap().as_str(), "stolen in Gräfelfing");
    assert_eq!(Reason::parse("a\nb\u{1b}[2J\u{202e}").unwrap().as_str(), "a\\nb\\u{1b}[2J\\u{202e}");
    // What was escaped cannot be written by hand.
    assert_eq!(Reason::parse("a\\nb").unwrap().as_str(), "a\\\\nb");
    assert_eq!(Reason::parse(" \t"), Err(ReasonError::Empty));
    assert!(Reason::parse(&"ä".repeat(200)).is_ok());
    assert_eq!(Reason::parse(&"\u{7}".repeat(41)), Err(ReasonError::TooLong { chars: 205 }));
}

#[test]
fn who_did_it_is_written_so_that_nobody_is_taken_for_another() {
    let pki = Pki::new();
    let operator =
        Actor::Operator { issuer: pki.issuing.key_id().clone(), serial: Serial::parse_hex("0A").unwrap() };
    assert_eq!(operator.to_string(), format!("operator:{}/0A", pki.issuing.key_id()));
    assert_eq!(Actor::User { uid: 0 }.to_string(), "uid:0");
    assert_eq!(Actor::Broker.to_string(), "broker");
}
