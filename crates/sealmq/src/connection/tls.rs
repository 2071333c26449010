//! TLS from the flags of the command line, or from what was found on this computer.

use std::path::Path;

use sealmq_client::Trace;
use sealmq_tls::{
    ClientTls, ClientTlsSpec, Finding, KeyPair, LegacyServerCerts, OsRoots, PemSource, RecordSize,
    ServerOcsp, Timestamp, TlsPolicy, VerifyServer, Versions,
};
use zeroize::Zeroizing;

use super::ConnectionFlags;
use super::discovery::Found;
use crate::report::Failure;

/// TLS with the anchors that the flags name.
pub(super) fn of_flags(flags: &ConnectionFlags, os_certificates: bool) -> Result<ClientTls, Failure> {
    let mut anchors = Vec::new();
    if let Some(path) = &flags.cafile {
        anchors.push(pem(path, "--cafile")?);
    }
    if let Some(path) = &flags.capath {
        anchors.extend(pem_folder(path)?);
    }
    let mut findings = Vec::new();
    let os_roots = os_certificates.then(|| {
        let (roots, found) = OsRoots::load();
        findings.extend(found);
        roots
    });
    let key_pair = match (&flags.cert, &flags.key) {
        (Some(certificate), Some(key)) => {
            Some(key_pair(&pem(certificate, "--cert")?, &pem(key, "--key")?, passphrase(flags)?.as_ref())?)
        }
        (Some(_), None) | (None, Some(_)) | (None, None) => None,
    };
    let (policy, found) = policy(flags)?;
    findings.extend(found);
    build(flags, policy, anchors, os_roots, key_pair, findings)
}

/// TLS with the CA and the certificate of the broker of this computer.
pub(super) fn of_found(flags: &ConnectionFlags, found: &Found) -> Result<ClientTls, Failure> {
    let anchors = vec![PemSource::new(&found.anchors.path, found.anchors.content.clone())];
    let certificate = PemSource::new(&found.certificate.path, found.certificate.content.clone());
    let key = PemSource::new(&found.key.path, found.key.content.to_vec());
    let (policy, findings) = policy(flags)?;
    build(flags, policy, anchors, None, Some(key_pair(&certificate, &key, None)?), findings)
}

/// A flag that only TLS can honour, while nothing asks for TLS, is refused: mosquitto_pub sends in plaintext then.
pub(super) fn refuse_flags_without_tls(flags: &ConnectionFlags) -> Result<(), Failure> {
    let given = [
        ("--cert", flags.cert.is_some()),
        ("--ciphers", flags.ciphers.is_some()),
        ("--tls-version", flags.tls_version.is_some()),
        ("--tls-alpn", flags.tls_alpn.is_some()),
        ("--insecure", flags.insecure),
    ];
    match given.iter().find(|(_, is_given)| *is_given) {
        None => Ok(()),
        Some((flag, _)) => Err(Failure::new(format!("{flag} is given, but nothing says which CA to trust"))
            .hint("add --cafile FILE with the CA certificate of the broker, or --tls-use-os-certs")),
    }
}

fn build(
    flags: &ConnectionFlags,
    policy: TlsPolicy,
    anchors: Vec<PemSource>,
    os_roots: Option<OsRoots>,
    key_pair: Option<KeyPair>,
    mut findings: Vec<Finding>,
) -> Result<ClientTls, Failure> {
    let spec = ClientTlsSpec {
        policy,
        anchors,
        os_roots,
        key_pair,
        legacy_server_certs: LegacyServerCerts::Warn,
        verify: if flags.insecure { VerifyServer::InsecureAnyName } else { VerifyServer::Full },
        ocsp: ServerOcsp::NotRequired,
        alpn: flags.tls_alpn.iter().map(|protocol| protocol.as_bytes().to_vec()).collect(),
        record_size_max: RecordSize::default(),
    };
    let (tls, found) = ClientTls::build(spec, now()).map_err(|error| with_hint(&error.to_string()))?;
    findings.extend(found);
    // mosquitto_pub says nothing of such things, and its output is what scripts expect; -d shows them.
    if trace_of(flags) == Trace::On {
        for finding in &findings {
            eprintln!("warning: {}\nhint: {}", finding.text, finding.hint);
        }
    }
    Ok(tls)
}

fn trace_of(flags: &ConnectionFlags) -> Trace {
    if flags.debug { Trace::On } else { Trace::Off }
}

fn policy(flags: &ConnectionFlags) -> Result<(TlsPolicy, Vec<Finding>), Failure> {
    let versions = match &flags.tls_version {
        Some(value) => Versions::from_client_flag(value).map_err(|error| with_hint(&error.to_string()))?,
        None => Versions::V1_2AndV1_3,
    };
    TlsPolicy::from_openssl(versions, flags.ciphers.as_deref(), None)
        .map_err(|error| with_hint(&error.to_string()))
}

fn key_pair(
    certificate: &PemSource,
    key: &PemSource,
    passphrase: Option<&Zeroizing<Vec<u8>>>,
) -> Result<KeyPair, Failure> {
    KeyPair::load(certificate, key, passphrase.map(|word| word.as_slice()))
        .map_err(|error| with_hint(&error.to_string()))
}

fn passphrase(flags: &ConnectionFlags) -> Result<Option<Zeroizing<Vec<u8>>>, Failure> {
    if let Some(path) = &flags.keypass_file {
        let mut word = Zeroizing::new(pem(path, "--keypass-file")?.pem);
        let end = word.iter().position(|byte| matches!(byte, b'\n' | b'\r')).unwrap_or(word.len());
        word.truncate(end);
        return Ok(Some(word));
    }
    Ok(std::env::var_os("SEALMQ_KEY_PASSPHRASE").map(|word| Zeroizing::new(super::argument_bytes(&word))))
}

fn pem(path: &Path, flag: &str) -> Result<PemSource, Failure> {
    match std::fs::read(path) {
        Ok(content) => Ok(PemSource::new(path.display().to_string(), content)),
        Err(error) => Err(Failure::new(format!("cannot read {}: {error}", path.display()))
            .hint(format!("{flag} wants the path of a file that you can read"))),
    }
}

/// Every file of `--capath`. Links of c_rehash show the same certificates twice, which does no harm.
fn pem_folder(folder: &Path) -> Result<Vec<PemSource>, Failure> {
    let unreadable = |error: std::io::Error| {
        Failure::new(format!("cannot read {}: {error}", folder.display()))
            .hint("--capath wants a directory with PEM files of CA certificates")
    };
    let mut sources = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let is_certificate =
            path.extension().is_some_and(|end| ["pem", "crt", "cer", "0"].iter().any(|known| end == *known));
        if is_certificate && path.is_file() {
            sources.push(pem(&path, "--capath")?);
        }
    }
    sources.sort_by(|one, other| one.origin.cmp(&other.origin));
    Ok(sources)
}

/// Errors of sealmq-tls carry their hint as a line of their own.
fn with_hint(text: &str) -> Failure {
    match text.split_once("\nhint: ") {
        Some((what, hint)) => Failure::new(what).hint(hint),
        None => Failure::new(text),
    }
}

fn now() -> Timestamp {
    let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_secs(i64::try_from(since_epoch.as_secs()).unwrap_or(i64::MAX))
}
