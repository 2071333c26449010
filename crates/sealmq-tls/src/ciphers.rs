//! OpenSSL's cipher lists, read for the suites that we have.
//!
//! Not a full copy of OpenSSL's language: there are six suites below TLS 1.3 here, all ECDHE with an AEAD, so a class
//! such as `RSA` (RSA *key exchange*) or `SHA256` (a CBC MAC) rightly selects nothing.
//!
//! Invariant: a list that is given is obeyed to the letter; nothing that it did not select is ever offered.

use rustls::SupportedCipherSuite;
use rustls::crypto::aws_lc_rs::cipher_suite as suite;

use crate::Finding;
use crate::policy::PolicyError;

/// A suite with its two names and the classes of OpenSSL that contain it.
pub(crate) struct SuiteRow {
    pub(crate) openssl: &'static str,
    iana: &'static str,
    pub(crate) suite: SupportedCipherSuite,
    classes: &'static [&'static str],
    strength_bits: u16,
}

const ECDSA_AES256: &[&str] =
    &["aECDSA", "ECDSA", "AESGCM", "AES", "AES256", "FIPS", "SUITEB128", "SUITEB192"];
const ECDSA_AES128: &[&str] =
    &["aECDSA", "ECDSA", "AESGCM", "AES", "AES128", "FIPS", "SUITEB128", "SUITEB128ONLY"];
const ECDSA_CHACHA: &[&str] = &["aECDSA", "ECDSA", "CHACHA20"];
const RSA_AES256: &[&str] = &["aRSA", "AESGCM", "AES", "AES256", "FIPS"];
const RSA_AES128: &[&str] = &["aRSA", "AESGCM", "AES", "AES128", "FIPS"];
const RSA_CHACHA: &[&str] = &["aRSA", "CHACHA20"];
/// Classes that every suite of ours belongs to.
const COMMON: &[&str] = &["ALL", "DEFAULT", "HIGH", "TLSv1.2", "ECDHE", "kECDHE", "EECDH", "kEECDH", "ECDH"];

/// The suites for TLS 1.2, in the order in which OpenSSL prefers them.
pub(crate) static TLS12: &[SuiteRow] = &[
    row12(
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        ECDSA_AES256,
        256,
    ),
    row12(
        "ECDHE-RSA-AES256-GCM-SHA384",
        "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        RSA_AES256,
        256,
    ),
    row12(
        "ECDHE-ECDSA-CHACHA20-POLY1305",
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        ECDSA_CHACHA,
        256,
    ),
    row12(
        "ECDHE-RSA-CHACHA20-POLY1305",
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
        suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
        RSA_CHACHA,
        256,
    ),
    row12(
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        ECDSA_AES128,
        128,
    ),
    row12(
        "ECDHE-RSA-AES128-GCM-SHA256",
        "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        RSA_AES128,
        128,
    ),
];

/// The suites for TLS 1.3; OpenSSL uses their IANA names.
pub(crate) static TLS13: &[SuiteRow] = &[
    row13("TLS_AES_256_GCM_SHA384", suite::TLS13_AES_256_GCM_SHA384, 256),
    row13("TLS_CHACHA20_POLY1305_SHA256", suite::TLS13_CHACHA20_POLY1305_SHA256, 256),
    row13("TLS_AES_128_GCM_SHA256", suite::TLS13_AES_128_GCM_SHA256, 128),
];

