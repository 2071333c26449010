//! `sealmq cert expiring`: what ends soon, for people, cron and Nagios. Needs no data directory where files are named.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use sealmq_pki::time::ends_in;
use sealmq_pki::watch::{Kind, Watched};
use sealmq_pki::{Crl, Fingerprint, Timestamp};
use serde::Serialize;

use super::files;
use super::span::Span;
use crate::commands::device::{home_failure, office};
use crate::report::Failure;

/// Options of this command.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Certificates and revocation lists, PEM or DER, and folders of them; without any, the data directory's
    #[arg(value_name = "FILE|DIR")]
    paths: Vec<PathBuf>,
    /// A warning for what ends within this time: 30d, 12h, 2w, or a number of days
    #[arg(long, visible_alias = "warning", value_name = "SPAN", default_value = "30d")]
    within: String,
    /// Critical is what ends within this time or has ended; 7d, or --within where that is less
    #[arg(long, value_name = "SPAN")]
    critical: Option<String>,
    /// One JSON object instead of text
    #[arg(long)]
    json: bool,
    /// The data directory; $SEALMQ_DATA, else the one that `sealmq up` takes
    #[arg(long, value_name = "DIR", conflicts_with = "paths")]
    data_dir: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  sealmq cert expiring --within 30d
  sealmq cert expiring --warning 20d --critical 5d /etc/mosquitto/certs /etc/letsencrypt/live
  sealmq cert expiring --within 14d /etc/mosquitto/certs >/dev/null || mail -s 'certificates' root </dev/null

Exit codes, as Nagios wants them: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN (something could not be read, or a span makes no \
sense). Folders are read with the folders in them; what is no certificate and no revocation list there is passed over, and \
so is what begins with a dot.";

/// Files of all folders together.
const FILES_MAX: usize = 10_000;
/// Folders in folders.
const DEPTH_MAX: usize = 8;

/// As Nagios counts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Ok,
    Warning,
    Critical,
    Unknown,
}

impl Status {
    fn word(self) -> &'static str {
        match self {
            Status::Ok => "OK",
            Status::Warning => "WARNING",
            Status::Critical => "CRITICAL",
            Status::Unknown => "UNKNOWN",
        }
    }

    fn code(self) -> u8 {
        match self {
            Status::Ok => 0,
            Status::Warning => 1,
            Status::Critical => 2,
            Status::Unknown => 3,
        }
    }
}

#[derive(Debug, Serialize)]
struct Row {
    status: &'static str,
    kind: &'static str,
    place: String,
    name: Option<String>,
    subject: String,
    serial: Option<String>,
    fingerprint: String,
    not_after: String,
    /// Negative once it has ended.
    left_secs: i64,
    left: String,
}

#[derive(Debug, Serialize)]
struct Answer {
    status: &'static str,
    /// How many were looked at; of a data directory, how many end within the time.
    checked: usize,
    expiring: Vec<Row>,
    problems: Vec<String>,
}

/// What was found, and what could not be looked at.
#[derive(Default)]
struct Found {
    watched: BTreeMap<Fingerprint, Watched>,
    problems: Vec<String>,
    files: usize,
}

/// What is a warning, and what is critical.
#[derive(Clone, Copy, Debug)]
struct Spans {
    within: Span,
    critical: Span,
}

impl Spans {
    /// Not clap's to refuse: its exit code is Nagios' CRITICAL.
    fn of(args: &Args) -> Result<Spans, String> {
        let within = Span::parse(&args.within)?;
        let critical = args.critical.as_deref().map(Span::parse).transpose()?;
        let critical = critical.unwrap_or(Span::days(7).min(within));
        match critical > within {
            true => Err(format!("critical {critical} is more than warning {within}")),
            false => Ok(Spans { within, critical }),
        }
    }
}

