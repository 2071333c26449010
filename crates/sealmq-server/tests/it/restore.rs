//! An inventory that is older than the signed list beside it: refused, and mended by a merge that keeps the revoked out.

use sealmq_pki::crl::{CrlDraft, Listing, Reason, Why};
use sealmq_pki::inventory::{self, Inventory as _, RevocationReason, Role, State};
use sealmq_pki::{Certificate, End, Holder, LeafRequest, Name, Serial, Signer as _, SoftKey, issue_leaf};
use sealmq_server::home::{Home, backup, restore};

use crate::home::Machine;

fn write_list(home: &Home, number: u64, entries: Vec<Listing>) {
    let now = home.issuing().facts().not_before.plus_days(2);
    let draft = CrlDraft { number: number.into(), this_update: now, next_update: now.plus_days(7), entries };
    let list = draft.sign(home.issuing()).unwrap();
    let folder = home.place().ca().folder().join("crl");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("issuing.crl"), list.der()).unwrap();
}

#[test]
fn an_inventory_older_than_the_list_beside_it_is_refused_until_a_merge_took_over_what_the_list_holds() {
    let machine = Machine::new();
    let (home, _report) = machine.up();
    let find = |home: &Home, role| {
        home.inventory().all().unwrap().into_iter().find(|record| record.role == role).unwrap()
    };
    let (operator, server) = (find(&home, Role::Operator), find(&home, Role::Server));
    let at = operator.made_at;
    let why = Why::Revoked(RevocationReason::KeyCompromise);
    let entries = vec![
        Listing { serial: operator.serial.clone(), at, why },
        Listing { serial: server.serial.clone(), at, why: Why::OnHold },
    ];
    // As a revoke leaves it: the number in the inventory, then the list.
    home.inventory().keep_setting("crl_number", "7").unwrap();
    write_list(&home, 7, entries);
    drop(home);
    let home = Home::open(&machine.place(), &machine.around).unwrap();
    // An inventory from before it.
    home.inventory().keep_setting("crl_number", "6").unwrap();
    drop(home);
    let error = Home::open(&machine.place(), &machine.around).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("older than the revocation list beside it"), "{error}");
    assert!(error.hint().contains("sealmq restore FILE --merge"), "{}", error.hint());

    let file = machine.data().with_extension("tar");
    backup::write(&machine.place(), &file, machine.around.now).unwrap();
    let done = restore::into(&file, &machine.place(), &machine.around).unwrap();
    assert_eq!((done.added, done.taken_back, done.crl_number), (0, 2, 1007));
    let home = Home::open(&machine.place(), &machine.around).unwrap();
    let state = find(&home, Role::Operator).state;
    assert!(matches!(state, State::Revoked { reason: RevocationReason::KeyCompromise, .. }), "{state:?}");
    assert!(matches!(find(&home, Role::Server).state, State::Held { .. }));
}

/// Issued after the backup and stolen after that: nothing but the list remembers it.
#[test]
fn who_was_revoked_behind_the_backup_stays_on_the_list_and_is_not_adopted() {
    let machine = Machine::new();
    let (home, _report) = machine.up();
    let signed = |name: &str, serial: u8| {
        let (name, key) = (Name::parse(name).unwrap(), SoftKey::generate().unwrap());
        let request = LeafRequest {
            holder: Holder::Device(&name),
            public_key: key.public_key(),
            serial: Serial::from_random([serial; 16]).unwrap(),
            now: machine.around.now,
            end: End::Profile,
        };
        issue_leaf(home.issuing(), &request).unwrap()
    };
    let (stolen, lost) = (signed("stolen", 0xF7), signed("lost", 8));
    let file = machine.data().with_extension("tar");
    drop(home);
    backup::write(&machine.place(), &file, machine.around.now).unwrap();
    let home = Home::open(&machine.place(), &machine.around).unwrap();
    let why = Why::Revoked(RevocationReason::KeyCompromise);
    let serial = stolen.facts().serial.clone();
    write_list(&home, 7, vec![Listing { serial: serial.clone(), at: machine.around.now, why }]);
    drop(home);
    restore::into(&file, &machine.place(), &machine.around).unwrap();

    // The next list, and the one after it, still hold it.
    for _ in 0..2 {
        let (home, _report) = machine.up();
        assert_eq!(home.list().unwrap().unwrap().revoked(&serial), Some(Reason::KeyCompromise));
        std::fs::remove_file(machine.place().ca().issuing_crl()).unwrap();
    }
    let (home, _report) = machine.up();
    let adopt = |certificate: &Certificate| {
        let reason = inventory::Reason::parse("after the backup").unwrap();
        home.adopt(certificate.der().to_vec(), reason, &machine.around).map(|_| ())
    };
    let error = adopt(&stolen).unwrap_err().to_string();
    assert!(error.contains("revoked or put on hold"), "{error}");
    adopt(&lost).unwrap();
}

/// Somebody else's list proves nothing, and neither does a damaged one: it is made anew.
#[test]
fn a_list_that_another_ca_signed_says_nothing_about_this_inventory() {
    let (machine, other) = (Machine::new(), Machine::new());
    let (home, _report) = machine.up();
    let (foreign, _report) = other.up();
    write_list(&foreign, 900, Vec::new());
    let folder = machine.place().ca().folder().join("crl");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::copy(other.place().ca().folder().join("crl/issuing.crl"), folder.join("issuing.crl")).unwrap();
    drop(home);
    assert!(Home::open(&machine.place(), &machine.around).is_ok());
    assert!(Home::open(&machine.place(), &machine.around).is_ok());
}
