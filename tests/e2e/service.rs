//! Debian's mosquitto.service, as it is installed, with one word replaced: what a service manager would run and hear.

use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::support::{Client, Ends, PATIENCE, find, free_port, has, there, wait};

const UNIT: &str = "/lib/systemd/system/mosquitto.service";
const CONFIGURATION: &str = "/etc/mosquitto/mosquitto.conf";

/// The value of a key of the `[Service]` section.
fn value<'a>(unit: &'a str, key: &str) -> &'a str {
    let section = unit.split("[Service]").nth(1).expect("a unit has a section of services");
    section
        .lines()
        .find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
        .unwrap_or_else(|| panic!("{key} is not in {unit}"))
}

/// A folder that stands for /etc, /run, /var/lib and /var/log of mosquitto, so that nothing of this machine is used.
struct Machine {
    folder: TempDir,
}

impl Machine {
    /// Debian's configuration as installed, its folders moved, and a listener in its `conf.d`.
    fn new(port: u16) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        for name in ["conf.d", "run", "lib", "log"] {
            std::fs::create_dir(folder.path().join(name)).expect("a folder");
        }
        let moved = |text: &str| {
            let place = folder.path().display();
            text.replace("/etc/mosquitto", &place.to_string())
                .replace("/run/mosquitto", &format!("{place}/run"))
                .replace("/var/lib/mosquitto", &format!("{place}/lib"))
                .replace("/var/log/mosquitto", &format!("{place}/log"))
        };
        let installed = std::fs::read_to_string(CONFIGURATION).expect("it is installed with the unit");
        std::fs::write(folder.path().join("mosquitto.conf"), moved(&installed)).expect("write");
        let listener = format!("user root\nlistener {port} 127.0.0.1\nallow_anonymous true\n");
        std::fs::write(folder.path().join("conf.d/local.conf"), listener).expect("write");
        Self { folder }
    }

    /// ExecStart, its program ours, its paths moved.
    fn start(&self, exec: &str, notify: &Path) -> Child {
        let line = exec.replace("/etc/mosquitto", &self.folder.path().display().to_string());
        let mut words = line.split_whitespace();
        let program = words.next().expect("a program");
        assert_eq!(Path::new(program).file_name(), Some("mosquitto".as_ref()), "the word that is replaced");
        Command::new(env!("CARGO_BIN_EXE_sealmq"))
            .args(words)
            .env("NOTIFY_SOCKET", notify)
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(self.folder.path().join("journal")).expect("a file"))
            .spawn()
            .expect("sealmq starts")
    }

    /// What the service manager's journal would hold.
    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("journal")).unwrap_or_default()
    }
}

/// The service manager's end of the notification socket.
struct Manager {
    socket: UnixDatagram,
}

impl Manager {
    fn hears(&self, wanted: &str, log: impl Fn() -> String) {
        let mut message = [0_u8; 4096];
        loop {
            let received = self.socket.recv(&mut message).unwrap_or_else(|error| {
                panic!("no {wanted} within {PATIENCE:?} ({error}):\n{}", log());
            });
            if message[..received].split(|byte| *byte == b'\n').any(|line| line == wanted.as_bytes()) {
                return;
            }
        }
    }
}

#[test]
fn debians_unit_with_one_word_replaced_starts_reloads_and_stops() {
    if !has("mosquitto") || !there(UNIT, Path::new(UNIT).is_file()) {
        return;
    }
    let unit = std::fs::read_to_string(UNIT).expect("it is there");
    assert_eq!(value(&unit, "Type"), "notify");
    let port = free_port();
    let machine = Machine::new(port);
    let notify = machine.folder.path().join("notify");
    let manager = Manager { socket: UnixDatagram::bind(&notify).expect("bind") };
    manager.socket.set_read_timeout(Some(PATIENCE)).expect("a time-out can be set");

    let mut child = Ends(machine.start(value(&unit, "ExecStart"), &notify));
    manager.hears("READY=1", || machine.log());
    let pid = child.0.id().to_string();
    assert_eq!(
        std::fs::read_to_string(machine.folder.path().join("run/mosquitto.pid")).expect("pid_file").trim(),
        pid
    );
    let publish = format!("mosquitto_pub -h 127.0.0.1 -p {port} -q 1 -t a -m b");
    Client::run(machine.folder.path(), &publish).succeeded();

    let reload = value(&unit, "ExecReload").replace("$MAINPID", &pid);
    let mut words = reload.split_whitespace();
    let kill = words.next().and_then(find).expect("the unit names a program");
    assert!(Command::new(kill).args(words).status().expect("it runs").success());
    Client::run(machine.folder.path(), &publish).succeeded();
    assert!(
        child.0.try_wait().expect("a child can be asked").is_none(),
        "SIGHUP ended it:\n{}",
        machine.log()
    );

    assert!(Command::new("kill").args(["-s", "TERM", &pid]).status().expect("it runs").success());
    manager.hears("STOPPING=1", || machine.log());
    let status = wait(&mut child.0).unwrap_or_else(|| panic!("still running:\n{}", machine.log()));
    assert_eq!(status.code(), Some(0), "{}", machine.log());
    assert!(!machine.folder.path().join("run/mosquitto.pid").exists(), "the pid file goes with its process");
    Client::run(machine.folder.path(), &publish).refused();
}
