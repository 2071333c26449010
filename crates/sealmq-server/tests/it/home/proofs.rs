//! Names: who gets a certificate, who a password, and nobody both. And when a certificate starts to count.

use sealmq_pki::inventory::State;
use sealmq_pki::{Facts, Name, Signer, SoftKey, pem};
use sealmq_server::home::passwords::Hash;
use sealmq_server::home::{DeviceHolder, DeviceRequest, Draft, Home, HomeError, HostFrom, Wanted};
use sealmq_server::inventory::Status;

use super::{Machine, host};

fn request(name: &str) -> DeviceRequest {
    let public_key = SoftKey::generate().unwrap().public_key().clone();
    DeviceRequest {
        name: name.to_owned(),
        holder: DeviceHolder::New,
        public_key,
        days: None,
        bundles: vec!["files".to_owned()],
        host: None,
    }
}

fn draft(home: &Home, machine: &Machine, name: &str) -> Result<Draft, HomeError> {
    home.draft_device(&request(name), &machine.around)
}

fn add(home: &Home, machine: &Machine, name: &str) -> Result<Draft, HomeError> {
    let draft = draft(home, machine, name)?;
    home.enter(&draft, &machine.around)?;
    Ok(draft)
}

fn status(home: &Home, draft: &Draft) -> Status {
    let der = pem::of_label(draft.certificate_pem.as_bytes(), "CERTIFICATE").unwrap().remove(0);
    home.inventory().status(home.issuing().key_id(), &Facts::parse(&der).unwrap().serial).unwrap()
}

fn cheap_hash() -> Hash {
    Hash::parse("$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$cWdDZxlYaWQrYmFzZTY0aGFzaA").unwrap()
}

#[test]
fn a_certificate_counts_from_the_moment_it_is_entered() {
    let machine = Machine::new();
    let (home, _report) = machine.up();
    let draft = draft(&home, &machine, "pump").unwrap();
    assert_eq!(status(&home, &draft), Status::Unknown);
    home.enter(&draft, &machine.around).unwrap();
    assert!(matches!(status(&home, &draft), Status::Valid { .. }));
}

#[test]
fn a_draft_that_is_never_entered_leaves_the_name_free() {
    let machine = Machine::new();
    let (home, _report) = machine.up();
    drop(draft(&home, &machine, "pump").unwrap());
    assert!(add(&home, &machine, "pump").is_ok());
}

fn rotate(home: &Home, machine: &Machine, name: &str) -> Result<Draft, HomeError> {
    let request = DeviceRequest { holder: DeviceHolder::Known, ..request(name) };
    let draft = home.draft_device(&request, &machine.around)?;
    home.enter(&draft, &machine.around)?;
    Ok(draft)
}

#[test]
fn a_rotated_device_has_a_new_certificate_and_the_old_one_counts_until_its_end() {
    let machine = Machine::new();
    let (home, _report) = machine.up();
    let old = add(&home, &machine, "pump").unwrap();
    let new = rotate(&home, &machine, "pump").unwrap();
    assert!(matches!(status(&home, &new), Status::Valid { .. }));
    assert!(matches!(status(&home, &old), Status::Valid { .. }));
    let states: Vec<State> = home.devices().unwrap().into_iter().map(|record| record.state).collect();
    assert!(matches!(states[..], [State::Superseded { .. }, State::Valid]), "{states:?}");
    // A third one leaves the first its own successor.
    rotate(&home, &machine, "pump").unwrap();
    assert_eq!(home.devices().unwrap()[0].state, states[0]);
}

#[test]
fn only_a_living_device_of_that_very_name_is_rotated() {
    let mut machine = Machine::new();
    let (home, _report) = machine.up();
    add(&home, &machine, "Pump").unwrap();
    for stranger in ["boiler", "pump", "operator", "localhost"] {
        let error = rotate(&home, &machine, stranger).unwrap_err();
        assert!(error.hint().contains("device add"), "{stranger}: {error}");
    }
    assert_eq!(home.devices().unwrap().len(), 1);
    rotate(&home, &machine, "Pump").unwrap();
    machine.around.now = machine.around.now.plus_days(3700);
    assert!(rotate(&home, &machine, "Pump").is_err(), "it has ended");
}

