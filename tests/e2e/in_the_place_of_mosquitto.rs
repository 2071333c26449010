//! What an installation of mosquitto relies on beside the protocol: its command line, exit codes, log lines and files,
//! with another program in their place.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::support::{Background, Broker, Client, Ends, Guide, PATIENCE, free_port, has, sealmq, wait};

/// CONNECT of MQTT 3.1.1 and the answer's return code; the connection stays.
pub(crate) fn connect(port: u16, id: &str, login: Option<(&str, &str)>) -> (TcpStream, u8) {
    let text = |text: &str| {
        let mut bytes = u16::try_from(text.len()).expect("it is short").to_be_bytes().to_vec();
        bytes.extend_from_slice(text.as_bytes());
        bytes
    };
    let mut body = text("MQTT");
    body.extend([4, if login.is_some() { 0xc2 } else { 0x02 }, 0, 60]);
    body.extend(text(id));
    if let Some((user, password)) = login {
        body.extend(text(user));
        body.extend(text(password));
    }
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("the broker listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("set a time-out");
    stream.write_all(&[0x10, u8::try_from(body.len()).expect("it is short")]).expect("send");
    stream.write_all(&body).expect("send");
    let mut answer = [0; 4];
    stream.read_exact(&mut answer).expect("an answer");
    (stream, answer[3])
}

fn run(command: &mut Command) -> (i32, String, String) {
    let Output { status, stdout, stderr } = command.output().expect("it can be started");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (status.code().expect("an exit code"), text(stdout), text(stderr))
}

fn broker(folder: &Path, line: &str) -> (i32, String, String) {
    run(sealmq().arg("broker").args(line.split_whitespace()).current_dir(folder))
}

#[test]
fn help_is_on_standard_output_and_errors_of_the_command_line_are_3() {
    let folder = TempDir::new().expect("a folder");
    let (code, out, err) = broker(folder.path(), "-h");
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.contains("\nUsage: mosquitto [-c config_file] [-d] [-h] [-p port] [-v]\n"), "{out}");
    for (file, text) in [
        ("bad.conf", "max_qoss 1\n"),
        ("host.conf", "port 1883\nbind_address no.such.host.invalid\n"),
        ("pages.conf", "listener 8080\nprotocol websockets\nhttp_dir no-folder\n"),
        ("good.conf", "port 1883\nbind_address 127.0.0.1\n"),
        ("later.conf", "listener 1883 no.such.host.invalid\n"),
    ] {
        fs::write(folder.path().join(file), text).expect("write");
    }
    // Files are read where they stand on the line, and the host of a `listener` line only when it is opened.
    for line in
        ["-h -c bad.conf", "-c good.conf -h", "-c good.conf --test-config", "-c later.conf --test-config"]
    {
        assert_eq!(broker(folder.path(), line).0, 0, "{line}");
    }
    for (line, text) in [
        ("-c", "Error: -c argument given, but no config file specified.\n"),
        ("-p 0", "Error: Invalid port specified (0).\n"),
        ("--tls-keylog", "Error: --tls-keylog argument given, but no file specified.\n"),
        ("-v --unknown", "Error: Unknown option '--unknown'.\n"),
        ("-v -c missing.conf", "Error: Unable to open config file 'missing.conf'.\n"),
        ("-c .", "Error: Config file '.' is a directory.\n"),
        ("-c /dev/null", "Error: /dev/null is not a file.\nError: Unable to open config file '/dev/null'.\n"),
        ("--test-config", "Please provide a configuration file to test.\n"),
        ("-c bad.conf -h", "Error: Unknown configuration variable 'max_qoss'.\n"),
        ("-c host.conf --test-config", "Error: Error resolving bind_address: "),
        ("-c pages.conf --test-config", "Error: http_dir 'no-folder' cannot be used: "),
    ] {
        let (code, _, err) = broker(folder.path(), line);
        assert!(code == 3 && err.contains(text) && err.contains("hint: "), "{line}: {code} {err}");
    }
}

