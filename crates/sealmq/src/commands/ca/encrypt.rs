//! `sealmq ca encrypt` and `sealmq ca decrypt`: the passphrase of the CA's keys, set, changed, removed.

use std::path::PathBuf;

use sealmq_server::home::authority::{Passphrases, Wish, protect};
use sealmq_server::home::{Surroundings, Unlock};

use super::super::device::home_failure;
use super::DataDir;
use crate::report::Failure;

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct EncryptArgs {
    /// A file with the passphrase that they have now, in its first line; - is standard input
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// A file with the new passphrase, in its first line; - is standard input. Without it, the terminal is asked
    #[arg(long, value_name = "FILE")]
    new_passphrase_file: Option<PathBuf>,
    #[command(flatten)]
    data: DataDir,
}

#[derive(Debug, clap::Args)]
pub(super) struct DecryptArgs {
    /// A file with the passphrase that they have now, in its first line; - is standard input
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    #[command(flatten)]
    data: DataDir,
}

const EXAMPLES: &str = "\
Examples:
  sealmq ca encrypt                               asks for the new passphrase
  sealmq ca encrypt --new-passphrase-file secret  takes it from a file

No broker may run on the directory. From then on `sealmq up` needs the passphrase, from the first of these that is there:
  --ca-passphrase-file FILE        (- is standard input)
  SEALMQ_CA_PASSPHRASE             taken out of the environment at once
  systemd's credential             LoadCredential=sealmq-ca-passphrase:FILE
  the terminal

The files are PKCS#8 (scrypt, AES-256), which openssl reads. A backup made before still holds the keys as they were.";

pub(super) fn encrypt(args: &EncryptArgs) -> Result<(), Failure> {
    let place = args.data.place()?;
    let old = Unlock::of_process(args.passphrase_file.as_deref());
    let new = match (&args.passphrase_file, &args.new_passphrase_file) {
        // One reader, two lines: the old passphrase first.
        (Some(one), Some(other)) if one == other && one.as_os_str() != "-" => {
            return Err(Failure::new("old and new passphrase are in the same file")
                .hint("write the new one into a file of its own"));
        }
        (_, new) => Unlock::new_one(new.as_deref()),
    };
    let around = Surroundings::look().map_err(home_failure)?;
    let passphrases = Passphrases { old, new };
    let keys =
        protect(&place, Wish::Encrypted, &passphrases, &around, &mut |_| Ok(())).map_err(home_failure)?;
    keys.iter().for_each(|key| println!("encrypted {}", key.display()));
    println!(
        "The next start needs the passphrase; a backup of before does not. Keep it where this machine is not."
    );
    Ok(())
}

pub(super) fn decrypt(args: &DecryptArgs) -> Result<(), Failure> {
    let place = args.data.place()?;
    let old = Unlock::of_process(args.passphrase_file.as_deref());
    let passphrases = Passphrases { old, new: Unlock::default() };
    let around = Surroundings::look().map_err(home_failure)?;
    let keys = protect(&place, Wish::Plain, &passphrases, &around, &mut |_| Ok(())).map_err(home_failure)?;
    keys.iter().for_each(|key| println!("without passphrase: {}", key.display()));
    Ok(())
}
