//! A password that was right is hashed once; a wrong one each time.

use super::names::password_line;
use super::*;
use crate::data_plane::NOT_AUTHORISED;

#[test]
fn a_right_password_is_hashed_once_and_a_wrong_one_each_time() {
    let file = |password: &str| [password_line("anna", password), password_line("berta", "secret")].concat();
    let conf = "listener PORT 127.0.0.1\npassword_file DIR/passwd\n";
    let broker = Broker::start(|folder| fs::write(folder.join("passwd"), file("secret")).unwrap(), conf);
    let hashed = || broker.control().passwords_hashed();
    let log_in = |login, answer: &[u8]| {
        answers(broker.tcp(), &connect("c", Some(login)), answer);
        hashed()
    };
    for _ in 0..5 {
        assert_eq!(log_in(("anna", "secret"), &ACCEPTED), 1);
    }
    // Guesses and unknown names cost the hash, each of them.
    for n in 0..3 {
        assert_eq!(log_in(("anna", "guess"), &NOT_AUTHORISED), 2 + 2 * n);
        assert_eq!(log_in(("clara", "secret"), &NOT_AUTHORISED), 3 + 2 * n);
    }
    assert_eq!(log_in(("anna", "secret"), &ACCEPTED), 7);
    // Another user's password is not this one's.
    assert_eq!(log_in(("berta", "secret"), &ACCEPTED), 8);
    // A new entry: what is remembered fits it no more, the old password least of all.
    fs::write(broker.folder.path().join("passwd"), file("changed")).unwrap();
    broker.reloader().reload().unwrap();
    assert_eq!(log_in(("anna", "secret"), &NOT_AUTHORISED), 9);
    assert_eq!(log_in(("anna", "changed"), &ACCEPTED), 10);
    assert_eq!(log_in(("anna", "changed"), &ACCEPTED), 10);
    assert_eq!(log_in(("berta", "secret"), &ACCEPTED), 10);
    // A user that is gone.
    fs::write(broker.folder.path().join("passwd"), password_line("anna", "changed")).unwrap();
    broker.reloader().reload().unwrap();
    assert_eq!(log_in(("berta", "secret"), &NOT_AUTHORISED), 11);
}
