//! The binary as a service manager and a mosquitto user see it: exit codes, signals, `sd_notify`.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

#[cfg(target_os = "linux")]
mod memory;
#[path = "../../../../tests/ports.rs"]
mod ports;

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use ports::free_port;

/// Debian's unit of mosquitto (2.0.18), with the one word replaced.
const UNIT: &str = "\
[Unit]
Description=Mosquitto MQTT Broker
Documentation=man:mosquitto.conf(5) man:mosquitto(8)
After=network.target
Wants=network.target

[Service]
Type=notify
NotifyAccess=main
ExecStart=/usr/sbin/sealmq -c /etc/mosquitto/mosquitto.conf
ExecReload=/bin/kill -HUP $MAINPID
Restart=on-failure
ExecStartPre=/bin/mkdir -m 740 -p /var/log/mosquitto
ExecStartPre=/bin/chown mosquitto:mosquitto /var/log/mosquitto
ExecStartPre=/bin/mkdir -m 740 -p /run/mosquitto
ExecStartPre=/bin/chown mosquitto:mosquitto /run/mosquitto

[Install]
WantedBy=multi-user.target
";

fn sealmq(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sealmq"));
    command.current_dir(folder).stderr(Stdio::piped()).stdout(Stdio::piped()).env_remove("NOTIFY_SOCKET");
    command
}

fn ends_with(conf: &str) -> Output {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("m.conf"), conf).unwrap();
    sealmq(folder.path()).args(["-c", "m.conf"]).output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A broker that runs. A test that fails leaves none behind.
struct Broker(Child);

impl Broker {
    fn start(command: &mut Command) -> Broker {
        Broker(command.spawn().unwrap())
    }

    fn id(&self) -> u32 {
        self.0.id()
    }

    fn signal(&self, name: &str) {
        signal(name, &self.id().to_string());
    }

