//! `sealmq cert renew FILE` and `sealmq cert reissue FILE`: another certificate for the key and the names of one.
//!
//! The key must be here: it signs a request, so that who has a certificate only gets nothing. Where it is elsewhere, its
//! holder makes the request and `cert sign` signs it.

use std::path::{Path, PathBuf};

use sealmq_pki::cert::ExtKeyUsage;
use sealmq_pki::{AltName, Certificate, Csr, Facts, HostName, Signer as _, csr};
use sealmq_server::control::DeviceHolder;
use sealmq_server::home::files::{self as home_files, Mode};

use super::io::{self, Output};
use super::issue::alt_name;
use super::sign::Wish;
use crate::commands::device::{home_failure, office, text_failure};
use crate::report::Failure;

/// Options of both.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The certificate, PEM or DER
    #[arg(value_name = "FILE")]
    certificate: PathBuf,
    /// Its private key, PEM
    #[arg(long, value_name = "KEY")]
    key: PathBuf,
    /// What the new one is; without it, device or server, as the certificate's purpose says
    #[arg(long, value_name = "PROFILE")]
    profile: Option<String>,
    /// Days until the new certificate ends; without it, as the profile says
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    days: Option<u32>,
    /// Where the new one goes, with the CA's behind it; - for standard output
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Print what was made as one JSON object
    #[arg(long)]
    json: bool,
    /// The broker's data directory
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

/// Options of `cert reissue`.
#[derive(Debug, clap::Args)]
pub(super) struct ReissueArgs {
    #[command(flatten)]
    common: Args,
    /// A further name or address of a server (repeated): version 1 knows only its CN
    #[arg(long = "name", value_name = "HOST")]
    names: Vec<String>,
}

pub(super) const RENEW_HELP: &str = "\
Examples:
  sealmq cert renew pump.crt --key pump.key              replaces pump.crt
  sealmq cert renew pump.crt --key pump.key -o new.crt

The certificate before it counts until its own end. A new key too: sealmq device rotate.

Exit codes: 0 renewed, 1 refused or failed and the old one stays, 2 wrong usage.";

pub(super) const REISSUE_HELP: &str = "\
Examples:
  sealmq cert reissue client1.crt --key client1.key                 client1.sealmq.crt
  sealmq cert reissue server.crt --key server.key --profile server --name mqtt.lan -o server-v3.crt

A version 1 certificate does not say whether it is a server's: give --profile server for one. Its names are those of \
the old one; the CA's old certificates stay what they are.

Exit codes: 0 issued, 1 refused or failed and nothing counts, 2 wrong usage.";

pub(super) fn renew(args: Args) -> Result<(), Failure> {
    let old = io::certificate(&args.certificate)?;
    let asked = Asked::of(&args, &old, &[], DeviceHolder::Known)?;
    match args.out.clone() {
        Some(out) => asked.issue(&args, &Output::of(out)),
        None => asked.replace(&args),
    }
}

pub(super) fn reissue(args: ReissueArgs) -> Result<(), Failure> {
    let ReissueArgs { common: args, names } = args;
    let old = io::certificate(&args.certificate)?;
    let asked = Asked::of(&args, &old, &names, DeviceHolder::New)?;
    let out = args.out.clone().unwrap_or_else(|| args.certificate.with_extension("sealmq.crt"));
    asked.issue(&args, &Output::of(out))
}

/// What is asked for, with the proof that the key is here.
struct Asked {
    csr: Csr,
    wish: Wish,
}