/// Classes of OpenSSL that hold none of our suites. Known, so that `!aNULL` is no typing error.
const CLASSES_WITHOUT_OURS: &[&str] = &[
    "3DES",
    "ADH",
    "AECDH",
    "AES128-CCM",
    "AESCCM",
    "AESCCM8",
    "ARIA",
    "ARIA128",
    "ARIA256",
    "ARIAGCM",
    "CAMELLIA",
    "CAMELLIA128",
    "CAMELLIA256",
    "CBC",
    "COMPLEMENTOFALL",
    "COMPLEMENTOFDEFAULT",
    "DES",
    "DH",
    "DHE",
    "DSS",
    "EDH",
    "EXP",
    "EXPORT",
    "EXPORT40",
    "EXPORT56",
    "GOST89MAC",
    "GOST94",
    "IDEA",
    "LOW",
    "MD5",
    "MEDIUM",
    "NULL",
    "PSK",
    "RC2",
    "RC4",
    "RSA",
    "SEED",
    "SHA",
    "SHA1",
    "SHA256",
    "SHA384",
    "SRP",
    "SSLv2",
    "SSLv3",
    "TLSv1",
    "TLSv1.0",
    "aDH",
    "aDSS",
    "aECDH",
    "aGOST",
    "aGOST01",
    "aNULL",
    "aPSK",
    "aSRP",
    "eNULL",
    "kDH",
    "kDHE",
    "kDHEPSK",
    "kECDHEPSK",
    "kEDH",
    "kGOST",
    "kPSK",
    "kRSA",
    "kRSAPSK",
    "kSRP",
    "kDHd",
    "kDHr",
    "kECDH",
    "kECDHe",
    "kECDHr",
];

const fn row12(
    openssl: &'static str,
    iana: &'static str,
    suite: SupportedCipherSuite,
    classes: &'static [&'static str],
    strength_bits: u16,
) -> SuiteRow {
    SuiteRow { openssl, iana, suite, classes, strength_bits }
}

const fn row13(name: &'static str, suite: SupportedCipherSuite, strength_bits: u16) -> SuiteRow {
    SuiteRow { openssl: name, iana: name, suite, classes: &[], strength_bits }
}

impl SuiteRow {
    fn is_called(&self, name: &str) -> bool {
        self.openssl == name || self.iana == name
    }

    fn is_in(&self, class: &str) -> bool {
        self.is_called(class) || COMMON.contains(&class) || self.classes.contains(&class)
    }
}

/// The name that OpenSSL prints for a suite of ours.
pub(crate) fn openssl_name(suite: SupportedCipherSuite) -> &'static str {
    TLS12
        .iter()
        .chain(TLS13)
        .find(|row| row.suite.suite() == suite.suite())
        .map_or("unknown", |row| row.openssl)
}

/// What a list selected, in its order, and what in it was without effect.
pub(crate) struct Selected {
    pub(crate) suites: Vec<SupportedCipherSuite>,
    pub(crate) findings: Vec<Finding>,
}

/// Reads the value of `ciphers` (TLS 1.2 and below).
///
/// # Errors
/// A list that selects nothing, with the names that would work; an unknown `@` command.
pub(crate) fn tls12_from_list(list: &str) -> Result<Selected, PolicyError> {
    let mut selection = Selection::default();
    for token in tokens(list) {
        selection.apply(token)?;
    }
    if selection.chosen.is_empty() {
        return Err(PolicyError::NothingSelected {
            option: "ciphers",
            list: list.to_owned(),
            names: names(TLS12),
        });
    }
    Ok(Selected {
        suites: selection.chosen.iter().map(|row| row.suite).collect(),
        findings: selection.findings,
    })
}

/// Reads the value of `ciphers_tls1.3`: names only, as OpenSSL's `SSL_CTX_set_ciphersuites`.
///
/// # Errors
/// A list that selects nothing, with the names that would work.
pub(crate) fn tls13_from_list(list: &str) -> Result<Selected, PolicyError> {
    let mut selected = Selected { suites: Vec::new(), findings: Vec::new() };
    for token in tokens(list) {
        match TLS13.iter().find(|row| row.is_called(token)) {
            Some(row) if selected.suites.contains(&row.suite) => {}
            Some(row) => selected.suites.push(row.suite),
            None => selected.findings.push(without_effect("ciphers_tls1.3", token, &names(TLS13))),
        }
    }
    if selected.suites.is_empty() {
        return Err(PolicyError::NothingSelected {
            option: "ciphers_tls1.3",
            list: list.to_owned(),
            names: names(TLS13),
        });
    }
    Ok(selected)
}

fn tokens(list: &str) -> impl Iterator<Item = &str> {
    list.split([':', ',', ';', ' ', '\t']).filter(|token| !token.is_empty())
}

