//! Revoking, holding, letting go: what the inventory, the password file and the list on disk say afterwards, also where
//! it was cut off in between.

use sealmq_pki::crl::{Crl, CrlNumber, Reason};
use sealmq_pki::inventory::{Inventory as _, Record, RevocationReason, Role, Standing, State};
use sealmq_pki::{Name, Serial, Signer, SoftKey};
use sealmq_server::home::passwords::Hash;
use sealmq_server::home::{
    DeviceHolder, DeviceRequest, Home, HomeError, Leaf, ListState, TakeBack, TakenBack, Whose,
};
use sealmq_server::inventory::Status;

use super::Machine;

const STOLEN: TakeBack = TakeBack::Revoke(RevocationReason::KeyCompromise);

fn add(home: &Home, machine: &Machine, name: &str, holder: DeviceHolder) -> Serial {
    let request = DeviceRequest {
        name: name.to_owned(),
        holder,
        public_key: SoftKey::generate().unwrap().public_key().clone(),
        days: std::num::NonZeroU32::new(60),
        bundles: vec!["files".to_owned()],
        host: None,
    };
    let draft = home.draft_device(&request, &machine.around).unwrap();
    home.enter(&draft, &machine.around).unwrap();
    records(home, name).last().unwrap().serial.clone()
}

fn records(home: &Home, name: &str) -> Vec<Record> {
    home.inventory().by_name(&named(name).key()).unwrap()
}

fn named(name: &str) -> Name {
    Name::parse(name).unwrap()
}

fn whose(name: &str) -> Whose {
    Whose::Name(named(name))
}

fn status(home: &Home, serial: &Serial) -> Status {
    home.inventory().status(home.issuing().key_id(), serial).unwrap()
}

fn try_it(home: &Home, machine: &Machine, whose: &Whose, what: TakeBack) -> Result<TakenBack, HomeError> {
    home.take_back(whose, what, None, &machine.around, &mut |_| Ok(()))
}

/// As the desk does it: the inventory, then the list.
fn do_it(home: &Home, machine: &Machine, whose: &Whose, what: TakeBack) -> TakenBack {
    let taken = try_it(home, machine, whose, what).unwrap();
    home.publish(&taken, &machine.around, &mut |_| Ok(())).unwrap();
    taken
}

fn list(machine: &Machine) -> Crl {
    let ca = machine.place().ca();
    let crl = Crl::parse(std::fs::read(ca.issuing_crl()).unwrap()).unwrap();
    let pem = std::fs::read(ca.issuing_crl_pem()).unwrap();
    assert_eq!(*sealmq_pki::pem::of_label(&pem, "X509 CRL").unwrap().remove(0), *crl.der());
    crl
}

fn number(crl: &Crl) -> u64 {
    crl.number().and_then(CrlNumber::as_u64).unwrap()
}

fn cheap_hash() -> Hash {
    Hash::parse("$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$cWdDZxlYaWQrYmFzZTY0aGFzaA").unwrap()
}

#[test]
fn a_new_ca_has_an_empty_list_that_its_second_start_keeps() {
    let machine = Machine::new();
    let (home, _) = machine.up();
    let first = list(&machine);
    assert_eq!((first.len(), number(&first)), (0, 1));
    assert_eq!(first.authority_key_id(), Some(home.issuing().key_id()));
    assert_eq!(
        (first.this_update(), first.next_update()),
        (machine.around.now, machine.around.now.plus_days(7))
    );
    drop(home);
    machine.up();
    assert_eq!(list(&machine).der(), first.der());
}

