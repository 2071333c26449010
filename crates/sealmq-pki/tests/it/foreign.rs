//! The verdict of other people's tools on every profile: openssl, GnuTLS, pkilint.

use std::path::Path;

use sealmq_pki::issue::BaseUrl;
use sealmq_pki::{End, Holder, Name, Timestamp};

use crate::fixture::{NOW, Pki, attempt, tool, write};

/// One moment within the validity of everything in the fixture.
const AT: &str = "1780272000";

/// Writes root.pem, issuing.pem, server.pem, device.pem, operator.pem, signer.pem, published.pem, as issued at this moment.
fn written_at(now: Timestamp, dir: &Path) {
    let pki = Pki::at(now);
    let operator = pki.leaf(Holder::Operator(&Name::operator()), End::Profile);
    for (name, pem) in [
        ("root.pem", pki.root.certificate().pem()),
        ("issuing.pem", pki.issuing.certificate().pem()),
        ("server.pem", pki.server(&["localhost", "broker.example.com", "192.168.1.10", "2001:db8::1"]).pem()),
        ("device.pem", pki.device("kitchen-sensor").pem()),
        ("operator.pem", operator.pem()),
        ("signer.pem", pki.leaf(Holder::OcspSigner, End::Profile).pem()),
        ("published.pem", published(pki).server(&["broker.example.com"]).pem()),
    ] {
        write(dir, name, pem);
    }
}

fn published(mut pki: Pki) -> Pki {
    pki.issuing = pki.issuing.published_at(BaseUrl::parse("http://pki.example.com").ok());
    pki
}

fn written(dir: &Path) {
    written_at(NOW, dir);
}

const LEAVES: [(&str, &str, &str); 5] = [
    ("server.pem", "sslserver", "sslclient"),
    ("device.pem", "sslclient", "sslserver"),
    ("operator.pem", "sslclient", "sslserver"),
    ("signer.pem", "ocsphelper", "sslserver"),
    ("published.pem", "sslserver", "sslclient"),
];

fn verify<'a>(leaf: &'a str, purpose: &'a str) -> Vec<&'a str> {
    let chain = ["-CAfile", "root.pem", "-untrusted", "issuing.pem"];
    let how = ["verify", "-x509_strict", "-attime", AT, "-purpose", purpose];
    [&how[..], &chain[..], &[leaf]].concat()
}

#[test]
fn openssl_verifies_every_leaf_strictly_for_its_purpose_only() {
    let dir = tempfile::tempdir().unwrap();
    written(dir.path());
    for (leaf, purpose, other) in LEAVES {
        if tool("openssl", &verify(leaf, purpose), dir.path()).is_none() {
            return;
        }
        let (accepted, text) = attempt("openssl", &verify(leaf, other), dir.path()).unwrap();
        assert!(!accepted && text.contains("purpose"), "{leaf} as {other}: {text}");
    }
}

#[test]
fn openssl_verifies_root_and_issuing_ca_strictly() {
    let dir = tempfile::tempdir().unwrap();
    written(dir.path());
    for ca in ["root.pem", "issuing.pem"] {
        tool("openssl", &["verify", "-x509_strict", "-attime", AT, "-CAfile", "root.pem", ca], dir.path());
    }
}

#[test]
fn gnutls_verifies_every_chain() {
    let dir = tempfile::tempdir().unwrap();
    // certtool before 3.8 takes no time, so these are issued now.
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    written_at(Timestamp::from_secs(i64::try_from(now).unwrap()), dir.path());
    let read = |name: &str| std::fs::read_to_string(dir.path().join(name)).unwrap();
    for (leaf, _, _) in LEAVES {
        write(dir.path(), "chain.pem", [read(leaf), read("issuing.pem"), read("root.pem")].concat());
        let args = ["--verify-chain", "--infile", "chain.pem"];
        let Some(text) = tool("certtool", &args, dir.path()) else { return };
        assert!(text.contains("Chain verification output: Verified"), "{leaf}: {text}");
    }
}

#[test]
fn pkilint_finds_nothing_that_is_not_waived() {
    let dir = tempfile::tempdir().unwrap();
    written(dir.path());
    for pem in ["root.pem", "issuing.pem"].into_iter().chain(LEAVES.map(|(leaf, _, _)| leaf)) {
        let Some((_, report)) =
            attempt("lint_pkix_cert", &["lint", "-s", "WARNING", "-f", "JSON", pem], dir.path())
        else {
            return;
        };
        assert_waived(pem, &report);
    }
    let leaves = LEAVES.map(|(leaf, _, _)| ("issuing.pem", leaf));
    for (issuer, subject) in [("root.pem", "issuing.pem")].into_iter().chain(leaves) {
        let args = ["lint", "-s", "WARNING", "-f", "JSON", issuer, subject];
        let (_, report) = attempt("lint_pkix_signer_signee_cert_chain", &args, dir.path())
            .expect("it comes with lint_pkix_cert");
        assert_waived(subject, &report);
    }
}

/// Every finding of a JSON report is in `tests/pkilint/waivers.txt`, by its code and the value that it quotes.
pub(crate) fn assert_waived(what: &str, report: &str) {
    assert!(
        report.trim_start().starts_with('{') && report.contains("\"results\""),
        "{what}: no report:\n{report}"
    );
    let waivers: Vec<(&str, &str)> = include_str!("../pkilint/waivers.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once(' '))
        .collect();
    let findings = report.split("\"code\": \"").skip(1);
    for finding in findings {
        let (code, rest) = finding.split_once('"').unwrap();
        let message = rest.split('}').next().unwrap().replace("\\\"", "\"");
        let waived = waivers.iter().any(|(waived, value)| *waived == code && message.contains(value));
        assert!(waived, "{what}: {code}{message}");
    }
}
