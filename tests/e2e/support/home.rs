//! A data directory of `sealmq up`, and the commands that a person types beside it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use super::{Broker, Client, PATIENCE, free_port, sealmq};

/// A data directory of its own and a port.
pub(crate) struct Home {
    pub(crate) folder: TempDir,
    pub(crate) port: u16,
}

impl Home {
    /// Nothing is made yet.
    pub(crate) fn new() -> Self {
        Self { folder: TempDir::new().expect("a temporary folder"), port: free_port() }
    }

    /// The data directory.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A `sealmq` command that knows this data directory, run in the folder beside it.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = sealmq();
        command.args(words).current_dir(self.folder.path());
        command.env("SEALMQ_DATA", self.data()).env("XDG_CONFIG_HOME", self.folder.path().join("config"));
        command
    }

    /// `sealmq up`; waits until it says that it is ready.
    pub(crate) fn up(&self) -> Broker {
        Broker::start_command(&mut self.command(&["up", "--port", &self.port.to_string()]))
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, words: &[&str]) -> Output {
        self.command(words).output().expect("sealmq runs")
    }

    /// Runs a command that must end well; what it printed.
    pub(crate) fn succeeds(&self, words: &[&str]) -> String {
        let output = self.run(words);
        assert!(output.status.success(), "{words:?}: {}", text(&output));
        text(&output)
    }

    /// Fails with an error and a hint, quickly and without a panic.
    pub(crate) fn refused(&self, words: &[&str]) -> String {
        let output = self.run(words);
        let text = text(&output);
        assert!(!output.status.success(), "{words:?} succeeded: {text}");
        assert!(text.contains("error: ") && text.contains("hint: "), "{words:?}: {text}");
        assert!(!text.contains("panicked"), "{text}");
        text
    }

    /// Whether the broker takes a message of mosquitto_pub with this proof.
    pub(crate) fn mosquitto_pub(&self, proof: &str) -> bool {
        let line = format!(
            "mosquitto_pub -h localhost -p {} --cafile {}/ca/ca.crt {proof} -q 1 -t test/a -m b",
            self.port,
            self.data().display()
        );
        let mut words = line.split_whitespace();
        let mut command = Command::new(words.next().expect("a program"));
        command
            .args(words)
            .current_dir(self.folder.path())
            .output()
            .is_ok_and(|output| output.status.success())
    }

    /// The folder beside the data directory, where bundles land.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// `sealmq device add NAME` for this machine, with more flags as one line.
    pub(crate) fn add_device(&self, name: &str, flags: &str) -> String {
        let mut words = vec!["device", "add", name, "--host", "localhost"];
        words.extend(flags.split_whitespace());
        self.succeeds(&words)
    }

    /// `sealmq user add NAME` with this password.
    pub(crate) fn add_user(&self, name: &str, password: &str) {
        let mut client = Client::start_command(&mut self.command(&["user", "add", name, "-P", "-"]));
        client.say(password);
        client.end().succeeded();
    }

    /// Takes a device's certificate out of the inventory, as a backup from before it would have.
    pub(crate) fn forget(&self, name: &str) {
        let inventory =
            rusqlite::Connection::open(self.data().join("ca/inventory.db")).expect("the inventory");
        inventory.busy_timeout(PATIENCE).expect("a time-out can be set");
        let gone = inventory.execute("DELETE FROM certificate WHERE name = ?1", [name]);
        assert_eq!(gone.expect("a row can be deleted"), 1, "{name}");
    }
}

/// All that a command printed.
pub(crate) fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
