//! What the fuzz targets run: plain functions, which a test on stable also runs over the corpus.
//!
//! Each panics where an invariant is broken, and only then.

use std::path::Component;
use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sealmq_broker::{ClientId, ConnId, ControlRequest};
use sealmq_config::ProxyVersion;

use crate::dollar_control::{COMMANDS_MAX, ControlApi, Endpoint};
use crate::door::api::credentials;
use crate::door::proxy::{HEADER_BYTES_MAX, Parsed, parse};
use crate::http::api::{Route, route};
use crate::http::files::{percent_decoded, relative_path};
use crate::http::request::{self, Head};
use crate::http::upgrade::{Wanted, judge};
use crate::log::{LogKeeper, LogSpec};
use crate::pki_http::route as pki;

/// Any bytes as a PROXY header of either version: what is taken is there and bounded, each piece of it is incomplete, and
/// no header needs more bytes than the bound.
pub fn proxy_header(bytes: &[u8]) {
    for version in [ProxyVersion::V1, ProxyVersion::V2] {
        match parse(version, bytes) {
            Ok(Parsed::Header { header, bytes: taken }) => {
                assert!(taken <= bytes.len() && taken <= HEADER_BYTES_MAX);
                assert_eq!(parse(version, &bytes[..taken]), Ok(Parsed::Header { header, bytes: taken }));
                assert_eq!(parse(version, &bytes[..taken - 1]), Ok(Parsed::Incomplete));
            }
            Ok(Parsed::Incomplete) => assert!(bytes.len() < HEADER_BYTES_MAX),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
}

/// Any bytes as the head of an HTTP request: a whole one is there, its pieces are not whole, and what is granted is an
/// answer of mosquitto's form; with `websockets_origin` no other origin is granted.
pub fn http_upgrade(bytes: &[u8]) {
    let Ok(Head::Whole { request, bytes: taken }) = request::parse(bytes) else { return };
    assert!(taken <= bytes.len());
    assert!(matches!(request::parse(&bytes[..taken]), Ok(Head::Whole { bytes, .. }) if bytes == taken));
    assert!(!matches!(request::parse(&bytes[..taken - 1]), Ok(Head::Whole { bytes, .. }) if bytes == taken));
    let only = ["https://a.example".to_owned()];
    for origins in [&[][..], &only] {
        if let Ok(Wanted::WebSocket(upgrade)) = judge(&request, origins) {
            let answer = upgrade.answer();
            assert!(answer.starts_with("HTTP/1.1 101 ") && answer.ends_with("\r\n\r\n"));
            assert_eq!(answer.lines().count(), 6);
            assert!(origins.is_empty() || request.values("Origin").all(|origin| origin == only[0]));
        }
    }
}

/// Any bytes as a request of `pki_listener`: what it asks for has a name here, no body is larger than an OCSP request, and
/// an OCSP request that a path carries is the same one after it was written into a path again.
pub fn pki_request(bytes: &[u8]) {
    let Ok(Head::Whole { request, .. }) = request::parse(bytes) else { return };
    let Ok(wanted) = pki::route(&request) else { return };
    if let Ok(body) = pki::body_bytes(&request, &wanted) {
        assert!(body <= pki::BODY_BYTES_MAX && (body == 0 || wanted == pki::Wanted::OcspPost));
    }
    if let pki::Wanted::OcspGet(der) = wanted {
        let encoded = BASE64.encode(&der).replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
        let again = format!("GET /ocsp/{encoded} HTTP/1.0\r\n\r\n");
        // One letter of a path may have been three in it before.
        if let Ok(Head::Whole { request, .. }) = request::parse(again.as_bytes())
            && encoded.len() < 4_000
        {
            assert_eq!(pki::route(&request), Ok(pki::Wanted::OcspGet(der.clone())));
        }
        sealmq_pki::ocsp::fuzz_request(&der);
    }
}

/// Any bytes as a request of the HTTP API: the file that it names lies in its folder and is not hidden, what begins with
/// `/api/` is none, and who asks has a name that CONNECT would take.
pub fn http_request(bytes: &[u8]) {
    let Ok(Head::Whole { request, .. }) = request::parse(bytes) else { return };
    let named = relative_path(request.target);
    if let Some(relative) = &named {
        for component in relative.components() {
            let Component::Normal(name) = component else { panic!("{component:?} of {}", request.target) };
            let name = name.to_str().expect("a decoded target is UTF-8");
            assert!(!name.starts_with('.') && !name.chars().any(char::is_control), "{name:?}");
        }
    }
    let path = request.target.split(['?', '#']).next().and_then(percent_decoded);
    if let Some(path) = path {
        assert!(path.len() <= request.target.len());
        let below_api = path.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("/api/"));
        assert_eq!(route(&path) == Route::File, !below_api);
    }
    if let Some(found) = credentials(&request) {
        assert!(!found.username.contains(['\0', ':']));
        assert!(found.username.len() + found.password.len() < bytes.len());
    }
}

/// Any bytes as a command to `$CONTROL/broker/v1`: the answer is JSON with at most as many responses as there may be commands.
pub fn control_request(bytes: &[u8]) {
    static LOG: OnceLock<LogKeeper> = OnceLock::new();
    let nowhere = LogSpec { destinations: Vec::new(), ..LogSpec::default() };
    let log = LOG.get_or_init(|| LogKeeper::start(nowhere).expect("a log to nowhere opens nothing")).log();
    let request = ControlRequest {
        conn: ConnId(1),
        client: ClientId::parse("fuzz").expect("an ordinary client id"),
        username: None,
        topic: "$CONTROL/broker/v1".into(),
        payload: bytes.to_vec().into(),
    };
    let answer = Endpoint::new(Vec::new(), ControlApi::Answers).answer(&request, &log);
    let said: serde_json::Value = serde_json::from_slice(&answer.payload).expect("the answer is JSON");
    let responses = said["responses"].as_array().expect("the answer has responses");
    assert!(responses.len() <= COMMANDS_MAX);
    assert!(responses.iter().all(|response| response["command"].is_string()));
    assert_eq!(answer.topic, "$CONTROL/broker/v1/response");
}
