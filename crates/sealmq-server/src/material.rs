//! Reading what the configuration names: certificates, keys, passwords, access lists.
//!
//! Everything is read and checked whole before anything is put to use, at the start as at a reload. Password and ACL
//! files are never read through a symbolic link (contract section 6); certificates may be (Let's Encrypt's layout).

use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::Arc;

use sealmq_auth::jwt::Keys;
use sealmq_broker::Acl;
use sealmq_config::acl_file;
use sealmq_config::{
    Access, CertificateAndKey, ClientCertificates, CrlSettings, FileParsed, FileSetting, IdentityRule,
    ListenerTls, Place, Protocol, SourceFile, TlsVersions,
};
use sealmq_pki::pem::PemError;
use sealmq_pki::{Facts, Timestamp};
use sealmq_tls::{
    Alpn, BuildError, ClientAuth, CrlLedger, CrlSource, CrlSpec, Finding, KeyPair, KeyPairError,
    KnownSignatures, OwnIssuer, PemSource, PolicyError, RecordSize, Served, ServerTls, ServerTlsSpec,
    TlsPolicy, TrustGeneration, UnknownAlpn, Versions,
};

use crate::crl_files;
use crate::door::name_proofs::{NameProofs, ScramTable, TokenJudge};
use crate::door::passwords::PasswordTable;
use crate::plan::StartError;
use crate::secrets;

/// The largest file that is read; real ones have kilobytes, a CA bundle some hundred.
const FILE_BYTES_MAX: u64 = 64 << 20;
/// mosquitto's switch for symbolic links, kept for those who have it.
const ALLOW_SYMLINKS: &str = "MOSQUITTO_UNSAFE_ALLOW_SYMLINKS";

/// Exit codes of contract section 3.
pub(crate) const UNUSABLE: u8 = 1;
pub(crate) const FILE_ACCESS: u8 = 13;

/// Certificate and key of a listener, and the texts of its CA files.
#[derive(Debug)]
pub(crate) struct TlsFiles {
    pub(crate) key_pair: KeyPair,
    pub(crate) more_key_pairs: Vec<KeyPair>,
    pub(crate) anchors: Vec<PemSource>,
    pub(crate) crls: Vec<CrlSource>,
}

impl TlsFiles {
    /// Every certificate that is served.
    pub(crate) fn key_pairs(&self) -> impl Iterator<Item = &KeyPair> {
        std::iter::once(&self.key_pair).chain(&self.more_key_pairs)
    }

    /// Reads `certfile`, `keyfile`, `sni_certificate`, `cafile`, `capath` and `crlfile`.
    pub(crate) fn read(tls: &ListenerTls) -> Result<(TlsFiles, Vec<Finding>), StartError> {
        let mut findings = Vec::new();
        let key_pair = key_pair(&tls.certfile, &tls.keyfile, ["certfile", "keyfile"], &mut findings)?;
        let mut more_key_pairs = Vec::new();
        for CertificateAndKey { certificate, key } in &tls.sni_certificates {
            more_key_pairs.push(self::key_pair(certificate, key, ["sni_certificate"; 2], &mut findings)?);
        }
        let mut anchors = Vec::new();
        if let Some(cafile) = &tls.cafile {
            anchors.push(pem(cafile, "cafile")?);
        }
        if let Some(capath) = &tls.capath {
            anchors.extend(folder(capath)?);
        }
        let mut crls = Vec::new();
        if let Some(crlfile) = &tls.crl.file {
            let (read, more) = crl_files::read(crlfile)?;
            crls = read;
            findings.extend(more);
        }
        Ok((TlsFiles { key_pair, more_key_pairs, anchors, crls }, findings))
    }

    /// The certificates whose end ends something: the leaf that is served, and each CA.
    pub(crate) fn ends(&self) -> Vec<Ends> {
        let mut ends: Vec<Ends> = self
            .key_pairs()
            .map(|pair| Ends {
                origin: pair.origin().to_owned(),
                not_after: pair.leaf().not_after,
                is_anchor: false,
            })
            .collect();
        for source in &self.anchors {
            let blocks = sealmq_pki::pem::of_label(&source.pem, "CERTIFICATE").unwrap_or_default();
            let soonest =
                blocks.iter().filter_map(|der| Facts::parse(der).ok()).map(|facts| facts.not_after).min();
            ends.extend(soonest.map(|not_after| Ends {
                origin: source.origin.clone(),
                not_after,
                is_anchor: true,
            }));
        }
        ends
    }
}

