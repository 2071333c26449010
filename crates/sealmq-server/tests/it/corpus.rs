//! The bodies of the fuzz targets over their corpora: what a fuzzer once found stays found, on stable too.

use std::fs;
use std::path::Path;

use sealmq_server::fuzzing;

fn over(target: &str, body: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let files: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(!files.is_empty(), "{}", folder.display());
    for file in files {
        body(&fs::read(file).unwrap());
    }
}

#[test]
fn http_upgrades_hold_on_their_corpus() {
    over("http_upgrade", fuzzing::http_upgrade);
}

#[test]
fn proxy_headers_hold_on_their_corpus() {
    over("proxy_header", fuzzing::proxy_header);
}

#[test]
fn http_requests_hold_on_their_corpus() {
    over("http_request", fuzzing::http_request);
}

#[test]
fn control_requests_hold_on_their_corpus() {
    over("control_request", fuzzing::control_request);
}

#[test]
fn requests_of_pki_listener_hold_on_their_corpus() {
    over("pki_request", fuzzing::pki_request);
}
