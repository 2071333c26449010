//! `sealmq ca export`: copies of the CA for elsewhere.

use std::path::PathBuf;

use sealmq_server::home::export::{Format, export_certificates, export_key};
use sealmq_server::home::{Surroundings, Unlock};

use super::super::device::home_failure;
use super::DataDir;
use crate::report::Failure;

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The folder into which the files are written
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
    /// How certificates are written
    #[arg(long, value_name = "FORMAT", default_value = "pem")]
    format: FormatFlag,
    /// The issuing CA's private key too, encrypted
    #[arg(long)]
    with_key: bool,
    /// The passphrase under which the exported key is encrypted; - is standard input. Without it, the terminal is asked
    #[arg(long, value_name = "FILE", requires = "with_key")]
    new_passphrase_file: Option<PathBuf>,
    /// The passphrase of the key as it lies here; - is standard input
    #[arg(long, value_name = "FILE", requires = "with_key")]
    passphrase_file: Option<PathBuf>,
    #[command(flatten)]
    data: DataDir,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum FormatFlag {
    /// ca.crt and issuing.crt
    Pem,
    /// ca.der, issuing.der, one certificate each
    Der,
}

const EXAMPLES: &str = "\
Examples:
  sealmq ca export --out /srv/www                                        ca.crt, issuing.crt
  sealmq ca export --with-key --new-passphrase-file secret --out safe    issuing.key, encrypted, too

A key that leaves is a record of the audit log. The root's key is not exported: sealmq ca offline moves it.";

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let place = args.data.place()?;
    let format = match args.format {
        FormatFlag::Pem => Format::Pem,
        FormatFlag::Der => Format::Der,
    };
    let mut written = Vec::new();
    if args.with_key {
        let unlock = Unlock::of_process(args.passphrase_file.as_deref());
        let new = Unlock::new_one(args.new_passphrase_file.as_deref());
        let around = Surroundings::look().map_err(home_failure)?;
        written.push(export_key(&place, &args.out, &unlock, &new, &around).map_err(home_failure)?);
    }
    written.extend(export_certificates(&place, &args.out, format).map_err(home_failure)?);
    written.iter().for_each(|path| println!("wrote {}", path.display()));
    Ok(())
}
