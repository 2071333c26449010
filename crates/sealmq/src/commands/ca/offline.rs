//! `sealmq ca offline DIR`: the root's key, moved away.

use std::path::PathBuf;

use sealmq_server::home::Surroundings;
use sealmq_server::home::offline::{Disk, take_offline};

use super::super::device::home_failure;
use super::DataDir;
use crate::report::Failure;

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// A folder on a medium that is locked away, outside the data directory
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    #[command(flatten)]
    data: DataDir,
}

const EXAMPLES: &str = "\
Example:
  sealmq ca offline /media/stick

The key is copied, read back, compared, and only then removed here; a broker may run meanwhile. Without it this machine
goes on issuing and revoking certificates. It is needed again for a successor of the issuing CA or of the root: then copy
root.key back to ca/root/.";

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let around = Surroundings::look().map_err(home_failure)?;
    let moved =
        take_offline(&args.data.place()?, &args.folder, &around, &mut |_| Ok(())).map_err(home_failure)?;
    println!("the root's key is now in {} and no longer here", moved.key.display());
    if moved.disk == Disk::Same {
        println!(
            "That is the same file system: move it on to a stick, or whoever takes this machine has it."
        );
    }
    println!(
        "Make a second copy of the stick; lock both away. Without the root's key this CA has no successor."
    );
    Ok(())
}
