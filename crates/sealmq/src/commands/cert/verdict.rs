//! The answer of `cert verify`: one value, as text for people and as JSON, and the exit code.

use sealmq_pki::cert::{ExtKeyUsage, Signature};
use sealmq_pki::explain::{Class, Explanation, Link, ProblemCode, Purpose, RevocationCheck, Signed};
use sealmq_pki::{Facts, HostName, Timestamp};
use sealmq_tls::{ServerHost, TlsFailure, Verdict, VerdictSpec};
use serde::Serialize;

use super::clean;
use super::rows::{FindingRow, brief, found};

/// What was asked, beside the certificates.
pub(super) struct Asked {
    pub(super) name: Option<HostName>,
    pub(super) at: Timestamp,
    pub(super) revocation: RevocationCheck,
    pub(super) purpose: Purpose,
}

/// The answer.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    file: String,
    good: bool,
    exit_code: u8,
    at: String,
    chain: Vec<LinkRow>,
    problems: Vec<ProblemRow>,
    /// What was found good, and what was not asked.
    checks: Vec<CheckRow>,
    /// What SealMQ's own verifier says, as a broker and as a client.
    sealmq: Vec<SealmqRow>,
    findings: Vec<FindingRow>,
}

#[derive(Debug, Serialize)]
struct LinkRow {
    depth: usize,
    from: String,
    text: String,
    sha256: String,
    signed: &'static str,
}

#[derive(Debug, Serialize)]
struct ProblemRow {
    code: &'static str,
    depth: usize,
    /// OpenSSL's number for it; 0: it has none.
    openssl_error: u32,
    openssl: &'static str,
    text: String,
    hint: &'static str,
}

#[derive(Debug, Serialize)]
struct CheckRow {
    check: &'static str,
    outcome: &'static str,
    text: String,
}

#[derive(Debug, Serialize)]
struct SealmqRow {
    who: &'static str,
    accepts: Accepts,
    text: String,
    hint: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Accepts {
    Yes,
    /// Where the legacy option allows it.
    Legacy,
    No,
    /// It would not start with these files.
    CannotStart,
}

impl Report {
    pub(super) fn of(
        explanation: &Explanation<'_>,
        asked: &Asked,
        inventory_asked: bool,
        spec: &VerdictSpec,
    ) -> Report {
        let leaf = explanation.links.first().expect("a chain has its leaf").specimen;
        let class = explanation.class();
        let problems = explanation.problems.iter().map(|problem| {
            let (openssl, openssl_error) = problem.code.openssl();
            ProblemRow {
                code: problem.code.as_str(),
                depth: problem.depth,
                openssl_error,
                openssl,
                text: problem.text.clone(),
                hint: problem.code.hint(),
            }
        });
        Report {
            file: leaf.origin().to_owned(),
            good: class.is_none(),
            exit_code: class.map_or(0, exit_code),
            at: asked.at.to_string(),
            chain: explanation
                .links
                .iter()
                .enumerate()
                .map(|(depth, link)| row(depth, link, asked.at))
                .collect(),
            problems: problems.collect(),
            checks: checks(explanation, asked, inventory_asked),
            sealmq: sealmq(asked, leaf.facts(), spec),
            findings: findings_beside(explanation, asked.at),
        }
    }

    pub(super) fn exit_code(&self) -> u8 {
        self.exit_code
    }

    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines = vec![self.headline(), "chain:".to_owned()];
        for link in &self.chain {
            lines.push(format!("  {} {} ({})", link.depth, link.text, link.from));
            lines.push(format!("    {}", link.signed));
        }
        lines.push("checks:".to_owned());
        for check in &self.checks {
            lines.push(format!("  {:<11} {:<11} {}", check.check, check.outcome, check.text));
        }
        if !self.problems.is_empty() {
            lines.push("problems:".to_owned());
        }
        for problem in &self.problems {
            let number = match problem.openssl_error {
                0 => String::new(),
                number => format!("{number} "),
            };
            lines.push(format!("  error {number}at {} depth lookup: {}", problem.depth, problem.openssl));
            lines.push(format!("    {}: {}", problem.code, problem.text));
            lines.push(format!("    hint: {}", problem.hint));
        }
        for finding in &self.findings {
            lines.extend(finding.lines());
        }
        lines.push("what SealMQ itself says:".to_owned());
        for row in &self.sealmq {
            lines.push(format!("  {}: {}", row.who, row.text));
            lines.extend(
                row.hint.iter().flat_map(|hint| hint.lines().map(|line| format!("    hint: {line}"))),
            );
        }
        lines
    }

