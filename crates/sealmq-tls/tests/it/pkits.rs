//! NIST's path validation suite (PKITS, in PyPI `cryptography-vectors`) through three readers: the explanation of
//! `cert verify`, the verifier of our handshakes, and `openssl verify`.
//!
//! Expected is what PKITS says under its default settings (every policy acceptable, none required). We may refuse what it
//! calls valid, where the reason stands in a table below; what it calls invalid nobody here may accept.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use sealmq_pki::cert::DistinguishedName;
use sealmq_pki::explain::{Explanation, List, Purpose, Question, RevocationCheck, Specimen, explain};
use sealmq_pki::{Timestamp, crl, pem};
use sealmq_tls::{CrlCheck, CrlLedger, CrlPolicy, CrlSource, CrlSpec, PemSource, Verdict, VerdictSpec};

/// 2020-01-01T00:00:00Z: within the suite's dates.
const AT: Timestamp = Timestamp::from_secs(1_577_836_800);

/// The tests whose file names do not say the outcome: PKITS §4.8 and §4.12.3, default settings.
const POLICY_TESTS_INVALID: [&str; 6] = [
    "DifferentPoliciesTest4",
    "DifferentPoliciesTest5",
    "DifferentPoliciesTest7",
    "DifferentPoliciesTest8",
    "DifferentPoliciesTest9",
    "DifferentPoliciesTest12",
];

struct Suite {
    folder: PathBuf,
    root: Specimen,
    authorities: Vec<Specimen>,
    /// File name, DER.
    lists: Vec<(String, Vec<u8>)>,
    ends: BTreeMap<String, Specimen>,
    /// Certificates that our reader refuses whole.
    unreadable: Vec<String>,
}

impl Suite {
    /// `None`, with a printed reason, where the package is missing.
    fn load() -> Option<Suite> {
        let folder = folder()?;
        let mut suite = Suite {
            root: specimen(&folder.join("certs/TrustAnchorRootCertificate.crt")).unwrap(),
            authorities: Vec::new(),
            lists: Vec::new(),
            ends: BTreeMap::new(),
            unreadable: Vec::new(),
            folder,
        };
        for (name, path) in files(&suite.folder.join("certs")) {
            match (name.strip_suffix("EE.crt"), specimen(&path)) {
                (_, None) => suite.unreadable.push(name),
                (Some(test), Some(read)) => drop(suite.ends.insert(test.to_owned(), read)),
                (None, Some(_)) if name.starts_with("TrustAnchor") => {}
                (None, Some(read)) => suite.authorities.push(read),
            }
        }
        for (name, path) in files(&suite.folder.join("crls")) {
            suite.lists.push((name, std::fs::read(path).unwrap()));
        }
        assert_eq!(suite.unreadable, ["BadSignedCACert.crt", "InvalidDSASignatureTest6EE.crt"]);
        assert_eq!((suite.ends.len(), suite.lists.len()), (222, 173));
        Some(suite)
    }

    /// The lists of the CAs in the chain, as a directory would give them.
    fn lists_for(&self, explanation: &Explanation<'_>) -> Vec<&(String, Vec<u8>)> {
        let text = |name: &DistinguishedName| name.rfc2253().to_lowercase().replace(' ', "");
        let facts = explanation.links.iter().map(|link| link.specimen.facts());
        let issuers: Vec<String> =
            facts.flat_map(|facts| [text(&facts.subject), text(&facts.issuer)]).collect();
        let concerns = |der: &[u8]| crl::issuer_of(der).is_ok_and(|name| issuers.contains(&text(&name)));
        self.lists.iter().filter(|(_, der)| concerns(der)).collect()
    }

    fn explained<'a>(&'a self, test: &str, lists: &'a [List]) -> Explanation<'a> {
        explain(&Question {
            leaf: &self.ends[test],
            untrusted: &self.authorities,
            trusted: std::slice::from_ref(&self.root),
            lists,
            revocation: RevocationCheck::Chain,
            purpose: Purpose::Any,
            name: None,
            at: AT,
        })
    }
}

fn folder() -> Option<PathBuf> {
    let script = "import cryptography_vectors as v; print(v.__path__[0])";
    let output = Command::new("python3").args(["-c", script]).output();
    if let Ok(output) = output
        && output.status.success()
    {
        let printed = String::from_utf8(output.stdout).unwrap();
        return Some(Path::new(printed.trim()).join("x509/PKITS_data"));
    }
    let required = std::env::var_os("CI").is_some_and(|ci| ci == "true");
    assert!(!required, "the Python package cryptography-vectors is not installed, and CI requires it");
    println!("skipped: the Python package cryptography-vectors is not installed");
    None
}