#[test]
fn a_name_is_revoked_with_all_its_certificates_superseded_ones_too_and_nobody_else() {
    let machine = Machine::new();
    let (home, _) = machine.up();
    let old = add(&home, &machine, "pump", DeviceHolder::New);
    let new = add(&home, &machine, "pump", DeviceHolder::Known);
    let other = add(&home, &machine, "lamp", DeviceHolder::New);
    let taken = do_it(&home, &machine, &whose("PUMP"), STOLEN);
    assert_eq!(taken.certificates.len(), 2);
    assert!(taken.certificates.iter().all(|record| record.standing(machine.around.now) == Standing::Revoked));
    assert_eq!(taken.name.as_ref().map(Name::as_str), Some("PUMP"));
    assert_eq!((status(&home, &old), status(&home, &new)), (Status::Revoked, Status::Revoked));
    assert!(matches!(status(&home, &other), Status::Valid { .. }));
    let crl = list(&machine);
    assert_eq!((crl.len(), number(&crl)), (2, 2));
    assert_eq!(crl.revoked(&old), Some(Reason::KeyCompromise));
    assert_eq!(crl.revoked(&new), Some(Reason::KeyCompromise));
    // The name is free: what it was is on the list for good.
    let next = add(&home, &machine, "pump", DeviceHolder::New);
    assert!(matches!(status(&home, &next), Status::Valid { .. }));
    assert_eq!(status(&home, &new), Status::Revoked);
}

#[test]
fn one_serial_is_revoked_and_its_namesake_goes_on() {
    let machine = Machine::new();
    let (home, _) = machine.up();
    let old = add(&home, &machine, "pump", DeviceHolder::New);
    let new = add(&home, &machine, "pump", DeviceHolder::Known);
    let taken = do_it(&home, &machine, &Whose::Serial(old.clone()), STOLEN);
    assert_eq!((taken.certificates.len(), taken.name), (1, None), "the name is somebody's still");
    assert_eq!(status(&home, &old), Status::Revoked);
    assert!(matches!(status(&home, &new), Status::Valid { .. }));
    let taken = do_it(&home, &machine, &Whose::Serial(new), STOLEN);
    assert_eq!(taken.name.as_ref().map(Name::as_str), Some("pump"), "now nobody has it");
}

/// Whoever was cut off, or is not sure, gives the command again.
#[test]
fn what_is_revoked_already_is_told_again_with_its_first_date_and_reason() {
    let mut machine = Machine::new();
    let (home, _) = machine.up();
    let serial = add(&home, &machine, "pump", DeviceHolder::New);
    let first = do_it(&home, &machine, &whose("pump"), STOLEN).certificates;
    machine.around.now = machine.around.now.plus_days(1);
    let again = do_it(&home, &machine, &whose("pump"), TakeBack::Revoke(RevocationReason::Superseded));
    assert_eq!(again.certificates, first);
    assert_eq!(list(&machine).revoked(&serial), Some(Reason::KeyCompromise));
    let refused = try_it(&home, &machine, &Whose::Serial(serial), TakeBack::Unhold).unwrap_err();
    assert!(refused.to_string().contains("is revoked, and stays so"), "{refused}");
}

#[test]
fn a_hold_is_on_the_list_until_it_is_let_go_of_and_leaves_everything_as_it_was() {
    let machine = Machine::new();
    let (home, _) = machine.up();
    let old = add(&home, &machine, "pump", DeviceHolder::New);
    let new = add(&home, &machine, "pump", DeviceHolder::Known);
    let before = records(&home, "pump");
    let taken = do_it(&home, &machine, &whose("pump"), TakeBack::Hold);
    assert_eq!((taken.certificates.len(), taken.name), (2, None), "its name stays its own");
    assert_eq!((status(&home, &old), status(&home, &new)), (Status::Held, Status::Held));
    assert_eq!(list(&machine).revoked(&new), Some(Reason::CertificateHold));
    let again = do_it(&home, &machine, &whose("pump"), TakeBack::Hold);
    assert_eq!(again.certificates, taken.certificates);
    do_it(&home, &machine, &whose("pump"), TakeBack::Unhold);
    assert_eq!(records(&home, "pump"), before);
    let crl = list(&machine);
    assert_eq!((crl.len(), number(&crl)), (0, 4), "RFC 5280 §5.3.1: it stands there no more");
    let refused = try_it(&home, &machine, &whose("pump"), TakeBack::Unhold).unwrap_err();
    assert!(refused.to_string().contains("no certificate of 'pump' is on hold"), "{refused}");
}