fn names(rows: &[SuiteRow]) -> String {
    rows.iter().map(|row| row.openssl).collect::<Vec<_>>().join(":")
}

fn without_effect(option: &'static str, token: &str, names: &str) -> Finding {
    let reason = if TLS13.iter().any(|row| row.is_called(token)) {
        "is a TLS 1.3 suite; those are chosen with 'ciphers_tls1.3'"
    } else if TLS12.iter().any(|row| row.is_called(token)) {
        "is a suite of TLS 1.2; those are chosen with 'ciphers'"
    } else {
        "is not offered here: only authenticated encryption (AEAD) with forward secrecy (ECDHE) is"
    };
    Finding::new(
        "cipher-without-effect",
        format!("{option}: '{}' {reason}", token.escape_debug()),
        format!("remove it; the names that work: {names}"),
    )
}

#[derive(Default)]
struct Selection {
    chosen: Vec<&'static SuiteRow>,
    /// Excluded by `!`: no later token brings them back.
    killed: Vec<&'static str>,
    findings: Vec<Finding>,
}

impl Selection {
    fn apply(&mut self, token: &str) -> Result<(), PolicyError> {
        if let Some(command) = token.strip_prefix('@') {
            return self.command(command);
        }
        let (operator, expression) = match token.as_bytes()[0] {
            operator @ (b'!' | b'-' | b'+') => (operator, &token[1..]),
            _ => (b' ', token),
        };
        let matched = matching(expression);
        if matched.is_empty() && !known_class(expression) && operator == b' ' {
            self.findings.push(without_effect("ciphers", expression, &names(TLS12)));
        } else if matched.is_empty() && !known_class(expression) {
            self.findings.push(Finding::new(
                "cipher-unknown",
                format!("ciphers: '{}' is no name or class that OpenSSL knows", token.escape_debug()),
                "remove it, or mend the spelling; `openssl ciphers -v ALL` prints the names",
            ));
        }
        match operator {
            b'!' => {
                self.killed.extend(matched.iter().map(|row| row.openssl));
                self.remove(&matched);
            }
            b'-' => self.remove(&matched),
            b'+' => self.move_to_end(&matched),
            _ => self.add(&matched),
        }
        Ok(())
    }

    fn command(&mut self, command: &str) -> Result<(), PolicyError> {
        if command == "STRENGTH" {
            self.chosen.sort_by_key(|row| std::cmp::Reverse(row.strength_bits));
            return Ok(());
        }
        // Every suite here has at least 128 bits and every key at least RSA 2048: levels 0 to 2 hold by themselves.
        match command.strip_prefix("SECLEVEL=").and_then(|level| level.parse::<u8>().ok()) {
            Some(0..=2) => Ok(()),
            _ => Err(PolicyError::UnknownCommand { command: format!("@{command}") }),
        }
    }

    fn add(&mut self, rows: &[&'static SuiteRow]) {
        for row in rows {
            let present = self.chosen.iter().any(|chosen| chosen.openssl == row.openssl);
            if !present && !self.killed.contains(&row.openssl) {
                self.chosen.push(row);
            }
        }
    }

    fn remove(&mut self, rows: &[&'static SuiteRow]) {
        self.chosen.retain(|chosen| !rows.iter().any(|row| row.openssl == chosen.openssl));
    }

    fn move_to_end(&mut self, rows: &[&'static SuiteRow]) {
        let (moved, kept): (Vec<_>, Vec<_>) =
            self.chosen.drain(..).partition(|chosen| rows.iter().any(|row| row.openssl == chosen.openssl));
        self.chosen = kept.into_iter().chain(moved).collect();
    }
}

/// The suites in all classes of an expression such as `ECDHE+AESGCM`.
fn matching(expression: &str) -> Vec<&'static SuiteRow> {
    TLS12.iter().filter(|row| expression.split('+').all(|class| row.is_in(class))).collect()
}

fn known_class(expression: &str) -> bool {
    let known = |class: &str| {
        CLASSES_WITHOUT_OURS.contains(&class)
            || TLS12.iter().any(|row| row.is_in(class))
            || class == "SUITEB192"
    };
    expression.split('+').all(known)
}