fn files(folder: &Path) -> Vec<(String, PathBuf)> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let mut found: Vec<(String, PathBuf)> =
        entries.map(|entry| (entry.file_name().into_string().unwrap(), entry.path())).collect();
    found.retain(|(name, _)| name.ends_with(".crt") || name.ends_with(".crl"));
    found.sort();
    found
}

fn specimen(path: &Path) -> Option<Specimen> {
    let der = std::fs::read(path).unwrap();
    Specimen::parse(der, path.file_name().unwrap().to_string_lossy()).ok()
}

fn is_valid(test: &str) -> bool {
    !test.starts_with("Invalid") && !POLICY_TESTS_INVALID.contains(&test)
}

/// What we refuse and PKITS calls valid, by a part of the tests' names, and why.
type Known = [(&'static str, &'static str)];

const EXPLANATION_REFUSES: &Known = &[
    ("ValidDSA", "DSA is not supported"),
    ("ValidBasicSelfIssued", "a CRL by a key of the CA that is not in the path"),
    ("ValidSeparateCertificateandCRLKeys", "a CRL by a key of the CA that is not in the path"),
    ("ValidIDPwithindirectCRL", "indirect CRLs are not supported"),
    ("ValidcRLIssuer", "indirect CRLs are not supported"),
    ("ValiddeltaCRL", "delta CRLs are not supported, and one that is there is not passed over"),
    ("ValidonlySomeReasons", "CRLs of some reasons are not supported"),
    ("ValiddistributionPoint", "a point's name relative to the issuer's is not supported"),
    ("ValidNegativeSerialNumberTest14", "-1 on a list revokes 255, too: nobody issues negative serials"),
];

const CA_AS_LEAF: &str = "a CA certificate is no leaf";
const CONSTRAINTS: &str = "only DNS and address constraints are supported";
const NAMES: &str = "names are compared byte for byte";
const POLICIES: &str = "critical policy extensions are not supported";

/// Accepted by the explanation and refused here.
const TLS_REFUSES_TOO: &Known = &[
    ("OverlappingPoliciesTest6", CA_AS_LEAF),
    ("ValidonlyContainsCACertsTest13", CA_AS_LEAF),
    ("ValidpathLenConstraintTest14", CA_AS_LEAF),
    ("ValidpathLenConstraintTest8", CA_AS_LEAF),
    ("ValidDNnameConstraints", CONSTRAINTS),
    ("ValidDNandRFC822nameConstraints", CONSTRAINTS),
    ("ValidRFC822nameConstraints", CONSTRAINTS),
    ("ValidURInameConstraints", CONSTRAINTS),
    ("ValidNameChaining", NAMES),
    ("ValidRolloverfromPrintableString", NAMES),
    ("ValidUTF8StringCaseInsensitive", NAMES),
    ("ValidNameUIDs", "unique identifiers are not supported"),
    ("ValidPolicyMapping", POLICIES),
    ("ValidinhibitPolicyMapping", POLICIES),
    ("ValidinhibitAnyPolicy", POLICIES),
    ("inhibitAnyPolicyTest3", POLICIES),
    ("ValidrequireExplicitPolicy", POLICIES),
    ("ValidSelfIssuedinhibit", POLICIES),
    ("ValidSelfIssuedrequireExplicitPolicy", POLICIES),
    ("ValidSelfIssuedpathLenConstraint", "a CRL must be signed by the very key that signed the certificate"),
    ("Validpre2000UTCnotBeforeDate", "dates before 1970 are not supported"),
];

fn reason(known: &Known, test: &str) -> Option<&'static str> {
    known.iter().find(|(part, _)| test.starts_with(part)).map(|(_, reason)| *reason)
}

