//! Reloads while much else happens.

use super::*;
use crate::fail_open::names::password_line;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

const PASSWORDS: &str = "listener PORT 127.0.0.1\npassword_file DIR/passwd\n";

fn with_anna(folder: &std::path::Path) {
    fs::write(folder.join("passwd"), password_line("anna", "one")).unwrap();
}

/// Whoever is right is let in, whoever is not is refused, and nobody is lost between two states.
#[test]
fn clients_come_while_it_is_reloaded() {
    let broker = Broker::start(with_anna, PASSWORDS);
    let (over, came) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for number in 0..3 {
            let (broker, over, came) = (&broker, &over, &came);
            scope.spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    let mut client = client(broker, &format!("c{number}"), Some(("anna", "one")));
                    assert_stays(&mut client);
                    assert_eq!(
                        refused(broker, "x", Some(("anna", "two"))),
                        crate::data_plane::NOT_AUTHORISED
                    );
                    came.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let mut reloads = 0;
        while reloads < 30 || came.load(Ordering::Relaxed) < 30 {
            broker.reloader().reload().unwrap();
            reloads += 1;
        }
        over.store(true, Ordering::Relaxed);
    });
}

/// One at a time: the file of the one that ends last is in force, and each has taken all or nothing.
#[test]
fn two_reloads_at_once_take_turns() {
    let open = "listener PORT 127.0.0.1\nallow_anonymous true\n";
    let broker = Broker::plain(open);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..10).for_each(|_| broker.reloader().reload().unwrap()));
        }
    });
    assert_eq!(broker.reloader().counts().taken, 40);
    assert_eq!(broker.control().listeners().len(), 1);
    client(&broker, "c", None);
}

/// A password that is being checked while its file changes: the answer is judged by what counts now.
#[test]
fn a_password_that_was_taken_while_it_was_being_checked_lets_nobody_stay() {
    let broker = Broker::start(with_anna, PASSWORDS);
    for _ in 0..20 {
        write(&broker, "passwd", &password_line("anna", "one"));
        broker.reloader().reload().unwrap();
        let mut anna = broker.tcp();
        anna.write_all(&connect("a", Some(("anna", "one")))).unwrap();
        write(&broker, "passwd", &password_line("berta", "two"));
        broker.reloader().reload().unwrap();
        // Let in before, refused after, or let in and sent away: in the end she is out.
        let answer = rest(&mut anna);
        let refused = &crate::data_plane::NOT_AUTHORISED[..];
        assert!(answer.is_empty() || answer == ACCEPTED || answer == refused, "{answer:?}");
    }
}
