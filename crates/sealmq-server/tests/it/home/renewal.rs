//! The broker's own certificates: kept while they serve, renewed in time, made again when the machine changes.

use sealmq_pki::inventory::Role;
use sealmq_pki::{AltName, Facts};
use sealmq_server::home::{Cause, Home, Leaf, Wanted};
use sealmq_server::inventory::Status;

use super::{Machine, host};

fn cause(leaf: &Leaf) -> Option<&Cause> {
    match leaf {
        Leaf::Kept { .. } => None,
        Leaf::Made { cause, .. } => Some(cause),
    }
}

fn has_ip(facts: &Facts, ip: &str) -> bool {
    facts.alt_names.contains(&AltName::Ip(ip.parse().unwrap()))
}

#[test]
fn a_certificate_serves_until_two_thirds_of_its_life() {
    let mut machine = Machine::new();
    assert_eq!(cause(&machine.up().1.server), Some(&Cause::First));
    machine.around.now = machine.around.now.plus_days(59);
    assert_eq!(cause(&machine.up().1.server), None);
    machine.around.now = machine.around.now.plus_days(2);
    assert_eq!(cause(&machine.up().1.server), Some(&Cause::Age));
    machine.around.now = machine.around.now.plus_days(91);
    let report = machine.up().1;
    assert_eq!(cause(&report.server), Some(&Cause::Ended));
    assert_eq!(cause(&report.operator), Some(&Cause::Ended));
}

#[test]
fn a_new_address_is_named_at_once_and_an_old_one_for_thirty_days() {
    let mut machine = Machine::new();
    drop(machine.up());
    machine.around.addresses = ["127.0.0.1".parse().unwrap(), "10.0.0.9".parse().unwrap()].into();
    let (home, report) = machine.up();
    assert_eq!(cause(&report.server), Some(&Cause::Name("10.0.0.9".to_owned())));
    let facts = home.server_facts().unwrap();
    assert!(has_ip(&facts, "10.0.0.9") && has_ip(&facts, "192.168.1.7"));
    drop(home);
    machine.around.now = machine.around.now.plus_days(61);
    let (home, _report) = machine.up();
    let facts = home.server_facts().unwrap();
    assert!(has_ip(&facts, "10.0.0.9") && !has_ip(&facts, "192.168.1.7"));
}

#[test]
fn a_running_broker_makes_the_certificate_new_when_an_address_comes() {
    let mut machine = Machine::new();
    let (home, _report) = machine.up();
    assert_eq!(cause(&home.ensure_server(&machine.around, &mut |_| Ok(())).unwrap()), None);
    machine.around.addresses.insert("10.0.0.9".parse().unwrap());
    let leaf = home.ensure_server(&machine.around, &mut |_| Ok(())).unwrap();
    assert_eq!(cause(&leaf), Some(&Cause::Name("10.0.0.9".to_owned())));
}

#[test]
fn a_name_that_was_given_is_remembered_and_comes_first() {
    let machine = Machine::new();
    let wanted = Wanted { names: vec![host("mqtt.example.com")], port: None, ..Wanted::default() };
    drop(Home::up(&machine.place(), &wanted, &machine.around, &mut |_| Ok(())).unwrap());
    let (home, report) = machine.up();
    assert_eq!(cause(&report.server), None);
    let facts = home.server_facts().unwrap();
    assert_eq!(facts.common_names(), ["mqtt.example.com"]);
    assert_eq!(facts.alt_names[0], AltName::Dns("mqtt.example.com".to_owned()));
    assert_eq!(home.given_names().unwrap(), [host("mqtt.example.com")]);
}

#[test]
fn half_a_pair_is_replaced() {
    for name in ["server/server.key", "server/server.crt"] {
        let machine = Machine::new();
        drop(machine.up());
        std::fs::remove_file(machine.file(name)).unwrap();
        assert!(cause(&machine.up().1.server).is_some(), "{name}");
        assert!(cause(&machine.up().1.server).is_none(), "{name}");
    }
}

#[test]
fn a_certificate_of_another_role_does_not_make_an_operator() {
    let machine = Machine::new();
    drop(machine.up());
    for suffix in ["key", "crt"] {
        std::fs::copy(
            machine.file(&format!("server/server.{suffix}")),
            machine.file(&format!("operator/operator.{suffix}")),
        )
        .unwrap();
    }
    let report = machine.up().1;
    assert!(matches!(cause(&report.operator), Some(Cause::Unusable(_))), "{:?}", report.operator);
}

#[test]
fn the_operator_is_a_role_in_the_inventory() {
    let machine = Machine::new();
    let (home, _report) = machine.up();
    let pem = std::fs::read(machine.file("operator/operator.crt")).unwrap();
    let der = sealmq_pki::pem::of_label(&pem, "CERTIFICATE").unwrap().remove(0);
    let serial = Facts::parse(&der).unwrap().serial;
    let status = home.inventory().status(home.issuing().key_id(), &serial).unwrap();
    assert!(matches!(status, Status::Valid { role: Role::Operator, .. }), "{status:?}");
}