#[test]
fn exit_codes_tell_what_cannot_be_from_what_cannot_be_used() {
    let folder = TempDir::new().expect("a folder");
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let taken = taken.local_addr().expect("an address").port();
    let port = free_port();
    let _taken = std::net::TcpListener::bind(("127.0.0.1", taken));
    symlink("/dev/null", folder.path().join("link")).expect("a link");
    let listener = |rest: &str| format!("user root\nlistener {port} 127.0.0.1\n{rest}\n");
    for (configuration, code, text) in [
        (listener("max_qos 3"), 3, "Error found at m.conf:3."),
        (listener("plugin /x/dynsec.so"), 13, "Unable to load plugin \"/x/dynsec.so\"."),
        (listener("plugin /x/dynsec.so\nmax_qos 3"), 3, "'max_qos' must be"),
        (listener("password_file missing"), 13, "Unable to open password_file \"missing\".\n"),
        (
            listener("password_file ."),
            13,
            "Error: . is not a file.\nError: Unable to open password_file \".\".\n",
        ),
        (listener("acl_file /dev/null"), 13, "Error: /dev/null is not a file.\n"),
        (listener("acl_file link"), 13, "symbolic link"),
        (listener("acl_file missing"), 13, "\nError opening acl file \"missing\".\n"),
        (
            listener("acl_file m.conf"),
            3,
            "Error: Invalid line in acl_file \"m.conf\": listener.\nError found at m.conf:2.",
        ),
        (listener("acl_file m.conf"), 3, "\nError opening acl file \"m.conf\"."),
        (
            listener("socket_domain ipv6"),
            1,
            "Error creating listener: Address family for hostname not supported.\n",
        ),
        (format!("listener {port} no.such.host.invalid\n"), 1, "Error creating listener: "),
        (
            format!("port {port}\nbind_address no.such.host.invalid\n"),
            3,
            "Error: Error resolving bind_address: ",
        ),
        (listener("protocol websockets\nhttp_dir m.conf"), 3, "Error: http_dir 'm.conf' cannot be used: "),
        (
            "listener 0 no-folder/socket\n".to_owned(),
            1,
            "Error binding unix socket: No such file or directory\n",
        ),
        (format!("listener 0 {}\n", "s".repeat(200)), 1, "Error: Path to unix socket is too long \"sss"),
        (
            listener("certfile missing\nkeyfile missing"),
            1,
            "Unable to load server certificate \"missing\". Check certfile.\n",
        ),
        (
            listener("certfile m.conf\nkeyfile m.conf"),
            1,
            "Unable to load server key file \"m.conf\". Check keyfile.\nError: m.conf: no private key",
        ),
        (listener("pid_file no-folder/pid"), 14, "Unable to write pid file.\nError: no-folder/pid: "),
        (format!("listener {taken} 127.0.0.1\n"), 1, "Error: Address already in use"),
        (listener("").replace("user root", "user no-such-user"), 3, "because this user does not exist"),
    ] {
        if text.contains("user does not exist") && !nix_is_root() {
            continue;
        }
        fs::write(folder.path().join("m.conf"), &configuration).expect("write");
        let (got, _, err) = broker(folder.path(), "-c m.conf");
        assert!(got == code && err.contains(text), "{configuration}: {got} instead of {code}: {err}");
    }
}

/// Nobody wrote these sockets: a broker for this machine only starts where one of them can be opened, not where none can.
#[test]
fn for_this_machine_only_one_of_the_two_addresses_is_enough() {
    let folder = TempDir::new().expect("a folder");
    let four = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let port = four.local_addr().expect("an address").port();
    let Ok(six) = std::net::TcpListener::bind(("::1", port)) else { return };
    let line = format!("-p {port}");
    let (code, _, err) = broker(folder.path(), &line);
    assert!(
        code == 1 && err.contains("Error: Unable to start any listening sockets, exiting.\n"),
        "{code} {err}"
    );
    assert!(err.contains("Address already in use"), "{err}");
    drop(six);
    let broker =
        Broker::start_command(sealmq().args(["broker", "-p", &port.to_string()]).current_dir(&folder));
    broker.wait_for_line(&["Address already in use", "127.0.0.1"]);
    assert!(TcpStream::connect(("::1", port)).is_ok());
    broker.wait_for_line(&["Listening on ", "::1"]);
    assert!(!broker.log().contains("Listening on 127.0.0.1"), "{}", broker.log());
    broker.signal("HUP");
    broker.wait_for_line(&["Reloaded"]);
    assert!(!broker.log().contains("Listening on 127.0.0.1"), "{}", broker.log());
}

fn nix_is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|out| out.stdout == b"0\n")
}

