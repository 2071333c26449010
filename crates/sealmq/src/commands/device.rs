//! `sealmq device add NAME`, `sealmq device rotate NAME` and `sealmq device list`.
//!
//! Order of an add: the key is made here, the certificate is signed, the bundle is written, and only then does the
//! certificate count. What fails before that leaves no name taken; what was written is removed again.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use sealmq_device::{Bundle, BundleFile, BundleRequest, Mode as BundleMode, Randomness, Target};
use sealmq_pki::{Certificate, HostName, Name, Serial, Signer, SoftKey, Timestamp, pem};
use sealmq_server::control::{DeviceHolder, DraftRequest, HostFrom, Issued, Office};
use sealmq_server::home::files::{self, Mode};
use sealmq_server::home::{Environment, HomeError, Place, fresh_bytes};

use crate::report::{self, Failure};

/// Options of this command.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Make a certificate for a device and write a bundle that is ready to use
    #[command(after_help = ADD_EXAMPLES)]
    Add(AddArgs),
    /// Make a new certificate and bundle for a device that has one; the old one counts until its own end
    Rotate(AddArgs),
    /// List the certificates of devices
    List(ListArgs),
}

#[derive(Debug, clap::Args)]
struct AddArgs {
    /// Its name: 1 to 64 of A-Z a-z 0-9 . _ : @ -
    name: String,
    /// What the bundle is for: files, arduino, pkcs12, mqttx, home-assistant, node-red, sealmq (may be repeated)
    #[arg(long = "for", value_name = "TARGET", value_delimiter = ',', default_value = "files", value_parser = parse_target)]
    targets: Vec<Target>,
    /// The name or address at which the device reaches this broker
    #[arg(long, value_name = "HOST")]
    host: Option<String>,
    /// Where the bundle's folder is put
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
    /// Days until the certificate ends; without it, it lives as long as its CA
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    days: Option<u32>,
    /// The broker's data directory
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
struct ListArgs {
    /// The broker's data directory
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

const ADD_EXAMPLES: &str = "\
Examples:
  sealmq device add thermometer1 --for arduino     a sketch, ready to flash
  sealmq device add pump --host mqtt.example.com   ca.crt, pump.crt, pump.key
  sealmq device add laptop --for mqttx,pkcs12 --days 90

The certificate's name is the device's MQTT user name. The private key is in the bundle and nowhere else.";

/// Runs the command.
pub(crate) fn run(args: Args) -> ExitCode {
    report::finish(match args.action {
        Action::Add(args) => issue(args, DeviceHolder::New),
        Action::Rotate(args) => issue(args, DeviceHolder::Known),
        Action::List(args) => list(&args),
    })
}

/// An error of the data directory as a command shows it.
pub(crate) fn home_failure(error: HomeError) -> Failure {
    Failure::new(error.to_string()).hint(error.hint())
}

/// An error of a crate that writes `what` and `hint: mend` in one text.
pub(crate) fn text_failure(error: &impl std::fmt::Display) -> Failure {
    let text = error.to_string();
    match text.split_once("\nhint: ") {
        Some((what, hint)) => Failure::new(what).hint(hint),
        None => Failure::new(text),
    }
}

/// Reaches whoever may change the data directory that the flag or the environment names.
pub(crate) fn office(data_dir: Option<&Path>) -> Result<Office, Failure> {
    let place = Place::find(data_dir, &Environment::of_process()).map_err(home_failure)?;
    Office::reach(&place).map_err(home_failure)
}

fn issue(args: AddArgs, holder: DeviceHolder) -> Result<(), Failure> {
    let targets = once_each(args.targets);
    let mut office = office(args.data_dir.as_deref())?;
    let key = SoftKey::generate().map_err(|error| text_failure(&error))?;
    let request = DraftRequest {
        name: args.name,
        holder,
        public_key: String::new(),
        days: args.days,
        bundles: targets.iter().map(|target| target.as_str().to_owned()).collect(),
        host: args.host,
    };
    let issued = office.draft_device(request, key.public_key()).map_err(home_failure)?;
    let written = write_bundles(&targets, &issued, &key, &args.out)?;
    if let Err(error) = office.enter() {
        drop(office);
        enter_failed(error, args.data_dir.as_deref(), &issued, &written)?;
    }
    print_issued(&issued, args.days, &written);
    if holder == DeviceHolder::Known {
        println!(
            "the certificate before it counts until its own end, so the device can be switched at leisure"
        );
    }
    Ok(())
}

/// The broker may have entered the certificate and died before it said so. A certificate that counts must not lose its
/// bundle, nor a bundle that opens nothing stay: so it is asked again, of whoever has the directory now.
fn enter_failed(
    error: HomeError,
    data_dir: Option<&Path>,
    issued: &Issued,
    written: &[Written],
) -> Result<(), Failure> {
    let serial = certificates(&issued.certificate_pem)?.first().map(|leaf| leaf.facts().serial.clone());
    // What the broker has not read after all this time it may still read.
    let late = matches!(&error, HomeError::Io { source, .. } if matches!(source.kind(), ErrorKind::TimedOut | ErrorKind::WouldBlock));
    let asked = match serial {
        Some(serial) if !late => ask_again(data_dir, &serial),
        Some(_) | None => None,
    };
    match asked {
        Some(true) => {
            eprintln!("warning: the broker went away while it answered; the certificate of {} counts", issued.name);
            Ok(())
        }
        Some(false) => {
            written.iter().for_each(Written::take_back);
            Err(home_failure(error))
        }
        None => Err(Failure::new(format!("whether the certificate of {} counts is not known: {error}", issued.name))
            .hint(format!(
                "its bundle stays: if `sealmq device list` shows {}, use it, else remove it and add the device again",
                issued.name
            ))),
    }
}

/// A process that was killed holds the directory for a moment still; another broker may be starting on it.
fn ask_again(data_dir: Option<&Path>, serial: &Serial) -> Option<bool> {
    let begin = Instant::now();
    loop {
        match office(data_dir).ok().and_then(|mut office| office.is_entered(serial).ok()) {
            None if begin.elapsed() < ASK_AGAIN_WITHIN => std::thread::sleep(ASK_AGAIN_EVERY),
            answer => return answer,
        }
    }
}

const ASK_AGAIN_WITHIN: Duration = Duration::from_secs(10);
const ASK_AGAIN_EVERY: Duration = Duration::from_millis(50);

/// A bundle's folder on disk.
struct Written {
    folder: PathBuf,
    bundle: Bundle,
}

impl Written {
    /// Removes what this command has made; its certificate opens nothing.
    fn take_back(&self) {
        if let Err(error) = std::fs::remove_dir_all(&self.folder) {
            eprintln!("warning: {} stays, and opens nothing: {error}", self.folder.display());
        }
    }
}

fn write_bundles(
    targets: &[Target],
    issued: &Issued,
    key: &SoftKey,
    out: &Path,
) -> Result<Vec<Written>, Failure> {
    let made = Material::read(issued)?;
    let out = std::path::absolute(out).map_err(|e| {
        Failure::new(format!("cannot find {}: {e}", out.display())).hint("name a folder with --out DIR")
    })?;
    std::fs::create_dir_all(&out).map_err(|e| {
        Failure::new(format!("cannot create {}: {e}", out.display()))
            .hint("name a folder that can be written with --out DIR")
    })?;
    let mut written: Vec<Written> = Vec::new();
    for target in targets {
        let outcome = made.bundle(*target, key, &out).and_then(|bundle| write(bundle, &made.name, &out));
        match outcome {
            Ok(done) => written.push(done),
            Err(failure) => {
                written.iter().for_each(Written::take_back);
                return Err(failure);
            }
        }
    }
    Ok(written)
}

/// Writes one bundle into a folder of its own, aside first: a bundle is there whole or not at all.
fn write(bundle: Bundle, name: &Name, out: &Path) -> Result<Written, Failure> {
    let folder = out.join(bundle.folder_name(name));
    if files::is_there(&folder).map_err(home_failure)? {
        return Err(Failure::new(format!("{} is there already", folder.display())).hint(
            "a bundle is never overwritten: name another place with --out DIR, or move the old one away",
        ));
    }
    let aside = folder.with_file_name(format!(".{}.{}", bundle.folder_name(name), std::process::id()));
    let outcome = write_files(&bundle.files, &aside).and_then(|()| {
        std::fs::rename(&aside, &folder)
            .map_err(|e| Failure::new(format!("cannot create {}: {e}", folder.display())))?;
        files::sync_folder(out).map_err(home_failure)
    });
    if let Err(failure) = outcome {
        // Half a bundle with a key in it must not stay.
        let _ = std::fs::remove_dir_all(&aside);
        return Err(failure);
    }
    Ok(Written { folder, bundle })
}

fn write_files(bundle: &[BundleFile], folder: &Path) -> Result<(), Failure> {
    files::create_folder(folder).map_err(home_failure)?;
    for file in bundle {
        let path = folder.join(&file.name);
        if let Some(inner) = path.parent().filter(|inner| *inner != folder) {
            files::ensure_folder(inner).map_err(home_failure)?;
        }
        let mode = match file.mode {
            BundleMode::Secret => Mode::Private,
            BundleMode::Public => Mode::Public,
        };
        files::create(&path, &file.content, mode).map_err(home_failure)?;
    }
    Ok(())
}

/// What the broker gave, read.
struct Material {
    name: Name,
    chain: Vec<Certificate>,
    anchors: Vec<Certificate>,
    host: HostName,
    other_hosts: Vec<HostName>,
    port: u16,
}

impl Material {
    fn read(issued: &Issued) -> Result<Self, Failure> {
        let mut chain = certificates(&issued.certificate_pem)?;
        chain.extend(certificates(&issued.issuing_pem)?);
        let host = |text: &str| HostName::parse(text).map_err(|error| text_failure(&error));
        Ok(Self {
            name: Name::parse(&issued.name).map_err(|error| text_failure(&error))?,
            chain,
            anchors: certificates(&issued.anchors_pem)?,
            host: host(&issued.host)?,
            other_hosts: issued.other_hosts.iter().map(|text| host(text)).collect::<Result<_, _>>()?,
            port: issued.port,
        })
    }