/// When a file's certificate ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ends {
    pub(crate) origin: String,
    pub(crate) not_after: Timestamp,
    pub(crate) is_anchor: bool,
}

/// What a listener's TLS is built from beside its files.
pub(crate) struct TlsSurroundings<'a> {
    pub(crate) own: Option<OwnIssuer>,
    pub(crate) served: &'a Served,
    pub(crate) generation: &'a Arc<TrustGeneration>,
    pub(crate) crls: &'a Arc<CrlLedger>,
    pub(crate) signatures: &'a Arc<KnownSignatures>,
    pub(crate) now: Timestamp,
}

/// What TLS itself demands of a client. Where a certificate is optional, names come from certificates, and nobody has
/// a password, nobody could come in without one: then the handshake says so, not a CONNACK to a peer that we already
/// keep a session for.
pub(crate) fn client_auth(
    tls: &ListenerTls,
    passwords: Option<&PasswordTable>,
    proofs: &NameProofs,
) -> ClientAuth {
    let nobody_has_a_password = passwords.is_none_or(PasswordTable::is_empty) && !proofs.lets_somebody_in();
    match tls.client_certificates {
        ClientCertificates::None => ClientAuth::None,
        ClientCertificates::Optional if nobody_has_a_password => match tls.identity {
            IdentityRule::CommonName | IdentityRule::Subject | IdentityRule::Sources(_) => {
                ClientAuth::Required
            }
            IdentityRule::None => ClientAuth::Optional,
        },
        ClientCertificates::Optional => ClientAuth::Optional,
        ClientCertificates::Required => ClientAuth::Required,
    }
}

/// Builds a listener's TLS from its files.
pub(crate) fn build_tls(
    tls: &ListenerTls,
    protocol: Protocol,
    client_auth: ClientAuth,
    files: &TlsFiles,
    around: &TlsSurroundings<'_>,
) -> Result<(ServerTls, Vec<Finding>), StartError> {
    let versions = match tls.versions {
        TlsVersions::From12 => Versions::V1_2AndV1_3,
        TlsVersions::Only12 => Versions::OnlyV1_2,
        TlsVersions::Only13 => Versions::OnlyV1_3,
    };
    let ciphers = tls.ciphers.as_ref();
    let suites = tls.ciphers_tls13.as_ref();
    let (policy, mut findings) =
        TlsPolicy::from_openssl(versions, ciphers.map(|c| c.text.as_str()), suites.map(|c| c.text.as_str()))
            .map_err(|error| {
                let at = ciphers.or(suites).map_or(&tls.certfile.at, |text| &text.at);
                let mut failed = StartError::of_display(&error, UNUSABLE);
                if let PolicyError::NothingSelected { option, list, .. } = &error {
                    let words = match *option {
                        "ciphers" => "Unable to set TLS ciphers. Check cipher list",
                        _ => "Unable to set TLS 1.3 ciphersuites. Check cipher_tls13 list",
                    };
                    failed = failed.saying(&format!("Error: {words} \"{list}\"."));
                }
                failed.at(at)
            })?;
    let spec = ServerTlsSpec {
        policy,
        key_pair: files.key_pair.clone(),
        more_key_pairs: files.more_key_pairs.clone(),
        resumption: match tls.resumption {
            sealmq_config::Resumption::On => sealmq_tls::Resumption::On,
            sealmq_config::Resumption::Off => sealmq_tls::Resumption::Off,
        },
        anchors: files.anchors.clone(),
        client_auth,
        identity: tls.identity,
        legacy_client_certs: match tls.legacy_client_certs {
            sealmq_config::LegacyClientCerts::Accept => sealmq_tls::LegacyClientCerts::Accept,
            sealmq_config::LegacyClientCerts::Warn => sealmq_tls::LegacyClientCerts::Warn,
            sealmq_config::LegacyClientCerts::Deny => sealmq_tls::LegacyClientCerts::Deny,
        },
        client_dates: match tls.client_dates {
            sealmq_config::ClientDates::Checked => sealmq_tls::ClientDates::Checked,
            sealmq_config::ClientDates::Unchecked => sealmq_tls::ClientDates::Unchecked,
        },
        crls: tls.crl.file.is_some().then(|| crl_spec(&tls.crl, files, around)),
        own: around.own.clone(),
        served: around.served.clone(),
        generation: Arc::clone(around.generation),
        signatures: Arc::clone(around.signatures),
        record_size_max: RecordSize::new(tls.tls_record_size_max).unwrap_or_default(),
        alpn: alpn(tls, protocol),
    };
    let (built, more) = ServerTls::build(spec, around.now).map_err(|error| {
        let failed = StartError::of_display(&error, UNUSABLE);
        match (&error, &tls.crl.file, &tls.cafile) {
            (BuildError::Anchors(_), _, Some(cafile)) => {
                failed.saying(&unloadable("cafile", &cafile.written))
            }
            (BuildError::Crls(_), Some(crlfile), _) => failed.saying(&format!(
                "Error: Unable to load certificate revocation file \"{}\". Check crlfile.",
                crlfile.written
            )),
            _ => failed,
        }
        .at(asked_at(tls, &error))
    })?;
    findings.extend(more);
    let built = match secrets::file() {
        Some(log) => built.insecure_with_secrets_logged(log),
        None => built,
    };
    Ok((built, findings))
}

