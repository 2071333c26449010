//! `sealmq cert issue NAME`: a key and its certificate.

use std::path::PathBuf;

use sealmq_pki::{AltName, HostName, SoftKey, csr, pem};
use sealmq_server::control::{CertIssued, DeviceHolder};
use sealmq_server::home::files::Mode;

use super::io::{self, Output};
use super::sign::{Wish, stem};
use crate::commands::device::{home_failure, office, text_failure};
use crate::report::Failure;

/// Options of this command.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Whose it is: a device's name, or a server's first name
    name: String,
    /// What it is: device, static-device, bridge, server, or one of your own in profiles.toml
    #[arg(long, value_name = "PROFILE", default_value = "device")]
    profile: String,
    /// A further name or address of a server (repeated)
    #[arg(long = "name", value_name = "HOST")]
    names: Vec<String>,
    /// Days until the certificate ends; without it, as the profile says
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    days: Option<u32>,
    /// How key and certificates are written
    #[arg(long, value_name = "FORMAT", default_value = "pem")]
    format: Format,
    /// The folder that they go into
    #[arg(short, long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
    /// Print what was made as one JSON object
    #[arg(long)]
    json: bool,
    /// The broker's data directory
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

/// How a key and its certificates are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// NAME.key, NAME.crt with the CA's certificate behind it, ca.crt
    Pem,
    /// NAME.key.der (PKCS#8), NAME.crt.der, NAME.issuer.der, ca.der: for MicroPython and other small readers
    Der,
}

pub(super) const HELP: &str = "\
Examples:
  sealmq cert issue pump                                  pump.key, pump.crt, ca.crt
  sealmq cert issue web.lan --profile server --name 192.168.1.20
  sealmq cert issue pump --format der --out pump-files

A bundle with everything that a device needs: sealmq device add. Where the key is made on the device itself: \
sealmq cert sign.

Exit codes: 0 made, 1 refused or failed and nothing counts, 2 wrong usage.";

pub(super) fn run(args: Args) -> Result<(), Failure> {
    let mut office = office(args.data_dir.as_deref())?;
    let key = SoftKey::generate().map_err(|error| text_failure(&error))?;
    let request = csr::make(&key, &args.name, &[]).map_err(|error| text_failure(&error))?;
    let names = std::iter::once(args.name.clone()).chain(args.names).collect();
    let wish = Wish { profile: args.profile, names, holder: DeviceHolder::New, days: args.days };
    let issued = wish.draft(&mut office, &request)?;
    std::fs::create_dir_all(&args.out).map_err(|e| {
        Failure::new(format!("cannot create {}: {e}", args.out.display()))
            .hint("name a folder that can be written with --out DIR")
    })?;
    let mut written = Written::default();
    let outcome = match args.format {
        Format::Pem => pems(&args.out, &args.name, &key, &issued, &mut written),
        Format::Der => ders(&args.out, &args.name, &key, &issued, &mut written),
    };
    outcome.and_then(|()| office.enter_cert().map_err(home_failure)).inspect_err(|_| written.take_back())?;
    let files: Vec<String> = written.0.iter().map(Output::shown).collect();
    io::report(&issued, &wish.profile, &files, args.json);
    Ok(())
}

/// What this command has written so far.
#[derive(Default)]
struct Written(Vec<Output>);

impl Written {
    fn add(&mut self, path: PathBuf, bytes: &[u8], mode: Mode) -> Result<(), Failure> {
        let out = Output::New(path);
        out.write(bytes, mode)?;
        self.0.push(out);
        Ok(())
    }

    fn take_back(&self) {
        self.0.iter().for_each(Output::take_back);
    }
}

fn pems(
    folder: &std::path::Path,
    name: &str,
    key: &SoftKey,
    issued: &CertIssued,
    written: &mut Written,
) -> Result<(), Failure> {
    let stem = stem(name);
    written.add(folder.join(format!("{stem}.key")), key.to_pem().as_bytes(), Mode::Private)?;
    written.add(folder.join(format!("{stem}.crt")), io::chain(issued).as_bytes(), Mode::Public)?;
    // Several certificates in one folder trust the same CA.
    let anchors = folder.join("ca.crt");
    match std::fs::read(&anchors) {
        Ok(there) if there == issued.anchors_pem.as_bytes() => Ok(()),
        _ => written.add(anchors, issued.anchors_pem.as_bytes(), Mode::Public),
    }
}

fn ders(
    folder: &std::path::Path,
    name: &str,
    key: &SoftKey,
    issued: &CertIssued,
    written: &mut Written,
) -> Result<(), Failure> {
    let stem = stem(name);
    written.add(folder.join(format!("{stem}.key.der")), key.pkcs8_der(), Mode::Private)?;
    for (file, text) in [
        (format!("{stem}.crt.der"), &issued.certificate_pem),
        (format!("{stem}.issuer.der"), &issued.issuing_pem),
    ] {
        written.add(folder.join(file), &first_der(text)?, Mode::Public)?;
    }
    let (anchors, der) = (folder.join("ca.der"), first_der(&issued.anchors_pem)?);
    match std::fs::read(&anchors) {
        Ok(there) if there == der => Ok(()),
        _ => written.add(anchors, &der, Mode::Public),
    }
}

fn first_der(text: &str) -> Result<Vec<u8>, Failure> {
    let blocks = pem::of_label(text.as_bytes(), "CERTIFICATE").map_err(|error| text_failure(&error))?;
    blocks.first().map(|der| der.to_vec()).ok_or_else(|| {
        Failure::new("the broker gave no certificate").hint("use the sealmq that the broker runs")
    })
}

/// The names of a server in the order of a certificate, for a request that asks for them.
pub(super) fn alt_name(host: &HostName) -> AltName {
    match host {
        HostName::Dns(name) => AltName::Dns(name.as_str().to_owned()),
        HostName::Ip(address) => AltName::Ip(*address),
    }
}