    fn bundle(&self, target: Target, key: &SoftKey, out: &Path) -> Result<Bundle, Failure> {
        let folder = out.join(format!("{}-{target}", self.name.as_str().replace(':', "-")));
        let request = BundleRequest {
            name: &self.name,
            key,
            chain: &self.chain,
            anchors: &self.anchors,
            host: &self.host,
            port: self.port,
            other_hosts: &self.other_hosts,
            folder: folder.to_str(),
            passphrase: None,
            randomness: Randomness::new(fresh_bytes().map_err(home_failure)?),
        };
        Bundle::build(target, &request).map_err(|error| text_failure(&error))
    }
}

fn certificates(text: &str) -> Result<Vec<Certificate>, Failure> {
    let blocks = pem::of_label(text.as_bytes(), "CERTIFICATE").map_err(|error| text_failure(&error))?;
    blocks
        .iter()
        .map(|der| Certificate::from_der(der.to_vec()).map_err(|error| text_failure(&error)))
        .collect()
}

fn print_issued(issued: &Issued, days: Option<u32>, written: &[Written]) {
    let end = Timestamp::from_secs(issued.not_after_secs).date();
    let life = if days.is_some() { "as --days says" } else { "as long as its CA lives" };
    println!("{}: certificate until {end}, {life}; it cannot renew itself", issued.name);
    for Written { folder, bundle } in written {
        println!("{}: {}", bundle.target, folder.display());
        let width = bundle.files.iter().map(|file| file.name.len()).max().unwrap_or(0);
        for file in &bundle.files {
            println!("    {:<width$}  {}", file.name, file.what);
        }
    }
    println!("dials {}:{}{}", bracketed(&issued.host), issued.port, host_note(issued.host_from));
    println!("its private key is in the bundle and nowhere else");
}

fn bracketed(host: &str) -> String {
    if host.contains(':') { format!("[{host}]") } else { host.to_owned() }
}

fn host_note(from: HostFrom) -> &'static str {
    match from {
        HostFrom::Asked => "",
        HostFrom::GivenName => " (the first --name of `up`; another one: --host)",
        HostFrom::DefaultRoute => " (this machine's address; from DHCP: reserve it, or use --name with `up`)",
        HostFrom::Loopback => " (this machine only: it has no address that others could reach; use --host)",
    }
}

fn list(args: &ListArgs) -> Result<(), Failure> {
    let rows = office(args.data_dir.as_deref())?.devices().map_err(home_failure)?;
    if rows.is_empty() {
        println!("no devices yet: sealmq device add NAME");
        return Ok(());
    }
    let width = rows.iter().map(|row| row.name.len()).max().unwrap_or(0).max(4);
    println!("{:<width$}  {:<10}  {:<8}  {:<33}  BUNDLES", "NAME", "UNTIL", "STATE", "SERIAL");
    for row in rows {
        let end = Timestamp::from_secs(row.not_after_secs).date();
        println!(
            "{:<width$}  {end:<10}  {:<8}  {:<33}  {}",
            row.name,
            row.standing,
            row.serial,
            row.bundles.join(" ")
        );
    }
    Ok(())
}

fn parse_target(text: &str) -> Result<Target, String> {
    Target::parse(text).map_err(|error| error.to_string())
}

fn once_each(targets: Vec<Target>) -> Vec<Target> {
    let mut seen = std::collections::BTreeSet::new();
    targets.into_iter().filter(|target| seen.insert(*target)).collect()
}
