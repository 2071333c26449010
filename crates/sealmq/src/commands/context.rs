//! `sealmq context add FILE`: remembers a broker, so that `pub` and `sub` here need no flags.

use std::path::PathBuf;
use std::process::ExitCode;

use sealmq_device::Context;
use sealmq_pki::Name;
use sealmq_server::home::contexts::Contexts;
use sealmq_server::home::{Environment, files};

use super::device::{home_failure, text_failure};
use crate::report::{self, Failure};

/// Options of this command.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Remember the broker in a file that `sealmq device add NAME --for sealmq` has written
    Add(AddArgs),
    /// List the brokers that are remembered
    List,
}

#[derive(Debug, clap::Args)]
struct AddArgs {
    /// The file (NAME.sealmq.json)
    file: PathBuf,
    /// Remember it under this name instead of the one in the file
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
}

/// Runs the command.
pub(crate) fn run(args: Args) -> ExitCode {
    report::finish(match args.action {
        Action::Add(args) => add(&args),
        Action::List => list(),
    })
}

fn add(args: &AddArgs) -> Result<(), Failure> {
    let content = files::read_secret(&args.file).map_err(home_failure)?.ok_or_else(|| {
        Failure::new(format!("{} is not there", args.file.display())).hint(
            "on the broker: sealmq device add NAME --for sealmq, then copy the file NAME.sealmq.json here",
        )
    })?;
    let context = Context::parse(&content).map_err(|error| text_failure(&error))?;
    let name = match &args.name {
        Some(text) => Name::parse(text).map_err(|error| text_failure(&error))?,
        None => context.name.clone(),
    };
    let contexts = contexts()?;
    let first = contexts.names().map_err(home_failure)?.is_empty();
    contexts.add(&name, &content).map_err(home_failure)?;
    println!("{name}: broker {}, port {}, as {}", context.host, context.port, context.name);
    if first {
        println!("sealmq pub and sub use it without any flag where no broker of this computer is found");
    } else {
        println!("sealmq pub --context {name} … uses it");
    }
    println!("it holds a private key: delete {}", args.file.display());
    Ok(())
}

fn list() -> Result<(), Failure> {
    for name in contexts()?.names().map_err(home_failure)? {
        println!("{name}");
    }
    Ok(())
}

fn contexts() -> Result<Contexts, Failure> {
    Contexts::of(&Environment::of_process()).map_err(home_failure)
}
