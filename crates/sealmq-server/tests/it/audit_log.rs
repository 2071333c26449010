//! The audit log in the inventory: every change has its record, in the transaction of the change, and nobody edits it.

use sealmq_pki::audit::{Broken, Record, verify};
use sealmq_pki::inventory::{
    Act, Actor, Inventory as _, InventoryError, Reason, RevocationReason, Role, State,
};
use sealmq_pki::{Name, Timestamp};
use sealmq_server::home::passwords::Hash;
use sealmq_server::home::{Home, HomeError};
use sealmq_server::inventory::StoreError;

use crate::home::Machine;

fn log(home: &Home) -> Vec<Record> {
    let records = home.inventory().audit_records(1, 10_000).unwrap();
    verify(&records, Vec::new()).unwrap();
    records
}

fn words(records: &[Record]) -> Vec<&str> {
    records.iter().map(|record| record.what.as_str()).collect()
}

/// What was written since `before` records.
fn since(home: &Home, before: usize) -> Vec<Record> {
    log(home).split_off(before)
}

fn sql(machine: &Machine, statement: &str) -> rusqlite::Result<()> {
    rusqlite::Connection::open(machine.place().ca().inventory())?.execute_batch(statement)
}

#[test]
fn the_first_start_is_written_down_whole_and_each_later_one_loads_a_key() {
    let machine = Machine::new();
    let (home, _report) = machine.up();
    let records = log(&home);
    assert_eq!(
        words(&records),
        [
            "ca-created",
            "key-created",
            "certificate-issued",
            "certificate-issued",
            "key-loaded",
            "key-created",
            "certificate-issued",
            "key-created",
            "certificate-issued",
            "key-created",
            "certificate-issued",
            "crl-signed"
        ]
    );
    assert!(records.iter().all(|record| record.actor == "uid:1000"), "{records:?}");
    assert_eq!(records[1].subjects.len(), 2, "root and issuing key");
    assert!(records[2].details.starts_with("root, subject CN="), "{}", records[2].details);
    let count = records.len();
    drop(home);
    let (home, _report) = machine.up();
    assert_eq!(words(&since(&home, count)), ["key-loaded"]);
}

#[test]
fn every_change_of_a_certificate_says_who_what_and_why() {
    let machine = Machine::new();
    let (home, _report) = machine.up();
    let mut record = home.inventory().all().unwrap().remove(3);
    assert_eq!(record.role, Role::Operator);
    let act = Act::new(machine.around.now, Actor::User { uid: 7 });
    record.role = Role::Device;
    record.name = Some(Name::parse("Pump").unwrap());
    record.serial = sealmq_pki::Serial::parse_hex("0A").unwrap();
    let count = log(&home).len();
    home.inventory().insert_new_name(&record, &act).unwrap();
    let mut next = record.clone();
    next.serial = sealmq_pki::Serial::parse_hex("0B").unwrap();
    home.inventory().insert_successor(&next, &act).unwrap();
    let why = act.clone().because(Some(Reason::parse("lost on the way\nto work").unwrap()));
    let superseded = home.inventory().find(&record.issuer, &record.serial).unwrap().unwrap().state;
    for state in [
        superseded.held(act.at),
        superseded.clone(),
        State::Revoked { at: act.at, reason: RevocationReason::KeyCompromise },
    ] {
        home.inventory().set_state(&record.issuer, &record.serial, state.clone(), &why).unwrap();
        assert_eq!(home.inventory().find(&record.issuer, &record.serial).unwrap().unwrap().state, state);
    }
    let records = since(&home, count);
    let told: Vec<(&str, &str)> =
        records.iter().map(|record| (record.what.as_str(), record.details.as_str())).collect();
    assert_eq!(told[1].0, "certificate-issued");
    assert_eq!(
        [told[2], told[3], told[4], told[5]],
        [
            ("certificate-superseded", "by 0B"),
            ("certificate-held", ""),
            ("certificate-unheld", ""),
            ("certificate-revoked", "keyCompromise")
        ]
    );
    let last = records.last().unwrap();
    assert_eq!((last.actor.as_str(), last.why.as_str()), ("uid:7", "lost on the way\\nto work"));
    assert_eq!(last.subjects, [format!("certificate:{}/0A", record.issuer), "name:pump".to_owned()]);
}

/// A refused change leaves neither row nor record, and so does one whose later half fails.
#[test]
fn what_did_not_happen_is_not_in_the_log() {
    let machine = Machine::new();
    let (home, _report) = machine.up();
    let before = (log(&home).len(), home.inventory().all().unwrap().len());
    let record = home.inventory().all().unwrap().remove(3);
    let act = home.act(&machine.around);
    assert!(home.inventory().insert(&record, &act).is_err());
    let mut fresh = record.clone();
    fresh.serial = sealmq_pki::Serial::parse_hex("0C").unwrap();
    let half: Result<(), InventoryError> = home.inventory().change(&act, |change| {
        change.insert(&fresh)?;
        change.keep_setting("half", "done")?;
        change.insert(&record)
    });
    assert!(matches!(half, Err(InventoryError::SerialTaken { .. })), "{half:?}");
    assert_eq!((log(&home).len(), home.inventory().all().unwrap().len()), before);
    assert_eq!(home.inventory().setting("half").unwrap(), None);
    // Without the refused part, all of it happens.
    let whole: Result<(), InventoryError> = home.inventory().change(&act, |change| {
        change.keep_setting("half", "done")?;
        change.insert(&fresh)
    });
    whole.unwrap();
    assert_eq!((log(&home).len(), home.inventory().all().unwrap().len()), (before.0 + 1, before.1 + 1));
    assert_eq!(home.inventory().setting("half").unwrap().as_deref(), Some("done"));
}

