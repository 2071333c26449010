//! `sealmq cert export FILE`: a certificate, and its key, in the format that another program reads.

use std::path::{Path, PathBuf};

use sealmq_device::{Pkcs12, Randomness, random_passphrase};
use sealmq_pki::{Certificate, Name, Signer as _};
use sealmq_server::home::files::Mode;
use sealmq_server::home::fresh_bytes;
use zeroize::Zeroizing;

use super::io::{self, Output};
use crate::commands::device::{home_failure, text_failure};
use crate::report::Failure;

/// Options of this command.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The certificate, with those behind it: PEM or DER
    #[arg(value_name = "FILE")]
    certificate: PathBuf,
    /// What to write
    #[arg(long, value_name = "FORMAT")]
    format: Format,
    /// Its private key, PEM; for p12
    #[arg(long, value_name = "KEY", required_if_eq("format", "p12"))]
    key: Option<PathBuf>,
    /// Root certificates that go into the p12 file, too
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// The passphrase of the p12 file: the first line of this one [default: made up, in OUT.passphrase]
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// Where it goes; - for standard output
    #[arg(short, long, value_name = "OUT")]
    out: PathBuf,
}

/// What is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// The certificates as text
    Pem,
    /// The first certificate, binary
    Der,
    /// Key and certificates in one file under a passphrase: PKCS#12 with AES-256 and PBKDF2-HMAC-SHA256, as OpenSSL 3
    P12,
}

pub(super) const HELP: &str = "\
Examples:
  sealmq cert export pump.crt --key pump.key --ca ca.crt --format p12 -o pump.p12
  sealmq cert export pump.crt --format der -o pump.der

No passphrase is taken as an argument: others on this machine could read it.

Exit codes: 0 written, 1 failed and nothing is written, 2 wrong usage.";

pub(super) fn run(args: Args) -> Result<(), Failure> {
    let chain = io::certificates(&args.certificate)?;
    let out = Output::of(args.out.clone());
    match args.format {
        Format::Pem => {
            out.write(chain.iter().map(Certificate::pem).collect::<String>().as_bytes(), Mode::Public)?;
        }
        Format::Der => out.write(chain[0].der(), Mode::Public)?,
        Format::P12 => return pkcs12(&args, &chain, &out),
    }
    eprintln!("{}", out.shown());
    Ok(())
}

fn pkcs12(args: &Args, chain: &[Certificate], out: &Output) -> Result<(), Failure> {
    let path = args.key.as_deref().unwrap_or(Path::new("-"));
    let key = io::key(path)?;
    let leaf = &chain[0];
    if leaf.facts().spki_der != key.public_key().spki_der() {
        return Err(Failure::new(format!(
            "{} is not the key of {}",
            path.display(),
            args.certificate.display()
        ))
        .hint("the first certificate of the file must be the key's: openssl x509 -in FILE -noout -subject"));
    }
    let anchors = args.ca.as_deref().map(io::certificates).transpose()?.unwrap_or_default();
    let randomness = Randomness::new(fresh_bytes().map_err(home_failure)?);
    let (passphrase, made_up) = match &args.passphrase_file {
        Some(path) => (first_line(path)?, None),
        None => {
            let Output::New(path) = out else {
                return Err(Failure::new("a passphrase that is made up needs a file beside the p12 file")
                    .hint("name a file with --out, or give a passphrase with --passphrase-file"));
            };
            let mut beside = path.clone().into_os_string();
            beside.push(".passphrase");
            (random_passphrase(&randomness), Some(Output::New(PathBuf::from(beside))))
        }
    };
    let name = leaf.facts().common_names().first().and_then(|cn| Name::parse(cn).ok());
    let name = name.unwrap_or_else(|| Name::parse("certificate").expect("a well-formed name"));
    let content = Pkcs12 { name: &name, key: &key, chain, anchors: &anchors, randomness: &randomness };
    let p12 = content.to_der(&passphrase).map_err(|error| text_failure(&error))?;
    out.write(&p12, Mode::Private)?;
    if let Some(beside) = &made_up {
        let line = Zeroizing::new(format!("{}\n", passphrase.as_str()));
        beside.write(line.as_bytes(), Mode::Private).inspect_err(|_| out.take_back())?;
    }
    eprintln!("{}", out.shown());
    made_up.iter().for_each(|beside| eprintln!("{}: its passphrase, keep the two apart", beside.shown()));
    Ok(())
}

fn first_line(path: &Path) -> Result<Zeroizing<String>, Failure> {
    let bytes = Zeroizing::new(io::read(path)?);
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let text = std::str::from_utf8(line).map_err(|_| {
        Failure::new(format!("{} is not text", path.display())).hint("the passphrase is its first line")
    })?;
    Ok(Zeroizing::new(text.to_owned()))
}
