//! `sealmq ca init`: a CA without a broker.

use std::path::PathBuf;

use sealmq_pki::NewKey;
use sealmq_server::home::{Blueprint, Home, Surroundings, Unlock};

use super::super::device::home_failure;
use super::{DataDir, show};
use crate::report::Failure;

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// What the CA's names begin with: 1 to 40 letters, digits, spaces, '.', '-', '_'. Made up without it
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// The organization (O) in the CA's names; SealMQ without it
    #[arg(long, value_name = "NAME")]
    organization: Option<String>,
    /// The kind of its keys
    #[arg(long, value_name = "KIND", default_value = "P-256")]
    key: KeyKind,
    /// Encrypt its keys under the passphrase in the first line of this file; - is standard input
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    #[command(flatten)]
    data: DataDir,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(super) enum KeyKind {
    /// What the smallest devices verify fastest
    #[value(name = "P-256", alias = "p-256")]
    P256,
    /// For rules that ask for it
    #[value(name = "P-384", alias = "p-384")]
    P384,
}

impl From<KeyKind> for NewKey {
    fn from(kind: KeyKind) -> Self {
        match kind {
            KeyKind::P256 => Self::P256,
            KeyKind::P384 => Self::P384,
        }
    }
}

const EXAMPLES: &str = "\
Examples:
  sealmq ca init --name 'Plant 7' --organization 'Example GmbH'
  sealmq ca init --data-dir ./pki --passphrase-file secret

`sealmq up` with the same data directory then starts a broker under this CA.";

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let place = args.data.place()?;
    let unlock = Unlock::of_process(args.passphrase_file.as_deref());
    let blueprint = Blueprint {
        name: args.name.clone(),
        organization: args.organization.clone(),
        keys: args.key.into(),
        passphrase: unlock.passphrase_of_new_keys().map_err(home_failure)?,
    };
    let around = Surroundings::look().map_err(home_failure)?;
    Home::init(&place, &blueprint, &around, &mut |_| Ok(())).map_err(home_failure)?;
    println!("made a CA in {}", place.folder().display());
    show::print(&place, around.now)
}
