//! A client process: mosquitto_pub, openssl s_client, a Python script, our own `pub` and `sub`.

use std::io::Write as _;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::Arc;

use super::broker::{Output, sealmq, wait};

/// A client that may still run. Its standard input stays open until it is told otherwise.
pub(crate) struct Client {
    child: Child,
    input: Option<ChildStdin>,
    output: Arc<Output>,
    line: String,
}

/// How a client ended, and all it printed.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) status: ExitStatus,
    pub(crate) text: String,
    line: String,
}

impl Client {
    /// Starts a command given as one line: words are split at spaces, `sealmq` is the binary under test.
    pub(crate) fn start(folder: &Path, line: &str) -> Self {
        let mut words = line.split_whitespace();
        let program = words.next().expect("a command line has a program");
        let mut command = if program == "sealmq" { sealmq() } else { Command::new(program) };
        Self::start_command(command.args(words).current_dir(folder))
    }

    /// Starts a line as it was printed for a person, with a shell's quotes in it.
    pub(crate) fn start_shell(folder: &Path, line: &str) -> Self {
        // `exec`: the process that this test may have to end is the client, not the shell.
        Self::start_command(Command::new("sh").args(["-c", &format!("exec {line}")]).current_dir(folder))
    }

    /// Starts any command.
    pub(crate) fn start_command(command: &mut Command) -> Self {
        let line = format!("{command:?}");
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{line}: {error}"));
        let output = Arc::new(Output::default());
        output.follow(child.stdout.take().expect("standard output is piped"));
        output.follow(child.stderr.take().expect("standard error is piped"));
        let input = child.stdin.take();
        Self { child, input, output, line }
    }

    /// Runs a command to its end with nothing on its standard input.
    pub(crate) fn run(folder: &Path, line: &str) -> Outcome {
        let mut client = Self::start(folder, line);
        client.input = None;
        client.end()
    }

    /// Writes a line to its standard input.
    pub(crate) fn say(&mut self, line: &str) {
        let input = self.input.as_mut().expect("the input is open");
        // In one piece: `openssl s_client` ends at the Q and reads no line feed after it.
        input.write_all(format!("{line}\n").as_bytes()).expect("the client reads its input");
    }

    /// Nothing more comes on its standard input.
    pub(crate) fn close_input(&mut self) {
        self.input = None;
    }

    /// Waits until it has printed `part`.
    pub(crate) fn wait_for(&self, part: &str) -> &Self {
        assert!(self.output.wait_for(part), "{}: never printed {part:?}:\n{}", self.line, self.output.text());
        self
    }

    /// What it has printed so far.
    pub(crate) fn printed(&self) -> String {
        self.output.text()
    }

    /// Waits for its end, its input still open.
    pub(crate) fn end(mut self) -> Outcome {
        let status =
            wait(&mut self.child).unwrap_or_else(|| panic!("{}: hangs:\n{}", self.line, self.output.text()));
        // The pipes are at their end once the process is gone; the readers may be a moment behind.
        let text = settled(&self.output);
        Outcome { status, text, line: self.line.clone() }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Outcome {
    /// Of a command that was run to its end by other means.
    pub(crate) fn of(output: &std::process::Output, line: &str) -> Self {
        Self { status: output.status, text: super::text(output), line: line.to_owned() }
    }

    /// Fails unless the client ended well.
    pub(crate) fn succeeded(self) -> Self {
        assert!(self.status.success(), "{}: {}\n{}", self.line, self.status, self.text);
        self
    }

    /// Fails unless the client was turned away.
    pub(crate) fn refused(self) -> Self {
        assert!(!self.status.success(), "{}: was let in\n{}", self.line, self.text);
        self
    }

    /// Fails unless it printed `part`.
    pub(crate) fn says(self, part: &str) -> Self {
        assert!(self.text.contains(part), "{}: did not say {part:?}:\n{}", self.line, self.text);
        self
    }
}

/// The output once its two readers, the only other owners, are done.
fn settled(output: &Arc<Output>) -> String {
    let deadline = std::time::Instant::now() + super::broker::PATIENCE;
    while Arc::strong_count(output) > 1 && std::time::Instant::now() < deadline {
        std::thread::park_timeout(std::time::Duration::from_millis(5));
    }
    output.text()
}
