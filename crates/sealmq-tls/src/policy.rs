//! Which versions, suites and key exchange groups a listener or a client allows.
//!
//! Not the certificates and not the trust: those are in `keys` and `anchors`.
//!
//! Invariants: TLS 1.2 and 1.3 only, AEAD with forward secrecy only, and never a suite that a given list left out.
//! Where only `ciphers` is given, TLS 1.3 keeps its defaults, as in OpenSSL.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{self, kx_group};
use rustls::{SignatureAlgorithm, SupportedCipherSuite, SupportedProtocolVersion};
use thiserror::Error;

use crate::Finding;
use crate::ciphers;

/// A version of TLS that exists here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TlsVersion {
    /// RFC 5246, with AEAD suites and extended master secret where the peer can.
    V1_2,
    /// RFC 8446.
    V1_3,
}

impl TlsVersion {
    /// As OpenSSL prints it: `TLSv1.3`.
    pub const fn as_str(self) -> &'static str {
        match self {
            TlsVersion::V1_2 => "TLSv1.2",
            TlsVersion::V1_3 => "TLSv1.3",
        }
    }
}

/// The versions that are allowed; at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Versions {
    /// Both.
    V1_2AndV1_3,
    /// TLS 1.2 only (`tls_version` as a list of one version is mosquitto's minimum, so only `--tls-version` or a
    /// policy of our own gives this).
    OnlyV1_2,
    /// TLS 1.3 only.
    OnlyV1_3,
}

impl Versions {
    /// The value of `tls_version` in a mosquitto.conf: one value is the *minimum*, a list means exactly these.
    ///
    /// # Errors
    /// An unknown version, one below 1.2, or no value at all.
    pub fn from_mosquitto(value: &str) -> Result<Versions, PolicyError> {
        let listed: Vec<TlsVersion> = value
            .split([' ', '\t', ','])
            .filter(|v| !v.is_empty())
            .map(parse_version)
            .collect::<Result<_, _>>()?;
        match listed.as_slice() {
            [] => Err(PolicyError::UnknownVersion { value: value.to_owned() }),
            [TlsVersion::V1_2] => Ok(Versions::V1_2AndV1_3),
            [TlsVersion::V1_3] => Ok(Versions::OnlyV1_3),
            several => Ok(Versions::exactly(several)),
        }
    }

    /// The value of `--tls-version` of mosquitto_pub: exactly this version.
    ///
    /// # Errors
    /// An unknown version or one below 1.2.
    pub fn from_client_flag(value: &str) -> Result<Versions, PolicyError> {
        Ok(Versions::exactly(&[parse_version(value.trim())?]))
    }

    fn exactly(versions: &[TlsVersion]) -> Versions {
        match (versions.contains(&TlsVersion::V1_2), versions.contains(&TlsVersion::V1_3)) {
            (true, false) => Versions::OnlyV1_2,
            (false, true) => Versions::OnlyV1_3,
            (true, true) | (false, false) => Versions::V1_2AndV1_3,
        }
    }

    /// Whether a version is among them.
    pub const fn allow(self, version: TlsVersion) -> bool {
        match self {
            Versions::V1_2AndV1_3 => true,
            Versions::OnlyV1_2 => matches!(version, TlsVersion::V1_2),
            Versions::OnlyV1_3 => matches!(version, TlsVersion::V1_3),
        }
    }

    pub(crate) fn for_rustls(self) -> &'static [&'static SupportedProtocolVersion] {
        static BOTH: [&SupportedProtocolVersion; 2] = [&rustls::version::TLS13, &rustls::version::TLS12];
        match self {
            Versions::V1_2AndV1_3 => &BOTH,
            Versions::OnlyV1_2 => &BOTH[1..],
            Versions::OnlyV1_3 => &BOTH[..1],
        }
    }
}

fn parse_version(value: &str) -> Result<TlsVersion, PolicyError> {
    match value {
        "tlsv1.2" => Ok(TlsVersion::V1_2),
        "tlsv1.3" => Ok(TlsVersion::V1_3),
        "tlsv1" | "tlsv1.0" | "tlsv1.1" | "sslv2" | "sslv3" => {
            Err(PolicyError::VersionTooOld { value: value.to_owned() })
        }
        _ => Err(PolicyError::UnknownVersion { value: value.to_owned() }),
    }
}

