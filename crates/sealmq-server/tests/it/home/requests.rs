//! Requests become certificates that count once they are entered; adopted are those of this CA's key, and no others.

use std::num::NonZeroU32;

use sealmq_pki::inventory::{Inventory as _, Reason, RevocationReason, State};
use sealmq_pki::{
    Certificate, End, Holder, LeafRequest, Name, NameKey, Serial, Signer as _, SoftKey, csr, issue_leaf,
};
use sealmq_server::home::passwords::Hash;
use sealmq_server::home::{CsrRequest, DeviceHolder, Home, HomeError, SignedCsr};
use sealmq_server::inventory::Status;

use super::{Machine, host};

fn wish(name: &str) -> CsrRequest {
    let key = SoftKey::generate().unwrap();
    CsrRequest {
        csr: csr::make(&key, name, &[]).unwrap().der().to_vec(),
        profile: "device".to_owned(),
        names: vec![name.to_owned()],
        holder: DeviceHolder::New,
        days: None,
    }
}

fn add(home: &Home, machine: &Machine, wish: &CsrRequest) -> Result<SignedCsr, HomeError> {
    let signed = home.sign_csr(wish, &machine.around)?;
    home.enter_csr(&signed, &machine.around)?;
    Ok(signed)
}

fn status(home: &Home, certificate: &Certificate) -> Status {
    home.inventory().status(home.issuing().key_id(), &certificate.facts().serial).unwrap()
}

fn key_of(name: &str) -> NameKey {
    Name::parse(name).unwrap().key()
}

/// A certificate that the issuing key signs behind the inventory's back.
fn signed_elsewhere(home: &Home, holder: Holder<'_>, serial: u8, days: u32) -> Certificate {
    let key = SoftKey::generate().unwrap();
    let request = LeafRequest {
        holder,
        public_key: key.public_key(),
        serial: Serial::from_random([serial; 16]).unwrap(),
        now: super::BUILD.plus_days(10),
        end: End::Days(NonZeroU32::new(days).unwrap()),
    };
    issue_leaf(home.issuing(), &request).unwrap()
}

fn adopt(home: &Home, machine: &Machine, certificate: &Certificate) -> Result<(), HomeError> {
    let why = Reason::parse("after the backup").unwrap();
    home.adopt(certificate.der().to_vec(), why, &machine.around).map(|_| ())
}

#[test]
fn a_signed_request_counts_from_the_moment_it_is_entered() {
    let machine = Machine::new();
    let (home, _report) = machine.up();
    let signed = home.sign_csr(&wish("pump"), &machine.around).unwrap();
    assert_eq!(status(&home, &signed.certificate), Status::Unknown);
    home.enter_csr(&signed, &machine.around).unwrap();
    assert!(matches!(status(&home, &signed.certificate), Status::Valid { .. }));
    let days = CsrRequest { days: NonZeroU32::new(3), ..wish("lamp") };
    let lamp = add(&home, &machine, &days).unwrap();
    assert_eq!(lamp.certificate.facts().not_after, machine.around.now.plus_days(3));
    let beyond = CsrRequest { days: NonZeroU32::new(9000), ..wish("fan") };
    assert!(matches!(add(&home, &machine, &beyond), Err(HomeError::Issue(_))));
}

