//! Answers of `pki_listener` as HTTP: status, fields, body. Pure.

use std::fmt::Write as _;
use std::sync::Arc;

use aws_lc_rs::digest;
use sealmq_pki::Timestamp;

use super::responder::Reply;
use super::route::Refusal;
use crate::http::request::Request;

pub(super) const OCSP_RESPONSE: &str = "application/ocsp-response";
/// How long a cache between may keep what is given out, in seconds. Lists and answers say themselves how long they
/// count, up to a week; a revocation should be seen by who asks through a cache, too.
pub(super) const KEPT_SECS_MAX: i64 = 3_600;

/// An answer, ready to be written: the head, then the body.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Arc<[u8]>,
}

/// From when to when something counts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Freshness {
    pub(super) since: Timestamp,
    pub(super) until: Timestamp,
}

impl Answer {
    /// What may be kept by caches, or "you have it already" (RFC 9110 §13).
    pub(super) fn of(
        request: &Request<'_>,
        content_type: &str,
        body: Arc<[u8]>,
        fresh: Freshness,
        now: Timestamp,
    ) -> Answer {
        let tag = tag(&body);
        let modified = date(fresh.since);
        let kept_secs = fresh.until.secs_since(now).clamp(0, KEPT_SECS_MAX);
        let mut fields = format!("ETag: {tag}\r\nLast-Modified: {modified}\r\n");
        // Past its end it is still the newest there is, and must be asked for each time.
        let _ = match kept_secs {
            0 => write!(fields, "Cache-Control: no-cache\r\n"),
            secs => write!(
                fields,
                "Cache-Control: public, max-age={secs}, no-transform\r\nExpires: {}\r\n",
                date(now.plus_secs(secs))
            ),
        };
        if is_known(request, &tag, &modified) {
            return Answer {
                status: 304,
                head: head("304 Not Modified", &fields, now),
                body: Arc::default(),
            };
        }
        let _ = write!(fields, "Content-Type: {content_type}\r\nContent-Length: {}\r\n", body.len());
        let body = if request.method == "HEAD" { Arc::default() } else { body };
        Answer { status: 200, head: head("200 OK", &fields, now), body }
    }

    /// An OCSP answer for this client alone, or none.
    pub(super) fn ocsp(reply: Reply) -> Answer {
        let body = match reply {
            Reply::Kept { der, .. } => der,
            Reply::Fresh(der) => der.into(),
            Reply::None(why) => why.to_der().into(),
        };
        let fields = format!(
            "Cache-Control: no-store\r\nContent-Type: {OCSP_RESPONSE}\r\nContent-Length: {}\r\n",
            body.len()
        );
        Answer { status: 200, head: head("200 OK", &fields, crate::home::wall_now()), body }
    }

    /// Why not, in a line.
    pub(crate) fn refusal(refusal: Refusal) -> Answer {
        let (status, reason, text) = match refusal {
            Refusal::Malformed => (400, "Bad Request", "This is no request that HTTP or OCSP knows."),
            Refusal::NotFound => (
                404,
                "Not Found",
                "There are /ca.crt, /issuing.crt, /ca.pem, /crl/KEYID.crl and /ocsp, and nothing else.",
            ),
            Refusal::Method(_) => (405, "Method Not Allowed", "It cannot be asked for in this way."),
            Refusal::LengthRequired => (411, "Length Required", "An OCSP request needs a Content-Length."),
            Refusal::TooLarge => (413, "Content Too Large", "An OCSP request has at most 4096 bytes."),
            Refusal::MediaType => {
                (415, "Unsupported Media Type", "An OCSP request is application/ocsp-request.")
            }
            Refusal::HeadTooLarge => {
                (431, "Request Header Fields Too Large", "The head of a request has at most 4096 bytes.")
            }
        };
        let body = format!("{text}\n").into_bytes();
        let mut fields = format!(
            "Cache-Control: no-store\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\n",
            body.len()
        );
        if let Refusal::Method(allowed) = refusal {
            let _ = write!(fields, "Allow: {allowed}\r\n");
        }
        let head = head(&format!("{status} {reason}"), &fields, crate::home::wall_now());
        Answer { status, head, body: body.into() }
    }
}

fn head(status: &str, fields: &str, now: Timestamp) -> String {
    format!(
        "HTTP/1.1 {status}\r\nDate: {}\r\nConnection: close\r\nX-Content-Type-Options: nosniff\r\n{fields}\r\n",
        date(now)
    )
}

/// Whether the client says that it has just this. `If-None-Match` goes before `If-Modified-Since` (RFC 9110 §13.2.2).
fn is_known(request: &Request<'_>, tag: &str, modified: &str) -> bool {
    let mut tags = request.members("If-None-Match").peekable();
    if tags.peek().is_some() {
        return tags.any(|known| known == "*" || known.trim_start_matches("W/") == tag);
    }
    request.values("If-Modified-Since").any(|known| known == modified)
}

fn tag(body: &[u8]) -> String {
    let hash = digest::digest(&digest::SHA256, body);
    let mut tag = String::from("\"");
    for byte in &hash.as_ref()[..16] {
        let _ = write!(tag, "{byte:02x}");
    }
    tag + "\""
}

/// RFC 9110 §5.6.7
fn date(at: Timestamp) -> String {
    let at = jiff::Timestamp::from_second(at.as_secs()).unwrap_or_default();
    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}
