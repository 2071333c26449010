//! `sealmq user add|remove|list`: names that log in with a password over TLS.
//!
//! The password is hashed here (argon2id); only the hash leaves this process.

use std::io::{BufRead, IsTerminal};
use std::path::PathBuf;
use std::process::ExitCode;

use sealmq_server::home::passwords::{self, Hash};
use sealmq_server::home::prompt_password;
use zeroize::Zeroizing;

use super::device::{home_failure, office};
use crate::report::{self, Failure};

/// Options of this command.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Let a name in with a password; asked for on the terminal, or made up and printed once
    Add(AddArgs),
    /// Take a name's password away
    Remove(RemoveArgs),
    /// List the names that log in with a password
    List(ListArgs),
}

#[derive(Debug, clap::Args)]
#[command(after_help = ADD_EXAMPLES)]
struct AddArgs {
    /// The user name: 1 to 64 of A-Z a-z 0-9 . _ : @ -
    name: String,
    /// `-P -` reads the password from standard input
    #[arg(short = 'P', long = "password", value_name = "-", allow_hyphen_values = true)]
    password: Option<String>,
    /// Make a password up and print it once
    #[arg(long, conflicts_with = "password")]
    generate: bool,
    /// The broker's data directory
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
struct RemoveArgs {
    /// The user name
    name: String,
    /// The broker's data directory
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
struct ListArgs {
    /// The broker's data directory
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

const ADD_EXAMPLES: &str = "\
Examples:
  sealmq user add kettle              asks for the password
  sealmq user add kettle --generate   makes one up and prints it once
  printf '%s\\n' SECRET | sealmq user add kettle -P -

The device then connects with TLS, ca/ca.crt of the data directory, this name and the password. A device that can do \
client certificates is better off with `sealmq device add NAME`.";

/// Runs the command.
pub(crate) fn run(args: Args) -> ExitCode {
    report::finish(match args.action {
        Action::Add(args) => add(args),
        Action::Remove(args) => remove(&args),
        Action::List(args) => list(&args),
    })
}

/// Where the password comes from.
enum Source {
    StandardInput,
    Terminal,
    MadeUp,
}

fn add(args: AddArgs) -> Result<(), Failure> {
    let source = source(&args)?;
    // Reached first: nobody types a password for a directory that is not there.
    let mut office = office(args.data_dir.as_deref())?;
    let password = match source {
        Source::StandardInput => from_standard_input()?,
        Source::Terminal => from_terminal(&args.name)?,
        Source::MadeUp => passwords::generate().map_err(home_failure)?,
    };
    let hash = Hash::of(password.as_bytes()).map_err(home_failure)?;
    office.add_user(&args.name, &hash).map_err(home_failure)?;
    println!("user {} may log in with a password over TLS, at once", args.name);
    if matches!(source, Source::MadeUp) {
        println!("password: {}", password.as_str());
        println!("it is shown this once: write it into the device now");
    }
    Ok(())
}

fn source(args: &AddArgs) -> Result<Source, Failure> {
    match args.password.as_deref() {
        Some("-") => Ok(Source::StandardInput),
        Some(_) => {
            Err(Failure::new("a password on the command line can be read by everyone on this machine")
                .hint("leave -P away and type it when asked, or pipe it: … | sealmq user add NAME -P -"))
        }
        None if args.generate || !std::io::stdin().is_terminal() => Ok(Source::MadeUp),
        None => Ok(Source::Terminal),
    }
}

fn from_standard_input() -> Result<Zeroizing<String>, Failure> {
    let mut line = Zeroizing::new(String::with_capacity(1024));
    std::io::stdin()
        .lock()
        .read_line(&mut line)
        .map_err(|e| Failure::new(format!("cannot read the password from standard input: {e}")))?;
    let password = Zeroizing::new(line.trim_end_matches(['\n', '\r']).to_owned());
    if password.is_empty() {
        return Err(Failure::new("the password on standard input is empty")
            .hint("printf '%s\\n' SECRET | sealmq user add NAME -P -"));
    }
    Ok(password)
}

fn from_terminal(name: &str) -> Result<Zeroizing<String>, Failure> {
    let ask = |question: &str| {
        prompt_password(question).map_err(|e| {
            Failure::new(format!("cannot ask for the password: {e}"))
                .hint("use --generate, or -P - to read standard input")
        })
    };
    let first = ask(&format!("password for {name}: "))?;
    if first.is_empty() {
        return Err(Failure::new("an empty password lets everybody in").hint("type one, or use --generate"));
    }
    if ask("once more: ")? != first {
        return Err(Failure::new("the two passwords differ").hint("type it again"));
    }
    Ok(first)
}

fn remove(args: &RemoveArgs) -> Result<(), Failure> {
    office(args.data_dir.as_deref())?.remove_user(&args.name).map_err(home_failure)?;
    println!("user {} can log in no more", args.name);
    Ok(())
}

fn list(args: &ListArgs) -> Result<(), Failure> {
    let names = office(args.data_dir.as_deref())?.users().map_err(home_failure)?;
    if names.is_empty() {
        println!(
            "no users: every client needs a certificate. sealmq user add NAME lets one in with a password"
        );
    }
    names.iter().for_each(|name| println!("{name}"));
    Ok(())
}