#[test]
fn a_certificate_on_hold_can_be_revoked_and_a_revoked_one_not_held() {
    let machine = Machine::new();
    let (home, _) = machine.up();
    let serial = add(&home, &machine, "pump", DeviceHolder::New);
    do_it(&home, &machine, &Whose::Serial(serial.clone()), TakeBack::Hold);
    do_it(&home, &machine, &whose("pump"), STOLEN);
    assert_eq!(status(&home, &serial), Status::Revoked);
    let refused = try_it(&home, &machine, &Whose::Serial(serial), TakeBack::Hold).unwrap_err();
    assert!(refused.to_string().contains("is revoked"), "{refused}");
    assert!(try_it(&home, &machine, &whose("pump"), TakeBack::Hold).is_err());
}

#[test]
fn who_is_nobody_is_refused_and_no_number_is_spent() {
    let machine = Machine::new();
    let (home, _) = machine.up();
    for what in [STOLEN, TakeBack::Hold, TakeBack::Unhold] {
        for nobody in [whose("nobody"), Whose::Serial(Serial::parse_hex("05").unwrap())] {
            let error = try_it(&home, &machine, &nobody, what).unwrap_err();
            assert!(matches!(error, HomeError::Refused { .. }) && !error.hint().is_empty(), "{error}");
        }
    }
    drop(home);
    machine.up();
    assert_eq!(number(&list(&machine)), 1);
}

#[test]
fn a_password_is_closed_with_its_name_and_an_ended_certificate_is_left_alone() {
    let mut machine = Machine::new();
    let (home, _) = machine.up();
    let ended = add(&home, &machine, "kettle", DeviceHolder::New);
    machine.around.now = machine.around.now.plus_days(61);
    home.add_user("Kettle", &cheap_hash(), &machine.around).unwrap();
    home.add_user("lamp", &cheap_hash(), &machine.around).unwrap();
    let held = try_it(&home, &machine, &whose("kettle"), TakeBack::Hold);
    assert!(held.is_err(), "a password is not held");
    let taken = do_it(&home, &machine, &whose("kettle"), STOLEN);
    assert_eq!((taken.certificates.len(), taken.passwords), (0, vec!["Kettle".to_owned()]));
    assert_eq!(home.users().unwrap(), ["lamp"]);
    assert!(matches!(status(&home, &ended), Status::Valid { .. }), "its end is what refuses it");
}

#[test]
fn no_ca_is_revoked_and_what_the_broker_needs_is_made_anew() {
    let machine = Machine::new();
    let (home, _) = machine.up();
    for record in home.inventory().all().unwrap() {
        let whose = Whose::Serial(record.serial.clone());
        let ca = matches!(record.role, Role::Root | Role::Issuing);
        let held = try_it(&home, &machine, &whose, TakeBack::Hold).unwrap_err();
        assert!(!held.hint().is_empty(), "{held}");
        match try_it(&home, &machine, &whose, STOLEN) {
            Ok(_) => assert!(!ca),
            Err(error) => assert!(ca && error.hint().contains("sealmq up"), "{error}"),
        }
    }
    let made = |leaf| matches!(leaf, Leaf::Made { .. });
    assert!(made(home.ensure_server(&machine.around, &mut |_| Ok(())).unwrap()));
    assert!(made(home.ensure_operator(&machine.around, &mut |_| Ok(())).unwrap()));
}