    /// Ends it as a service manager does; its exit code.
    fn terminate(mut self) -> Option<i32> {
        self.signal("TERM");
        self.0.wait().unwrap().code()
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // Whoever has been waited for is not signalled: its number may be another's by now.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The same for one that went into the background: it is nobody's child, and the pid file names it.
struct Background(PathBuf);

impl Drop for Background {
    fn drop(&mut self) {
        // It takes the file with it when it ends.
        if let Ok(pid) = fs::read_to_string(&self.0) {
            signal("KILL", pid.trim());
        }
    }
}

fn signal(name: &str, pid: &str) {
    Command::new("kill").args([&format!("-{name}"), pid]).status().unwrap();
}

fn manager(folder: &Path) -> UnixDatagram {
    let manager = UnixDatagram::bind(folder.join("notify")).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    manager
}

fn told(manager: &UnixDatagram) -> String {
    let mut buffer = [0; 256];
    let n = manager.recv(&mut buffer).unwrap();
    String::from_utf8(buffer[..n].to_vec()).unwrap()
}

/// Runs `m.conf` under a service manager that has been told READY.
fn managed(folder: &Path) -> (Broker, UnixDatagram) {
    let manager = manager(folder);
    let mut command = sealmq(folder);
    let broker = Broker::start(command.args(["-c", "m.conf"]).env("NOTIFY_SOCKET", folder.join("notify")));
    assert_eq!(told(&manager), "READY=1");
    (broker, manager)
}

#[test]
fn the_service_manager_hears_ready_watchdog_and_stopping() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    fs::write(
        folder.path().join("m.conf"),
        format!("user root\nlistener {port} 127.0.0.1\nallow_anonymous true\n"),
    )
    .unwrap();
    let exec = UNIT.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
    assert!(UNIT.contains("Type=notify"));
    let words: Vec<&str> = exec.split(' ').skip(1).collect();
    assert_eq!(words, ["-c", "/etc/mosquitto/mosquitto.conf"]);

    let manager = manager(folder.path());
    let broker = Broker::start(
        sealmq(folder.path())
            .args([words[0], "m.conf"])
            .env("NOTIFY_SOCKET", folder.path().join("notify"))
            .env("WATCHDOG_USEC", "2000000")
            .stderr(Stdio::null()),
    );
    assert_eq!(told(&manager), "READY=1");
    let mut client = TcpStream::connect(("127.0.0.1", port)).unwrap();
    client.write_all(b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x00\x00\x01c").unwrap();
    let mut answer = [0; 4];
    client.read_exact(&mut answer).unwrap();
    assert_eq!(answer, [0x20, 2, 0, 0]);
    assert_eq!(told(&manager), "WATCHDOG=1");
    assert_eq!(broker.terminate(), Some(0));
    let mut last = told(&manager);
    while last == "WATCHDOG=1" {
        last = told(&manager);
    }
    assert_eq!(last, "STOPPING=1");
}

#[test]
fn a_port_in_use_ends_with_1_and_says_how_to_find_who_has_it() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let output = ends_with(&format!("user root\nlistener {port} 127.0.0.1\n"));
    assert_eq!(output.status.code(), Some(1));
    let text = stderr(&output);
    assert!(text.contains("Error: Address already in use") && text.contains("hint:"), "{text}");
}

#[test]
fn a_bad_configuration_ends_with_3_and_names_the_line() {
    let output = ends_with("listener 1883\nallow_anonymous falst\n");
    assert_eq!(output.status.code(), Some(3));
    let text = stderr(&output);
    assert!(text.contains("falst") && text.contains("m.conf:2"), "{text}");
}

#[test]
fn a_missing_password_file_ends_with_13_and_a_symbolic_link_too() {
    let output = ends_with("listener 1883\npassword_file nothing\n");
    assert_eq!(output.status.code(), Some(13), "{}", stderr(&output));

    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("real"), "").unwrap();
    std::os::unix::fs::symlink("real", folder.path().join("link")).unwrap();
    fs::write(folder.path().join("m.conf"), "listener 1883\npassword_file link\n").unwrap();
    let output = sealmq(folder.path()).args(["-c", "m.conf"]).output().unwrap();
    assert_eq!(output.status.code(), Some(13), "{}", stderr(&output));
    assert!(stderr(&output).contains("symbolic link"));
}

#[test]
fn certificates_that_cannot_be_used_end_with_1() {
    let conf = "listener 8883\ncertfile server.crt\nkeyfile server.key\n";
    let output = ends_with(conf);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(stderr(&output).contains("server.crt"));
}

#[test]
fn a_data_directory_that_cannot_be_opened_stops_the_start() {
    let output = ends_with(&format!("data_dir nowhere\nlistener {}\n", free_port()));
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(stderr(&output).contains("nowhere"));
}

#[test]
fn help_ends_with_0_on_stdout_and_a_bad_command_line_with_3() {
    let folder = tempfile::tempdir().unwrap();
    let run = |words: &[&str]| sealmq(folder.path()).args(words).output().unwrap();
    let help = run(&["broker", "-h"]);
    assert_eq!(help.status.code(), Some(0));
    let usage = "Usage: mosquitto [-c config_file] [-d] [-h] [-p port] [-v]";
    assert!(String::from_utf8_lossy(&help.stdout).contains(usage));
    for words in [&["broker", "-x"][..], &["-p", "0"], &["-p"], &["-p", "65536"], &["-c", "nothing.conf"]] {
        let output = run(words);
        assert_eq!(output.status.code(), Some(3), "{words:?}: {}", stderr(&output));
        assert!(!output.stderr.is_empty() && output.stdout.is_empty(), "{words:?}");
    }
}

