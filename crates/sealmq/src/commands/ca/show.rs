//! `sealmq ca show`: what the CA is, from its files; a running broker is not disturbed.

use sealmq_pki::{Crl, Facts, Timestamp, pem, time};
use sealmq_server::home::files;
use sealmq_server::home::{HomeError, KeyPairFiles, Place, Protection, authority, wall_now};
use serde::Serialize;

use super::super::device::home_failure;
use super::DataDir;
use crate::report::Failure;

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// As one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    data: DataDir,
}

const EXAMPLES: &str = "\
Examples:
  sealmq ca show
  sealmq ca show --json | jq -r '.authorities[].not_after'";

/// The whole answer.
#[derive(Serialize)]
struct Answer {
    data_dir: String,
    /// What clients trust, as a path.
    anchors: String,
    authorities: Vec<Row>,
}

/// One CA.
#[derive(Serialize)]
struct Row {
    /// `root` or `issuing`.
    role: &'static str,
    subject: String,
    serial: String,
    not_before: String,
    not_after: String,
    key: String,
    signature_algorithm: String,
    sha256: String,
    key_file: String,
    /// `encrypted`, `plain`, or `offline` where it is not here.
    key_protection: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    crl: Option<CrlRow>,
    #[serde(skip)]
    ends: String,
}

/// The revocation list of one CA.
#[derive(Serialize)]
struct CrlRow {
    number: Option<String>,
    this_update: String,
    next_update: String,
    revoked: usize,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let place = args.data.place()?;
    if !args.json {
        return print(&place, wall_now());
    }
    let answer = look(&place, wall_now()).map_err(home_failure)?;
    let text = serde_json::to_string_pretty(&answer)
        .map_err(|error| Failure::new(format!("the answer cannot be written: {error}")))?;
    println!("{text}");
    Ok(())
}

/// For a person.
pub(super) fn print(place: &Place, now: Timestamp) -> Result<(), Failure> {
    let answer = look(place, now).map_err(home_failure)?;
    for row in &answer.authorities {
        println!("{}", row.role);
        println!("  name     {}", row.subject.escape_debug());
        println!("  serial   {}", row.serial);
        println!("  until    {} ({})", row.not_after, row.ends);
        println!("  key      {}, {}", row.key, key_words(row));
        println!("  SHA-256  {}", row.sha256);
        if let Some(crl) = &row.crl {
            let number = crl.number.as_deref().unwrap_or("without number");
            println!("  CRL      {number}, {} revoked, next update {}", crl.revoked, crl.next_update);
        }
    }
    println!("clients trust {}", answer.anchors);
    Ok(())
}

fn key_words(row: &Row) -> String {
    match row.key_protection {
        "offline" => "not on this machine".to_owned(),
        "encrypted" => format!("encrypted, in {}", row.key_file),
        _ if row.role == "root" => {
            format!("not encrypted, still here in {}: sealmq ca offline DIR moves it away", row.key_file)
        }
        _ => format!("not encrypted, in {}: sealmq ca encrypt", row.key_file),
    }
}

fn look(place: &Place, now: Timestamp) -> Result<Answer, HomeError> {
    files::check_owner(place.folder())?;
    let ca = place.ca();
    if !files::is_there(ca.folder())? {
        return Err(HomeError::Absent { path: place.folder().to_owned() });
    }
    let crls = revocation_lists(place)?;
    let issuing = facts(&ca.issuing().certificate())?
        .ok_or_else(|| HomeError::Incomplete { path: ca.issuing().certificate() })?;
    // The anchors hold the root where its own folder was moved away whole.
    let root = match facts(&ca.root().certificate())? {
        Some(root) => Some(root),
        None => facts(&ca.anchors())?,
    };
    let mut authorities = Vec::new();
    if let Some(root) = root {
        authorities.push(row("root", &root, &ca.root(), &crls, now)?);
    }
    authorities.push(row("issuing", &issuing, &ca.issuing(), &crls, now)?);
    Ok(Answer {
        data_dir: place.folder().display().to_string(),
        anchors: ca.anchors().display().to_string(),
        authorities,
    })
}

fn row(
    role: &'static str,
    facts: &Facts,
    pair: &KeyPairFiles,
    crls: &[Crl],
    now: Timestamp,
) -> Result<Row, HomeError> {
    let crl = crls.iter().filter(|crl| *crl.issuer() == facts.subject).max_by_key(|crl| crl.number());
    Ok(Row {
        role,
        subject: facts.subject.rfc2253(),
        serial: facts.serial.to_string(),
        not_before: facts.not_before.to_string(),
        not_after: facts.not_after.to_string(),
        key: facts.key.to_string(),
        signature_algorithm: facts.signature_algorithm.clone(),
        sha256: facts.fingerprint.to_string(),
        key_file: pair.key().display().to_string(),
        key_protection: match authority::protection(&pair.key())? {
            Some(Protection::Encrypted) => "encrypted",
            Some(Protection::Plain) => "plain",
            None => "offline",
        },
        crl: crl.map(|crl| CrlRow {
            number: crl.number().map(ToString::to_string),
            this_update: crl.this_update().to_string(),
            next_update: crl.next_update().to_string(),
            revoked: crl.len(),
        }),
        ends: time::ends_in(facts.not_after, now),
    })
}

fn facts(path: &std::path::Path) -> Result<Option<Facts>, HomeError> {
    let Some(text) = files::read(path)? else { return Ok(None) };
    let corrupt = |text: String| HomeError::Corrupt { path: path.to_owned(), text };
    let blocks = pem::of_label(&text, "CERTIFICATE").map_err(|error| corrupt(error.to_string()))?;
    let first = blocks.first().ok_or_else(|| corrupt("it holds no certificate".to_owned()))?;
    Facts::parse(first).map(Some).map_err(|error| corrupt(error.to_string()))
}

/// The lists in `ca/crl/`; the folder is not there before the first one.
fn revocation_lists(place: &Place) -> Result<Vec<Crl>, HomeError> {
    let folder = place.ca().folder().join("crl");
    if !files::is_there(&folder)? {
        return Ok(Vec::new());
    }
    let entries = std::fs::read_dir(&folder).map_err(|source| HomeError::Io {
        doing: "read",
        path: folder.clone(),
        source,
    })?;
    let mut found = Vec::new();
    for path in entries.filter_map(Result::ok).map(|entry| entry.path()) {
        if path.extension().is_none_or(|ending| ending != "crl") {
            continue;
        }
        let bytes = files::read(&path)?.unwrap_or_default();
        let ders = match bytes.first() {
            Some(0x30) => vec![bytes],
            _ => {
                pem::of_label(&bytes, "X509 CRL").unwrap_or_default().iter().map(|der| der.to_vec()).collect()
            }
        };
        for der in ders {
            let list = Crl::parse(der)
                .map_err(|error| HomeError::Corrupt { path: path.clone(), text: error.to_string() })?;
            found.push(list);
        }
    }
    Ok(found)
}
