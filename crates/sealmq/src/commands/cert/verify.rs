//! `sealmq cert verify FILE`: is this certificate good, and if not, everything that is wrong with it.
//!
//! It explains and admits nobody. The chain is explained as OpenSSL would see it (`sealmq_pki::explain`), and beside it
//! stands what SealMQ's own verifier says of the same certificates, so that the two never differ in silence.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::ValueEnum;
use sealmq_pki::explain::{
    self, Explanation, List, Problem, ProblemCode, Question, RevocationCheck, Specimen,
};
use sealmq_pki::{HostName, Signer as _, SoftKey, Timestamp, pem};
use sealmq_tls::{CrlCheck, CrlLedger, CrlPolicy, CrlSource, CrlSpec, PemSource, VerdictSpec};

use super::files::{self, Kind, UNREADABLE};
use super::home::{Answers, Home};
use super::verdict::{Asked, Report};
use crate::commands::device::text_failure;
use crate::report::{self, Failure};

/// Options of this command, in the words of `openssl verify`.
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct Args {
    /// The certificate (PEM or DER; `-` is standard input); more of them behind it may stand between it and the root
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Trusted CA certificates instead of the data directory's
    #[arg(long = "CAfile", visible_alias = "cafile", value_name = "FILE")]
    ca_file: Vec<PathBuf>,
    /// A folder of trusted CA certificates
    #[arg(long = "CApath", visible_alias = "capath", value_name = "DIR")]
    ca_path: Vec<PathBuf>,
    /// CA certificates that may stand between, and are not trusted by themselves
    #[arg(long, value_name = "FILE")]
    untrusted: Vec<PathBuf>,
    /// What it is to be used for
    #[arg(long, value_enum, default_value_t = Purpose::Any)]
    purpose: Purpose,
    /// The host name (or address) that clients dial
    #[arg(long = "verify_hostname", visible_alias = "verify-hostname", value_name = "NAME")]
    hostname: Option<String>,
    /// The address that clients dial
    #[arg(
        long = "verify_ip",
        visible_alias = "verify-ip",
        value_name = "ADDRESS",
        conflicts_with = "hostname"
    )]
    ip: Option<IpAddr>,
    /// Revocation lists of its issuers; the certificate itself is looked up in them
    #[arg(long = "crlfile", visible_alias = "CRLfile", value_name = "FILE")]
    crl_file: Vec<PathBuf>,
    /// Look the certificate up in --crlfile; without a list of its issuer that is a problem
    #[arg(long = "crl_check", visible_alias = "crl-check")]
    crl_check: bool,
    /// Look up every certificate of the chain
    #[arg(long = "crl_check_all", visible_alias = "crl-check-all")]
    crl_check_all: bool,
    /// Judge as of this moment: seconds since 1970, or RFC 3339 (2027-01-31, 2027-01-31T12:00:00Z)
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    attime: Option<String>,
    /// A private key that must be this certificate's (not encrypted)
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// The broker's data directory, whose CA is trusted and whose inventory is asked
    #[arg(long, value_name = "DIR", conflicts_with_all = ["ca_file", "ca_path"])]
    data_dir: Option<PathBuf>,
    /// One JSON object instead of text
    #[arg(long)]
    json: bool,
}

/// `-purpose` of openssl.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Purpose {
    /// A broker's certificate
    Sslserver,
    /// A client's certificate
    Sslclient,
    /// Not looked at
    Any,
}

const HELP: &str = "\
Examples:
  sealmq cert verify server.crt --CAfile ca.crt --purpose sslserver --verify_hostname broker.local
  sealmq cert verify client.crt     with this computer's CA and inventory
  sealmq cert verify client.crt --CAfile ca.crt --crlfile ca.crl --crl_check_all
  sealmq cert verify client.crt --CAfile ca.crt --attime 2027-06-01

Every problem is listed, with OpenSSL's number and words where it has them. Exit codes; of several problems the one that \
stands first here counts:
  0   good
  14  revoked, or on hold
  17  carries our CA's signature, and the inventory does not know it
  11  untrusted: no chain to a trusted root, or a signature is wrong
  19  the chain breaks a rule: CA flag, path length, name constraints, policies, critical extensions
  16  weak, or a signature of a kind that cannot be checked
  10  expired, or not yet valid
  13  for another purpose
  12  for another name
  18  the private key belongs to another certificate
  15  whether it was revoked cannot be found out
  2   wrong usage, or a file that cannot be read
  1   anything else (the inventory could not be asked)";