/// Ends right after each step, as a crash would; the next start has all of it.
#[test]
fn a_revocation_that_is_cut_off_is_completed_by_the_next_start() {
    let mut steps = 0;
    loop {
        let machine = Machine::new();
        let (home, _) = machine.up();
        let old = add(&home, &machine, "pump", DeviceHolder::New);
        let new = add(&home, &machine, "pump", DeviceHolder::Known);
        // As an editor may have left it: both proofs, which no start accepts.
        let line = format!("pump:{}\n", cheap_hash().as_str());
        std::fs::write(machine.file("passwd"), line).unwrap();
        let mut seen = 0;
        let mut stop_after = |_| {
            seen += 1;
            match seen > steps {
                true => Err(HomeError::Refused { what: "stopped here".to_owned(), hint: String::new() }),
                false => Ok(()),
            }
        };
        let done = home
            .take_back(&whose("pump"), STOLEN, None, &machine.around, &mut stop_after)
            .and_then(|taken| home.publish(&taken, &machine.around, &mut stop_after));
        // The first step is the transaction's end: from there on nobody is let in by it.
        assert_eq!((status(&home, &old), status(&home, &new)), (Status::Revoked, Status::Revoked));
        drop(home);
        let (home, _) = machine.up();
        assert_eq!((status(&home, &old), status(&home, &new)), (Status::Revoked, Status::Revoked));
        assert_eq!(home.users().unwrap(), Vec::<String>::new(), "after {steps} steps");
        let crl = list(&machine);
        assert!(crl.revoked(&old).is_some() && crl.revoked(&new).is_some(), "after {steps} steps");
        assert!(number(&crl) >= 2);
        if done.is_ok() {
            break;
        }
        steps += 1;
    }
    assert_eq!(steps, 4, "inventory, password, PEM, DER");
}

/// The number that was to be given is never given to a list with another content.
#[test]
fn a_list_that_was_not_written_leaves_a_gap_in_the_numbers() {
    let machine = Machine::new();
    let (home, _) = machine.up();
    add(&home, &machine, "pump", DeviceHolder::New);
    try_it(&home, &machine, &whose("pump"), STOLEN).unwrap();
    assert_eq!(number(&list(&machine)), 1);
    drop(home);
    machine.up();
    assert_eq!((number(&list(&machine)), list(&machine).len()), (3, 1));
}

#[test]
fn the_list_is_signed_anew_at_half_of_its_life_and_not_before() {
    let mut machine = Machine::new();
    let (home, _) = machine.up();
    let start = machine.around.now;
    let ensure = |machine: &Machine| home.ensure_list(&machine.around, &mut |_| Ok(())).unwrap();
    machine.around.now = start.plus_secs(7 * 86_400 / 2 - 1);
    assert_eq!(ensure(&machine), ListState::Kept);
    machine.around.now = start.plus_secs(7 * 86_400 / 2);
    let ListState::Signed(listed) = ensure(&machine) else { panic!("half of its life is over") };
    assert_eq!((listed.number.as_u64(), listed.next_update), (Some(2), machine.around.now.plus_days(7)));
    // A clock that was wrong, and is right again: others would call the list not yet valid.
    machine.around.now = start.plus_days(1);
    assert!(matches!(ensure(&machine), ListState::Signed(_)));
    assert_eq!((number(&list(&machine)), list(&machine).this_update()), (3, machine.around.now));
}

#[test]
fn a_list_that_is_missing_damaged_or_another_cas_is_made_again_with_a_higher_number() {
    let other = Machine::new();
    other.up();
    let foreign = std::fs::read(other.place().ca().issuing_crl()).unwrap();
    let ca = |machine: &Machine| machine.place().ca();
    type Break = Box<dyn Fn(&Machine)>;
    let ways: Vec<Break> = vec![
        Box::new(move |m| std::fs::remove_file(ca(m).issuing_crl()).unwrap()),
        Box::new(move |m| std::fs::remove_file(ca(m).issuing_crl_pem()).unwrap()),
        Box::new(move |m| std::fs::remove_dir_all(ca(m).crl()).unwrap()),
        Box::new(move |m| std::fs::write(ca(m).issuing_crl(), b"cut off").unwrap()),
        Box::new(move |m| std::fs::write(ca(m).issuing_crl(), &foreign).unwrap()),
    ];
    for spoil in ways {
        let machine = Machine::new();
        machine.up();
        spoil(&machine);
        let (home, _) = machine.up();
        assert_eq!(number(&list(&machine)), 2);
        assert_eq!(list(&machine).authority_key_id(), Some(home.issuing().key_id()));
    }
}