#[test]
fn a_request_is_signed_for_who_may_have_the_name_only() {
    let machine = Machine::new();
    let (home, _report) = machine.up();
    let first = add(&home, &machine, &wish("pump")).unwrap();
    // Another key may not take a living name, in any spelling; its own device gets a successor.
    assert!(add(&home, &machine, &wish("pump")).is_err());
    assert!(add(&home, &machine, &wish("Pump")).is_err());
    let known = CsrRequest { holder: DeviceHolder::Known, ..wish("pump") };
    add(&home, &machine, &known).unwrap();
    let records = home.inventory().by_name(&key_of("pump")).unwrap();
    assert!(matches!(records[0].state, State::Superseded { .. }));
    assert_eq!(records[0].serial, first.certificate.facts().serial);
    let nobody = CsrRequest { holder: DeviceHolder::Known, ..wish("nobody") };
    assert!(add(&home, &machine, &nobody).is_err());
    for reserved in ["operator", "localhost"] {
        assert!(matches!(add(&home, &machine, &wish(reserved)), Err(HomeError::Name(_))), "{reserved}");
    }
    // One name, one kind of proof.
    let hash = "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$cWdDZxlYaWQrYmFzZTY0aGFzaA";
    home.add_user("kettle", &Hash::parse(hash).unwrap(), &machine.around).unwrap();
    assert!(add(&home, &machine, &wish("kettle")).is_err());
    // The name is the asker's.
    let other = CsrRequest { names: vec!["lamp".to_owned()], ..wish("fan") };
    assert!(add(&home, &machine, &other).unwrap_err().to_string().contains("is for 'fan'"));
    let two = CsrRequest { names: vec!["lamp".to_owned(), "fan".to_owned()], ..wish("lamp") };
    assert!(add(&home, &machine, &two).is_err());
}

#[test]
fn nobody_asks_for_the_certificates_that_are_the_brokers_own() {
    let machine = Machine::new();
    let (home, _report) = machine.up();
    let under = |profile: &str| {
        add(&home, &machine, &CsrRequest { profile: profile.to_owned(), ..wish("pump") }).map(|_| ())
    };
    for profile in ["operator", "ocsp-signer", "root", "issuing"] {
        assert!(matches!(under(profile), Err(HomeError::Refused { .. })), "{profile}");
    }
    assert!(under("devise").unwrap_err().hint().contains("'device'"));
    under("static-device").unwrap();
    let web = CsrRequest { profile: "server".to_owned(), ..wish("web.lan") };
    let web = add(&home, &machine, &web).unwrap();
    // A server's certificate has no name that a client could go by.
    assert!(web.name().is_none() && matches!(status(&home, &web.certificate), Status::Valid { .. }));
}

#[test]
fn a_request_that_was_changed_on_its_way_is_not_signed() {
    let machine = Machine::new();
    let (home, _report) = machine.up();
    let mut wish = wish("pump");
    home.sign_csr(&wish, &machine.around).unwrap();
    let last = wish.csr.len() - 1;
    wish.csr[last] ^= 1;
    assert!(matches!(home.sign_csr(&wish, &machine.around), Err(HomeError::Refused { .. })));
}

#[test]
fn profiles_toml_counts_at_once_and_signs_nothing_while_it_is_wrong() {
    let machine = Machine::new();
    let (home, _report) = machine.up();
    let write = |text: &str| std::fs::write(machine.file("profiles.toml"), text).unwrap();
    write("[device]\ndays = 9\n[static-device]\ndays = 20\n[server]\ndays = 7\n");
    let pump = add(&home, &machine, &wish("pump")).unwrap();
    assert_eq!(pump.certificate.facts().not_after, machine.around.now.plus_days(9));
    write("[device]\nca = true\n");
    let error = add(&home, &machine, &wish("lamp")).unwrap_err();
    assert!(error.to_string().contains("profiles.toml:2: "), "{error}");
    write("");
    add(&home, &machine, &wish("lamp")).unwrap();
    std::fs::remove_file(machine.file("profiles.toml")).unwrap();
    add(&home, &machine, &wish("fan")).unwrap();
}

#[test]
fn the_brokers_own_certificate_follows_the_profile_of_servers() {
    let machine = Machine::new();
    drop(machine.up());
    std::fs::remove_dir_all(machine.file("server")).unwrap();
    std::fs::write(machine.file("profiles.toml"), "[server]\ndays = 7\n").unwrap();
    let (home, _report) = machine.up();
    assert_eq!(home.server_facts().unwrap().not_after, machine.around.now.plus_days(7));
}