    fn headline(&self) -> String {
        if self.good {
            return format!("{}: OK", self.file);
        }
        let mut codes: Vec<&str> = self.problems.iter().map(|problem| problem.code).collect();
        codes.dedup();
        format!("{}: verification failed: {}", self.file, codes.join(", "))
    }
}

/// Documented in `--help` and in docs/guides/checking-certificates.md.
fn exit_code(class: Class) -> u8 {
    match class {
        Class::Dates => 10,
        Class::Untrusted => 11,
        Class::Name => 12,
        Class::Purpose => 13,
        Class::Revoked => 14,
        Class::RevocationUnknown => 15,
        Class::Weak => 16,
        Class::Unknown => 17,
        Class::Key => 18,
        Class::Invalid => 19,
    }
}

fn row(depth: usize, link: &Link<'_>, at: Timestamp) -> LinkRow {
    let facts = link.specimen.facts();
    LinkRow {
        depth,
        from: link.specimen.origin().to_owned(),
        text: brief(facts, at),
        sha256: facts.fingerprint.to_string(),
        signed: match link.signed {
            Signed::Above(Signature::Verified) => "signed by the next one: verified",
            Signed::Above(Signature::VerifiedButWeak) => "signed by the next one: right, but with weak means",
            Signed::Above(Signature::Wrong) => "names the next one as its issuer, which did NOT sign it",
            Signed::Above(Signature::Unverifiable) => {
                "names the next one as its issuer; the signature cannot be checked"
            }
            Signed::Anchor => "trusted root",
            Signed::Itself => "signed by itself, and not trusted",
            Signed::Nobody => "its issuer's certificate is not here",
        },
    }
}

fn checks(explanation: &Explanation<'_>, asked: &Asked, inventory_asked: bool) -> Vec<CheckRow> {
    let codes = |classes: &[Class]| {
        let of_class = explanation.problems.iter().filter(|p| classes.contains(&p.code.class()));
        of_class.map(|problem| problem.code).collect::<Vec<ProblemCode>>()
    };
    let leaf = explanation.links[0].specimen.facts();
    let first_end = explanation.links.iter().map(|link| link.specimen.facts().not_after).min();
    let end = first_end.map_or_else(String::new, |end| {
        format!("the first end in the chain: {}", sealmq_pki::time::ends_in(end, asked.at))
    });
    let name = match (&asked.name, explanation.name_only_in_common_name) {
        (None, _) => "--verify_hostname NAME asks".to_owned(),
        (Some(name), false) => format!("'{name}'"),
        (Some(name), true) => {
            format!("'{name}' is in the CN only: OpenSSL takes it, most clients of today want a SAN")
        }
    };
    let purpose = match asked.purpose {
        Purpose::Any => "--purpose sslserver or sslclient asks".to_owned(),
        Purpose::SslServer => "sslserver".to_owned(),
        Purpose::SslClient => "sslclient".to_owned(),
    };
    let revocation = match (asked.revocation, inventory_asked) {
        (RevocationCheck::Off, false) => "--crlfile FILE asks".to_owned(),
        (RevocationCheck::Off, true) => "the inventory was asked".to_owned(),
        (RevocationCheck::Leaf, _) => "the certificate was looked up in the lists".to_owned(),
        (RevocationCheck::Chain, _) => "the whole chain was looked up in the lists".to_owned(),
    };
    let revocation_asked = inventory_asked || asked.revocation != RevocationCheck::Off;
    let count = explanation.links.len();
    let plural = if count == 1 { "" } else { "s" };
    [
        ("chain", true, &[Class::Untrusted, Class::Invalid][..], format!("{count} certificate{plural}")),
        ("dates", true, &[Class::Dates], end),
        ("name", asked.name.is_some(), &[Class::Name], name),
        ("purpose", asked.purpose != Purpose::Any, &[Class::Purpose], purpose),
        (
            "revocation",
            revocation_asked,
            &[Class::Revoked, Class::Unknown, Class::RevocationUnknown],
            revocation,
        ),
        (
            "strength",
            true,
            &[Class::Weak, Class::Key],
            format!("{}, {}", leaf.key, clean(&leaf.signature_algorithm)),
        ),
    ]
    .into_iter()
    .map(|(check, was_asked, classes, text)| {
        let outcome = match (codes(classes).is_empty(), was_asked) {
            (false, _) => "FAILED",
            (true, true) => "good",
            (true, false) => "not asked",
        };
        CheckRow { check, outcome, text }
    })
    .collect()
}