/// A certificate chain with its key.
fn key_pair(
    certificate: &FileSetting,
    key: &FileSetting,
    keys: [&str; 2],
    findings: &mut Vec<Finding>,
) -> Result<KeyPair, StartError> {
    let (chain, private) = (pem(certificate, keys[0])?, pem(key, keys[1])?);
    findings.extend(loose_key(&key.path, &key.written));
    KeyPair::load(&chain, &private, None).map_err(|error| {
        let words = match &error {
            KeyPairError::Certificate(_) => unloadable(keys[0], &certificate.written),
            KeyPairError::Key { .. } | KeyPairError::Mismatch { .. } | KeyPairError::Unusable { .. } => {
                unloadable(keys[1], &key.written)
            }
        };
        StartError::of_display(&error, UNUSABLE).saying(&words).at(&key.at)
    })
}

/// What this listener speaks, in the names of ALPN. AWS's devices offer the second on port 443 and wait for it.
fn alpn(tls: &ListenerTls, protocol: Protocol) -> Alpn {
    let spoken: &[&[u8]] = match protocol {
        Protocol::Mqtt => &[b"mqtt", b"x-amzn-mqtt-ca"],
        Protocol::WebSockets | Protocol::HttpApi => &[b"http/1.1"],
        Protocol::Auto => &[b"mqtt", b"x-amzn-mqtt-ca", b"http/1.1"],
    };
    Alpn {
        protocols: spoken.iter().map(|name| name.to_vec()).collect(),
        unknown: match tls.unknown_alpn {
            sealmq_config::UnknownAlpn::Ignored => UnknownAlpn::Ignored,
            sealmq_config::UnknownAlpn::Refused => UnknownAlpn::Refused,
        },
    }
}

/// The line that asked for what cannot be had.
fn asked_at<'a>(tls: &'a ListenerTls, error: &BuildError) -> &'a Place {
    match (error, &tls.crl.file, &tls.cafile) {
        (BuildError::Crls(_), Some(crlfile), _) => &crlfile.at,
        (BuildError::Anchors(_), _, Some(cafile)) => &cafile.at,
        (
            BuildError::Anchors(_) | BuildError::Crls(_) | BuildError::Policy(_) | BuildError::Library { .. },
            _,
            _,
        ) => &tls.certfile.at,
    }
}

fn crl_spec(settings: &CrlSettings, files: &TlsFiles, around: &TlsSurroundings<'_>) -> CrlSpec {
    CrlSpec {
        sources: files.crls.clone(),
        policy: match settings.policy {
            sealmq_config::CrlPolicy::Strict => sealmq_tls::CrlPolicy::Strict,
            sealmq_config::CrlPolicy::GraceSecs(secs) => sealmq_tls::CrlPolicy::GraceSecs(secs),
        },
        check: match settings.check {
            sealmq_config::CrlCheck::Leaf => sealmq_tls::CrlCheck::Leaf,
            sealmq_config::CrlCheck::Chain => sealmq_tls::CrlCheck::Chain,
        },
        ledger: Arc::clone(around.crls),
    }
}

/// Reads a password file.
pub(crate) fn passwords(setting: &FileSetting) -> Result<(PasswordTable, Vec<Finding>), StartError> {
    let (file, findings) = guarded_file(setting, "password_file")?;
    let parsed = sealmq_config::passwords::parse_file(&file);
    value_of(parsed).map(|users| (PasswordTable::new(users), findings))
}

