//! What is said about an end: a line with its code, what follows from it, and what mends it.

use sealmq_pki::Timestamp;
use sealmq_pki::time::ends_in;
use sealmq_pki::watch::{Alarm, Kind, Threshold, Watched};

use crate::log::{Event, Line};

/// Lines of one look; the rest is counted in one more.
const LINES_MAX: usize = 20;

/// The lines of one look.
pub(super) fn lines(alarms: &[Alarm], now: Timestamp) -> Vec<Line> {
    let (said, rest) = alarms.split_at(alarms.len().min(LINES_MAX));
    let mut lines: Vec<Line> = said.iter().map(|alarm| line(alarm, now)).collect();
    if !rest.is_empty() {
        let text = format!("{} more certificates end soon or have ended.", rest.len());
        let hint = "sealmq cert list --expiring-within 30d shows those of the inventory";
        lines.push(Line::new(Event::MoreExpiring, text).hint(hint).field("more", rest.len()));
    }
    lines
}

fn line(alarm: &Alarm, now: Timestamp) -> Line {
    let Alarm { threshold, watched } = alarm;
    let line = Line::new(event(alarm), format!("{}.", text(alarm, now)))
        .hint(hint(watched))
        .field("kind", watched.kind.name())
        .field("threshold", threshold.name())
        .field("subject", watched.subject.clone())
        .field("fingerprint", watched.fingerprint.to_string())
        .field("not_after", watched.not_after.to_string())
        .field("place", watched.place.clone());
    let line = match &watched.serial {
        Some(serial) => line.field("serial", serial.to_string()),
        None => line,
    };
    match &watched.name {
        Some(name) => line.field("name", name.clone()),
        None => line,
    }
}

/// The event, whose code is stable.
pub(super) fn event(alarm: &Alarm) -> Event {
    match (alarm.watched.kind, alarm.threshold) {
        (Kind::Crl, Threshold::Ended) => Event::CrlEnded,
        (Kind::Crl, _) => Event::CrlExpiring,
        (_, Threshold::Ended) => Event::CertificateEnded,
        (_, _) => Event::CertificateExpiring,
    }
}

/// What ends, where it is, when, and what follows.
pub(super) fn text(alarm: &Alarm, now: Timestamp) -> String {
    let Watched { kind, subject, place, not_after, name, .. } = &alarm.watched;
    let when = format!("{} ({not_after})", ends_in(*not_after, now));
    let whose = name.as_ref().map(|name| format!(" of '{name}'")).unwrap_or_default();
    match kind {
        Kind::Served => {
            format!("{place}: the certificate '{subject}' {when}: clients refuse us from then on")
        }
        Kind::Anchor => {
            format!("{place}: the CA '{subject}' {when}: all its clients are refused from then on")
        }
        Kind::Intermediate => {
            format!(
                "{place}: the intermediate CA '{subject}' {when}: clients below it are refused from then on"
            )
        }
        Kind::Crl => format!("{place}: the CRL of '{subject}' {when}: a newer one is not here"),
        Kind::Issued => {
            format!("the certificate{whose} ('{subject}') {when}: it is let in no more from then on")
        }
        Kind::Seen => {
            format!(
                "the certificate '{subject}' that a client shows {when}: it is let in no more from then on"
            )
        }
    }
}

/// What mends it.
pub(super) fn hint(watched: &Watched) -> String {
    let name = watched.name.as_deref().unwrap_or("NAME");
    match watched.kind {
        Kind::Served => "renew it (`certbot renew`, or sign it again) and put certificate and key in the place of the \
                         files: they are taken by themselves; `sealmq up` renews its own, and SMQ-L018 says why it could not"
            .to_owned(),
        Kind::Anchor | Kind::Intermediate => {
            "get the CA's next certificate and append it to this file; while both are there, both count".to_owned()
        }
        Kind::Crl => "bring the CA's newest CRL (`openssl ca -gencrl -out FILE`): it is taken by itself".to_owned(),
        Kind::Issued => format!("sealmq device rotate {name} makes its next one"),
        Kind::Seen => "its holder must get a new one from the CA that issued it".to_owned(),
    }
}