#[test]
fn global_max_clients_counts_for_all_shards_together() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let conf = format!("user root\nlistener {port} 127.0.0.1\nallow_anonymous true\nglobal_max_clients 2\n");
    fs::write(folder.path().join("m.conf"), conf).unwrap();
    let broker = Broker::start(sealmq(folder.path()).args(["-c", "m.conf"]).stderr(Stdio::null()));
    let dial = |id: u8| {
        let by = Instant::now() + Duration::from_secs(10);
        let mut client = loop {
            match TcpStream::connect(("127.0.0.1", port)) {
                Ok(client) => break client,
                Err(error) => assert!(Instant::now() < by, "it does not listen: {error}"),
            }
        };
        client.write_all(&[0x10, 14, 0, 4, b'M', b'Q', b'T', b'T', 5, 2, 0, 0, 0, 0, 1, id]).unwrap();
        let mut answer = [0; 5];
        client.read_exact(&mut answer).unwrap();
        (answer[3], client)
    };
    let (first, _keep) = dial(b'a');
    let (second, _keep_too) = dial(b'b');
    // Who is known may come again.
    let (again, _keep_again) = dial(b'a');
    let (third, _) = dial(b'c');
    // mosquitto 2.1.2 answers 0x89, server busy.
    assert_eq!([first, second, again, third], [0, 0, 0, 0x89]);
    assert_eq!(broker.terminate(), Some(0));
}

#[test]
fn in_the_background_the_first_process_ends_and_the_pid_file_names_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let conf = format!("user root\nlistener {port} 127.0.0.1\nallow_anonymous true\npid_file pid\n");
    fs::write(folder.path().join("m.conf"), conf).unwrap();
    let manager = manager(folder.path());
    let started = sealmq(folder.path())
        .args(["-c", "m.conf", "-d"])
        .env("NOTIFY_SOCKET", folder.path().join("notify"))
        .output()
        .unwrap();
    assert_eq!(started.status.code(), Some(0), "{}", stderr(&started));
    assert_eq!(told(&manager), "READY=1");
    let _ends = Background(folder.path().join("pid"));
    let pid = fs::read_to_string(folder.path().join("pid")).unwrap();
    assert!(TcpStream::connect(("127.0.0.1", port)).is_ok());
    signal("TERM", pid.trim());
    assert_eq!(told(&manager), "STOPPING=1");
}

#[test]
fn a_configuration_is_checked_without_being_run() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("m.conf"), "listener 1883\n").unwrap();
    let output = sealmq(folder.path()).args(["-c", "m.conf", "--test-config"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    // On standard error, as in mosquitto 2.1.2.
    assert!(stderr(&output).ends_with("Configuration file is OK.\n"), "{}", stderr(&output));
}

/// CONNECT of 3.1.1 without a name; the return code.
fn return_code(port: u16) -> u8 {
    let mut client = TcpStream::connect(("127.0.0.1", port)).unwrap();
    client.write_all(b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x00\x00\x01c").unwrap();
    let mut answer = [0; 4];
    client.read_exact(&mut answer).unwrap();
    answer[3]
}

#[test]
fn a_reload_is_told_to_the_service_manager_and_a_typo_in_the_file_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let write = |rest: &str| {
        let conf = format!("user root\nlog_dest file log\nlistener {port} 127.0.0.1\n{rest}\n");
        fs::write(folder.path().join("m.conf"), conf).unwrap();
    };
    write("allow_anonymous true");
    let (broker, manager) = managed(folder.path());
    let reload = || {
        broker.signal("HUP");
        let begins = told(&manager);
        let micros = begins.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap();
        assert!(micros.parse::<u64>().unwrap() > 0, "{begins}");
        assert_eq!(told(&manager), "READY=1");
    };
    write("max_qoss 1\nallow_anonymous false");
    reload();
    assert_eq!(return_code(port), 0);
    write("max_qos 1\nallow_anonymous false");
    reload();
    assert_eq!(return_code(port), 5);
    // At its end the log is whole: lines are written by a thread of their own.
    assert_eq!(broker.terminate(), Some(0));
    let log = fs::read_to_string(folder.path().join("log")).unwrap();
    let refused = log.lines().find(|line| line.contains("Reload refused, nothing has changed")).unwrap();
    assert!(refused.contains("m.conf:4") && refused.contains("max_qoss"), "{refused}");
    // mosquitto's own lines come first: watchers of its log look for them.
    let lines: Vec<&str> =
        log.lines().filter_map(|line| line.split_once(": ").map(|(_, text)| text)).collect();
    let at = |wanted: &str| lines.iter().position(|line| line.starts_with(wanted)).unwrap_or(usize::MAX);
    let unknown = at("Error: Unknown configuration variable 'max_qoss'.");
    assert!(unknown < at("Error found at ") && at("Error found at ") < at("Reload refused"), "{log}");
    assert!(log.contains("hint:") && log.contains("Reloaded: "), "{log}");
}

/// Whoever comes once a reload was asked for is let in by what it brings, however long the files take to read.
#[test]
fn who_comes_while_a_reload_is_under_way_is_let_in_by_the_new_rules() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let write = |allowed: bool| {
        let conf = format!("user root\nlistener {port} 127.0.0.1\nallow_anonymous {allowed}\n");
        fs::write(folder.path().join("m.conf"), conf).unwrap();
    };
    write(true);
    let (broker, manager) = managed(folder.path());
    for round in 0..20 {
        let allowed = round % 2 == 1;
        write(allowed);
        broker.signal("HUP");
        assert!(told(&manager).starts_with("RELOADING=1"));
        assert_eq!(return_code(port), if allowed { 0 } else { 5 }, "round {round}");
        assert_eq!(told(&manager), "READY=1");
    }
    assert_eq!(broker.terminate(), Some(0));
}