/// Reads what else proves names: the SCRAM file, the keys of tokens.
pub(crate) fn name_proofs(access: &Access) -> Result<(NameProofs, Vec<Finding>), StartError> {
    let mut proofs = NameProofs::default();
    let mut findings = Vec::new();
    if let Some(setting) = &access.scram_file {
        let (file, found) = guarded_file(setting, "scram_file")?;
        findings.extend(found);
        let users = value_of(sealmq_config::scram_file::parse_file(&file))?;
        if users.decoy_key().is_none() {
            findings.push(finding(
                "scram-decoy-key",
                format!(
                    "{}: without a decoy key, what unknown names are asked changes with the file, and tells which names exist",
                    setting.written
                ),
                format!("`sealmq passwd --scram {} USER` writes one", setting.written),
            ));
        }
        proofs.scram = Some(ScramTable::new(users));
    }
    if let Some(jwt) = &access.jwt {
        let (file, _public) = guarded_file(&jwt.key, "jwt_key")?;
        let keys = Keys::parse(&file.bytes).map_err(|error| {
            let whole = error.to_string();
            let (text, hint) = whole.split_once("\nhint: ").unwrap_or((&whole, ""));
            let text = format!("Error: Unable to use jwt_key \"{}\": {text}.", jwt.key.written);
            StartError::new(text, UNUSABLE).hint(hint).at(&jwt.key.at)
        })?;
        findings.extend(keys.passed_over().iter().map(|key| {
            finding(
                "jwt-key-passed-over",
                format!("{}: {key} checks no signature that is known here; tokens by it are refused", jwt.key.written),
                "nothing to do, unless clients are refused by it: let the issuer sign with RS256, ES256 or EdDSA"
                    .to_owned(),
            )
        }));
        proofs.tokens = Some(Arc::new(TokenJudge::new(keys, jwt.rules.clone())));
    }
    Ok((proofs, findings))
}

/// Reads an ACL file.
pub(crate) fn acl(setting: &FileSetting) -> Result<(Acl, Vec<Finding>), StartError> {
    // Its last line in mosquitto, whatever was wrong.
    let unopened = |mut error: StartError| {
        error.text = format!("{}\nError opening acl file \"{}\".", error.text, setting.written);
        error
    };
    let (file, findings) = guarded_file(setting, "acl_file").map_err(unopened)?;
    let rules = value_of(acl_file::parse_file(&file)).map_err(unopened)?.rules();
    Ok((Acl::Rules(rules), findings))
}

/// A file with an error is no file: all its errors in one.
fn value_of<T>(parsed: FileParsed<T>) -> Result<T, StartError> {
    let errors: Vec<_> = parsed.diagnostics.iter().filter(|diagnostic| diagnostic.is_error()).collect();
    match parsed.value {
        Some(value) if errors.is_empty() => Ok(value),
        Some(_) | None => {
            let exit = errors.first().map_or(3, |diagnostic| diagnostic.exit.code());
            let text = errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
            Err(StartError::new(text, exit))
        }
    }
}

/// mosquitto's words for a file of TLS that is of no use; the reason is the next line.
fn unloadable(key: &str, written: &str) -> String {
    match key {
        "certfile" => format!("Error: Unable to load server certificate \"{written}\". Check certfile."),
        "keyfile" => format!("Error: Unable to load server key file \"{written}\". Check keyfile."),
        "cafile" => format!("Error: Unable to load CA certificates. Check cafile \"{written}\"."),
        "bridge_cafile" => {
            format!("Error: Unable to load CA certificates, check bridge_cafile \"{written}\".")
        }
        "bridge_certfile" => {
            format!("Error: Unable to load client certificate, check bridge_certfile \"{written}\".")
        }
        "bridge_keyfile" => {
            format!("Error: Unable to load client key file, check bridge_keyfile \"{written}\".")
        }
        other => format!("Error: Unable to load {other} \"{written}\"."),
    }
}

pub(crate) fn pem(setting: &FileSetting, key: &str) -> Result<PemSource, StartError> {
    let bytes = read(&setting.path, 0).map_err(|error| {
        StartError::new(format!("Error: {error}."), UNUSABLE)
            .saying(&unloadable(key, &setting.written))
            .hint("check the path, and that the user the broker runs as may read it")
            .at(&setting.at)
    })?;
    Ok(PemSource::new(setting.written.clone(), bytes))
}