/// RFC 5280 §5: an entry goes when it has stood on a list from behind its certificate's end.
#[test]
fn an_entry_stays_one_list_longer_than_its_certificate_lives() {
    let mut machine = Machine::new();
    let (home, _) = machine.up();
    let serial = add(&home, &machine, "pump", DeviceHolder::New);
    do_it(&home, &machine, &whose("pump"), STOLEN);
    let end = records(&home, "pump")[0].not_after;
    let at = |machine: &mut Machine, days: i64| {
        machine.around.now = end.plus_days(days);
        home.ensure_list(&machine.around, &mut |_| Ok(())).unwrap();
        list(machine).revoked(&serial).is_some()
    };
    assert!(at(&mut machine, -1));
    // The broker was off for a month: this is the first list from behind the end.
    assert!(at(&mut machine, 30));
    assert!(!at(&mut machine, 34));
}

/// A backup of the file alone: who was revoked since would be let in again.
#[test]
fn an_inventory_older_than_the_list_beside_it_is_refused() {
    let machine = Machine::new();
    let (home, _) = machine.up();
    add(&home, &machine, "pump", DeviceHolder::New);
    drop(home);
    let database = machine.file("ca/inventory.db");
    let backup = std::fs::read(&database).unwrap();
    let (home, _) = machine.up();
    do_it(&home, &machine, &whose("pump"), STOLEN);
    drop(home);
    let newest = std::fs::read(&database).unwrap();
    std::fs::write(&database, backup).unwrap();
    let error = machine.try_up().map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("is older than the revocation list beside it"), "{error}");
    assert!(!error.hint().is_empty());
    assert_eq!(number(&list(&machine)), 2, "the list that proves it is still there");
    std::fs::write(&database, newest).unwrap();
    machine.up();
}

/// Inventory and list came back from one backup, so that the start saw nothing; then the newer list turns up. It is not
/// written over: it names who is to stay out.
#[test]
fn a_list_that_is_newer_than_the_inventory_is_kept_and_told_also_while_the_broker_runs() {
    let machine = Machine::new();
    let (home, _) = machine.up();
    let serial = add(&home, &machine, "pump", DeviceHolder::New);
    drop(home);
    let (database, file) = (machine.file("ca/inventory.db"), machine.place().ca().issuing_crl());
    let backup = (std::fs::read(&database).unwrap(), std::fs::read(&file).unwrap());
    let (home, _) = machine.up();
    do_it(&home, &machine, &whose("pump"), STOLEN);
    drop(home);
    let newer = std::fs::read(&file).unwrap();
    std::fs::write(&database, &backup.0).unwrap();
    std::fs::write(&file, &backup.1).unwrap();
    let home = Home::open(&machine.place(), &machine.around).unwrap();
    std::fs::write(&file, &newer).unwrap();
    let error = home.ensure_list(&machine.around, &mut |_| Ok(())).unwrap_err();
    assert!(matches!(error, HomeError::OlderThanList { .. }), "{error}");
    assert_eq!(std::fs::read(&file).unwrap(), newer);
    assert!(Crl::parse(newer).unwrap().revoked(&serial).is_some());
}

#[test]
fn who_did_it_and_why_stands_in_the_audit_log() {
    let machine = Machine::new();
    let (home, _) = machine.up();
    add(&home, &machine, "pump", DeviceHolder::New);
    let why = sealmq_pki::inventory::Reason::parse("stolen from the yard").ok();
    home.take_back(&whose("pump"), STOLEN, why, &machine.around, &mut |_| Ok(())).unwrap();
    let log = home.inventory().audit_records(1, 100).unwrap();
    let revoked = log.iter().find(|record| record.what == "certificate-revoked").unwrap();
    assert_eq!((revoked.details.as_str(), revoked.why.as_str()), ("keyCompromise", "stolen from the yard"));
    assert!(log.iter().any(|record| record.what == "crl-signed" && record.details == "number 2"));
    assert!(records(&home, "pump").iter().all(|record| matches!(record.state, State::Revoked { .. })));
}