/// Runs the command. Everything is said on standard output, which is what monitoring reads.
pub(crate) fn run(args: &Args) -> ExitCode {
    let mut found = Found::default();
    let spans = match Spans::of(args) {
        Ok(spans) => {
            found.look(args, spans.within);
            spans
        }
        Err(problem) => {
            found.problems.push(problem);
            Spans { within: Span::days(0), critical: Span::days(0) }
        }
    };
    let (answer, status) = answer(found, spans, super::now());
    if args.json {
        println!("{}", serde_json::to_string(&answer).expect("rows are plain values"));
    } else {
        print(&answer, spans.within);
    }
    ExitCode::from(status.code())
}

impl Found {
    fn look(&mut self, args: &Args, within: Span) {
        if args.paths.is_empty() {
            return self.ask_home(args, within);
        }
        args.paths.iter().for_each(|path| self.look_at(path, 0));
        if self.watched.is_empty() && self.problems.is_empty() {
            self.problems.push("no certificate and no revocation list is there".to_owned());
        }
    }

    fn ask_home(&mut self, args: &Args, within: Span) {
        let asked = office(args.data_dir.as_deref())
            .and_then(|mut office| office.certificates_expiring(within.secs()).map_err(home_failure));
        let rows = match asked {
            Ok(rows) => rows,
            Err(failure) => return self.problem(&failure),
        };
        for row in rows {
            let Some(fingerprint) = Fingerprint::parse_hex(&row.fingerprint) else {
                self.problems.push(format!("the inventory has no sound fingerprint of '{}'", row.subject));
                continue;
            };
            let watched = Watched {
                kind: if row.role == Kind::Seen.name() { Kind::Seen } else { Kind::Issued },
                fingerprint,
                subject: row.subject,
                serial: sealmq_pki::Serial::parse_hex(&row.serial).ok(),
                place: "the inventory".to_owned(),
                name: row.name,
                not_before: Timestamp::from_secs(row.not_before_secs),
                not_after: Timestamp::from_secs(row.not_after_secs),
            };
            self.watched.insert(fingerprint, watched);
        }
    }

    fn look_at(&mut self, path: &Path, depth: usize) {
        // Through links, as certbot's and Kubernetes' folders are made of them.
        match std::fs::metadata(path) {
            Ok(meta) if meta.is_dir() => self.look_into(path, depth),
            Ok(_) => self.read(path),
            Err(_) if path == Path::new("-") => self.read(path),
            Err(error) => self.problems.push(format!("{}: {error}", shown(path))),
        }
    }

    fn look_into(&mut self, folder: &Path, depth: usize) {
        if depth == DEPTH_MAX {
            return self.problems.push(format!("{}: folders lie deeper than {DEPTH_MAX}", shown(folder)));
        }
        let entries = std::fs::read_dir(folder)
            .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>());
        let mut entries = match entries {
            Ok(entries) => entries,
            Err(error) => return self.problems.push(format!("{}: {error}", shown(folder))),
        };
        entries
            .retain(|path| !path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b".")));
        entries.sort();
        for path in entries {
            self.files += 1;
            if self.files > FILES_MAX {
                return self.problems.push(format!("more than {FILES_MAX} files: name fewer folders"));
            }
            match std::fs::metadata(&path) {
                Ok(meta) if meta.is_dir() => self.look_into(&path, depth + 1),
                // Pipes and devices would be waited for.
                Ok(meta) if meta.is_file() && is_meant(&path) => self.read(&path),
                Ok(_) => {}
                Err(error) => self.problems.push(format!("{}: {error}", shown(&path))),
            }
        }
    }

    fn read(&mut self, path: &Path) {
        let blocks = match files::blocks(path) {
            Ok(blocks) => blocks,
            Err(failure) => return self.problem(&failure),
        };
        for block in blocks {
            let watched = match block.kind {
                files::Kind::Certificate => files::specimen(&block).map(|specimen| {
                    Some(Watched::certificate(Kind::Served, specimen.facts(), block.origin.clone()))
                }),
                files::Kind::Crl => Crl::parse(block.der.to_vec())
                    .map(|crl| Some(Watched::list(&crl, block.origin.clone())))
                    .map_err(|error| Failure::new(format!("{}: {error}", block.origin))),
                files::Kind::Request | files::Kind::Key | files::Kind::Other => Ok(None),
            };
            match watched {
                Ok(Some(watched)) => drop(self.watched.entry(watched.fingerprint).or_insert(watched)),
                Ok(None) => {}
                Err(failure) => self.problem(&failure),
            }
        }
    }

    fn problem(&mut self, failure: &Failure) {
        self.problems.push(failure.what().replace('\n', "; "));
    }
}