#[test]
fn a_configuration_is_checked_without_being_started() {
    let folder = TempDir::new().expect("a folder");
    fs::write(folder.path().join("m.conf"), "listener 1\nallow_anonymous true\n").expect("write");
    let (code, _, err) = broker(folder.path(), "--test-config -c m.conf");
    assert!(code == 0 && err.ends_with("Configuration file is OK.\n"), "{code} {err}");
    fs::write(folder.path().join("m.conf"), "listener 1\nallow_anonymous falst\n").expect("write");
    let (code, _, err) = broker(folder.path(), "-c m.conf --test-config");
    let expected = "Error: Invalid 'allow_anonymous' value (falst).\nError found at m.conf:2.\nhint: ";
    assert!(code == 3 && err.starts_with(expected), "{code} {err}");
}

#[test]
fn a_second_configuration_file_adds_to_the_first() {
    let folder = TempDir::new().expect("a folder");
    let (one, other) = (free_port(), free_port());
    fs::write(folder.path().join("a.conf"), format!("listener {one} 127.0.0.1\n")).expect("write");
    fs::write(folder.path().join("b.conf"), format!("listener {other} 127.0.0.1\nallow_anonymous true\n"))
        .expect("write");
    let broker =
        Broker::start_command(sealmq().args(["-c", "a.conf", "-v", "-c", "b.conf"]).current_dir(&folder));
    assert_eq!([connect(one, "a", None).1, connect(other, "b", None).1], [0, 0]);
    broker.wait_for_line(&["Config loaded from b.conf."]);
}

#[test]
fn through_a_link_named_mosquitto_it_goes_into_the_background_and_writes_its_id() {
    let folder = TempDir::new().expect("a folder");
    let (program, pid_file) = (folder.path().join("mosquitto"), folder.path().join("pid"));
    symlink(env!("CARGO_BIN_EXE_sealmq"), &program).expect("a link");
    let port = free_port();
    let text = format!(
        "user root\nlistener {port} 127.0.0.1\nallow_anonymous true\npid_file pid\nlog_dest file log\n"
    );
    fs::write(folder.path().join("mosquitto.conf"), text).expect("write");
    // The service managers of old wait for this process: it ends, the broker stays.
    let (code, out, err) =
        run(Command::new(&program).args(["-c", "mosquitto.conf", "-d"]).current_dir(&folder));
    assert_eq!((code, out.as_str(), err.as_str()), (0, "", ""));
    let _ends = Background(pid_file.clone());
    let by = std::time::Instant::now() + PATIENCE;
    while !pid_file.exists() {
        assert!(std::time::Instant::now() < by, "no pid file");
        std::thread::yield_now();
    }
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(std::time::Instant::now() < by, "nobody listens");
        std::thread::yield_now();
    }
    assert_eq!(connect(port, "a", None).1, 0);
    let pid = fs::read_to_string(&pid_file).expect("its id");
    let (code, ..) = run(Command::new("kill").args(["-s", "TERM", pid.trim()]));
    assert_eq!(code, 0);
    while pid_file.exists() {
        assert!(std::time::Instant::now() < by, "the pid file stays");
        std::thread::yield_now();
    }
    assert!(
        fs::read_to_string(folder.path().join("log")).expect("a log").contains("New client connected from")
    );
}

#[test]
fn the_lines_that_watchers_look_for_are_mosquittos() {
    let folder = TempDir::new().expect("a folder");
    let port = free_port();
    let made = run(sealmq().args(["passwd", "-c", "-b", "passwords", "anna", "secret"]).current_dir(&folder));
    assert_eq!((made.0, made.1.as_str()), (0, "Adding password for user anna\n"));
    assert!(made.2.starts_with("Warning: A password on the command line"), "{}", made.2);
    let configuration =
        format!("user root\nlistener {port} 127.0.0.1\npassword_file passwords\nlog_type all\n");
    fs::write(folder.path().join("m.conf"), configuration).expect("write");
    let broker = Broker::start_command(sealmq().args(["-c", "m.conf"]).current_dir(&folder));
    let (mut stream, code) = connect(port, "one", Some(("anna", "secret")));
    let address = stream.local_addr().expect("an address");
    stream.write_all(&[0x82, 8, 0, 1, 0, 3, b'a', b'/', b'b', 1]).expect("subscribe");
    broker.wait_for_line(&[&format!(": New connection from {address} on port {port}.")]);
    broker.wait_for_line(&[&format!(": New client connected from {address} as one (p4, c1, k60, u'anna').")]);
    broker.wait_for_line(&[": one 1 a/b"]);
    stream.write_all(&[0xe0, 0]).expect("disconnect");
    broker.wait_for_line(&[&format!(": Client one [{address}] disconnected.")]);
    let (stream, wrong) = connect(port, "two", Some(("anna", "wrong")));
    let address = stream.local_addr().expect("an address");
    broker.wait_for_line(&[&format!(": Client two [{address}] disconnected: not authorised.")]);
    assert_eq!((code, wrong), (0, 5));
}