#[test]
fn users_are_in_the_log_and_one_that_could_not_be_written_is_not() {
    let machine = Machine::new();
    let (home, _report) = machine.up();
    let count = log(&home).len();
    let hash = Hash::parse("$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$cWdDZxlYaWQrYmFzZTY0aGFzaA").unwrap();
    home.add_user("Kettle", &hash, &machine.around).unwrap();
    home.remove_user(&Name::parse("kettle").unwrap().key(), &machine.around).unwrap();
    let records = since(&home, count);
    assert_eq!(words(&records), ["user-added", "user-removed"]);
    assert_eq!(records[0].subjects, ["name:kettle"]);
    assert!(records.iter().all(|record| !record.details.contains("argon2")));

    let failed: Result<(), HomeError> = home.inventory().note_with(
        &sealmq_pki::audit::Draft::new(sealmq_pki::audit::What::UserAdded, Vec::new()),
        &home.act(&machine.around),
        || Err(HomeError::Random("as if the disk were full".to_owned())),
    );
    assert!(failed.is_err());
    assert_eq!(log(&home).len(), count + 2);
}

#[test]
fn a_record_cannot_be_changed_removed_or_put_in_between() {
    let machine = Machine::new();
    let (home, _report) = machine.up();
    for statement in [
        "UPDATE audit SET actor = 'broker' WHERE number = 2",
        "DELETE FROM audit WHERE number = 9",
        "DELETE FROM audit",
        "REPLACE INTO audit SELECT number, at, 'broker', what, subjects, details, why, previous, hash FROM audit WHERE number = 2",
        "INSERT INTO audit SELECT number + 20, at, actor, what, subjects, details, why, previous, hash FROM audit WHERE number = 2",
    ] {
        let error = sql(&machine, statement).unwrap_err();
        assert!(error.to_string().contains("only appended to"), "{statement}: {error}");
    }
    log(&home);
}

#[test]
fn an_inventory_whose_log_was_edited_without_the_triggers_does_not_open() {
    let machine = Machine::new();
    let (home, _report) = machine.up();
    let inventory = machine.place().ca().inventory();
    drop(home);
    let bare = "DROP TRIGGER audit_is_not_changed; DROP TRIGGER audit_is_not_deleted; DROP TRIGGER audit_is_not_replaced;";
    let unchanged = std::fs::read(&inventory).unwrap();
    for (edit, found) in [
        ("UPDATE audit SET actor = 'broker' WHERE number = 4", Broken::Changed { number: 4 }),
        ("DELETE FROM audit WHERE number = 4", Broken::Gap { expected: 4, found: 5 }),
        ("DELETE FROM audit WHERE number = 1", Broken::Gap { expected: 1, found: 2 }),
        ("UPDATE audit SET previous = hash WHERE number = 4", Broken::Unlinked { number: 4 }),
    ] {
        sql(&machine, &format!("{bare}{edit}")).unwrap();
        let error = Home::open(&machine.place(), &machine.around).map(|_| ()).unwrap_err();
        let HomeError::Store(StoreError::Altered { broken, .. }) = &error else { panic!("{error}") };
        assert_eq!(*broken, found, "{edit}");
        assert!(error.hint().contains("audit-log verify"), "{}", error.hint());
        std::fs::write(&inventory, &unchanged).unwrap();
    }
    assert!(Home::open(&machine.place(), &machine.around).is_ok());
}

#[test]
fn a_key_that_cannot_be_used_leaves_a_record() {
    let machine = Machine::new();
    let (home, _report) = machine.up();
    let count = log(&home).len();
    let key = machine.place().ca().issuing().key();
    drop(home);
    let pem = std::fs::read(&key).unwrap();
    std::fs::write(&key, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n").unwrap();
    assert!(Home::open(&machine.place(), &machine.around).is_err());
    std::fs::write(&key, pem).unwrap();
    let home = Home::open(&machine.place(), &machine.around).unwrap();
    let records = since(&home, count);
    assert_eq!(words(&records), ["key-failed", "key-loaded"]);
    assert!(records[0].details.contains("issuing"), "{}", records[0].details);
}

#[test]
fn a_head_is_that_of_the_last_record_and_verifies_with_the_issuing_key() {
    let machine = Machine::new();
    let (home, _report) = machine.up();
    let at = Timestamp::from_secs(1_800_000_000);
    let head = home.inventory().audit_head(at).unwrap();
    let signed = head.sign(home.issuing().signer()).unwrap();
    let believed = signed.verify(home.issuing().signer().public_key()).unwrap();
    let mut records = log(&home);
    assert!(verify(&records, vec![believed]).is_ok());
    records.pop();
    assert!(matches!(verify(&records, vec![believed]), Err(Broken::Cut { .. })));
}
