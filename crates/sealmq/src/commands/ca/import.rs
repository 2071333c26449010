//! `sealmq ca csr` and `sealmq ca import`: a data directory under a CA of somebody else's.

use std::path::PathBuf;

use sealmq_pki::Certificate;
use sealmq_server::home::import::{Import, ImportKey, certificates_in, import, request};
use sealmq_server::home::{Blueprint, Surroundings, Unlock};

use super::super::device::home_failure;
use super::init::KeyKind;
use super::{DataDir, read, show};
use crate::report::Failure;

#[derive(Debug, clap::Args)]
#[command(after_help = CSR_EXAMPLES)]
pub(super) struct CsrArgs {
    /// What the CA's name begins with: 1 to 40 letters, digits, spaces, '.', '-', '_'. Made up without it
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// The organization (O) in the CA's name; SealMQ without it
    #[arg(long, value_name = "NAME")]
    organization: Option<String>,
    /// The kind of its key
    #[arg(long, value_name = "KIND", default_value = "P-256")]
    key: KeyKind,
    /// Encrypt its key under the passphrase in the first line of this file; - is standard input
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    #[command(flatten)]
    data: DataDir,
}

const CSR_EXAMPLES: &str = "\
Example:
  sealmq ca csr --name 'Plant 7' > issuing.csr   sign it as a CA with pathlen 0, then:
  sealmq ca import issuing.crt --chain root.crt

The private key stays in the data directory.";

#[derive(Debug, clap::Args)]
#[command(after_help = IMPORT_EXAMPLES)]
pub(super) struct ImportArgs {
    /// The CA's certificate, PEM or DER; the rest of its chain may stand in the same file
    #[arg(value_name = "CA.crt")]
    certificate: PathBuf,
    /// Its private key, PEM; without it, the key of the request that `sealmq ca csr` made here
    #[arg(long, value_name = "CA.key")]
    key: Option<PathBuf>,
    /// The certificates that lead from it to its root; may be repeated
    #[arg(long, value_name = "FILE")]
    chain: Vec<PathBuf>,
    /// A file with the passphrase of the key as it is now; - is standard input
    #[arg(long, value_name = "FILE")]
    key_passphrase_file: Option<PathBuf>,
    /// Encrypt the key here under the passphrase in this file; without it, under the one that it came with, if any
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    #[command(flatten)]
    data: DataDir,
}

const IMPORT_EXAMPLES: &str = "\
Examples:
  sealmq ca import ca.crt --key ca.key                        a root that issues by itself
  sealmq ca import sub.crt --key sub.key --chain root.crt     an intermediate
  sealmq ca import answer.crt --chain root.crt                the answer to `sealmq ca csr`

Names stay byte for byte as they are. Certificates that this CA issued before are not in the new inventory and are refused.
Your own files are left as they are.";

pub(super) fn csr(args: &CsrArgs) -> Result<(), Failure> {
    let place = args.data.place()?;
    let unlock = Unlock::of_process(args.passphrase_file.as_deref());
    let blueprint = Blueprint {
        name: args.name.clone(),
        organization: args.organization.clone(),
        keys: args.key.into(),
        passphrase: unlock.passphrase_of_new_keys().map_err(home_failure)?,
    };
    let around = Surroundings::look().map_err(home_failure)?;
    let (text, path) = request(&place, &blueprint, &around, &mut |_| Ok(())).map_err(home_failure)?;
    print!("{text}");
    // Standard output is the request.
    eprintln!("the request is also in {}; its key stays beside it", path.display());
    Ok(())
}

pub(super) fn run(args: &ImportArgs) -> Result<(), Failure> {
    let place = args.data.place()?;
    let around = Surroundings::look().map_err(home_failure)?;
    let mut certificates = Vec::new();
    for path in [&args.certificate].into_iter().chain(&args.chain) {
        certificates.extend(certificates_in(&read(path)?, path).map_err(home_failure)?);
    }
    let unlock = Unlock::of_process(args.key_passphrase_file.as_deref());
    let pem = args.key.as_deref().map(read).transpose()?;
    let key = match (&pem, &args.key) {
        (Some(pem), Some(path)) => ImportKey::Given { pem, path, unlock: &unlock },
        (None | Some(_), _) => ImportKey::OfRequest(&unlock),
    };
    let stored = args.passphrase_file.as_deref().map(Unlock::asked).unwrap_or_default();
    let passphrase = stored.passphrase_of_new_keys().map_err(home_failure)?;
    let wanted = Import { certificates: &certificates, key, passphrase };
    let ca = import(&place, wanted, &around, &mut |_| Ok(())).map_err(home_failure)?;
    println!("took '{}' as the issuing CA of {}", name(ca.issuing().certificate()), place.folder().display());
    if ca.root().der() == ca.issuing().certificate().der() {
        println!(
            "It is a root: whoever takes this machine takes it. `sealmq ca csr` makes an intermediate that it can sign."
        );
    }
    show::print(&place, around.now)
}

fn name(certificate: &Certificate) -> String {
    certificate.facts().subject.rfc2253().escape_debug().to_string()
}
