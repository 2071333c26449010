//! Backups with the real binary: written beside a running broker, put back, merged; who was revoked in between stays out.

use std::os::unix::fs::PermissionsExt;

use rusqlite::Connection;

use crate::support::Home;

fn states(home: &Home, name: &str) -> Vec<String> {
    let file = Connection::open(home.data().join("ca/inventory.db")).expect("the inventory");
    let mut rows =
        file.prepare("SELECT state FROM certificate WHERE name = ?1 ORDER BY place").expect("a statement");
    let found = rows.query_map([name], |row| row.get(0)).expect("it answers");
    found.collect::<Result<_, _>>().expect("words")
}

/// As a revoke writes it, before there was a command for it.
fn revoke(home: &Home, name: &str) {
    let file = Connection::open(home.data().join("ca/inventory.db")).expect("the inventory");
    let sql = "UPDATE certificate SET state = 'revoked', state_at = 1, revoke_reason = 1 WHERE name = ?1";
    assert_eq!(file.execute(sql, [name]).expect("it can be written"), 1);
}

#[test]
fn a_backup_of_a_running_broker_is_private_and_comes_back_as_a_directory_that_works() {
    let home = Home::new();
    let broker = home.up();
    home.add_device("pump", "");
    let made = home.succeeds(&["backup", "b.tar"]);
    assert!(made.contains("it holds the keys"), "{made}");
    let mode = std::fs::metadata(home.folder().join("b.tar")).expect("the backup").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(home.succeeds(&["audit-log", "show"]).contains("key-exported"));
    // Never over something that is there.
    assert!(home.refused(&["backup", "b.tar"]).contains("cannot create"));
    assert!(home.refused(&["restore", "b.tar"]).contains("is there already"));
    home.add_device("later", "");
    assert!(broker.stop().success());

    std::fs::rename(home.data(), home.folder().join("lost")).expect("the directory is lost");
    let said = home.succeeds(&["restore", "b.tar"]);
    assert!(said.contains("go on above number 1001"), "{said}");
    assert_eq!(states(&home, "pump"), ["valid"]);
    assert!(states(&home, "later").is_empty());
    home.succeeds(&["audit-log", "verify"]);
    let broker = home.up();
    home.add_device("again", "");
    assert!(broker.stop().success());
    assert!(home.succeeds(&["audit-log", "show"]).contains("restored"));
}

#[test]
fn a_merge_takes_rights_away_and_never_gives_one_back() {
    let home = Home::new();
    let broker = home.up();
    for name in ["pump", "kettle", "lamp"] {
        home.add_device(name, "");
    }
    assert!(broker.stop().success());
    revoke(&home, "lamp");
    home.succeeds(&["backup", "b.tar"]);
    // In between: one is revoked here, one had been revoked in the backup only, one is known to the backup only.
    revoke(&home, "kettle");
    let file = Connection::open(home.data().join("ca/inventory.db")).expect("the inventory");
    file.execute_batch(
        "UPDATE certificate SET state = 'valid', state_at = NULL, revoke_reason = NULL WHERE name = 'lamp';",
    )
    .expect("as an older copy would say");
    drop(file);
    home.forget("pump");
    let said = home.succeeds(&["restore", "b.tar", "--merge"]);
    assert!(said.contains("1 of them added, 1 taken back"), "{said}");
    assert_eq!(states(&home, "pump"), ["valid"]);
    assert_eq!(states(&home, "kettle"), ["revoked"]);
    assert_eq!(states(&home, "lamp"), ["revoked"]);
    home.succeeds(&["audit-log", "verify"]);
    // The number rises each time; nothing else is left to do.
    let again = home.succeeds(&["restore", "b.tar", "--merge"]);
    assert!(again.contains("0 of them added, 0 taken back") && again.contains("number 2001"), "{again}");
    let broker = home.up();
    assert!(home.refused(&["restore", "b.tar", "--merge"]).contains("in use by another process"));
    assert!(broker.stop().success());
}

#[test]
fn a_ca_without_its_inventory_names_the_way_out_and_a_merge_is_one() {
    let home = Home::new();
    let broker = home.up();
    home.add_device("pump", "");
    home.succeeds(&["backup", "b.tar"]);
    assert!(broker.stop().success());
    for name in ["inventory.db", "inventory.db-wal", "inventory.db-shm"] {
        // The journals are there or not.
        let _ = std::fs::remove_file(home.data().join("ca").join(name));
    }
    let said = home.refused(&["up"]);
    assert!(
        said.contains("inventory.db is missing") && said.contains("sealmq restore FILE --merge"),
        "{said}"
    );
    home.succeeds(&["restore", "b.tar", "--merge"]);
    assert_eq!(states(&home, "pump"), ["valid"]);
    assert!(home.up().stop().success());
}

#[test]
fn what_is_no_backup_whole_or_another_cas_changes_nothing() {
    let home = Home::new();
    assert!(home.up().stop().success());
    home.succeeds(&["backup", "b.tar"]);
    let bytes = std::fs::read(home.folder().join("b.tar")).expect("the backup");
    let other = Home::new();
    assert!(other.up().stop().success());
    let before = std::fs::read(other.data().join("ca/inventory.db")).expect("the inventory");
    let foreign = home.folder().join("b.tar");
    let foreign = foreign.to_str().expect("a path");
    assert!(other.refused(&["restore", foreign, "--merge"]).contains("of another CA"));
    let cut = other.folder().join("cut.tar");
    for length in [0, 1000, bytes.len() / 3, bytes.len() / 2, bytes.len() * 9 / 10] {
        std::fs::write(&cut, &bytes[..length]).expect("a cut file");
        let said = other.refused(&["restore", "cut.tar", "--data-dir", "new"]);
        assert!(said.contains("no backup of SealMQ"), "{length}: {said}");
        assert!(!other.folder().join("new").exists());
        assert!(other.refused(&["restore", "cut.tar", "--merge"]).contains("no backup of SealMQ"));
    }
    assert_eq!(std::fs::read(other.data().join("ca/inventory.db")).expect("the inventory"), before);
    other.succeeds(&["restore", foreign, "--data-dir", "new"]);
}