/// Findings that are no problem of this answer already.
fn findings_beside(explanation: &Explanation<'_>, at: Timestamp) -> Vec<FindingRow> {
    let mut beside = Vec::new();
    for link in &explanation.links {
        let said = |code: &str| explanation.problems.iter().any(|problem| problem.code.as_str() == code);
        beside.extend(
            found(link.specimen, at)
                .into_iter()
                .filter(|finding| !said(finding.code()))
                .map(|finding| finding.about(link.specimen.origin())),
        );
    }
    beside
}

fn sealmq(asked: &Asked, leaf: &Facts, spec: &VerdictSpec) -> Vec<SealmqRow> {
    let broker = || {
        let verdict = spec.of_broker();
        sealmq_row("a broker, to a client with it", "legacy_client_certs", verdict)
    };
    let dialler = || {
        let host = asked.name.as_ref().map(ServerHost::from);
        sealmq_row(
            "sealmq pub/sub and bridges, to a server with it",
            "legacy_server_certs",
            spec.of_dialler(host.as_ref()),
        )
    };
    match asked.purpose {
        Purpose::SslClient => vec![broker()],
        Purpose::SslServer => vec![dialler()],
        // The end that the certificate says it is for; both, where it says nothing or something else.
        Purpose::Any => match (says(leaf, &ExtKeyUsage::ClientAuth), says(leaf, &ExtKeyUsage::ServerAuth)) {
            (true, false) => vec![broker()],
            (false, true) => vec![dialler()],
            (true, true) | (false, false) => vec![broker(), dialler()],
        },
    }
}

fn says(leaf: &Facts, usage: &ExtKeyUsage) -> bool {
    leaf.ext_key_usage.as_ref().is_some_and(|usages| usages.contains(usage))
}

fn sealmq_row(
    who: &'static str,
    option: &str,
    verdict: Result<Verdict, sealmq_tls::BuildError>,
) -> SealmqRow {
    match verdict {
        Ok(Verdict::Accepted(_)) => {
            SealmqRow { who, accepts: Accepts::Yes, text: "accepted".to_owned(), hint: None }
        }
        Ok(Verdict::WhereLegacyIsAllowed(failure)) => SealmqRow {
            who,
            accepts: Accepts::Legacy,
            text: format!("accepted only where {option} allows it; elsewhere {}", said(&failure)),
            hint: Some(failure.hint()),
        },
        Ok(Verdict::Refused(failure)) => {
            SealmqRow { who, accepts: Accepts::No, text: said(&failure), hint: Some(failure.hint()) }
        }
        Err(error) => {
            let text = error.to_string();
            let (what, hint) = text.split_once("\nhint: ").unwrap_or((&text, ""));
            SealmqRow {
                who,
                accepts: Accepts::CannotStart,
                text: format!("cannot use these files: {}", clean(what)),
                hint: (!hint.is_empty()).then(|| hint.to_owned()),
            }
        }
    }
}

fn said(failure: &TlsFailure) -> String {
    let detail =
        if failure.detail.is_empty() { String::new() } else { format!(": {}", clean(&failure.detail)) };
    let first_line: String = detail.lines().next().unwrap_or_default().to_owned();
    format!("refused, {} {}{first_line}", failure.code, failure.text())
}
