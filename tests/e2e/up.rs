//! `sealmq up` and the commands beside it, with the real binary: what a person types, in the order they type it.

use std::path::Path;
use std::process::{Command, Output};
use std::time::Instant;

use tempfile::TempDir;

use crate::support::{Client, Home, PATIENCE, has, text};

/// The commands that `up` printed, as words of a shell without quotes in them.
fn printed_commands(log: &str) -> Vec<String> {
    let program = env!("CARGO_BIN_EXE_sealmq");
    log.lines().map(str::trim).filter(|line| line.starts_with(program)).map(str::to_owned).collect()
}

fn shell(line: &str, folder: &Path) -> Output {
    Command::new("sh").args(["-c", line]).current_dir(folder).output().expect("sh runs")
}

#[test]
fn what_up_prints_works_as_printed_and_a_second_start_reuses_everything() {
    let home = Home::new();
    let broker = home.up();
    broker.wait_for_line(&["The root's key still lies here"]);
    let commands = printed_commands(&broker.log());
    assert_eq!(commands.len(), 4, "{}", broker.log());
    let log = broker.log();
    let foreign = log.lines().map(str::trim).find(|line| line.starts_with("mosquitto_pub")).expect("a line");
    for publish in [commands[1].as_str(), foreign] {
        if publish == foreign && !has("mosquitto_pub") {
            continue;
        }
        let subscriber = Client::start_shell(home.folder(), &format!("{} -C 1 -d", commands[0]));
        subscriber.wait_for("Subscribed");
        Client::start_shell(home.folder(), publish).end().succeeded();
        subscriber.end().succeeded().says("test/topic Hello TLS!");
    }
    let added = shell(&commands[2], home.folder.path());
    assert!(added.status.success(), "{}", text(&added));
    assert!(broker.stop().success());

    let before = std::fs::read(home.data().join("server/server.crt")).expect("a certificate");
    let started = Instant::now();
    let broker = home.up();
    // The bound is one second on a machine of its own; here a dozen tests run beside it.
    eprintln!("second start of `up`: ready after {:?}", started.elapsed());
    assert!(started.elapsed() < PATIENCE / 6, "a second start took {:?}", started.elapsed());
    assert_eq!(std::fs::read(home.data().join("server/server.crt")).expect("a certificate"), before);
    broker.wait_for_line(&["The root's key still lies here"]);
    drop(broker);
    // A crash leaves the lock to the system and the socket to the next start.
    assert!(home.up().stop().success());
}

#[test]
fn a_second_broker_on_the_directory_or_the_port_is_refused() {
    let home = Home::new();
    let broker = home.up();
    assert!(home.refused(&["up"]).contains("in use by another process"));
    let other = Home { port: home.port, folder: TempDir::new().expect("a temporary folder") };
    let refused = other.refused(&["up", "--port", &home.port.to_string()]);
    assert!(refused.contains("already in use"), "{refused}");
    assert!(broker.stop().success());
    assert!(other.up().stop().success(), "what the refused start made is whole");
}

#[test]
fn a_device_is_let_in_from_the_moment_it_was_added_running_or_not() {
    if !has("mosquitto_pub") {
        return;
    }
    let home = Home::new();
    let broker = home.up();
    let proof = |name: &str| format!("--cert {name}-files/{name}.crt --key {name}-files/{name}.key");
    home.succeeds(&["device", "add", "early"]);
    assert!(home.mosquitto_pub(&proof("early")), "{}", broker.log());
    assert!(home.refused(&["device", "add", "Early", "--out", "again"]).contains("is taken"));
    assert!(home.refused(&["device", "add", "a/b"]).contains("'/'"));
    assert!(home.refused(&["device", "add", "operator"]).contains("reserved"));
    assert!(
        home.refused(&["device", "add", "x", "--host", "other.example.com"]).contains("other.example.com")
    );
    assert!(broker.stop().success());

    home.succeeds(&["device", "add", "late"]);
    let broker = home.up();
    assert!(home.mosquitto_pub(&proof("late")), "{}", broker.log());
    assert!(home.mosquitto_pub(&proof("early")));
}

#[test]
fn a_bundle_is_never_overwritten_and_leaves_no_name_taken() {
    let home = Home::new();
    assert!(home.up().stop().success());
    std::fs::create_dir(home.folder.path().join("pump-files")).expect("a folder");
    assert!(home.refused(&["device", "add", "pump"]).contains("is there already"));
    std::fs::remove_dir(home.folder.path().join("pump-files")).expect("it is still empty");
    home.succeeds(&["device", "add", "pump"]);
}

