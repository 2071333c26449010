//! `sealmq backup FILE` and `sealmq restore FILE`: the data directory, and its inventory merged back.

use std::path::PathBuf;
use std::process::ExitCode;

use sealmq_server::control;
use sealmq_server::home::{Environment, Place, Surroundings, restore};

use super::device::home_failure;
use crate::report::{self, Failure};

/// Options of `backup`.
#[derive(Debug, clap::Args)]
#[command(after_help = BACKUP_HELP)]
pub(crate) struct BackupArgs {
    /// The file to write, which must not exist
    file: PathBuf,
    /// The broker's data directory
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

/// Options of `restore`.
#[derive(Debug, clap::Args)]
#[command(after_help = RESTORE_HELP)]
pub(crate) struct RestoreArgs {
    /// A file that `sealmq backup` has written
    file: PathBuf,
    /// Into the inventory of a data directory that is there: a certificate that is revoked in either stays revoked
    #[arg(long)]
    merge: bool,
    /// The data directory to make, or to merge into
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

const BACKUP_HELP: &str = "\
The broker may run. The file is readable by you alone (0600) and holds every key of the directory as it lies there:
encrypt it before it leaves this machine. That it was made is in the audit log.";

const RESTORE_HELP: &str = "\
Without --merge the data directory must not exist. With it, no broker may run there; where its inventory is missing, the
backup's takes its place, and what the revocation list beside it holds stays revoked. Either way the number of the next
revocation list is raised. What was revoked after the backup and is on no list here counts again: revoke it again. What
was issued after the backup is not known, and is refused.";

/// Runs `backup`.
pub(crate) fn back_up(args: &BackupArgs) -> ExitCode {
    report::finish(write(args))
}

/// Runs `restore`.
pub(crate) fn restore(args: &RestoreArgs) -> ExitCode {
    report::finish(put_back(args))
}

fn write(args: &BackupArgs) -> Result<(), Failure> {
    let place = Place::find(args.data_dir.as_deref(), &Environment::of_process()).map_err(home_failure)?;
    let backed = control::back_up(&place, &args.file).map_err(home_failure)?;
    for path in &backed.left_out {
        eprintln!("warning: {} is neither file nor folder and is not in the backup", path.display());
    }
    println!("{}: {} files of {}", args.file.display(), backed.files, place.folder().display());
    println!("it holds the keys of the directory: keep it as you keep them");
    Ok(())
}

fn put_back(args: &RestoreArgs) -> Result<(), Failure> {
    let place = Place::find(args.data_dir.as_deref(), &Environment::of_process()).map_err(home_failure)?;
    let around = Surroundings::look().map_err(home_failure)?;
    let done = if args.merge {
        restore::into(&args.file, &place, &around)
    } else {
        restore::anew(&args.file, &place, &around)
    };
    let done = done.map_err(home_failure)?;
    println!(
        "{}: {} certificates, {} of them added, {} taken back; revocation lists go on above number {}",
        place.folder().display(),
        done.certificates,
        done.added,
        done.taken_back,
        done.crl_number
    );
    println!("whoever was revoked after the backup and is on no revocation list here must be revoked again");
    Ok(())
}