/// Runs the command.
pub(crate) fn run(args: &Args) -> ExitCode {
    match verify(args) {
        Ok(code) => ExitCode::from(code),
        Err(failure) => report::finish(Err(failure)),
    }
}

/// Everything that was read.
struct Material {
    /// The certificate, and what stands behind it in its file.
    leaf: Specimen,
    untrusted: Vec<Specimen>,
    trusted: Vec<Specimen>,
    home: Option<Home>,
    lists: Vec<List>,
    crl_sources: Vec<CrlSource>,
}

fn verify(args: &Args) -> Result<u8, Failure> {
    let asked = asked(args)?;
    let material = read(args)?;
    let question = Question {
        leaf: &material.leaf,
        untrusted: &material.untrusted,
        trusted: &material.trusted,
        lists: &material.lists,
        revocation: asked.revocation,
        purpose: asked.purpose,
        name: asked.name.as_ref(),
        at: asked.at,
    };
    let mut explanation = explain::explain(&question);
    if let Some(path) = &args.key {
        explanation.problems.extend(key_problem(path, &material.leaf)?);
    }
    let answers = material.home.as_ref().map(|home| home.ask(&explanation.links)).transpose()?;
    let asked_inventory = answers.as_ref().is_some_and(|answers| !answers.is_empty());
    if let Some(answers) = &answers {
        explanation.problems.extend(answers.problems(&explanation.links));
    }
    explanation.problems.sort_by_key(|problem| problem.depth);
    let spec = verdict_spec(&material, &explanation, answers, &asked);
    let report = Report::of(&explanation, &asked, asked_inventory, &spec);
    if args.json {
        println!("{}", serde_json::to_string(&report).expect("rows are plain values"));
    } else {
        report.lines().iter().for_each(|line| println!("{line}"));
    }
    Ok(report.exit_code())
}

fn asked(args: &Args) -> Result<Asked, Failure> {
    let name = match (&args.hostname, args.ip) {
        (Some(text), _) => {
            Some(HostName::parse(text).map_err(|error| text_failure(&error).exit_code(UNREADABLE))?)
        }
        (None, Some(address)) => Some(HostName::Ip(address)),
        (None, None) => None,
    };
    let at = args.attime.as_deref().map(moment).transpose()?;
    let revocation = if args.crl_check_all {
        RevocationCheck::Chain
    } else if args.crl_check || !args.crl_file.is_empty() {
        RevocationCheck::Leaf
    } else {
        RevocationCheck::Off
    };
    let purpose = match args.purpose {
        Purpose::Sslserver => explain::Purpose::SslServer,
        Purpose::Sslclient => explain::Purpose::SslClient,
        Purpose::Any => explain::Purpose::Any,
    };
    Ok(Asked { name, at: at.unwrap_or_else(super::now), revocation, purpose })
}

fn moment(text: &str) -> Result<Timestamp, Failure> {
    if let Ok(secs) = text.parse::<i64>() {
        return Ok(Timestamp::from_secs(secs));
    }
    let whole = if text.len() == 10 { format!("{text}T00:00:00Z") } else { text.to_owned() };
    whole.parse::<jiff::Timestamp>().map(|at| Timestamp::from_secs(at.as_second())).map_err(|_| {
        Failure::new(format!("--attime: '{}' is no moment", super::clean(text)))
            .hint("write seconds since 1970 (date +%s), 2027-01-31 or 2027-01-31T12:00:00Z")
            .exit_code(UNREADABLE)
    })
}

fn read(args: &Args) -> Result<Material, Failure> {
    let mut from_file = files::certificates(&args.file)?.into_iter();
    let leaf = from_file.next().expect("`certificates` gives at least one");
    let mut untrusted: Vec<Specimen> = from_file.collect();
    for path in &args.untrusted {
        untrusted.extend(files::certificates(path)?);
    }
    let mut trusted = Vec::new();
    for path in &args.ca_file {
        trusted.extend(files::certificates(path)?);
    }
    for folder in &args.ca_path {
        trusted.extend(in_folder(folder)?);
    }
    let mut home = None;
    if args.ca_file.is_empty() && args.ca_path.is_empty() {
        let opened = Home::open(args.data_dir.as_deref())?;
        trusted.extend(opened.certificates.iter().cloned());
        home = Some(opened);
    }
    let (mut lists, mut crl_sources) = (Vec::new(), Vec::new());
    for path in &args.crl_file {
        let (more, source) = crls(path)?;
        lists.extend(more);
        crl_sources.extend(source);
    }
    Ok(Material { leaf, untrusted, trusted, home, lists, crl_sources })
}