#[test]
fn a_certificate_of_our_ca_that_the_inventory_does_not_know_is_refused() {
    if !has("mosquitto_pub") {
        return;
    }
    let home = Home::new();
    assert!(home.up().stop().success());
    let parts = ["", "-wal", "-shm"].map(|suffix| home.data().join(format!("ca/inventory.db{suffix}")));
    let older = parts.clone().map(|part| std::fs::read(part).ok());
    home.succeeds(&["device", "add", "pump"]);
    let proof = "--cert pump-files/pump.crt --key pump-files/pump.key";
    let broker = home.up();
    assert!(home.mosquitto_pub(proof));
    assert!(broker.stop().success());
    for (part, older) in parts.iter().zip(older) {
        let _ = std::fs::remove_file(part);
        if let Some(older) = older {
            std::fs::write(part, older).expect("put it back");
            std::fs::set_permissions(part, std::os::unix::fs::PermissionsExt::from_mode(0o600))
                .expect("chmod");
        }
    }
    let _broker = home.up();
    assert!(!home.mosquitto_pub(proof));
}

/// A later time than the clock's is known to have passed: by it the device's certificate has ended.
#[test]
fn what_had_ended_stays_ended_when_the_clock_is_set_back() {
    if !has("mosquitto_pub") || !has("python3") {
        return;
    }
    let home = Home::new();
    assert!(home.up().stop().success());
    home.succeeds(&["device", "add", "pump", "--days", "1"]);
    home.succeeds(&["device", "add", "kettle"]);
    let proof = |name: &str| format!("--cert {name}-files/{name}.crt --key {name}-files/{name}.key");
    let broker = home.up();
    assert!(home.mosquitto_pub(&proof("pump")));
    assert!(broker.stop().success());
    let script = format!(
        "import sqlite3, time\ndb = sqlite3.connect('{}')\ndb.execute('INSERT OR REPLACE INTO setting VALUES (?, ?)', \
         ('last_good_time_secs', str(int(time.time()) + 2 * 86400)))\ndb.commit()",
        home.data().join("ca/inventory.db").display()
    );
    let python = Command::new("python3").args(["-c", &script]).status().expect("python3 runs");
    assert!(python.success());
    let broker = home.up();
    assert!(!home.mosquitto_pub(&proof("pump")));
    assert!(home.mosquitto_pub(&proof("kettle")));
    broker.wait_for_line(&["CN=pump", "ended at"]);
}

#[test]
fn a_laptop_that_took_a_context_publishes_without_flags() {
    let home = Home::new();
    let _broker = home.up();
    home.succeeds(&["device", "add", "laptop", "--for", "sealmq", "--host", "localhost"]);
    let elsewhere = |words: &[&str]| {
        let mut command = home.command(words);
        command.env("SEALMQ_DATA", home.folder.path().join("nothing-here")).output().expect("sealmq runs")
    };
    let publish = ["pub", "-t", "test/a", "-m", "b", "-q", "1"];
    assert!(!elsewhere(&publish).status.success());
    let file = "laptop-sealmq/laptop.sealmq.json";
    home.succeeds(&["context", "add", file]);
    assert!(home.refused(&["context", "add", file]).contains("is known already"));
    let output = elsewhere(&publish);
    assert!(output.status.success(), "{}", text(&output));
    let output = elsewhere(&[&publish[..], &["--context", "laptop"]].concat());
    assert!(output.status.success(), "{}", text(&output));
    home.succeeds(&["context", "add", file, "--name", "second"]);
    let output = elsewhere(&publish);
    assert!(!output.status.success() && text(&output).contains("--context laptop"), "{}", text(&output));
}

#[test]
fn a_user_logs_in_with_its_password_and_with_nothing_else() {
    if !has("mosquitto_pub") {
        return;
    }
    let home = Home::new();
    let broker = home.up();
    assert!(!home.mosquitto_pub(""), "no certificate and no password");
    let added = shell(
        &format!("echo secret | {} user add kettle -P -", env!("CARGO_BIN_EXE_sealmq"))
            .replace("user add", &format!("user add --data-dir {}", home.data().display())),
        home.folder.path(),
    );
    assert!(added.status.success(), "{}", text(&added));
    assert!(home.mosquitto_pub("-u kettle -P secret"), "{}", broker.log());
    assert!(!home.mosquitto_pub("-u kettle -P wrong"));
    assert!(!home.mosquitto_pub("-u kettle"));
    assert!(!home.mosquitto_pub(""));
    assert!(home.refused(&["device", "add", "Kettle"]).contains("password"));
    home.succeeds(&["device", "add", "pump"]);
    assert!(home.refused(&["user", "add", "PUMP", "--generate"]).contains("belongs to a certificate"));
    assert!(
        home.refused(&["user", "add", "x", "-P", "on-the-command-line"]).contains("can be read by everyone")
    );
    home.succeeds(&["user", "remove", "kettle"]);
    assert!(!home.mosquitto_pub("-u kettle -P secret"));
}

#[test]
fn a_configuration_that_restricts_less_than_the_directory_needs_stops_the_start() {
    let home = Home::new();
    assert!(home.up().stop().success());
    let conf = home.data().join("sealmq.conf");
    let whole = std::fs::read_to_string(&conf).expect("the configuration");
    for damage in [
        whole.replace("data_dir .", ""),
        whole.replace("data_dir .", "data_dir /tmp"),
        format!("{whole}\nnonsense 1\n"),
    ] {
        std::fs::write(&conf, damage).expect("write");
        let output = home.run(&["up"]);
        assert!(!output.status.success(), "{}", text(&output));
        assert!(text(&output).contains("hint: "), "{}", text(&output));
    }
    std::fs::write(&conf, whole).expect("write");
    assert!(home.up().stop().success());
}