#[test]
fn a_certificate_that_a_restored_inventory_does_not_know_is_adopted() {
    let machine = Machine::new();
    let (home, _report) = machine.up();
    let name = Name::parse("pump").unwrap();
    let lost = signed_elsewhere(&home, Holder::Device(&name), 7, 90);
    assert_eq!(status(&home, &lost), Status::Unknown);
    adopt(&home, &machine, &lost).unwrap();
    assert!(matches!(status(&home, &lost), Status::Valid { .. }));
    assert!(adopt(&home, &machine, &lost).unwrap_err().to_string().contains("knows"), "once is enough");
    // One that was issued after the backup takes the place of the one that the backup has.
    let newer = signed_elsewhere(&home, Holder::Device(&name), 8, 90);
    adopt(&home, &machine, &newer).unwrap();
    let records = home.inventory().by_name(&key_of("pump")).unwrap();
    assert!(matches!(records[0].state, State::Superseded { .. }) && records[1].state == State::Valid);
    let hosts = [host("web.lan")];
    let web = signed_elsewhere(&home, Holder::Server(&hosts), 9, 90);
    adopt(&home, &machine, &web).unwrap();
    assert!(matches!(status(&home, &web), Status::Valid { .. }));
}

#[test]
fn what_is_not_known_to_be_a_devices_or_a_servers_is_not_adopted() {
    let machine = Machine::new();
    let (home, _report) = machine.up();
    let other = Machine::new();
    let (strangers, _report) = other.up();
    let name = Name::parse("pump").unwrap();
    let refused = |certificate: &Certificate| {
        let error = adopt(&home, &machine, certificate).unwrap_err();
        assert_eq!(status(&home, certificate), Status::Unknown, "{error}");
        error.to_string()
    };
    assert!(refused(&signed_elsewhere(&strangers, Holder::Device(&name), 7, 90)).contains("did not sign it"));
    let operator = Name::operator();
    refused(&signed_elsewhere(&home, Holder::Operator(&operator), 7, 90));
    refused(&signed_elsewhere(&home, Holder::OcspSigner, 8, 20));
    let localhost = Name::parse("localhost").unwrap();
    refused(&signed_elsewhere(&home, Holder::Device(&localhost), 9, 90));
    let short = signed_elsewhere(&home, Holder::Device(&name), 10, 1);
    let mut later = Machine::new();
    later.around.now = machine.around.now.plus_days(2);
    let why = Reason::parse("late").unwrap();
    let error = home.adopt(short.der().to_vec(), why, &later.around).unwrap_err();
    assert!(error.to_string().contains("it ended"), "{error}");
    assert!(adopt(&home, &machine, home.issuing().certificate()).is_err());
}

#[test]
fn neither_a_revoked_certificate_nor_a_second_one_of_its_serial_is_adopted() {
    let machine = Machine::new();
    let (home, _report) = machine.up();
    let pump = add(&home, &machine, &wish("pump")).unwrap();
    let serial = pump.certificate.facts().serial.clone();
    let state = State::Revoked { at: machine.around.now, reason: RevocationReason::KeyCompromise };
    home.inventory().set_state(home.issuing().key_id(), &serial, state, &home.act(&machine.around)).unwrap();
    assert!(adopt(&home, &machine, &pump.certificate).is_err());
    assert_eq!(status(&home, &pump.certificate), Status::Revoked);
    let name = Name::parse("lamp").unwrap();
    adopt(&home, &machine, &signed_elsewhere(&home, Holder::Device(&name), 7, 90)).unwrap();
    let twin = Name::parse("fan").unwrap();
    let error = adopt(&home, &machine, &signed_elsewhere(&home, Holder::Device(&twin), 7, 90)).unwrap_err();
    assert!(error.to_string().contains("somebody else has signed"), "{error}");
}