/// The certificates of all files of a folder; what holds none is passed over, as OpenSSL does.
fn in_folder(folder: &Path) -> Result<Vec<Specimen>, Failure> {
    let failed = |error: std::io::Error| {
        Failure::new(format!("cannot read {}: {error}", super::clean(&folder.display().to_string())))
            .hint("give a folder with one CA certificate per file, or a file with --CAfile")
            .exit_code(UNREADABLE)
    };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_file() {
            found.extend(files::certificates(&path).unwrap_or_default());
        }
    }
    Ok(found)
}

fn crls(path: &Path) -> Result<(Vec<List>, Vec<CrlSource>), Failure> {
    let blocks = files::blocks(path)?;
    let is_list = |kind| match kind {
        // A DER file that is no list that can be used looks like a certificate; it is one that is refused, with its reason.
        Kind::Crl | Kind::Certificate => true,
        Kind::Request | Kind::Key | Kind::Other => false,
    };
    let read = |block: files::Block| {
        let source = CrlSource::new(block.origin.clone(), block.der.to_vec());
        (List::read(block.der.to_vec(), block.origin), source)
    };
    let found: Vec<(List, CrlSource)> =
        blocks.into_iter().filter(|block| is_list(block.kind)).map(read).collect();
    if found.is_empty() {
        let what = format!("{}: no revocation list is in it", super::clean(&path.display().to_string()));
        return Err(Failure::new(what)
            .hint("give the file with -----BEGIN X509 CRL-----")
            .exit_code(UNREADABLE));
    }
    Ok(found.into_iter().unzip())
}

fn key_problem(path: &Path, leaf: &Specimen) -> Result<Option<Problem>, Failure> {
    let name = super::clean(&path.display().to_string());
    let blocks = files::blocks(path)?;
    let Some(block) = blocks.into_iter().find(|block| block.kind == Kind::Key) else {
        return Err(Failure::new(format!("{name}: no private key is in it"))
            .hint("give the PEM file with -----BEGIN PRIVATE KEY-----")
            .exit_code(UNREADABLE));
    };
    let key = SoftKey::from_pem(pem::encode(&block.label, &block.der).as_bytes())
        .map_err(|error| text_failure(&format!("{name}: {error}")).exit_code(UNREADABLE))?;
    let fits = key.public_key().spki_der() == leaf.facts().spki_der;
    Ok((!fits).then(|| {
        Problem::found(ProblemCode::KeyMismatch, 0, format!("the private key in {name} is another one's"))
    }))
}

/// The same question for the verifier that decides in handshakes: what a peer would send, the likeliest first.
fn verdict_spec(
    material: &Material,
    explanation: &Explanation<'_>,
    answers: Option<Answers>,
    asked: &Asked,
) -> VerdictSpec {
    let chain_first = explanation.links.iter().map(|link| link.specimen);
    let is_trusted = |specimen: &Specimen| material.trusted.iter().any(|ca| ca.der() == specimen.der());
    let mut chain: Vec<Vec<u8>> = vec![material.leaf.der().to_vec()];
    for specimen in chain_first.chain(&material.untrusted) {
        if !is_trusted(specimen) && !chain.iter().any(|der| der == specimen.der()) {
            chain.push(specimen.der().to_vec());
        }
    }
    let anchors = material
        .trusted
        .iter()
        .map(|ca| PemSource::new(ca.origin(), pem::encode("CERTIFICATE", ca.der()).as_bytes()));
    let crls = match asked.revocation {
        RevocationCheck::Off => None,
        RevocationCheck::Leaf => Some(CrlCheck::Leaf),
        RevocationCheck::Chain => Some(CrlCheck::Chain),
    };
    VerdictSpec {
        chain,
        anchors: anchors.collect(),
        crls: crls.map(|check| CrlSpec {
            sources: material.crl_sources.clone(),
            policy: CrlPolicy::DEFAULT,
            check,
            ledger: CrlLedger::new(),
        }),
        own: material.home.as_ref().zip(answers).map(|(home, answers)| home.own_issuer(answers)),
        now: asked.at,
    }
}
