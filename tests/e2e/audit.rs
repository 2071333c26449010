//! The audit log with the real binary: shown, verified against the broker's own log, edited and found out; and a broker
//! that is killed while it issues.

use std::process::Stdio;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::support::{Home, text};

fn inventory(home: &Home) -> Connection {
    Connection::open(home.data().join("ca/inventory.db")).expect("the inventory")
}

fn edit(home: &Home, statement: &str) {
    let triggers = "DROP TRIGGER audit_is_not_changed; DROP TRIGGER audit_is_not_deleted;";
    inventory(home).execute_batch(&format!("{triggers}{statement}")).expect("it can be edited");
}

fn exit_code(home: &Home, words: &[&str]) -> (Option<i32>, String) {
    let output = home.run(words);
    (output.status.code(), text(&output))
}

#[test]
fn the_log_says_who_did_what_and_a_head_from_the_brokers_log_finds_out_who_edits_it() {
    let home = Home::new();
    let broker = home.up();
    broker.wait_for_line(&["sealmq-audit-head:1:"]);
    home.add_device("pump", "");
    home.add_user("kettle", "open sesame");
    let shown = home.succeeds(&["audit-log", "show"]);
    let uid = nix_uid();
    assert!(shown.contains("ca-created") && shown.contains(&format!("uid:{uid}")), "{shown}");
    let about = home.succeeds(&["audit-log", "show", "--about", "pump", "--json"]);
    assert!(about.lines().count() == 1 && about.contains("\"what\":\"certificate-issued\""), "{about}");
    assert!(!home.succeeds(&["audit-log", "show"]).contains("sesame"));
    assert!(home.succeeds(&["audit-log", "verify"]).contains("the audit log is whole"));
    assert!(broker.stop().success());

    // The second start signs a head over all of that; this log is what somebody keeps elsewhere.
    let broker = home.up();
    broker.wait_for_line(&["sealmq-audit-head:1:"]);
    let kept = home.folder().join("kept.log");
    std::fs::write(&kept, broker.log()).expect("a copy of the log");
    assert!(broker.stop().success());
    let kept = kept.to_str().expect("a path");
    let verify = ["audit-log", "verify", "--head", kept];
    let whole = home.succeeds(&verify);
    assert!(whole.contains("the audit log is whole") && whole.contains("were signed until"), "{whole}");
    assert!(home.succeeds(&["audit-log", "verify", "--json", "--head", kept]).contains("\"ok\":true"));

    // Its end cut off, and the head beside it too: only the log from elsewhere tells.
    let all_of_it: i64 = inventory(&home)
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
        .expect("the journal goes into the file");
    assert_eq!(all_of_it, 0);
    let untouched = std::fs::read(home.data().join("ca/inventory.db")).expect("the inventory");
    edit(&home, "DELETE FROM audit WHERE number > 9; DELETE FROM setting WHERE key = 'audit_head';");
    assert_eq!(exit_code(&home, &["audit-log", "verify"]).0, Some(0));
    let (code, said) = exit_code(&home, &verify);
    assert!(code == Some(4) && said.contains("its end was cut off") && said.contains("hint: "), "{said}");
    std::fs::write(home.data().join("ca/inventory.db"), &untouched).expect("put back");

    // A record in the middle: the log alone tells, and no broker starts on it.
    edit(&home, "UPDATE audit SET actor = 'uid:7' WHERE number = 3;");
    let (code, said) = exit_code(&home, &["audit-log", "verify"]);
    assert!(code == Some(4) && said.contains("audit record 3 was changed"), "{said}");
    assert!(exit_code(&home, &["audit-log", "verify", "--json"]).1.contains("\"ok\":false"));
    assert!(home.refused(&["up"]).contains("changed by somebody else"));
    std::fs::write(home.data().join("ca/inventory.db"), untouched).expect("put back");
    home.succeeds(&verify);
}

#[test]
fn a_head_that_is_none_or_of_another_ca_is_no_proof() {
    let home = Home::new();
    assert!(home.refused(&["audit-log", "verify"]).contains("no SealMQ data directory"));
    let broker = home.up();
    let line = broker.wait_for_line(&["sealmq-audit-head:1:"]);
    assert!(broker.stop().success());
    home.succeeds(&["audit-log", "verify", "--head", &line]);
    for (head, said) in [
        ("nowhere.log", "cannot read nowhere.log"),
        ("data/sealmq.conf", "there is no head"),
        ("sealmq-audit-head:1:1:2:3", "no head of an audit log"),
    ] {
        assert!(home.refused(&["audit-log", "verify", "--head", head]).contains(said), "{head}");
    }
    // Another number under the same signature is a forgery, not a misunderstanding.
    let forged = line.replace("sealmq-audit-head:1:", "sealmq-audit-head:1:1");
    let (code, said) = exit_code(&home, &["audit-log", "verify", "--head", &forged]);
    assert!(code == Some(4) && said.contains("signature of the head is wrong"), "{said}");
    let other = Home::new();
    assert!(other.up().stop().success());
    assert!(other.refused(&["audit-log", "verify", "--head", &line]).contains("was signed by the key"));
}

/// Whatever moment the broker is killed at: a certificate counts if and only if its bundle is there and the command says
/// so, and the log holds together.
#[test]
fn a_broker_that_is_killed_while_it_issues_leaves_record_and_bundle_or_neither() {
    let home = Home::new();
    assert!(home.up().stop().success());
    let usual = {
        let broker = home.up();
        let begin = Instant::now();
        home.add_device("first", "");
        assert!(broker.stop().success());
        begin.elapsed()
    };
    let (mut entered, mut refused) = (0, 0);
    for round in 0..ROUNDS {
        let name = format!("pump{round}");
        let broker = home.up();
        let begin = Instant::now();
        let add = home
            .command(&["device", "add", &name, "--host", "localhost"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("sealmq runs");
        let moment = usual * round / ROUNDS;
        std::thread::sleep(moment.saturating_sub(begin.elapsed()).min(Duration::from_secs(1)));
        broker.signal("KILL");
        drop(broker);
        let output = add.wait_with_output().expect("it ends");
        let said = text(&output);
        assert!(!said.contains("panicked"), "{said}");
        let bundle = home.folder().join(format!("{name}-files"));
        let count: i64 = inventory(&home)
            .query_row(
                "SELECT count(*) FROM certificate WHERE name = ?1 AND state = 'valid'",
                [&name],
                |row| row.get(0),
            )
            .expect("the inventory answers");
        let log = home.succeeds(&["audit-log", "show", "--about", &name]);
        assert_eq!(bundle.is_dir(), output.status.success(), "round {round}: {said}");
        assert_eq!(count == 1, output.status.success(), "round {round}: {said}");
        assert_eq!(log.contains("certificate-issued"), count == 1, "round {round}: {log}");
        if count == 1 {
            entered += 1
        } else {
            refused += 1
        }
        home.succeeds(&["audit-log", "verify"]);
    }
    eprintln!("{entered} entered, {refused} refused, of {ROUNDS} kills within {usual:?}");
    // And all of it opens once more.
    let broker = home.up();
    home.add_device("last", "");
    assert!(broker.stop().success());
}

fn nix_uid() -> u32 {
    std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self").expect("this process"))
}

const ROUNDS: u32 = 30;