impl Asked {
    fn of(args: &Args, old: &Certificate, names: &[String], holder: DeviceHolder) -> Result<Self, Failure> {
        if args.json && args.out.as_ref().is_some_and(|out| out.as_os_str() == "-") {
            return Err(Failure::new("--json and the certificate cannot both go to standard output")
                .hint("name a file: --out FILE"));
        }
        let key = io::key(&args.key)?;
        if key.public_key().spki_der() != old.facts().spki_der {
            return Err(Failure::new(format!(
                "{} is not the key of {}",
                args.key.display(),
                args.certificate.display()
            ))
            .hint("openssl pkey -in KEY -pubout and openssl x509 -in FILE -noout -pubkey print the same for a pair"));
        }
        let profile = args.profile.clone().unwrap_or_else(|| profile_of(old.facts()).to_owned());
        let is_server = args.profile.as_deref().map_or_else(
            || profile_of(old.facts()) == "server",
            |profile| profile == "server" || profile_of(old.facts()) == "server",
        );
        let cn = common_name(old.facts(), &args.certificate)?;
        let (names, wanted) = if is_server {
            let hosts = hosts_of(old.facts(), &cn, names)?;
            (hosts.iter().map(ToString::to_string).collect(), hosts.iter().map(alt_name).collect())
        } else if names.is_empty() {
            (vec![cn.clone()], old.facts().alt_names.clone())
        } else {
            return Err(Failure::new("--name is for servers; a device keeps its one name")
                .hint("for a server's certificate: --profile server"));
        };
        let csr = csr::make(&key, &cn, &wanted).map_err(|error| text_failure(&error))?;
        Ok(Self { csr, wish: Wish { profile, names, holder, days: args.days } })
    }

    fn issue(&self, args: &Args, out: &Output) -> Result<(), Failure> {
        let mut office = office(args.data_dir.as_deref())?;
        let issued = self.wish.draft(&mut office, &self.csr)?;
        out.write(io::chain(&issued).as_bytes(), Mode::Public)?;
        if let Err(error) = office.enter_cert() {
            out.take_back();
            return Err(home_failure(error));
        }
        io::report(&issued, &self.wish.profile, &[out.shown()], args.json);
        Ok(())
    }

    /// Puts the new one in the old one's place, once it counts: what lies there works at every moment.
    fn replace(&self, args: &Args) -> Result<(), Failure> {
        let mut office = office(args.data_dir.as_deref())?;
        let issued = self.wish.draft(&mut office, &self.csr)?;
        let aside = Output::New(args.certificate.with_extension("new~"));
        aside.write(io::chain(&issued).as_bytes(), Mode::Public)?;
        if let Err(error) = office.enter_cert() {
            aside.take_back();
            return Err(home_failure(error));
        }
        home_files::replace(&args.certificate, io::chain(&issued).as_bytes(), Mode::Public).map_err(
            |error| {
                Failure::new(format!("the new certificate counts, but could not be put in place: {error}"))
                    .hint(format!("it is in {}: move it yourself", aside.shown()))
            },
        )?;
        aside.take_back();
        io::report(&issued, &self.wish.profile, &[args.certificate.display().to_string()], args.json);
        Ok(())
    }
}

fn profile_of(facts: &Facts) -> &'static str {
    let serves = facts.ext_key_usage.as_ref().is_some_and(|usage| usage.contains(&ExtKeyUsage::ServerAuth));
    if serves { "server" } else { "device" }
}

fn common_name(facts: &Facts, path: &Path) -> Result<String, Failure> {
    match facts.common_names().as_slice() {
        [name] => Ok(name.clone()),
        names => Err(Failure::new(format!("{} has {} CNs", path.display(), names.len()))
            .hint("a certificate has one name: make a request with it, and use `sealmq cert sign`")),
    }
}

/// The names of a server: its SAN, else its CN; and those that were given.
fn hosts_of(facts: &Facts, cn: &str, further: &[String]) -> Result<Vec<HostName>, Failure> {
    let mut texts: Vec<String> = facts
        .alt_names
        .iter()
        .filter_map(|name| match name {
            AltName::Dns(text) => Some(text.clone()),
            AltName::Ip(address) => Some(address.to_string()),
            AltName::Uri(_) | AltName::Email(_) | AltName::Other(_) => None,
        })
        .collect();
    if !texts.iter().any(|text| text.eq_ignore_ascii_case(cn)) {
        texts.insert(0, cn.to_owned());
    }
    texts.extend(further.iter().cloned());
    let mut hosts: Vec<HostName> = Vec::new();
    for text in texts {
        let host = HostName::parse(&text).map_err(|error| text_failure(&error))?;
        if !hosts.contains(&host) {
            hosts.push(host);
        }
    }
    Ok(hosts)
}
