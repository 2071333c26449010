//! `sealmq ban list|lift`: the addresses that a running broker closes unheard (`ban_after`).

use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use super::device::{home_failure, office};
use crate::report::{self, Failure};

/// Options of this command.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// List the addresses that are banned, and for how many seconds still
    List(ListArgs),
    /// End the ban of an address
    Lift(LiftArgs),
}

#[derive(Debug, clap::Args)]
struct ListArgs {
    /// The broker's data directory
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
struct LiftArgs {
    /// An address, or a /64 as the list shows it
    address: String,
    /// The broker's data directory
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  sealmq ban list
  sealmq ban lift 192.0.2.7
  sealmq ban lift 2001:db8:1:2::/64

Nobody is banned unless sealmq.conf says when: ban_after FAILURES SECONDS DURATION.";

/// Runs the command.
pub(crate) fn run(args: Args) -> ExitCode {
    report::finish(match args.action {
        Action::List(args) => list(&args),
        Action::Lift(args) => lift(&args),
    })
}

fn list(args: &ListArgs) -> Result<(), Failure> {
    let bans = office(args.data_dir.as_deref())?.bans().map_err(home_failure)?;
    if bans.is_empty() {
        println!("nobody is banned");
    }
    bans.iter().for_each(|ban| println!("{} {} seconds", ban.network, ban.left_secs));
    Ok(())
}

fn lift(args: &LiftArgs) -> Result<(), Failure> {
    let text = args.address.strip_suffix("/64").unwrap_or(&args.address);
    let address: IpAddr = text.parse().map_err(|_| {
        Failure::new(format!("'{}' is no address", args.address))
            .hint("`sealmq ban list` shows who is banned, as it is written here")
    })?;
    office(args.data_dir.as_deref())?.lift_ban(address).map_err(home_failure)?;
    println!("{} may connect again", args.address);
    Ok(())
}