/// Whether a file of a folder is one of ours: by its name, or by what stands in it.
fn is_meant(path: &Path) -> bool {
    let by_name = path.extension().and_then(|end| end.to_str()).is_some_and(|end| {
        ["crt", "cer", "pem", "der", "crl"].iter().any(|known| end.eq_ignore_ascii_case(known))
    });
    // A file that cannot be read is said, if its name says that it is one.
    by_name || begins_a_block(path).unwrap_or(false)
}

fn begins_a_block(path: &Path) -> std::io::Result<bool> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(LOOKED_AT_BYTES).read_to_end(&mut bytes)?;
    let begins =
        ["CERTIFICATE", "X509 CRL", "TRUSTED CERTIFICATE"].map(|label| format!("-----BEGIN {label}-----"));
    Ok(begins.iter().any(|begin| bytes.windows(begin.len()).any(|part| part == begin.as_bytes())))
}

/// Of a file whose name does not say what it is.
const LOOKED_AT_BYTES: u64 = 256 * 1024;

fn shown(path: &Path) -> String {
    super::clean(&path.display().to_string())
}

fn answer(found: Found, Spans { within, critical }: Spans, now: Timestamp) -> (Answer, Status) {
    let checked = found.watched.len();
    let mut ending: Vec<(Status, Watched)> = Vec::new();
    for watched in found.watched.into_values() {
        let left = watched.not_after.secs_since(now);
        if watched.not_after == Timestamp::NEVER || left > within.secs() {
            continue;
        }
        let is_critical = left < 0 || left <= critical.secs();
        ending.push((if is_critical { Status::Critical } else { Status::Warning }, watched));
    }
    ending.sort_by(|(_, a), (_, b)| (a.not_after, &a.place).cmp(&(b.not_after, &b.place)));
    let has = |wanted| ending.iter().any(|(status, _)| *status == wanted);
    // What is known to be bad is said before what is not known.
    let status = match (has(Status::Critical), found.problems.is_empty(), has(Status::Warning)) {
        (true, _, _) => Status::Critical,
        (false, false, _) => Status::Unknown,
        (false, true, true) => Status::Warning,
        (false, true, false) => Status::Ok,
    };
    let expiring = ending.into_iter().map(|(status, watched)| row(status, watched, now)).collect();
    (Answer { status: status.word(), checked, expiring, problems: found.problems }, status)
}

fn row(status: Status, watched: Watched, now: Timestamp) -> Row {
    Row {
        status: status.word(),
        kind: if watched.kind == Kind::Served { "file" } else { watched.kind.name() },
        place: watched.place,
        name: watched.name,
        subject: super::clean(&watched.subject),
        serial: watched.serial.map(|serial| serial.to_string()),
        fingerprint: watched.fingerprint.to_string(),
        not_after: watched.not_after.to_string(),
        left_secs: watched.not_after.secs_since(now),
        left: ends_in(watched.not_after, now),
    }
}

fn print(answer: &Answer, within: Span) {
    let count = answer.expiring.len();
    let soonest = answer.expiring.first().map(|row| format!("; first {} {}", row.subject, row.left));
    let unknown = match answer.problems.len() {
        0 => String::new(),
        many => format!("; {many} could not be checked"),
    };
    let ended = answer.expiring.iter().filter(|row| row.left_secs < 0).count();
    println!(
        "CERTIFICATES {} - {count} end within {within} or have ended{}{unknown} | expiring={count} ended={ended} unchecked={}",
        answer.status,
        soonest.unwrap_or_default(),
        answer.problems.len()
    );
    for row in &answer.expiring {
        println!("{}: {}: '{}' {} ({})", row.status, row.place, row.subject, row.left, row.not_after);
    }
    for problem in &answer.problems {
        println!("UNKNOWN: {problem}");
    }
}
