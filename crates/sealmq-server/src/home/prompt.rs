//! Asks a person for a password on the terminal, without showing it.

use std::fs::OpenOptions;
use std::io::{self, BufRead, BufReader, IsTerminal, Write};

use nix::sys::termios::{LocalFlags, SetArg, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

/// Writes `question` to the terminal and reads one line from it without echo. An error where there is no terminal.
pub fn password(question: &str) -> io::Result<Zeroizing<String>> {
    let mut terminal = OpenOptions::new().read(true).write(true).open("/dev/tty")?;
    write!(terminal, "{question}")?;
    terminal.flush()?;
    let shown = tcgetattr(&terminal)?;
    let mut hidden = shown.clone();
    hidden.local_flags.remove(LocalFlags::ECHO);
    hidden.local_flags.insert(LocalFlags::ECHONL);
    tcsetattr(&terminal, SetArg::TCSAFLUSH, &hidden)?;
    let mut line = Zeroizing::new(String::with_capacity(LINE_BYTES_USUAL));
    let read = BufReader::new(&terminal).read_line(&mut line);
    tcsetattr(&terminal, SetArg::TCSAFLUSH, &shown)?;
    read?;
    Ok(Zeroizing::new(line.trim_end_matches(['\n', '\r']).to_owned()))
}

/// Runs `read` with the echo of standard input off, if that is a terminal.
///
/// # Errors
/// Those of `read`, and of the terminal.
pub fn without_echo<T>(read: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let stdin = io::stdin();
    if !stdin.is_terminal() {
        return read();
    }
    let shown = tcgetattr(&stdin)?;
    let mut hidden = shown.clone();
    hidden.local_flags.remove(LocalFlags::ECHO);
    tcsetattr(&stdin, SetArg::TCSAFLUSH, &hidden)?;
    let outcome = read();
    tcsetattr(&stdin, SetArg::TCSAFLUSH, &shown)?;
    outcome
}

/// Room beforehand, so that a line of usual length leaves no copy behind in a buffer that grew.
const LINE_BYTES_USUAL: usize = 1024;