#[test]
fn a_log_file_that_is_moved_away_is_made_anew_at_sighup() {
    let folder = TempDir::new().expect("a folder");
    let port = free_port();
    let text = format!("user root\nlistener {port} 127.0.0.1\nallow_anonymous true\nlog_dest file log\n");
    fs::write(folder.path().join("m.conf"), text).expect("write");
    let broker = Broker::start_command(sealmq().args(["-c", "m.conf"]).current_dir(&folder));
    connect(port, "before", None);
    let (log, moved) = (folder.path().join("log"), folder.path().join("log.1"));
    wait_for(&log, "as before");
    fs::rename(&log, &moved).expect("move");
    broker.signal("HUP");
    wait_for(&log, "Reload");
    connect(port, "after", None);
    wait_for(&log, "as after");
    assert!(!fs::read_to_string(&moved).expect("it is there").contains("as after"));
    assert!(broker.log().is_empty(), "{}", broker.log());
}

#[test]
fn a_log_file_that_is_moved_away_is_made_anew_at_sigrtmin_and_nothing_is_reloaded() {
    let folder = TempDir::new().expect("a folder");
    let port = free_port();
    let text = format!("user root\nlistener {port} 127.0.0.1\nallow_anonymous true\nlog_dest file log\n");
    fs::write(folder.path().join("m.conf"), text).expect("write");
    let broker = Broker::start_command(sealmq().args(["-c", "m.conf"]).current_dir(&folder));
    let log = folder.path().join("log");
    wait_for(&log, "running");
    fs::rename(&log, folder.path().join("log.1")).expect("move");
    broker.signal("RTMIN");
    let by = std::time::Instant::now() + PATIENCE;
    while !log.exists() {
        assert!(std::time::Instant::now() < by, "no new log");
        connect(port, "after", None);
    }
    assert_eq!(broker.stop().code(), Some(0));
    let (before, after) = (fs::read_to_string(folder.path().join("log.1")), fs::read_to_string(log));
    assert!(
        !before.expect("it is there").contains("Reloading")
            && !after.expect("it is there").contains("Reloading")
    );
}

#[test]
fn a_bridge_to_a_name_that_nobody_knows_is_told_of_in_mosquittos_words() {
    let folder = TempDir::new().expect("a folder");
    let text = format!(
        "user root\nlistener {} 127.0.0.1\nlog_dest file log\nconnection a\naddress no.such.host.invalid\ntopic #\n",
        free_port()
    );
    fs::write(folder.path().join("m.conf"), text).expect("write");
    let broker = Broker::start_command(sealmq().args(["-c", "m.conf"]).current_dir(&folder));
    let log = folder.path().join("log");
    wait_for(&log, "Bridge a: host name 'no.such.host.invalid' is not known");
    let log = fs::read_to_string(log).expect("the log");
    assert!(
        log.lines().any(|line| line.contains(": Error creating bridge: ") && line.ends_with('.')),
        "{log}"
    );
    assert_eq!(broker.stop().code(), Some(0));
}

#[test]
fn a_signal_that_the_first_client_sends_is_obeyed_and_not_the_end() {
    let folder = TempDir::new().expect("a folder");
    let log = folder.path().join("log");
    for signal in ["HUP", "USR1", "USR2"] {
        let port = free_port();
        let text = format!("user root\nlistener {port} 127.0.0.1\nallow_anonymous true\n");
        fs::write(folder.path().join("m.conf"), text).expect("write");
        let mut command = sealmq();
        command.args(["-c", "m.conf"]).current_dir(&folder).stderr(fs::File::create(&log).expect("a file"));
        let mut broker = Ends(command.spawn().expect("it starts"));
        let by = std::time::Instant::now() + PATIENCE;
        // Not its word that it is ready: the first moment at which it can be reached.
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(std::time::Instant::now() < by, "nobody listens");
        }
        let send = |signal: &str| {
            let sent = Command::new("kill").args(["-s", signal, &broker.0.id().to_string()]).status();
            assert!(sent.expect("kill").success());
        };
        send(signal);
        assert_eq!(connect(port, "next", None).1, 0, "{signal}");
        if signal == "HUP" {
            wait_for(&log, "Reloaded");
        }
        send("TERM");
        assert_eq!(wait(&mut broker.0).expect("it ends").code(), Some(0), "{signal}");
    }
}