#[test]
fn a_living_name_is_given_once_whatever_its_case() {
    let mut machine = Machine::new();
    let (home, _report) = machine.up();
    let early = draft(&home, &machine, "PUMP").unwrap();
    add(&home, &machine, "Pump").unwrap();
    let error = add(&home, &machine, "pump").unwrap_err();
    assert!(error.to_string().contains("'Pump' is taken") && error.hint().contains("rotate"), "{error}");
    // Two adds at the same moment: the one that enters second is refused.
    assert!(home.enter(&early, &machine.around).is_err());
    assert_eq!(home.devices().unwrap().len(), 1);
    // When the first has ended, the name is free again.
    machine.around.now = machine.around.now.plus_days(3700);
    let records = home.devices().unwrap();
    assert!(!records[0].is_live(machine.around.now));
}

#[test]
fn a_name_has_one_kind_of_proof() {
    let machine = Machine::new();
    let (home, _report) = machine.up();
    home.add_user("kettle", &cheap_hash(), &machine.around).unwrap();
    let error = add(&home, &machine, "Kettle").unwrap_err();
    assert!(error.to_string().contains("password"), "{error}");
    add(&home, &machine, "pump").unwrap();
    let error = home.add_user("PUMP", &cheap_hash(), &machine.around).unwrap_err();
    assert!(error.to_string().contains("belongs to a certificate"), "{error}");
    assert_eq!(home.users().unwrap(), ["kettle"]);
    assert!(home.add_user("KETTLE", &cheap_hash(), &machine.around).is_err());
    home.remove_user(&Name::parse("kettle").unwrap().key(), &machine.around).unwrap();
    add(&home, &machine, "kettle").unwrap();
}

#[test]
fn a_password_that_was_written_under_a_certificates_name_stops_the_start() {
    let machine = Machine::new();
    let (home, _report) = machine.up();
    add(&home, &machine, "pump").unwrap();
    drop(home);
    std::fs::write(machine.file("passwd"), "kettle:$7$x\n").unwrap();
    drop(machine.up());
    for clash in ["Pump", "operator"] {
        std::fs::write(machine.file("passwd"), format!("{clash}:$7$x\n")).unwrap();
        assert!(matches!(machine.refused(), HomeError::Clash { .. }), "{clash}");
    }
}

#[test]
fn reserved_and_malformed_names_are_refused() {
    let machine = Machine::new();
    let (home, _report) = machine.up();
    for bad in ["operator", "Operator", "localhost", "192.168.1.7", "", "a/b", "#", "-x", ".x", "$SYS", "é"]
    {
        assert!(draft(&home, &machine, bad).is_err(), "{bad}");
        assert!(home.add_user(bad, &cheap_hash(), &machine.around).is_err(), "{bad}");
    }
    assert!(draft(&home, &machine, "operator-2").is_ok());
}

#[test]
fn a_device_that_can_not_renew_lives_to_the_end_of_its_ca() {
    let machine = Machine::new();
    let (home, _report) = machine.up();
    let issuing_end = home.issuing().facts().not_after;
    assert_eq!(draft(&home, &machine, "a").unwrap().not_after, issuing_end);
    let days = std::num::NonZeroU32::new(30);
    let short = home.draft_device(&DeviceRequest { days, ..request("b") }, &machine.around).unwrap();
    assert_eq!(short.not_after, machine.around.now.plus_days(30));
    let days = std::num::NonZeroU32::new(99_999);
    assert!(home.draft_device(&DeviceRequest { days, ..request("c") }, &machine.around).is_err());
}

#[test]
fn the_host_of_a_bundle_is_one_that_the_server_vouches_for() {
    let machine = Machine::new();
    let wanted = Wanted { names: vec![host("mqtt.example.com")], port: None, ..Wanted::default() };
    let (home, _report) = Home::up(&machine.place(), &wanted, &machine.around, &mut |_| Ok(())).unwrap();
    let plain = draft(&home, &machine, "a").unwrap();
    assert_eq!((plain.host, plain.host_from), (host("mqtt.example.com"), HostFrom::GivenName));
    let asked = DeviceRequest { host: Some(host("192.168.1.7")), ..request("a") };
    assert_eq!(home.draft_device(&asked, &machine.around).unwrap().host_from, HostFrom::Asked);
    let unknown = DeviceRequest { host: Some(host("other.example.com")), ..request("a") };
    let error = home.draft_device(&unknown, &machine.around).unwrap_err();
    assert!(error.hint().contains("up --name other.example.com"), "{}", error.hint());
}
