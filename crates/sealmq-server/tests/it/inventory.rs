//! What the verifier hears from the inventory: the truth of this moment, or that nobody can tell.

use sealmq_pki::inventory::{
    Act, Actor, Inventory as _, InventoryError, Record, RevocationReason, Role, Sighting, Standing, State,
};
use sealmq_pki::{Fingerprint, KeyId, Serial, Timestamp};
use sealmq_server::home::Home;
use sealmq_server::inventory::{Filter, NamePattern, Order};
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
    assert_eq!(status(&home, &(issuer.clone(), serial.clone())), Status::Held);
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

/// Records of devices beside those of the first start, `rows` of them, in one change.
fn fill(home: &Home, rows: u32, record: impl Fn(&Record, u32) -> Record) {
    let like = home.inventory().all().unwrap().remove(3);
    let act = Act::new(like.made_at, Actor::Broker);
    let done: Result<(), InventoryError> = home.inventory().change(&act, |change| {
        (0..rows).try_for_each(|index| {
            let mut random = [1; 16];
            random[..4].copy_from_slice(&index.to_be_bytes());
            let fresh = Record {
                serial: Serial::from_random(random).unwrap(),
                role: Role::Device,
                name: Some(sealmq_pki::Name::parse(&format!("Pump-{index}")).unwrap()),
                ..record(&like, index)
            };
            change.insert(&fresh)
        })
    });
    done.unwrap();
}

/// What SQLite answers is what the rule of each record says.
#[test]
fn a_list_holds_the_records_that_were_asked_for_and_no_other() {
    let machine = Machine::new();
    let (home, _report) = machine.up();
    let now = machine.around.now;
    fill(&home, 40, |like, index| {
        let days = i64::from(index) - 20;
        let reason = RevocationReason::Unspecified;
        let state = match index % 4 {
            0 => State::Valid,
            1 => State::Valid.held(now),
            2 => State::Revoked { at: now, reason },
            _ => State::Superseded { at: now, by: like.serial.clone() },
        };
        let (not_before, not_after) = match index % 3 {
            0 => (now.plus_days(days), now.plus_days(days + 1)),
            1 => (now, now),
            _ => (now.plus_secs(1), now.plus_days(50)),
        };
        Record { not_before, not_after, state, ..like.clone() }
    });
    let all = home.inventory().all().unwrap();
    let base = Filter::new(now);
    let same = |filter: &Filter, expected: &dyn Fn(&Record) -> bool| {
        let expected: Vec<Record> = all.iter().filter(|record| expected(record)).cloned().collect();
        assert_eq!(home.inventory().list(filter).unwrap(), expected, "{filter:?}");
        assert_eq!(home.inventory().count(filter).unwrap(), expected.len() as u64);
        assert!(!expected.is_empty(), "{filter:?}");
    };
    same(&base, &|_| true);
    for standing in [Standing::Counts, Standing::NotYet, Standing::Ended, Standing::Held, Standing::Revoked] {
        same(&Filter { standing: Some(standing), ..base.clone() }, &|record| {
            record.standing(now) == standing
        });
    }
    same(&Filter { role: Some(Role::Device), ..base.clone() }, &|record| record.role == Role::Device);
    same(&Filter { ends_from: Some(now), ends_until: Some(now.plus_days(10)), ..base.clone() }, &|record| {
        (now..=now.plus_days(10)).contains(&record.not_after)
    });
    let named = |pattern: &str| Filter { name: Some(NamePattern::parse(pattern).unwrap()), ..base.clone() };
    let name = |record: &Record| record.name.as_ref().map(ToString::to_string).unwrap_or_default();
    same(&named("PUMP-1"), &|record| name(record) == "Pump-1");
    same(&named("pump-1*"), &|record| name(record).starts_with("Pump-1"));
    same(&named("pump-?7"), &|record| name(record).ends_with('7') && name(record).len() == 7);

    let ends =
        home.inventory().list(&Filter { order: Order::End, rows_max: 5, skip: 1, ..base.clone() }).unwrap();
    assert!(ends.len() == 5 && ends.is_sorted_by_key(|record| record.not_after));
    let error = NamePattern::parse("pump[1-3]").unwrap_err();
    assert!(error.to_string().contains("'['") && error.to_string().contains("hint: "), "{error}");
}

/// A large file is read through while the broker runs already.
#[test]
fn damage_that_is_found_later_stops_every_answer() {
    let machine = Machine::new();
    let (home, _report) = machine.up();
    fill(&home, 14_000, |like, _| like.clone());
    let certificate = operator(&home);
    let path = machine.place().ca().inventory();
    drop(home);
    assert!(std::fs::metadata(&path).unwrap().len() > 8 * 1024 * 1024, "too small to be read on a thread");
    // One page in the middle of the file, on the way to no answer that is asked for here.
    let whole = std::fs::read(&path).unwrap();
    let mut bytes = whole.clone();
    let page = bytes.len() / 2 / 4096 * 4096;
    bytes[page..page + 4096].fill(0xff);
    std::fs::write(&path, bytes).unwrap();
    let opened = Home::open(&machine.place(), &machine.around).map(|home| {
        let begin = std::time::Instant::now();
        while status(&home, &certificate) != Status::CannotTell {
            assert!(begin.elapsed().as_secs() < 60, "damage was not found");
            std::thread::yield_now();
        }
        home.inventory().all().unwrap_err().to_string()
    });
    // On a quick machine it is found before the start is over.
    let error = opened.unwrap_or_else(|error| error.to_string());
    assert!(error.contains("damage"), "{error}");

    std::fs::write(&path, whole).unwrap();
    let home = Home::open(&machine.place(), &machine.around).unwrap();
    assert!(matches!(status(&home, &certificate), Status::Valid { .. }));
}