/// Why a TLS policy cannot be made. Displays with a `hint:` line.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PolicyError {
    /// TLS 1.0, 1.1 or SSL.
    #[error(
        "'{value}' is not supported: RFC 8996 retired every version below TLS 1.2\n\
         hint: use tlsv1.2 or tlsv1.3, and update what cannot"
    )]
    VersionTooOld {
        /// As written.
        value: String,
    },
    /// No version at all, or a name that nobody knows.
    #[error("'{}' is not a TLS version\nhint: 'tls_version tlsv1.2' (a minimum), 'tlsv1.3', or both for exactly these", .value.escape_debug())]
    UnknownVersion {
        /// As written.
        value: String,
    },
    /// A cipher list of which nothing is left.
    #[error(
        "{option}: '{}' selects no suite that exists here (AEAD with forward secrecy only)\nhint: the names that work: {names}",
        .list.escape_debug()
    )]
    NothingSelected {
        /// `ciphers` or `ciphers_tls1.3`.
        option: &'static str,
        /// As written.
        list: String,
        /// OpenSSL names, separated by colons.
        names: String,
    },
    /// An `@` command in a cipher list.
    #[error("ciphers: '{}' is not supported\nhint: '@STRENGTH' and '@SECLEVEL=0' to '2' are; name the suites instead", .command.escape_debug())]
    UnknownCommand {
        /// With its `@`.
        command: String,
    },
    /// The suites need another kind of key than the certificate has, and TLS 1.3 is not allowed either.
    #[error(
        "the certificate's key is {key}, but every allowed suite ({suites}) needs {needed}: no client could connect\n\
         hint: allow {wanted} in 'ciphers', or use a certificate with {needed}"
    )]
    KeyWithoutSuite {
        /// `an RSA key`.
        key: &'static str,
        /// OpenSSL names.
        suites: String,
        /// `an ECDSA key`.
        needed: &'static str,
        /// A class of OpenSSL that fits.
        wanted: &'static str,
    },
}

/// Versions, suites and groups of one listener or client. Cheap to clone.
#[derive(Clone, Debug)]
pub struct TlsPolicy {
    pub(crate) provider: Arc<CryptoProvider>,
    pub(crate) versions: Versions,
    pub(crate) order: SuiteOrder,
}

/// Whose order of suites decides at a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SuiteOrder {
    /// The client knows whether it has AES in hardware.
    Client,
    /// The operator wrote a list: its order is meant.
    Configured,
}

impl Default for TlsPolicy {
    /// TLS 1.2 and 1.3 with every suite we have.
    fn default() -> TlsPolicy {
        let suites = ciphers::TLS13.iter().chain(ciphers::TLS12).map(|row| row.suite).collect();
        TlsPolicy::new(Versions::V1_2AndV1_3, suites, SuiteOrder::Client)
    }
}

impl TlsPolicy {
    /// A policy from the words of mosquitto.conf: `ciphers` and `ciphers_tls1.3` are OpenSSL cipher lists.
    ///
    /// # Errors
    /// [`PolicyError`]: a list that selects nothing, an `@` command that we cannot honour.
    pub fn from_openssl(
        versions: Versions,
        ciphers: Option<&str>,
        ciphersuites: Option<&str>,
    ) -> Result<(TlsPolicy, Vec<Finding>), PolicyError> {
        let mut findings = Vec::new();
        let mut suites = Vec::new();
        match ciphersuites {
            Some(list) => {
                let selected = ciphers::tls13_from_list(list)?;
                findings.extend(selected.findings);
                suites.extend(selected.suites);
                note_unused(&mut findings, versions, TlsVersion::V1_3, "ciphers_tls1.3");
            }
            None => suites.extend(ciphers::TLS13.iter().map(|row| row.suite)),
        }
        match ciphers {
            Some(list) => {
                let selected = ciphers::tls12_from_list(list)?;
                findings.extend(selected.findings);
                suites.extend(selected.suites);
                note_unused(&mut findings, versions, TlsVersion::V1_2, "ciphers");
            }
            None => suites.extend(ciphers::TLS12.iter().map(|row| row.suite)),
        }
        let order = if ciphers.is_some() || ciphersuites.is_some() {
            SuiteOrder::Configured
        } else {
            SuiteOrder::Client
        };
        Ok((TlsPolicy::new(versions, suites, order), findings))
    }