/// The log's settings are among what is taken; a log file that was moved away is opened again.
#[test]
fn a_reload_opens_the_log_again_and_takes_other_log_types() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let write = |rest: &str| {
        let conf =
            format!("user root\nlog_dest file log\nlistener {port} 127.0.0.1\nallow_anonymous true\n{rest}");
        fs::write(folder.path().join("m.conf"), conf).unwrap();
    };
    write("");
    let (broker, manager) = managed(folder.path());
    fs::rename(folder.path().join("log"), folder.path().join("log.1")).unwrap();
    write("log_type error\n");
    broker.signal("HUP");
    assert!(told(&manager).starts_with("RELOADING=1"));
    assert_eq!(told(&manager), "READY=1");
    assert_eq!(return_code(port), 0);
    assert_eq!(broker.terminate(), Some(0));
    let log = fs::read_to_string(folder.path().join("log")).unwrap();
    assert!(log.contains("Reloading config."), "{log}");
    assert!(!log.contains("New client connected"), "{log}");
}

/// After root was left the file may be out of reach: that is said, and nothing changes. Needs root to begin with.
#[test]
fn a_configuration_that_the_brokers_user_cannot_read_changes_nothing_at_a_reload() {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    let folder = tempfile::tempdir().unwrap();
    if fs::metadata(folder.path()).unwrap().uid() != 0 {
        eprintln!("skipped: only root can leave root");
        return;
    }
    let port = free_port();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let conf = folder.path().join("m.conf");
    fs::write(&conf, format!("user nobody\nlistener {port} 127.0.0.1\nallow_anonymous true\n")).unwrap();
    fs::set_permissions(&conf, fs::Permissions::from_mode(0o600)).unwrap();
    let (broker, manager) = managed(folder.path());
    fs::write(&conf, format!("user nobody\nlistener {port} 127.0.0.1\nallow_anonymous false\n")).unwrap();
    broker.signal("HUP");
    assert!(told(&manager).starts_with("RELOADING=1"));
    assert_eq!(told(&manager), "READY=1");
    assert_eq!(return_code(port), 0);
    fs::set_permissions(&conf, fs::Permissions::from_mode(0o644)).unwrap();
    broker.signal("HUP");
    assert!(told(&manager).starts_with("RELOADING=1"));
    assert_eq!(told(&manager), "READY=1");
    assert_eq!(return_code(port), 5);
    assert_eq!(broker.terminate(), Some(0));
}
