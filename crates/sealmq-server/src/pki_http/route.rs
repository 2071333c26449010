//! What a request of `pki_listener` asks for. Pure.

use base64::Engine as _;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use sealmq_pki::ocsp;

use crate::http::files::percent_decoded;
use crate::http::request::{Request, Version};

/// The largest body that is read: that of an OCSP request.
pub(crate) const BODY_BYTES_MAX: usize = ocsp::REQUEST_BYTES_MAX;

/// Some clients leave the padding out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// The root's certificate.
    Root,
    /// The issuing CA's.
    Issuing,
    /// Both, PEM.
    Bundle,
    /// The revocation list of the issuer with this key identifier, in hex as it was sent.
    Crl(String),
    /// An OCSP request follows as body.
    OcspPost,
    /// An OCSP request, DER (RFC 6960 appendix A.1).
    OcspGet(Vec<u8>),
}

/// What is not answered as it was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It is no HTTP, or contradicts itself.
    Malformed,
    /// Nothing stands there.
    NotFound,
    /// It stands there, for other methods: these.
    Method(&'static str),
    /// A body without a length.
    LengthRequired,
    /// A body of more than [`BODY_BYTES_MAX`].
    TooLarge,
    /// A body of another type.
    MediaType,
    /// Its head is too long.
    HeadTooLarge,
}

/// Finds what a request asks for. Its body has not been looked at.
pub(crate) fn route(request: &Request<'_>) -> Result<Wanted, Refusal> {
    // RFC 9112 §3.2: one Host, and none only in HTTP/1.0.
    match (request.values("Host").count(), request.version) {
        (1, _) | (0, Version::Http10) => {}
        (_, Version::Http10 | Version::Http11) => return Err(Refusal::Malformed),
    }
    let path = path(request.target).ok_or(Refusal::NotFound)?;
    let wanted = match path.as_str() {
        "/ca.crt" => Wanted::Root,
        "/issuing.crt" => Wanted::Issuing,
        "/ca.pem" => Wanted::Bundle,
        "/ocsp" | "/ocsp/" => return ocsp_post(request),
        other => elsewhere(other)?,
    };
    match request.method {
        "GET" | "HEAD" => Ok(wanted),
        _ => Err(Refusal::Method("GET, HEAD")),
    }
}

fn elsewhere(path: &str) -> Result<Wanted, Refusal> {
    if let Some(issuer) = path.strip_prefix("/crl/").and_then(|name| name.strip_suffix(".crl")) {
        return Ok(Wanted::Crl(issuer.to_owned()));
    }
    // Slashes are letters of base64, and no request begins with one: some clients put one too many before it.
    let encoded = path.strip_prefix("/ocsp/").ok_or(Refusal::NotFound)?.trim_start_matches('/');
    BASE64.decode(encoded).map(Wanted::OcspGet).map_err(|_| Refusal::Malformed)
}

fn ocsp_post(request: &Request<'_>) -> Result<Wanted, Refusal> {
    if request.method != "POST" {
        return Err(Refusal::Method("POST"));
    }
    let mut types = request.values("Content-Type");
    let kind = types.next().and_then(|value| value.split(';').next()).map(str::trim);
    match (kind, types.next()) {
        (Some(kind), None) if kind.eq_ignore_ascii_case("application/ocsp-request") => Ok(Wanted::OcspPost),
        (Some(_) | None, _) => Err(Refusal::MediaType),
    }
}

/// How many bytes of body follow the head.
pub(crate) fn body_bytes(request: &Request<'_>, wanted: &Wanted) -> Result<usize, Refusal> {
    if *wanted != Wanted::OcspPost {
        return Ok(0);
    }
    // RFC 9112 §6.3: who says both, or one of them twice, wants two readers to see two requests.
    let lengths: Vec<&str> = request.values("Content-Length").collect();
    let coded = request.values("Transfer-Encoding").next().is_some();
    match (lengths.as_slice(), coded) {
        ([], _) => Err(Refusal::LengthRequired),
        ([length], false) if length.bytes().all(|byte| byte.is_ascii_digit()) && !length.is_empty() => {
            let length = length.parse::<usize>().ok().filter(|bytes| *bytes <= BODY_BYTES_MAX);
            length.ok_or(Refusal::TooLarge)
        }
        (_, _) => Err(Refusal::Malformed),
    }
}