/// Each test with the chain and the lists that it uses.
fn each(suite: &Suite, mut check: impl FnMut(&str, &Explanation<'_>, &[&(String, Vec<u8>)])) {
    for test in suite.ends.keys() {
        let files = suite.lists_for(&suite.explained(test, &[]));
        let lists: Vec<List> =
            files.iter().map(|(name, der)| List::read(der.clone(), name.clone())).collect();
        check(test, &suite.explained(test, &lists), &files);
    }
}

#[test]
fn an_explanation_finds_nothing_good_that_pkits_calls_invalid() {
    let Some(suite) = Suite::load() else { return };
    let mut wrong = Vec::new();
    let mut unused: Vec<&str> = EXPLANATION_REFUSES.iter().map(|(part, _)| *part).collect();
    each(&suite, |test, explanation, _| {
        let problems = &explanation.problems;
        match (is_valid(test), problems.is_empty()) {
            (true, true) | (false, false) => {}
            (false, true) => wrong.push(format!("{test}: nothing was found")),
            (true, false) if reason(EXPLANATION_REFUSES, test).is_some() => {
                unused.retain(|part| !test.starts_with(part));
            }
            (true, false) => wrong.push(format!("{test}: {problems:?}")),
        }
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(unused.is_empty(), "no test is refused for the reason of {unused:?}");
}

#[test]
fn the_verifier_of_handshakes_accepts_nothing_that_pkits_calls_invalid() {
    let Some(suite) = Suite::load() else { return };
    let root = PemSource::new("root", pem::encode("CERTIFICATE", suite.root.der()).as_bytes());
    let mut wrong = Vec::new();
    let mut accepted = 0;
    each(&suite, |test, explanation, files| {
        let below = &explanation.links[..explanation.links.len() - 1];
        let spec = VerdictSpec {
            chain: below.iter().map(|link| link.specimen.der().to_vec()).collect(),
            anchors: vec![root.clone()],
            crls: Some(CrlSpec {
                sources: files
                    .iter()
                    .map(|(name, der)| CrlSource::new(name.as_str(), der.as_slice()))
                    .collect(),
                policy: CrlPolicy::Strict,
                check: CrlCheck::Chain,
                ledger: CrlLedger::new(),
            }),
            own: None,
            now: AT,
        };
        let said = spec.of_broker();
        let accepts = matches!(said, Ok(Verdict::Accepted(_)));
        accepted += usize::from(accepts);
        let expected = is_valid(test)
            && reason(EXPLANATION_REFUSES, test).is_none()
            && reason(TLS_REFUSES_TOO, test).is_none();
        match (accepts, is_valid(test)) {
            (true, false) => wrong.push(format!("{test}: accepted")),
            (true, true) | (false, false) => {}
            (false, true) if !expected => {}
            (false, true) => wrong.push(format!("{test}: {said:?}")),
        }
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(accepted, 32);
}

/// `openssl verify` and the explanation differ: what OpenSSL says, and why.
const OPENSSL_DIFFERS: &Known = &[
    ("InvaliddeltaCRL", "it passes over delta CRLs unless -use_deltas is given"),
    ("ValidbasicConstraintsNotCriticalTest4", "-x509_strict wants basicConstraints critical; PKITS does not"),
];

#[test]
fn openssl_verify_and_the_explanation_differ_where_it_is_known() {
    let Some(suite) = Suite::load() else { return };
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, pem: String| {
        let path = dir.path().join(name);
        std::fs::write(&path, pem).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let text = |label: &str, der: &[u8]| pem::encode(label, der).to_string();
    let root = write("root.pem", text("CERTIFICATE", suite.root.der()));
    let authorities: String = suite.authorities.iter().map(|ca| text("CERTIFICATE", ca.der())).collect();
    let authorities = write("cas.pem", authorities);
    let mut wrong = Vec::new();
    each(&suite, |test, explanation, files| {
        let leaf = write("leaf.pem", text("CERTIFICATE", suite.ends[test].der()));
        let lists = write("lists.pem", files.iter().map(|(_, der)| text("X509 CRL", der)).collect());
        let output = Command::new("openssl")
            .args([
                "verify",
                "-x509_strict",
                "-crl_check_all",
                "-policy",
                "anyPolicy",
                "-policy_check",
                "-attime",
                "1577836800",
            ])
            .args(["-CAfile", &root, "-untrusted", &authorities, "-CRLfile", &lists, &leaf])
            .output()
            .unwrap();
        let (openssl, ours) = (output.status.success(), explanation.problems.is_empty());
        if openssl != ours
            && reason(OPENSSL_DIFFERS, test).is_none()
            && reason(EXPLANATION_REFUSES, test).is_none()
        {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            wrong.push(format!("{test}: openssl {openssl}, we {ours}: {said} {:?}", explanation.problems));
        }
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