#[test]
fn a_directory_of_another_user_is_left_alone() {
    let home = Home::new();
    assert!(home.up().stop().success());
    if std::os::unix::fs::chown(home.data(), Some(65534), None).is_err() {
        eprintln!("skipped: only root can give a folder away");
        return;
    }
    for words in [&["up"][..], &["device", "add", "pump"], &["user", "list"]] {
        assert!(home.refused(words).contains("belongs to uid 65534"), "{words:?}");
    }
}

/// As a user who may not even look into the directory: root may, so this needs root to become somebody else.
#[test]
fn a_directory_that_cannot_be_looked_into_is_not_one_that_is_not_there() {
    let home = Home::new();
    assert!(home.up().stop().success());
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(home.folder.path(), open).expect("chmod");
    let run = |words: &[&str]| {
        let mut command = home.command(words);
        std::os::unix::process::CommandExt::uid(&mut command, 65534);
        command.output().map(|output| text(&output))
    };
    let (Ok(up), Ok(publish)) = (run(&["up"]), run(&["pub", "-t", "a", "-m", "b"])) else {
        eprintln!("skipped: only root can become another user");
        return;
    };
    assert!(up.contains("belongs to uid") && up.contains("hint: run it as the owner"), "{up}");
    assert!(
        publish.contains("Permission denied") && publish.contains("sealmq context add FILE"),
        "{publish}"
    );
}

#[test]
fn pub_and_sub_without_a_flag_reach_the_broker_of_this_computer() {
    let home = Home::new();
    let broker = home.up();
    let publish = home.succeeds(&["pub", "-t", "test/kept", "-m", "Hello TLS!", "-r", "-q", "1"]);
    assert_eq!(publish, "", "{}", broker.log());
    let got = home.succeeds(&["sub", "-t", "test/#", "-v", "-C", "1", "-W", "10"]);
    assert_eq!(got, "test/kept Hello TLS!\n");
    assert!(broker.stop().success());
    let refused = home.refused(&["pub", "-t", "a", "-m", "b"]);
    assert!(refused.contains("nothing listens on localhost") && refused.contains("sealmq up"), "{refused}");
}

#[test]
fn a_place_that_cannot_be_written_is_said() {
    let home = Home::new();
    let file = home.folder.path().join("file");
    std::fs::write(&file, "").expect("a file");
    let inside = file.join("data");
    let said = home.refused(&["up", "--data-dir", inside.to_str().expect("text")]);
    assert!(said.contains(&format!("hint: move {} away", file.display())), "{said}");
    // A folder of other things is not to be closed to others on our advice.
    let foreign = home.folder.path().join("foreign");
    std::fs::create_dir(&foreign).expect("a folder");
    std::fs::write(foreign.join("thesis.txt"), "").expect("a file");
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&foreign, open).expect("chmod");
    let said = home.refused(&["up", "--data-dir", foreign.to_str().expect("text")]);
    assert!(said.contains("found thesis.txt") && !said.contains("chmod"), "{said}");
    home.refused(&["up", "--data-dir", "/proc/sealmq"]);
    home.refused(&["device", "add", "pump", "--data-dir", "/nonexistent"]);
}

#[test]
fn a_new_address_is_in_the_certificate_within_ten_seconds_without_a_restart() {
    let Some(address) = Address::add() else {
        eprintln!("skipped: this user may not add an address to the loopback interface");
        return;
    };
    drop(address);
    let home = Home::new();
    let broker = home.up();
    let address = Address::add().expect("it could be added a moment ago");
    let started = Instant::now();
    broker.wait_for_line(&["Made a new server certificate", &address.0]);
    assert!(started.elapsed().as_secs() < 10, "it took {:?}", started.elapsed());
    let port = home.port.to_string();
    let ca = home.data().join("ca/ca.crt");
    let pair = |suffix: &str| home.data().join(format!("operator/operator.{suffix}")).display().to_string();
    home.succeeds(&[
        "pub",
        "-h",
        &address.0,
        "-p",
        &port,
        "--cafile",
        ca.to_str().expect("text"),
        "--cert",
        &pair("crt"),
        "--key",
        &pair("key"),
        "-t",
        "test/a",
        "-m",
        "b",
        "-q",
        "1",
    ]);
}

/// An address on the loopback interface, of this test's own.
struct Address(String);

impl Address {
    fn add() -> Option<Self> {
        let id = std::process::id();
        let address = format!("127.211.{}.{}", id / 250 % 250, id % 250 + 1);
        let done = Command::new("ip").args(["addr", "add", &format!("{address}/32"), "dev", "lo"]).output();
        done.is_ok_and(|output| output.status.success()).then_some(Self(address))
    }
}

impl Drop for Address {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["addr", "del", &format!("{}/32", self.0), "dev", "lo"]).output();
    }
}