#[test]
fn log_lines_are_messages_on_topics_by_their_kind() {
    let folder = TempDir::new().expect("a folder");
    let port = free_port();
    let text =
        format!("user root\nlistener {port} 127.0.0.1\nallow_anonymous true\nlog_dest topic\nlog_type all\n");
    fs::write(folder.path().join("m.conf"), text).expect("write");
    let _broker = Broker::start_command(sealmq().args(["-c", "m.conf"]).current_dir(&folder));
    let (mut watcher, _) = connect(port, "watcher", None);
    let filter = b"$SYS/broker/log/#";
    watcher.write_all(&[0x82, 5 + 17, 0, 1, 0, 17]).expect("subscribe");
    watcher.write_all(filter).expect("subscribe");
    watcher.write_all(&[0]).expect("subscribe");
    let mut read = Vec::new();
    let has = |read: &[u8], part: &[u8]| read.windows(part.len()).any(|window| window == part);
    let mut wait_for = |part: &str| {
        while !has(&read, part.as_bytes()) {
            let mut buffer = [0; 4096];
            let length = watcher.read(&mut buffer).expect("lines come");
            assert!(length > 0, "closed");
            read.extend_from_slice(&buffer[..length]);
        }
        read.clone()
    };
    // Its own line: from here on it is subscribed.
    wait_for(": watcher 0 $SYS/broker/log/#");
    let (stream, _) = connect(port, "one", None);
    let address = stream.local_addr().expect("an address");
    let read = wait_for(&format!(": New client connected from {address} as one (p4, c1, k60)."));
    assert!(has(&read, b"$SYS/broker/log/N") && has(&read, b"$SYS/broker/log/M/subscribe"));
    assert!(!has(&read, b"$SYS/broker/log/D"));
}

fn wait_for(path: &Path, text: &str) {
    let by = std::time::Instant::now() + PATIENCE;
    while !fs::read_to_string(path).is_ok_and(|log| log.contains(text)) {
        assert!(std::time::Instant::now() < by, "no line says '{text}': {:?}", fs::read_to_string(path));
        std::thread::yield_now();
    }
}

#[test]
fn password_files_go_both_ways() {
    if !has("mosquitto_passwd") || !has("mosquitto") {
        return;
    }
    let folder = TempDir::new().expect("a folder");
    let (ours, theirs) = (free_port(), free_port());
    let passwd = |words: &[&str]| run(sealmq().arg("passwd").args(words).current_dir(&folder)).0;
    assert_eq!(passwd(&["-c", "-H", "sha512-pbkdf2", "-b", "passwords", "anna", "one"]), 0);
    assert_eq!(passwd(&["-H", "sha512", "-b", "passwords", "berta", "two"]), 0);
    let (code, ..) = run(Command::new("mosquitto_passwd")
        .args(["-b", "passwords", "clara", "three"])
        .current_dir(&folder));
    assert_eq!(code, 0);
    let configuration =
        |port: u16| format!("user root\nlistener {port} 127.0.0.1\npassword_file passwords\n");
    fs::write(folder.path().join("theirs.conf"), configuration(theirs)).expect("write");
    let theirs_runs = Command::new(crate::support::find("mosquitto").expect("it is there"))
        .args(["-c", "theirs.conf"])
        .current_dir(&folder)
        .stderr(std::process::Stdio::null())
        .spawn();
    let mosquitto = Ends(theirs_runs.expect("it can be started"));
    let broker = Broker::start(folder.path(), &configuration(ours));
    let by = std::time::Instant::now() + PATIENCE;
    while TcpStream::connect(("127.0.0.1", theirs)).is_err() {
        assert!(std::time::Instant::now() < by, "mosquitto does not listen");
        std::thread::yield_now();
    }
    let answers = |port: u16, password: fn(&str) -> &str| {
        ["anna", "berta", "clara"].map(|user| connect(port, user, Some((user, password(user)))).1)
    };
    let right = |user: &str| match user {
        "anna" => "one",
        "berta" => "two",
        _ => "three",
    };
    let all = [
        answers(ours, right),
        answers(theirs, right),
        answers(ours, |_| "four"),
        answers(theirs, |_| "four"),
    ];
    drop(mosquitto);
    assert_eq!(all, [[0; 3], [0; 3], [5; 3], [5; 3]]);
    drop(broker);
}

