//! `sealmq ca extend`: a root with a new end, for files of any CA.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use sealmq_pki::cert::Version;
use sealmq_pki::{Extended, Extension, Facts, Serial, SerialRule, Signer, SoftKey, extend, pem, time};
use sealmq_server::home::files::{self, Mode};
use sealmq_server::home::{Unlock, authority, fresh_bytes, wall_now};

use super::super::device::{home_failure, text_failure};
use super::read;
use crate::report::Failure;

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The root's certificate, PEM or DER; of several in one file, the one that the key belongs to
    #[arg(value_name = "CA.crt")]
    certificate: PathBuf,
    /// Its private key, PEM
    #[arg(long, value_name = "CA.key")]
    key: PathBuf,
    /// A file with the key's passphrase, in its first line; - is standard input
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// Days from now until the new end
    #[arg(long, value_name = "N", default_value_t = 3652, value_parser = clap::value_parser!(u32).range(1..=36525))]
    days: u32,
    /// Keep the serial number, because certificates of this CA name it
    #[arg(long)]
    keep_serial: bool,
    /// A new file for the certificate; standard output without it
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Example, for the CA of a guide that made it for 365 days:
  sealmq ca extend ca.crt --key ca.key --out ca-new.crt

Name, key and extensions stay as they are, so every certificate that it issued goes on verifying, under the new file as
under the old one until that ends. Give the new file to everybody who has the old one. The serial number is new, unless
certificates of this CA name it. A version 1 root becomes version 3, a SHA-1 signature SHA-256.";

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let key = private_key(args)?;
    let der = certificate(&args.certificate, &key)?;
    let extension = Extension {
        not_after: wall_now().plus_days(i64::from(args.days)),
        serial: Serial::from_random(fresh_bytes().map_err(home_failure)?)
            .map_err(|error| text_failure(&error))?,
        serial_rule: if args.keep_serial { SerialRule::Keep } else { SerialRule::FreshIfNobodyNamesIt },
    };
    let extended = extend(&der, Arc::new(key), &extension).map_err(|error| text_failure(&error))?;
    let text = extended.certificate.pem();
    match &args.out {
        Some(out) => files::create(out, text.as_bytes(), Mode::Public).map_err(home_failure)?,
        None => print!("{text}"),
    }
    // Standard output may be the certificate.
    what_became(&extended, args.out.as_deref()).iter().for_each(|line| eprintln!("{line}"));
    Ok(())
}

fn private_key(args: &Args) -> Result<SoftKey, Failure> {
    let pem = read(&args.key)?;
    authority::read_key(&pem, &args.key, &Unlock::of_process(args.passphrase_file.as_deref()))
        .map_err(home_failure)
}

/// The certificate of this key, or the first one, whose error says more.
fn certificate(path: &Path, key: &SoftKey) -> Result<Vec<u8>, Failure> {
    let bytes = read(path)?;
    if bytes.first() == Some(&DER_SEQUENCE) {
        return Ok(bytes.to_vec());
    }
    let blocks = pem::of_label(&bytes, "CERTIFICATE").map_err(|error| text_failure(&error))?;
    let fits = |der: &[u8]| {
        Facts::parse(der)
            .is_ok_and(|facts| facts.spki_der == key.public_key().spki_der() && facts.is_self_issued())
    };
    let found = blocks.iter().find(|der| fits(der)).or(blocks.first());
    found.map(|der| der.to_vec()).ok_or_else(|| {
        Failure::new(format!("{} holds no certificate", path.display()))
            .hint("name the file with the line -----BEGIN CERTIFICATE-----")
    })
}

fn what_became(extended: &Extended, out: Option<&Path>) -> Vec<String> {
    let facts = extended.certificate.facts();
    let mut lines = vec![format!(
        "{}: {} {}",
        facts.subject.rfc2253().escape_debug(),
        facts.not_after.date(),
        format_args!("({})", time::ends_in(facts.not_after, wall_now())),
    )];
    lines.push(match extended.serial_kept {
        Some(why) => format!("serial {} kept: {why}", facts.serial),
        None => format!("new serial {}", facts.serial),
    });
    match extended.was {
        Version::V3 => {}
        Version::V1 | Version::V2 => lines.push(format!(
            "it was version {} and is version 3 now: with CA:TRUE, key usage and key identifier",
            extended.was
        )),
    }
    lines.extend(out.map(|out| format!("written to {}", out.display())));
    lines
}

/// What a certificate begins with in DER.
const DER_SEQUENCE: u8 = 0x30;
