//! `sealmq cert sign CSR --profile PROFILE --name NAME`.

use std::path::PathBuf;

use sealmq_pki::Csr;
use sealmq_server::control::{CertIssued, CertRequest, DeviceHolder, Office};
use sealmq_server::home::files::Mode;

use super::io::{self, Output};
use crate::commands::device::{home_failure, office, text_failure};
use crate::report::Failure;

/// Options of this command.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The request: PEM, DER or Base64; - for standard input
    #[arg(value_name = "CSR")]
    csr: PathBuf,
    /// What it becomes: device, static-device, bridge, server, or one of your own in profiles.toml
    #[arg(long, value_name = "PROFILE")]
    profile: String,
    /// Whose it is: a device's name, or a server's names and addresses (repeated)
    #[arg(long = "name", value_name = "NAME", required = true)]
    names: Vec<String>,
    /// It takes the place of the device's certificate, which counts until its own end
    #[arg(long)]
    renew: bool,
    /// Days until the certificate ends; without it, as the profile says
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    days: Option<u32>,
    /// Where the certificate goes, with the CA's behind it; - for standard output [default: NAME.crt]
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Print what was made as one JSON object
    #[arg(long)]
    json: bool,
    /// The broker's data directory
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

pub(super) const HELP: &str = "\
Examples:
  openssl req -new -key pump.key -subj /CN=pump -out pump.csr
  sealmq cert sign pump.csr --profile device --name pump
  sealmq cert sign web.csr --profile server --name web.lan --name 192.168.1.20 --days 30
  ssh pump cat pump.csr | sealmq cert sign - --profile device --name pump --renew -o - > pump.crt

The name is yours to give: a request with another CN is refused. An extension that the request asks for is in the \
certificate, or the request is refused; none is left out.

Exit codes: 0 signed, 1 refused or failed and nothing counts, 2 wrong usage.";

pub(super) fn run(args: Args) -> Result<(), Failure> {
    if args.json && args.out.as_ref().is_some_and(|out| out.as_os_str() == "-") {
        return Err(Failure::new("--json and the certificate cannot both go to standard output")
            .hint("name a file: --out FILE"));
    }
    let csr = Csr::read(&io::read(&args.csr)?)
        .map_err(|error| text_failure(&format!("{}: {error}", args.csr.display())))?;
    let out = args.out.unwrap_or_else(|| PathBuf::from(format!("{}.crt", stem(&args.names[0]))));
    let holder = if args.renew { DeviceHolder::Known } else { DeviceHolder::New };
    let wish = Wish { profile: args.profile, names: args.names, holder, days: args.days };
    let mut office = office(args.data_dir.as_deref())?;
    let issued = wish.draft(&mut office, &csr)?;
    let out = Output::of(out);
    out.write(io::chain(&issued).as_bytes(), Mode::Public)?;
    if let Err(error) = office.enter_cert() {
        out.take_back();
        return Err(home_failure(error));
    }
    io::report(&issued, &wish.profile, &[out.shown()], args.json);
    Ok(())
}

/// What a certificate is to be.
pub(super) struct Wish {
    pub(super) profile: String,
    pub(super) names: Vec<String>,
    pub(super) holder: DeviceHolder,
    pub(super) days: Option<u32>,
}

impl Wish {
    pub(super) fn draft(&self, office: &mut Office, csr: &Csr) -> Result<CertIssued, Failure> {
        let request = CertRequest {
            csr: String::new(),
            profile: self.profile.clone(),
            names: self.names.clone(),
            holder: self.holder,
            days: self.days,
        };
        office.draft_cert(request, csr.der()).map_err(home_failure)
    }
}

/// A name as a file name: `:` is none on other systems.
pub(super) fn stem(name: &str) -> String {
    name.replace([':', '/'], "-")
}
