//! The head of one request, in a buffer that somebody else bounds.

/// Header fields of one request at most; mosquitto's bound.
const FIELDS_MAX: usize = 100;

/// A request's head, borrowed from the bytes.
#[derive(Debug, Clone)]
pub(crate) struct Request<'a> {
    pub(crate) method: &'a str,
    /// As it was sent: `/mqtt?token=x`.
    pub(crate) target: &'a str,
    pub(crate) version: Version,
    fields: Vec<httparse::Header<'a>>,
}

/// The versions that have upgrades, and the one that has not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    Http10,
    Http11,
}

/// How far a head is.
#[derive(Debug, Clone)]
pub(crate) enum Head<'a> {
    /// More bytes are needed.
    Incomplete,
    /// It is whole.
    Whole {
        request: Request<'a>,
        /// How long it is.
        bytes: usize,
    },
}

/// Bytes that are no HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is no HTTP request: {0}")]
pub(crate) struct NoRequest(&'static str);

/// Reads the head at the start of `bytes`.
pub(crate) fn parse(bytes: &[u8]) -> Result<Head<'_>, NoRequest> {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
    let mut parsed = httparse::Request::new(&mut fields);
    let len = match parsed.parse(bytes) {
        Ok(httparse::Status::Complete(len)) => len,
        Ok(httparse::Status::Partial) => return Ok(Head::Incomplete),
        Err(error) => return Err(NoRequest(reason(error))),
    };
    let (Some(method), Some(target)) = (parsed.method, parsed.path) else {
        return Err(NoRequest("its first line is incomplete"));
    };
    let version = match parsed.version {
        Some(1) => Version::Http11,
        Some(_) | None => Version::Http10,
    };
    let request = Request { method, target, version, fields: parsed.headers.to_vec() };
    Ok(Head::Whole { request, bytes: len })
}

fn reason(error: httparse::Error) -> &'static str {
    match error {
        httparse::Error::HeaderName => "a field has a bad name",
        httparse::Error::HeaderValue => "a field has a bad value",
        httparse::Error::NewLine => "a line does not end as it must",
        httparse::Error::Status => "it is an answer",
        httparse::Error::Token => "its first line has a character that may not be there",
        httparse::Error::TooManyHeaders => "it has more than 100 fields",
        httparse::Error::Version => "its version is not 1.0 or 1.1",
    }
}

impl<'a> Request<'a> {
    /// The values of a field, in order. Names have no case (RFC 9110 §5.1).
    pub(crate) fn values(&self, name: &str) -> impl Iterator<Item = &'a str> {
        self.fields
            .iter()
            .filter(move |field| field.name.eq_ignore_ascii_case(name))
            .filter_map(|field| std::str::from_utf8(field.value).ok())
            .map(str::trim)
    }

    /// The members of a comma-separated field (RFC 9110 §5.6.1).
    pub(crate) fn members(&self, name: &str) -> impl Iterator<Item = &'a str> {
        self.values(name)
            .flat_map(|value| value.split(','))
            .map(str::trim)
            .filter(|member| !member.is_empty())
    }

    /// Whether a list has this member, whatever its case.
    pub(crate) fn lists(&self, name: &str, member: &str) -> bool {
        self.members(name).any(|found| found.eq_ignore_ascii_case(member))
    }
}
