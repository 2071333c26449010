//! A broker process: ours, or Debian's mosquitto for comparison. Ready when it says READY=1, stopped by its own pid.

use std::io::{BufRead as _, BufReader, Read};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How long anything in these tests may take on a machine that does much else at the same time.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A running broker with everything it has printed so far.
pub(crate) struct Broker {
    child: Child,
    output: Arc<Output>,
    _notify_folder: TempDir,
}

impl Broker {
    /// `sealmq -c FILE` in `folder`; waits until it says that it is ready.
    pub(crate) fn start(folder: &Path, configuration: &str) -> Self {
        std::fs::write(folder.join("mosquitto.conf"), configuration).expect("write the configuration");
        Self::start_command(sealmq().args(["-c", "mosquitto.conf", "-v"]).current_dir(folder))
    }

    /// Starts any broker command and waits until it says that it is ready.
    pub(crate) fn start_command(command: &mut Command) -> Self {
        let notify_folder = TempDir::new().expect("a temporary folder");
        let path = notify_folder.path().join("notify");
        let socket = UnixDatagram::bind(&path).expect("bind the notification socket");
        socket.set_read_timeout(Some(Duration::from_millis(100))).expect("set a time-out");
        let mut child = command
            .env("NOTIFY_SOCKET", &path)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the broker can be started");
        let output = Arc::new(Output::default());
        output.follow(child.stdout.take().expect("standard output is piped"));
        output.follow(child.stderr.take().expect("standard error is piped"));
        let mut broker = Self { child, output, _notify_folder: notify_folder };
        broker.wait_until_ready(&socket);
        broker
    }

    fn wait_until_ready(&mut self, socket: &UnixDatagram) {
        let started = Instant::now();
        let mut message = [0_u8; 4096];
        while started.elapsed() < PATIENCE {
            let received = socket.recv(&mut message).unwrap_or(0);
            if message[..received].split(|byte| *byte == b'\n').any(|line| line == b"READY=1") {
                return;
            }
            if let Some(status) = self.child.try_wait().expect("the broker can be waited for") {
                panic!("the broker ended with {status} before it was ready:\n{}", self.log());
            }
        }
        panic!("the broker was not ready after {PATIENCE:?}:\n{}", self.log());
    }

    /// Everything printed so far, standard output and standard error together.
    pub(crate) fn log(&self) -> String {
        self.output.text.lock().expect("no reader panics").clone()
    }

    /// Waits until one line holds all of `parts`; returns that line.
    pub(crate) fn wait_for_line(&self, parts: &[&str]) -> String {
        let deadline = Instant::now() + PATIENCE;
        let mut text = self.output.text.lock().expect("no reader panics");
        loop {
            if let Some(line) = text.lines().find(|line| parts.iter().all(|part| line.contains(part))) {
                return line.to_owned();
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "no line with {parts:?} in:\n{text}");
            text = self.output.grown.wait_timeout(text, left).expect("no reader panics").0;
        }
    }

    /// The process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by name (`TERM`, `HUP`).
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill").args(["-s", name, &self.pid().to_string()]).status();
        assert!(status.is_ok_and(|status| status.success()), "kill -s {name}");
    }

    /// Ends the broker with SIGTERM and gives its exit status.
    pub(crate) fn stop(mut self) -> ExitStatus {
        self.signal("TERM");
        wait(&mut self.child).unwrap_or_else(|| panic!("still running after SIGTERM:\n{}", self.log()))
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A process that does not outlive its test.
pub(crate) struct Ends(pub(crate) Child);

impl Drop for Ends {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A broker in the background, by its pid file, which it takes with it when it ends. Nor does this outlive its test.
pub(crate) struct Background(pub(crate) PathBuf);

impl Drop for Background {
    fn drop(&mut self) {
        if let Ok(pid) = std::fs::read_to_string(&self.0) {
            let _ = Command::new("kill").args(["-s", "KILL", pid.trim()]).status();
        }
    }
}

/// The `sealmq` binary of this build.
pub(crate) fn sealmq() -> Command {
    Command::new(env!("CARGO_BIN_EXE_sealmq"))
}

/// Waits for a process within the patience of these tests.
pub(crate) fn wait(child: &mut Child) -> Option<ExitStatus> {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if let Some(status) = child.try_wait().expect("a child can be waited for") {
            return Some(status);
        }
        std::thread::park_timeout(Duration::from_millis(20));
    }
    None
}

#[derive(Default)]
pub(crate) struct Output {
    text: Mutex<String>,
    grown: Condvar,
}

impl Output {
    pub(crate) fn follow(self: &Arc<Self>, pipe: impl Read + Send + 'static) {
        let output = Arc::clone(self);
        std::thread::spawn(move || {
            for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
                let mut text = output.text.lock().expect("no reader panics");
                text.push_str(&String::from_utf8_lossy(&line));
                text.push('\n');
                output.grown.notify_all();
            }
        });
    }

    pub(crate) fn wait_for(&self, part: &str) -> bool {
        let deadline = Instant::now() + PATIENCE;
        let mut text = self.text.lock().expect("no reader panics");
        while !text.contains(part) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            text = self.grown.wait_timeout(text, left).expect("no reader panics").0;
        }
        true
    }

    pub(crate) fn text(&self) -> String {
        self.text.lock().expect("no reader panics").clone()
    }
}