/// The path, decoded once, without a query. A whole address is one too (RFC 9112 §3.2.2).
fn path(target: &str) -> Option<String> {
    let origin = match target.get(..7) {
        Some(scheme) if scheme.eq_ignore_ascii_case("http://") => {
            let rest = &target[7..];
            rest.find('/').map_or("/", |at| &rest[at..])
        }
        Some(_) | None => target,
    };
    percent_decoded(origin.split(['?', '#']).next()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::request::{Head, parse};

    fn asked(text: &str) -> Result<(Wanted, usize), Refusal> {
        let text = format!("{text}\r\n\r\n");
        let Head::Whole { request, .. } = parse(text.as_bytes()).unwrap() else { panic!("incomplete") };
        let wanted = route(&request)?;
        let bytes = body_bytes(&request, &wanted)?;
        Ok((wanted, bytes))
    }

    fn of(line: &str) -> Result<Wanted, Refusal> {
        asked(&format!("{line} HTTP/1.1\r\nHost: x")).map(|(wanted, _)| wanted)
    }

    const POST: &str = "POST /ocsp HTTP/1.1\r\nHost: x\r\nContent-Type: application/ocsp-request";

    #[test]
    fn what_is_published_has_one_path_each() {
        for method in ["GET", "HEAD"] {
            assert_eq!(of(&format!("{method} /ca.crt")), Ok(Wanted::Root));
            assert_eq!(of(&format!("{method} /issuing.crt")), Ok(Wanted::Issuing));
            assert_eq!(of(&format!("{method} /ca.pem?x=1")), Ok(Wanted::Bundle));
            assert_eq!(of(&format!("{method} /crl/AB01.crl")), Ok(Wanted::Crl("AB01".to_owned())));
        }
        assert_eq!(of("GET http://pki.example:80/ca.crt"), Ok(Wanted::Root));
    }

    #[test]
    fn an_ocsp_request_in_a_path_is_base64_with_slashes_and_escapes() {
        let der = Wanted::OcspGet(vec![0x30, 0x03, 0xff, 0xff, 0xfe]);
        for path in ["MAP///4=", "MAP///4%3D", "MAP%2F%2f%2F4=", "/MAP///4=", "MAP///4"] {
            assert_eq!(of(&format!("GET /ocsp/{path}")), Ok(der.clone()), "{path}");
        }
        assert_eq!(of("GET /ocsp/%2B%2b%2B%2b"), Ok(Wanted::OcspGet(vec![0xfb, 0xef, 0xbe])));
        assert_eq!(of("GET /ocsp/++++"), Ok(Wanted::OcspGet(vec![0xfb, 0xef, 0xbe])));
        for path in ["MAP-", "MAP!", "M", "MAP//4=x", "%zz"] {
            assert!(of(&format!("GET /ocsp/{path}")).is_err(), "{path}");
        }
    }

    #[test]
    fn nothing_else_is_there() {
        for path in [
            "/",
            "/ca",
            "/ca.crt/",
            "//ca.crt",
            "/CA.CRT",
            "/ca.key",
            "/issuing.key",
            "/crl/",
            "/crl/x",
            "/index.html",
            "/../ca.crt",
            "/%2e%2e/ca/issuing/issuing.key",
            "/sealmq.conf",
            "*",
            "http://host",
        ] {
            assert_eq!(of(&format!("GET {path}")), Err(Refusal::NotFound), "{path}");
        }
        // A path is a name here and never a file.
        assert_eq!(of("GET /crl/../../x.crl"), Ok(Wanted::Crl("../../x".to_owned())));
    }

    #[test]
    fn other_methods_are_told_which_are_allowed() {
        for method in ["POST", "PUT", "DELETE", "OPTIONS", "get"] {
            assert_eq!(of(&format!("{method} /ca.crt")), Err(Refusal::Method("GET, HEAD")));
        }
        for method in ["GET", "HEAD", "PUT"] {
            assert_eq!(of(&format!("{method} /ocsp")), Err(Refusal::Method("POST")));
        }
        assert_eq!(of("POST /ocsp/MAA="), Err(Refusal::Method("GET, HEAD")));
    }

    #[test]
    fn a_body_has_one_length_and_its_own_type() {
        let post = |fields: &str| asked(&format!("{POST}\r\n{fields}"));
        assert_eq!(post("Content-Length: 4096"), Ok((Wanted::OcspPost, 4096)));
        assert_eq!(post("Content-Length: 4097"), Err(Refusal::TooLarge));
        assert_eq!(post("Content-Length: 99999999999999999999999"), Err(Refusal::TooLarge));
        for fields in [
            "Content-Length: -1",
            "Content-Length: +1",
            "Content-Length: 1, 1",
            "Content-Length: 1\r\nContent-Length: 1",
            "Content-Length: 1\r\nTransfer-Encoding: chunked",
            "Content-Length: ",
        ] {
            assert_eq!(post(fields), Err(Refusal::Malformed), "{fields}");
        }
        assert_eq!(post("Transfer-Encoding: chunked"), Err(Refusal::LengthRequired));
        let typed = |kind: &str| {
            asked(&format!("POST /ocsp HTTP/1.0\r\n{kind}Content-Length: 1")).map(|(wanted, _)| wanted)
        };
        assert_eq!(typed("content-type: Application/OCSP-Request; x=y\r\n"), Ok(Wanted::OcspPost));
        assert_eq!(typed("Content-Type: application/x-www-form-urlencoded\r\n"), Err(Refusal::MediaType));
        assert_eq!(typed(""), Err(Refusal::MediaType));
    }

    #[test]
    fn a_request_of_http_1_1_names_its_host_once() {
        assert_eq!(asked("GET /ca.crt HTTP/1.1"), Err(Refusal::Malformed));
        assert_eq!(asked("GET /ca.crt HTTP/1.1\r\nHost: a\r\nHost: b"), Err(Refusal::Malformed));
        assert_eq!(asked("GET /ca.crt HTTP/1.0"), Ok((Wanted::Root, 0)));
    }
}