#[test]
fn a_password_file_keeps_owner_mode_and_comments_and_is_private_from_the_start() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("passwords");
    let mode = || fs::metadata(&path).expect("it is there").permissions().mode() & 0o777;
    let passwd = |words: &[&str]| run(sealmq().arg("passwd").args(words).current_dir(&folder));
    assert_eq!(passwd(&["-c", "-b", "passwords", "anna", "one"]).0, 0);
    assert_eq!(mode(), 0o600);
    let written = fs::read_to_string(&path).expect("text");
    assert!(written.starts_with("anna:$argon2id$v=19$m=47104,t=1,p=1$"), "{written}");
    fs::write(&path, format!("# people\n{written}")).expect("write");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("set");
    let (code, out, _) = passwd(&["-b", "passwords", "berta", "two"]);
    assert_eq!((code, out.as_str()), (0, "Adding password for user berta\n"));
    let both = fs::read_to_string(&path).expect("text");
    assert!(both.starts_with(&format!("# people\n{written}berta:$argon2id$")), "{both}");
    assert_eq!(mode(), 0o640);
    assert_eq!(passwd(&["-D", "passwords", "anna"]).0, 0);
    let (code, _, err) = passwd(&["-D", "passwords", "anna"]);
    assert_eq!((code, err.as_str()), (1, "Warning: User anna not found in password file.\n"));
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1, "nothing is left behind");
}

#[test]
fn secrets_of_tls_are_written_where_asked_and_said_at_each_start_and_nowhere_else() {
    let guide = Guide::new();
    if !has("mosquitto_pub") {
        return;
    }
    let port = free_port();
    let text = format!(
        "user root\nlistener {port} 127.0.0.1\ncertfile server.crt\nkeyfile server.key\nallow_anonymous true\n"
    );
    fs::write(guide.file("m.conf"), text).expect("write");
    for (flags, written) in [(&["--tls-keylog", "keys"][..], true), (&[][..], false)] {
        let _ = fs::remove_file(guide.file("keys"));
        let broker =
            Broker::start_command(sealmq().args(["-c", "m.conf"]).args(flags).current_dir(guide.folder()));
        let line = format!("mosquitto_pub -h localhost -p {port} --cafile ca.crt --insecure -t a -m b");
        Client::run(guide.folder(), &line).succeeded();
        let keys = fs::read_to_string(guide.file("keys")).unwrap_or_default();
        assert_eq!(keys.contains("_TRAFFIC_SECRET_0 ") || keys.contains("CLIENT_RANDOM "), written, "{keys}");
        assert_eq!(broker.log().contains("Warning: --tls-keylog writes the secrets"), written);
    }
}

#[test]
fn a_listener_stays_on_its_interface_and_in_its_family() {
    let folder = TempDir::new().expect("a folder");
    let (port, other) = (free_port(), free_port());
    let text = format!(
        "user root\nallow_anonymous true\nlistener {port}\nsocket_domain ipv6\nlistener {other}\nsocket_domain ipv4\n"
    );
    let _broker = Broker::start(folder.path(), &text);
    let reaches = |host: &str, port: u16| TcpStream::connect((host, port)).is_ok();
    assert_eq!([reaches("127.0.0.1", port), reaches("127.0.0.1", other)], [false, true]);
    assert_eq!([reaches("::1", port), reaches("::1", other)], [true, false]);
    let bad = format!("user root\nlistener {}\nbind_interface nosuch0\n", free_port());
    fs::write(folder.path().join("bad.conf"), bad).expect("write");
    let (code, _, err) = broker(folder.path(), "-c bad.conf");
    assert!(code == 1 && err.contains("nosuch0"), "{code} {err}");
    let port = free_port();
    let _bound = Broker::start(
        folder.path(),
        &format!("user root\nallow_anonymous true\nlistener {port}\nbind_interface lo\n"),
    );
    assert_eq!(connect(port, "a", None).1, 0);
}
