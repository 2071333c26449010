//! `sealmq passwd`: mosquitto_passwd's flags, texts and exit codes, for the password file of a mosquitto.conf.
//!
//! Different on purpose: argon2id in every build; comments stay; the file is replaced in one step, with its owner and
//! mode, so that a broker that reads meanwhile sees the old one or the new one; `-U` leaves hashes alone; `-c` replaces
//! a file that is there, as the manual of mosquitto_passwd says.
//!
//! Errors have no `hint:` line unless a person reads them: scripts compare mosquitto's texts whole.

mod file;
mod flags;

use std::ffi::OsString;
use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::process::ExitCode;

use sealmq_server::home::without_echo;
use sealmq_server::password_lines::{self, Changed, Kind};
use zeroize::Zeroizing;

use self::file::PasswordsOnDisk;
use self::flags::{Asked, BadFlags, Place, Source, Task};

/// Options of this command: mosquitto_passwd's words, read by [`flags`].
#[derive(Debug, clap::Args)]
#[command(after_help = USAGE)]
pub(crate) struct Args {
    /// The flags of mosquitto_passwd
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "OPTION")]
    words: Vec<OsString>,
}

const USAGE: &str = "\
sealmq passwd manages password files of a mosquitto.conf.

Usage: sealmq passwd [-H HASH] [-I ITERATIONS] [-c | -D] passwordfile username
       sealmq passwd [-H HASH] [-I ITERATIONS] [-c] -b passwordfile username password
       sealmq passwd [-H HASH] -U passwordfile
       sealmq passwd --scram [-I ITERATIONS] [-b] [-c | -D] scramfile username [password]
 -b : take the password from the command line, where everyone on this machine can read it.
 -c : create a new password file; an existing one is replaced. A file named - is standard output.
 -D : delete the username rather than adding it or setting its password.
 -H : argon2id (the default), sha512-pbkdf2 (mosquitto 1.6 to 2.0), or sha512 (older).
 -I : iterations of sha512-pbkdf2, 1000 unless given; 210000 makes guessing slow. With --scram 15000 unless given.
 --scram : write an entry of a scram_file (SCRAM-SHA-256) instead; goes with -b, -c, -D and -I.
 -U : hash the plain text passwords of a file. Lines that have a hash already stay.

Without -b the password is asked for twice. The broker reads the file again on SIGHUP.
";

/// Why the command failed: mosquitto_passwd's text, what mends it, its exit code.
struct Failure {
    text: String,
    hint: &'static str,
    exit: u8,
}

impl Failure {
    fn new(text: impl Into<String>, hint: &'static str) -> Failure {
        Failure { text: text.into(), hint, exit: 1 }
    }
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> ExitCode {
    let Asked { task, kind } = match flags::parse(&args.words) {
        Ok(asked) => asked,
        Err(BadFlags::Usage) => {
            print!("{USAGE}");
            let asked_for = args.words.iter().any(|word| word == "-h" || word == "--help");
            return if asked_for { ExitCode::SUCCESS } else { ExitCode::FAILURE };
        }
        Err(BadFlags::Error(text)) => {
            return complain(&Failure::new(text, "sealmq passwd -h shows what there is"));
        }
    };
    match perform(task, kind) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => complain(&failure),
    }
}

fn complain(failure: &Failure) -> ExitCode {
    eprintln!("{}", failure.text);
    if io::stderr().is_terminal() {
        eprintln!("hint: {}", failure.hint);
    }
    ExitCode::from(failure.exit)
}

fn perform(task: Task, kind: Kind) -> Result<(), Failure> {
    match task {
        Task::Create { file, user, password } => create(file, &user, password, kind),
        Task::Set { file, user, password } => {
            let disk = PasswordsOnDisk::open(&file)?;
            let hash = hash(kind, &password_from(password)?)?;
            let (text, changed) = password_lines::with_user(disk.text(), &user, &hash);
            let text = finished(text, kind)?;
            match changed {
                Changed::Replaced => println!("Updating password for user {user}"),
                Changed::Added => println!("Adding password for user {user}"),
            }
            disk.replace(&text)
        }
        Task::Delete { file, user } => {
            let disk = PasswordsOnDisk::open(&file)?;
            let text = password_lines::without_user(disk.text(), &user).ok_or_else(|| {
                let text = format!("Warning: User {user} not found in password file.");
                Failure::new(text, "names are compared letter by letter")
            })?;
            disk.replace(&text)
        }
        Task::Hash { file } => {
            let disk = PasswordsOnDisk::open(&file)?;
            let text = password_lines::hashed(disk.text(), kind)
                .map_err(|error| Failure::new(format!("Error: {error}."), "each line is NAME:PASSWORD"))?;
            disk.replace(&text)
        }
    }
}

fn create(file: Place, user: &str, password: Source, kind: Kind) -> Result<(), Failure> {
    let hash = hash(kind, &password_from(password)?)?;
    let (text, _) = password_lines::with_user("", user, &hash);
    let text = finished(text, kind)?;
    match file {
        Place::StandardOutput => {
            print!("{text}");
            Ok(())
        }
        Place::File(file) => {
            file::create(&file, &text)?;
            println!("Adding password for user {user}");
            Ok(())
        }
    }
}

/// A `scram_file` has a decoy key; a password file needs nothing more.
fn finished(text: String, kind: Kind) -> Result<String, Failure> {
    match kind {
        Kind::ScramSha256 { .. } => password_lines::with_decoy_key(text)
            .map_err(|error| Failure::new(format!("Error: {error}."), "a broken system: getrandom(2) fails")),
        Kind::Argon2id | Kind::Sha512Pbkdf2 { .. } | Kind::Sha512 => Ok(text),
    }
}

fn hash(kind: Kind, password: &str) -> Result<String, Failure> {
    kind.hash(password.as_bytes()).map_err(|error| {
        Failure::new(format!("Error: Unable to hash password: {error}."), "free some memory, and try again")
    })
}

fn password_from(source: Source) -> Result<Zeroizing<String>, Failure> {
    match source {
        Source::Argument(password) => {
            eprintln!(
                "Warning: A password on the command line can be read by everyone on this machine (ps) and stays in the shell's history."
            );
            Ok(Zeroizing::new(password))
        }
        Source::Asked => {
            let first = ask("Password: ")?;
            let second = ask("Reenter password: ")?;
            if first == second {
                return Ok(first);
            }
            let failure = Failure::new("Error: Passwords do not match.", "type the same one twice");
            Err(Failure { exit: PASSWORDS_DIFFER, ..failure })
        }
    }
}

/// mosquitto_passwd's exit code for it.
const PASSWORDS_DIFFER: u8 = 2;

/// One line from standard input, hidden where that is a terminal.
fn ask(question: &str) -> Result<Zeroizing<String>, Failure> {
    let failed = |error: io::Error| {
        Failure::new(format!("Error: The password cannot be read: {error}."), "type it, or pipe it in twice")
    };
    print!("{question}");
    io::stdout().flush().map_err(failed)?;
    let mut line = Zeroizing::new(String::with_capacity(1024));
    without_echo(|| io::stdin().lock().read_line(&mut line)).map_err(failed)?;
    let password = Zeroizing::new(line.trim_end_matches(['\n', '\r']).to_owned());
    if password.is_empty() {
        return Err(Failure::new("Error: Empty password.", "a user without a password cannot log in"));
    }
    println!();
    Ok(password)
}
