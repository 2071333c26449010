//! Messages of responders and libraries in the field, and broken ones: the samples of pyca/cryptography (PyPI
//! `cryptography-vectors`).

use std::path::{Path, PathBuf};

use sealmq_pki::crl::Reason;
use sealmq_pki::ocsp::{Request, Response, Status, fuzz_request, fuzz_response};

use crate::fixture::attempt;

/// The folder of the samples, or `None` with a printed reason where the package is missing.
fn folder() -> Option<PathBuf> {
    let script = "import cryptography_vectors as v; print(v.__path__[0])";
    let (found, printed) = attempt("python3", &["-c", script], Path::new("."))?;
    if found {
        return Some(Path::new(printed.trim()).join("x509/ocsp"));
    }
    let required = std::env::var("CI").is_ok_and(|ci| ci == "true");
    assert!(!required, "the Python package cryptography-vectors is not installed, and CI requires it");
    println!("skipped: the Python package cryptography-vectors is not installed");
    None
}

#[test]
fn answers_of_the_field_are_read_and_broken_ones_are_not() {
    let Some(folder) = folder() else { return };
    let read = |name: &str| std::fs::read(folder.join(name)).unwrap();
    let superseded = Some(Reason::Superseded);
    for (name, count, revoked) in [
        ("resp-sha256.der", 1, None),
        ("resp-sct-extension.der", 1, None),
        ("resp-single-extension-reason.der", 1, None),
        ("resp-delegate-unknown-cert.der", 1, None),
        ("resp-revoked.der", 1, Some(Reason::Unspecified)),
        ("resp-revoked-reason.der", 1, superseded),
        ("resp-revoked-no-next-update.der", 1, Some(Reason::Unspecified)),
        ("resp-responder-key-hash.der", 1, Some(Reason::Unspecified)),
        // An extension and a hash that nobody knows are read over; a signature by such an algorithm is for the verifier.
        ("resp-unknown-extension.der", 1, superseded),
        ("resp-unknown-hash-alg.der", 1, Some(Reason::Unspecified)),
        ("resp-invalid-signature-oid.der", 1, None),
        // One answer for many certificates.
        ("ocsp-army.deps.mil-resp.der", 20, Some(Reason::Unspecified)),
    ] {
        let bytes = read(name);
        let response = Response::parse(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(response.answers().len(), count, "{name}");
        let found = match response.answers()[0].status {
            Status::Revoked { reason, .. } => Some(reason),
            Status::Good | Status::Unknown => None,
        };
        assert_eq!(found, revoked, "{name}");
        fuzz_response(&bytes);
    }
    for (name, text) in [
        ("resp-unauthorized.der", "unauthorized (6)"),
        ("resp-unknown-response-status.der", "a status without a name (7)"),
        ("resp-response-type-unknown-oid.der", "only id-pkix-ocsp-basic"),
        ("resp-invalid-version.der", "tbsResponseData.version: has an invalid value"),
        ("resp-successful-no-response-bytes.der", "responseBytes: cut off"),
    ] {
        let bytes = read(name);
        let error = Response::parse(&bytes).unwrap_err().to_string();
        assert!(error.contains(text), "{name}: {error}");
        fuzz_response(&bytes);
    }
}

#[test]
fn requests_of_the_field_are_read_and_broken_ones_are_not() {
    let Some(folder) = folder() else { return };
    let read = |name: &str| std::fs::read(folder.join(name)).unwrap();
    for (name, count, nonce_octets) in [
        ("req-sha1.der", 1, None),
        ("req-multi-sha1.der", 2, None),
        ("req-ext-nonce.der", 1, Some(16)),
        ("req-acceptable-responses.der", 1, None),
        ("req-ext-unknown-oid.der", 1, None),
        ("req-invalid-hash-alg.der", 1, None),
        ("ocsp-army.valid-req.der", 1, None),
        ("ocsp-army.revoked-req.der", 1, None),
        ("ocsp-army.inapplicable-req.der", 1, None),
    ] {
        let bytes = read(name);
        let request = Request::parse(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(request.ids.len(), count, "{name}");
        assert_eq!(request.nonce.as_ref().map(|nonce| nonce.as_octets().len()), nonce_octets, "{name}");
        fuzz_request(&bytes);
    }
    for (name, text) in [
        ("req-invalid-version.der", "tbsRequest.version: has an invalid value"),
        ("req-duplicate-ext.der", "tbsRequest.requestExtensions: stands twice"),
    ] {
        let bytes = read(name);
        let error = Request::parse(&bytes).unwrap_err().to_string();
        assert!(error.contains(text), "{name}: {error}");
        fuzz_request(&bytes);
    }
}
