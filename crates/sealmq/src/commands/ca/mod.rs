//! `sealmq ca …`: the certificate authority itself. What it issues belongs to `sealmq device` and its neighbours.

mod encrypt;
mod export;
mod extend;
mod import;
mod init;
mod offline;
mod show;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use sealmq_server::home::{Environment, Place};

use super::device::home_failure;
use crate::report::{self, Failure};

/// Options of this command.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Show root and issuing CA: names, ends, keys, and where the root's key is
    Show(show::Args),
    /// Make a CA in a new data directory, without starting a broker
    Init(init::Args),
    /// Make a key and the request for a CA certificate that somebody else's root signs
    Csr(import::CsrArgs),
    /// Take a CA of somebody else's, or the answer to a request, as the issuing CA of a new data directory
    Import(import::ImportArgs),
    /// Write copies of the CA's certificates, and on purpose of its key, for elsewhere
    Export(export::Args),
    /// Encrypt the CA's keys under a passphrase, or change it
    Encrypt(encrypt::EncryptArgs),
    /// Take the passphrase off the CA's keys
    Decrypt(encrypt::DecryptArgs),
    /// Move the root's key to a medium that is locked away
    Offline(offline::Args),
    /// Give a root that ends a new end: same name, same key (for any CA's files)
    Extend(extend::Args),
}

/// Which data directory.
#[derive(Debug, clap::Args)]
struct DataDir {
    /// The data directory; $SEALMQ_DATA, else /var/lib/sealmq as root, else ~/.local/share/sealmq
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

impl DataDir {
    fn place(&self) -> Result<Place, Failure> {
        Place::find(self.data_dir.as_deref(), &Environment::of_process()).map_err(home_failure)
    }
}

/// Runs the command.
pub(crate) fn run(args: Args) -> ExitCode {
    report::finish(match args.action {
        Action::Show(args) => show::run(&args),
        Action::Init(args) => init::run(&args),
        Action::Csr(args) => import::csr(&args),
        Action::Import(args) => import::run(&args),
        Action::Export(args) => export::run(&args),
        Action::Encrypt(args) => encrypt::encrypt(&args),
        Action::Decrypt(args) => encrypt::decrypt(&args),
        Action::Offline(args) => offline::run(&args),
        Action::Extend(args) => extend::run(&args),
    })
}

/// Reads a file that a person named.
fn read(path: &Path) -> Result<zeroize::Zeroizing<Vec<u8>>, Failure> {
    std::fs::read(path).map(zeroize::Zeroizing::new).map_err(|error| {
        Failure::new(format!("cannot read {}: {error}", path.display()))
            .hint("check the path and the file's mode")
    })
}