/// The PEM files of a `capath`: with or without the hashed names that OpenSSL wants.
pub(crate) fn folder(setting: &FileSetting) -> Result<Vec<PemSource>, StartError> {
    let failed = |error: std::io::Error| {
        StartError::new(format!("Error: Unable to read capath \"{}\": {error}.", setting.written), UNUSABLE)
            .at(&setting.at)
    };
    let mut sources = Vec::new();
    let mut paths: Vec<_> = std::fs::read_dir(&setting.path)
        .and_then(|entries| {
            entries.map(|entry| entry.map(|entry| entry.path())).collect::<std::io::Result<_>>()
        })
        .map_err(failed)?;
    paths.sort();
    for path in paths.into_iter().filter(|path| path.is_file()) {
        let bytes = read(&path, 0).map_err(failed)?;
        // Revocation lists and the like lie there too; they are no CA certificates.
        let is_source = match sealmq_pki::pem::of_label(&bytes, "CERTIFICATE") {
            Ok(found) => !found.is_empty(),
            Err(PemError::Binary) => false,
            // A file that is only partly readable is passed on, to be refused with its reason.
            Err(PemError::Unfinished { .. } | PemError::Base64 { .. }) => true,
        };
        if is_source {
            sources.push(PemSource::new(path.display().to_string(), bytes));
        }
    }
    Ok(sources)
}

/// A password or ACL file: no symbolic link, and a finding where others may read it.
fn guarded_file(setting: &FileSetting, key: &str) -> Result<(SourceFile, Vec<Finding>), StartError> {
    let flags = if std::env::var_os(ALLOW_SYMLINKS).is_some() { 0 } else { nix::libc::O_NOFOLLOW };
    let bytes = read_regular(&setting.path, flags).map_err(|error| {
        let (why, hint) = if error.raw_os_error() == Some(nix::libc::ELOOP) {
            ("it is a symbolic link".to_owned(), "name the file itself".to_owned())
        } else {
            (error.to_string(), format!("check the path of {key}, and that the broker's user may read it"))
        };
        let unopened = format!("Error: Unable to open {key} \"{}\".", setting.written);
        let words = match [std::io::ErrorKind::IsADirectory, NOT_A_FILE].contains(&error.kind()) {
            true => format!("Error: {} is not a file.\n{unopened}", setting.written),
            false => unopened,
        };
        StartError::new(format!("Error: {why}."), FILE_ACCESS).saying(&words).hint(hint).at(&setting.at)
    })?;
    let mut findings = Vec::new();
    let mode = std::fs::metadata(&setting.path).map_or(0, |meta| meta.permissions().mode());
    if mode & 0o007 != 0 {
        findings.push(finding(
            "world-readable-file",
            format!("{}: everyone on this machine may read it", setting.written),
            format!("chmod 0640 {}", setting.written),
        ));
    }
    Ok((SourceFile { path: setting.written.clone().into(), bytes }, findings))
}

/// A private key that others may read.
pub(crate) fn loose_key(path: &Path, written: &str) -> Option<Finding> {
    let meta = std::fs::metadata(path).ok()?;
    // Root's own keys may be read by a service group (Debian's ssl-cert); everyone may not.
    let loose = meta.mode() & 0o007 != 0;
    loose.then(|| {
        finding(
            "private-key-readable",
            format!("{written}: the private key can be read by everyone on this machine"),
            format!("chmod 0600 {written}"),
        )
    })
}

pub(crate) fn finding(code: &'static str, text: String, hint: String) -> Finding {
    Finding { code, text, hint }
}

/// What [`read_regular`] says of a device or a pipe.
const NOT_A_FILE: std::io::ErrorKind = std::io::ErrorKind::InvalidInput;

/// As [`read`]; a device or a pipe, which gives something else each time, is none.
fn read_regular(path: &Path, flags: i32) -> std::io::Result<Vec<u8>> {
    let kind = std::fs::symlink_metadata(path)?.file_type();
    match kind.is_file() || kind.is_dir() || kind.is_symlink() {
        true => read(path, flags),
        false => Err(std::io::Error::new(NOT_A_FILE, "it is a device or a pipe")),
    }
}

pub(crate) fn read(path: &Path, flags: i32) -> std::io::Result<Vec<u8>> {
    let file = std::fs::OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    if file.metadata()?.is_dir() {
        return Err(std::io::ErrorKind::IsADirectory.into());
    }
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(std::io::ErrorKind::FileTooLarge.into());
    }
    Ok(bytes)
}
