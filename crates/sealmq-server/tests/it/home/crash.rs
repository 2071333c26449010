//! A crash after any step of making the directory: the next start completes it, and no key of a CA in use is lost.

use sealmq_pki::inventory::{Inventory as _, Role};
use sealmq_server::home::{Origin, Step};

use super::Machine;

#[test]
fn the_next_start_completes_what_a_crash_left_after_each_step() {
    let steps = Machine::new().steps();
    assert!(steps.len() > 15, "{steps:?}");
    for (last, step) in steps.iter().enumerate() {
        let machine = Machine::new();
        assert!(machine.up_until(last).is_err());
        let ca_before = std::fs::read(machine.place().ca().anchors()).ok();
        let (home, report) = machine.try_up().unwrap_or_else(|error| panic!("after {step:?}: {error}"));
        let ca_after = std::fs::read(machine.place().ca().anchors()).unwrap();
        assert!(ca_before.is_none_or(|before| before == ca_after), "after {step:?} another CA was made");
        let records = home.inventory().all().unwrap();
        for role in [Role::Root, Role::Issuing] {
            assert_eq!(records.iter().filter(|record| record.role == role).count(), 1, "after {step:?}");
        }
        assert!(report.server.not_after() > machine.around.now);
        drop(home);
        let (_home, again) = machine.up();
        assert_eq!(again.ca, Origin::Old);
        assert!(
            matches!(again.server, sealmq_server::home::Leaf::Kept { .. }),
            "after {step:?}: {:?}",
            again.server
        );
        assert!(
            matches!(again.operator, sealmq_server::home::Leaf::Kept { .. }),
            "after {step:?}: {:?}",
            again.operator
        );
    }
}

#[test]
fn a_crash_while_renewing_leaves_a_server_that_starts() {
    let steps = |wanted: Role| [Step::LeafRecorded(wanted), Step::LeafKey(wanted), Step::Leaf(wanted)];
    for stop in steps(Role::Server).into_iter().chain(steps(Role::Operator)) {
        let mut machine = Machine::new();
        drop(machine.up());
        machine.around.now = machine.around.now.plus_days(80);
        let mut crash = |step| {
            if step == stop {
                return Err(sealmq_server::home::HomeError::Random("crash".to_owned()));
            }
            Ok(())
        };
        let wanted = sealmq_server::home::Wanted::default();
        assert!(
            sealmq_server::home::Home::up(&machine.place(), &wanted, &machine.around, &mut crash).is_err()
        );
        let (home, _report) = machine.up();
        assert!(home.server_facts().unwrap().is_current(machine.around.now.plus_days(29)), "after {stop:?}");
    }
}

#[test]
fn what_an_interrupted_write_left_is_swept() {
    let machine = Machine::new();
    drop(machine.up());
    std::fs::write(machine.file("server/server.key.new~"), "half a key").unwrap();
    std::fs::write(machine.file("sealmq.conf.new~"), "half").unwrap();
    let _home = machine.up();
    assert!(!machine.file("server/server.key.new~").exists());
    assert!(!machine.file("sealmq.conf.new~").exists());
}

#[test]
fn two_processes_never_hold_one_directory() {
    let machine = Machine::new();
    let first = machine.up();
    let error = machine.try_up().map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("in use by another process"), "{error}");
    drop(first);
    assert!(machine.try_up().is_ok());
}
