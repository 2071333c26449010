//! `user`: what a broker that was started as root is afterwards, and what its files look like. Skipped for who is not root.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::support::{Broker, Guide, free_port, sealmq, there};

/// A user that every machine has, and that may read next to nothing.
const USER: &str = "nobody";

fn root() -> bool {
    let is_root = Command::new("id").arg("-u").output().is_ok_and(|out| out.stdout == b"0\n");
    there("root", is_root || std::env::var_os("CI").is_some()) && is_root
}

fn id(flag: &str) -> u32 {
    let out = Command::new("id").args([flag, USER]).output().expect("id");
    String::from_utf8(out.stdout).expect("text").trim().parse().expect("a number")
}

/// A folder of that user's, in which it may make files.
fn folder() -> TempDir {
    let folder = TempDir::new().expect("a folder");
    chown(folder.path(), Some(id("-u")), Some(id("-g"))).expect("give");
    folder
}

fn start(folder: &Path, text: &str) -> Broker {
    fs::write(folder.join("m.conf"), text).expect("write");
    Broker::start_command(sealmq().args(["-c", "m.conf"]).current_dir(folder))
}

/// A line of /proc/PID/task/TID/status, for all threads.
fn of_all_threads(pid: u32, field: &str) -> Vec<String> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).expect("threads");
    let status =
        threads.map(|thread| fs::read_to_string(thread.expect("one").path().join("status")).expect("status"));
    let line = |status: String| {
        status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':').map(str::to_owned))
    };
    status.filter_map(line).collect()
}

#[test]
fn every_thread_is_that_user_and_has_its_groups_and_no_other() {
    if !root() {
        return;
    }
    let folder = folder();
    let broker = start(
        folder.path(),
        &format!("user {USER}\nlistener {} 127.0.0.1\nallow_anonymous true\n", free_port()),
    );
    let (uid, gid) = (id("-u").to_string(), id("-g").to_string());
    for (field, value) in [("Uid", uid), ("Gid", gid.clone())] {
        let lines = of_all_threads(broker.pid(), field);
        assert!(lines.len() > 3, "{lines:?}");
        assert!(
            lines.iter().all(|line| line.split_whitespace().all(|id| *id == value)),
            "{field}: {lines:?}"
        );
    }
    let groups = of_all_threads(broker.pid(), "Groups");
    assert!(groups.iter().all(|line| line.split_whitespace().all(|id| id == gid)), "{groups:?}");
}

#[test]
fn numbers_of_a_container_come_before_the_configuration() {
    if !root() {
        return;
    }
    let folder = TempDir::new().expect("a folder");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("open");
    let text = format!("user root\nlistener {} 127.0.0.1\nallow_anonymous true\n", free_port());
    fs::write(folder.path().join("m.conf"), text).expect("write");
    let mut command = sealmq();
    command.args(["-c", "m.conf"]).current_dir(&folder).env("PUID", "12345").env("PGID", "12346");
    let broker = Broker::start_command(&mut command);
    let all = |field: &str, id: &str| {
        of_all_threads(broker.pid(), field).iter().all(|line| line.split_whitespace().all(|got| got == id))
    };
    assert!(all("Uid", "12345") && all("Gid", "12346") && all("Groups", "12346"));
}

#[test]
fn a_unix_socket_and_a_log_file_are_that_users_and_the_log_can_be_made_anew() {
    if !root() {
        return;
    }
    let folder = folder();
    let broker = start(
        folder.path(),
        &format!("user {USER}\nlistener 0 socket\nallow_anonymous true\nlog_dest file log\n"),
    );
    let facts = |name: &str| fs::symlink_metadata(folder.path().join(name)).expect(name);
    assert_eq!((facts("socket").uid(), facts("log").uid()), (id("-u"), id("-u")));
    assert_eq!(facts("log").permissions().mode() & 0o777, 0o600);
    fs::rename(folder.path().join("log"), folder.path().join("old")).expect("move");
    broker.signal("HUP");
    let by = std::time::Instant::now() + crate::support::PATIENCE;
    while !folder.path().join("log").exists() {
        assert!(std::time::Instant::now() < by, "the log is not made anew");
        std::thread::yield_now();
    }
    assert_eq!(facts("log").uid(), id("-u"));
}

#[test]
fn a_key_that_this_user_cannot_read_again_is_said_with_the_line_that_mends_it() {
    if !root() {
        return;
    }
    let guide = Guide::new();
    fs::set_permissions(guide.folder(), fs::Permissions::from_mode(0o755)).expect("open");
    fs::set_permissions(guide.file("server.crt"), fs::Permissions::from_mode(0o644)).expect("open");
    fs::set_permissions(guide.file("server.key"), fs::Permissions::from_mode(0o600)).expect("close");
    let text = format!(
        "user {USER}\nlistener {} 127.0.0.1\ncertfile server.crt\nkeyfile server.key\nallow_anonymous true\n",
        free_port()
    );
    let broker = start(guide.folder(), &text);
    let line = broker.wait_for_line(&["cannot read keyfile \"server.key\""]);
    assert!(line.contains("User 'nobody'"), "{line}");
    let hint = broker.wait_for_line(&["hint: ", "setfacl -m u:nobody:r ", "server.key", "chgrp nobody"]);
    assert!(!hint.contains("server.crt"), "{hint}");
    assert!(!broker.log().contains("cannot read certfile"), "{}", broker.log());
}

#[test]
fn a_log_in_a_folder_that_is_not_there_is_said_and_the_broker_serves() {
    let folder = TempDir::new().expect("a folder");
    let port = free_port();
    let broker = start(
        folder.path(),
        &format!("user root\nlistener {port} 127.0.0.1\nallow_anonymous true\nlog_dest file missing/log\n"),
    );
    broker.wait_for_line(&[
        "Error: Unable to open log file missing/log for writing. No such file or directory",
    ]);
    assert_eq!(crate::in_the_place_of_mosquitto::connect(port, "a", None).1, 0);
}