    fn new(versions: Versions, mut suites: Vec<SupportedCipherSuite>, order: SuiteOrder) -> TlsPolicy {
        // rustls offers every suite of its provider whose version is enabled: drop the others here, once.
        suites.retain(|suite| versions.allow(version_of(*suite)));
        let provider =
            CryptoProvider { cipher_suites: suites, kx_groups: groups(), ..aws_lc_rs::default_provider() };
        TlsPolicy { provider: Arc::new(provider), versions, order }
    }

    /// The same with one key exchange group alone, by its IANA name (`X25519MLKEM768`, `X25519`, `secp256r1`,
    /// `secp384r1`); `None` if that is not one of ours. For measurements, which must compare like with like.
    #[must_use]
    pub fn with_group(&self, name: &str) -> Option<TlsPolicy> {
        let group = groups().into_iter().find(|group| format!("{:?}", group.name()) == name)?;
        let provider = CryptoProvider { kx_groups: vec![group], ..CryptoProvider::clone(&self.provider) };
        Some(TlsPolicy { provider: Arc::new(provider), versions: self.versions, order: self.order })
    }

    /// The allowed versions.
    pub fn versions(&self) -> Versions {
        self.versions
    }

    /// The allowed suites by OpenSSL's names, in order of preference.
    pub fn suites(&self) -> Vec<&'static str> {
        self.provider.cipher_suites.iter().map(|suite| ciphers::openssl_name(*suite)).collect()
    }

    /// Whether a key of this kind can be used with these suites at all.
    ///
    /// # Errors
    /// No version is left in which a client could connect. Findings where only TLS 1.3 is left.
    pub(crate) fn check_key(&self, key: SignatureAlgorithm) -> Result<Vec<Finding>, PolicyError> {
        let suites =
            || self.provider.cipher_suites.iter().filter(|suite| version_of(**suite) == TlsVersion::V1_2);
        if suites().next().is_none() || suites().any(|suite| suite.usable_for_signature_algorithm(key)) {
            return Ok(Vec::new());
        }
        let suites: Vec<&str> = suites().map(|suite| ciphers::openssl_name(*suite)).collect();
        let (key, needed, wanted) = if key == SignatureAlgorithm::RSA {
            ("an RSA key", "an ECDSA key", "'ECDHE+aRSA'")
        } else {
            ("an ECDSA key", "an RSA key", "'ECDHE+aECDSA'")
        };
        if self.versions.allow(TlsVersion::V1_3) {
            return Ok(vec![Finding::new(
                "no-tls12-suite-for-key",
                format!(
                    "the certificate has {key}, but the suites for TLS 1.2 ({}) need {needed}: only TLS 1.3 can connect",
                    suites.join(":")
                ),
                format!("add {wanted} to 'ciphers', or say 'tls_version tlsv1.3'"),
            )]);
        }
        Err(PolicyError::KeyWithoutSuite { key, suites: suites.join(":"), needed, wanted })
    }
}

fn note_unused(findings: &mut Vec<Finding>, versions: Versions, version: TlsVersion, option: &'static str) {
    if !versions.allow(version) {
        findings.push(Finding::new(
            "ciphers-without-version",
            format!("'{option}' has no effect: {} is not allowed", version.as_str()),
            format!("remove '{option}', or allow {} in 'tls_version'", version.as_str()),
        ));
    }
}

pub(crate) fn version_of(suite: SupportedCipherSuite) -> TlsVersion {
    if suite.tls13().is_some() { TlsVersion::V1_3 } else { TlsVersion::V1_2 }
}

/// The hybrid group first: our client then sends a share for it and one for X25519 in the same hello, so that a
/// server without it answers at once. A rustls server ignores this order and takes the first group of the *client's*
/// list that it knows (`choose_suite_and_kx_group`), see `session`.
fn groups() -> Vec<&'static dyn rustls::crypto::SupportedKxGroup> {
    vec![kx_group::X25519MLKEM768, kx_group::X25519, kx_group::SECP256R1, kx_group::SECP384R1]
}
