//! The rules of the inventory.

use sealmq_pki::inventory::{
    InventoryError, Record, RevocationReason, Role, Standing, State, may_become, name_is_free,
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
    for next in [State::Valid, superseded(), revoked()] {
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
    assert_eq!(RevocationReason::from_code(8), None);
}
