//! What the log says when the broker starts: what each listener demands, what ends when, what should be mended.

use sealmq_config::{Access, ClientCertificates, Config, IdentityRule, Listener, Severity};
use sealmq_pki::Timestamp;

use crate::door::passwords::PasswordTable;
use crate::log::{Event, Line, Log};
use crate::material::Ends;
use crate::plan::{ListenerMaterial, Material, name};

/// From here on the end of a certificate is a warning.
const SOON_DAYS: i64 = 45;

/// One line for each listener: where, what over it, and what it demands of a client.
pub(crate) fn listener_line(listener: &Listener, passwords: Option<&PasswordTable>) -> Line {
    let what = if listener.tls.is_some() { "TLS" } else { "no TLS" };
    let text = format!("Listening on {} ({what}): {}.", name(&listener.bind), demands(listener, passwords));
    let line = Line::new(Event::ListenerOpen, text).field("listener", name(&listener.bind));
    if admits_nobody(listener) {
        return line.hint(
            "'allow_anonymous true' lets in clients without a user name; 'password_file FILE' those with name and password",
        );
    }
    line
}

/// What a client must bring.
fn demands(listener: &Listener, passwords: Option<&PasswordTable>) -> String {
    let access = &listener.access;
    let certificate = listener.tls.as_ref().map_or(ClientCertificates::None, |tls| tls.client_certificates);
    let identity = listener.tls.as_ref().map_or(IdentityRule::None, |tls| tls.identity);
    let by_name = match (words(access), access.allow_anonymous) {
        (Some(words), true) => format!("a user name needs {words}, anonymous clients are let in"),
        (Some(words), false) => format!("a client needs a user name and {words}"),
        (None, true) => "a client needs nothing, anonymous clients are let in".to_owned(),
        (None, false) => {
            "anonymous clients are refused, and no user name can be checked, so nobody is let in".to_owned()
        }
    };
    match (certificate, identity) {
        (ClientCertificates::None, _) => by_name,
        (ClientCertificates::Required, IdentityRule::None) => {
            format!("a client needs a certificate; beside it, {by_name}")
        }
        (ClientCertificates::Required, rule) => {
            format!("a client needs a certificate, whose {} is its user name", source(rule))
        }
        (ClientCertificates::Optional, IdentityRule::None) => {
            format!("a client may show a certificate; {by_name}")
        }
        (ClientCertificates::Optional, rule) => {
            let or = match (passwords.map(PasswordTable::is_empty), words(access)) {
                (Some(true), _) if access.scram_file.is_none() && access.jwt.is_none() => {
                    " (nobody has a password)".to_owned()
                }
                (Some(_) | None, Some(words)) => format!(", or a user name and {words}"),
                (Some(_) | None, None) => String::new(),
            };
            format!("a client needs a certificate, whose {} is its user name{or}", source(rule))
        }
    }
}

/// What proves a user name beside a certificate: `its password, or a token`.
fn words(access: &Access) -> Option<String> {
    let proofs = [
        access.password_file.as_ref().map(|_| "its password"),
        access.scram_file.as_ref().map(|_| "its proof by SCRAM-SHA-256"),
        access.jwt.as_ref().map(|_| "a token"),
    ];
    let proofs: Vec<_> = proofs.into_iter().flatten().collect();
    (!proofs.is_empty()).then(|| proofs.join(", or "))
}

fn source(rule: IdentityRule) -> String {
    match rule {
        IdentityRule::CommonName => "common name".to_owned(),
        IdentityRule::Subject => "subject".to_owned(),
        IdentityRule::Sources(sources) => format!("field ({sources}, the first that is there)"),
        IdentityRule::None => "name".to_owned(),
    }
}

fn admits_nobody(listener: &Listener) -> bool {
    let by_certificate = listener.tls.as_ref().is_some_and(|tls| {
        tls.client_certificates != ClientCertificates::None && tls.identity != IdentityRule::None
    });
    !by_certificate && !listener.access.allow_anonymous && !listener.access.checks_names()
}

/// Every line about a listener's files, and where it listens: `is_open` tells by its position, since a broker for this
/// machine only goes without those that it could not open.
pub(crate) fn log_material(
    log: &Log,
    config: &Config,
    material: &Material,
    is_open: impl Fn(usize) -> bool,
    now: Timestamp,
) {
    for (position, (listener, material)) in config.listeners.iter().zip(&material.listeners).enumerate() {
        if !is_open(position) {
            continue;
        }
        log.line(listener_line(listener, material.passwords.as_deref()));
        log_files(log, listener, material, now);
    }
    material.bridges.iter().for_each(|bridge| bridge.log_findings(log));
}

fn log_files(log: &Log, listener: &Listener, material: &ListenerMaterial, now: Timestamp) {
    for ends in &material.ends {
        log.line(ends_line(listener, ends, now));
    }
    for finding in &material.findings {
        let line = Line::new(Event::TrustFinding, format!("{}.", finding.text))
            .hint(finding.hint.clone())
            .field("finding", finding.code)
            .field("listener", name(&listener.bind));
        log.line(line);
    }
}

fn ends_line(listener: &Listener, ends: &Ends, now: Timestamp) -> Line {
    let when = sealmq_pki::time::ends_in(ends.not_after, now);
    let wants_certificates =
        listener.tls.as_ref().is_some_and(|tls| tls.client_certificates != ClientCertificates::None);
    let consequence = match (ends.is_anchor, wants_certificates) {
        (true, true) => ": everything stops that day",
        (true, false) => ": clients that trust it refuse us from that day on",
        (false, _) => ": clients refuse the connection from that day on",
    };
    let soon = ends.not_after < now.plus_days(SOON_DAYS);
    let event = if soon { Event::CertificateEndsSoon } else { Event::CertificateEnds };
    let text = format!("{} {when} ({}){consequence}.", ends.origin, ends.not_after);
    Line::new(event, text).field("file", ends.origin.clone()).field("not_after", ends.not_after.to_string())
}

/// What the configuration's own check found.
pub fn log_diagnostics(log: &Log, diagnostics: &[sealmq_config::Diagnostic]) {
    for diagnostic in diagnostics {
        let event = match diagnostic.severity {
            Severity::Notice => Event::ConfigLoaded,
            Severity::Warning | Severity::Error => Event::ConfigFinding,
        };
        let place = diagnostic.place.as_ref().map(|place| format!(" ({place})")).unwrap_or_default();
        let line = Line::new(event, format!("{}{place}", diagnostic.text));
        log.line(match &diagnostic.hint {
            Some(hint) => line.hint(hint.clone()),
            None => line,
        });
    }
}
