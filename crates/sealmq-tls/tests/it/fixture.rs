//! Certificates from the openssl command line, made once for the whole run.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use sealmq_pki::{Facts, Signer as _, SoftKey, Timestamp, pem};
use sealmq_tls::{KeyPair, PemSource};
use tempfile::TempDir;

pub(crate) const CLIENT: &str =
    "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=clientAuth\n";
pub(crate) const SERVER: &str = "basicConstraints=critical,CA:FALSE\nextendedKeyUsage=serverAuth\nsubjectAltName=DNS:localhost,DNS:mqtt.example.com,IP:127.0.0.1\n";
pub(crate) const CA: &str =
    "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n";
pub(crate) const NO_PURPOSE: &str = "basicConstraints=CA:FALSE\n";

/// A certificate and its key, PEM.
#[derive(Clone)]
pub(crate) struct Pair {
    pub(crate) name: String,
    pub(crate) cert: String,
    pub(crate) key: String,
}

impl Pair {
    pub(crate) fn source(&self) -> PemSource {
        PemSource::new(format!("{}.crt", self.name), self.cert.as_bytes())
    }

    pub(crate) fn key_source(&self) -> PemSource {
        PemSource::new(format!("{}.key", self.name), self.key.as_bytes())
    }

    pub(crate) fn load(&self) -> KeyPair {
        KeyPair::load(&self.source(), &self.key_source(), None).unwrap()
    }

    /// This leaf with CA certificates behind it, as a full chain file.
    pub(crate) fn with_chain(&self, issuers: &[&Pair]) -> Pair {
        let cert = issuers.iter().fold(self.cert.clone(), |chain, issuer| chain + &issuer.cert);
        Pair { cert, ..self.clone() }
    }

    pub(crate) fn facts(&self) -> Facts {
        Facts::parse(&pem::of_label(self.cert.as_bytes(), "CERTIFICATE").unwrap()[0]).unwrap()
    }
}

/// A moment at which everything that was made is valid.
pub(crate) fn now() -> Timestamp {
    static NOW: OnceLock<Timestamp> = OnceLock::new();
    *NOW.get_or_init(|| fixtures().ca.facts().not_before.plus_secs(3600))
}

/// Everything that most tests use.
pub(crate) struct Fixtures {
    dir: TempDir,
    pub(crate) ca: Pair,
    pub(crate) server: Pair,
    pub(crate) client: Pair,
    pub(crate) guide_ca: Pair,
    pub(crate) guide_server: Pair,
    pub(crate) guide_client: Pair,
}

pub(crate) fn fixtures() -> &'static Fixtures {
    static FIXTURES: OnceLock<Fixtures> = OnceLock::new();
    FIXTURES.get_or_init(Fixtures::make)
}

impl Fixtures {
    fn make() -> Fixtures {
        let dir = TempDir::new().unwrap();
        let at = dir.path();
        let ca = root(at, "root", "/O=Test/CN=Root", CA, 3650);
        let server = issue(at, &ca, "server", "/CN=localhost", Some(SERVER), 365);
        let client = issue(at, &ca, "client", "/CN=client1", Some(CLIENT), 365);
        let [guide_ca, guide_server, guide_client] = guide(at);
        Fixtures { ca, server, client, guide_ca, guide_server, guide_client, dir }
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// A leaf under the root.
    pub(crate) fn leaf(&self, name: &str, subject: &str, extensions: Option<&str>) -> Pair {
        issue(self.dir(), &self.ca, name, subject, extensions, 365)
    }
}

/// A self-signed certificate with these extensions, P-256.
pub(crate) fn root(dir: &Path, name: &str, subject: &str, extensions: &str, days: u32) -> Pair {
    ec_key(dir, name);
    self_sign(dir, name, subject, extensions, days)
}

/// The same with the key of another one.
pub(crate) fn root_with_key(dir: &Path, key: &Pair, name: &str, subject: &str) -> Pair {
    write(dir, &format!("{name}.key"), &key.key);
    self_sign(dir, name, subject, CA, 3650)
}

fn self_sign(dir: &Path, name: &str, subject: &str, extensions: &str, days: u32) -> Pair {
    let key = dir.join(format!("{name}.key"));
    let csr = request(dir, name, subject);
    let ext = write(dir, &format!("{name}.ext"), extensions);
    let out = dir.join(format!("{name}.crt"));
    let days = days.to_string();
    openssl(&[
        "x509",
        "-req",
        "-in",
        &csr,
        "-signkey",
        s(&key),
        "-days",
        &days,
        "-extfile",
        s(&ext),
        "-out",
        s(&out),
    ]);
    read_pair(dir, name)
}

/// A certificate signed by `issuer`; without extensions it is version 1, as the guide's.
pub(crate) fn issue(
    dir: &Path,
    issuer: &Pair,
    name: &str,
    subject: &str,
    extensions: Option<&str>,
    days: u32,
) -> Pair {
    ec_key(dir, name);
    sign(dir, issuer, name, subject, extensions, days)
}

/// The same with the key of another one.
pub(crate) fn issue_with_key(dir: &Path, issuer: &Pair, key: &Pair, name: &str, subject: &str) -> Pair {
    write(dir, &format!("{name}.key"), &key.key);
    sign(dir, issuer, name, subject, Some(CA), 3650)
}

/// The certificate with octets of its TBSCertificate replaced, wherever they stand, and in the algorithm beside it;
/// signed again by `issuer`'s key, ECDSA with SHA-256.
pub(crate) fn altered(pair: &Pair, issuer: &Pair, octets: &[u8], by: &[u8]) -> Pair {
    let der = &pem::of_label(pair.cert.as_bytes(), "CERTIFICATE").unwrap()[0];
    let (tbs, rest) = first_of(content(der));
    let (algorithm, _) = first_of(rest);
    let tbs = encoded(0x30, &replaced(content(tbs), octets, by));
    let signature = SoftKey::from_pem(issuer.key.as_bytes()).unwrap().sign(&tbs).unwrap();
    let signature = encoded(3, &[&[0], signature.as_slice()].concat());
    let cert = encoded(0x30, &[tbs, replaced(algorithm, octets, by), signature].concat());
    Pair { cert: pem::encode("CERTIFICATE", &cert).to_string(), ..pair.clone() }
}

fn replaced(text: &[u8], octets: &[u8], by: &[u8]) -> Vec<u8> {
    match text.windows(octets.len()).position(|window| window == octets) {
        Some(at) => {
            let behind = replaced(&text[at + octets.len()..], octets, by);
            [&text[..at], by, &behind].concat()
        }
        None => text.to_vec(),
    }
}

/// The first element of DER and what follows it.
fn first_of(der: &[u8]) -> (&[u8], &[u8]) {
    let content = content(der);
    let end = content.as_ptr() as usize - der.as_ptr() as usize + content.len();
    der.split_at(end)
}

fn content(der: &[u8]) -> &[u8] {
    let (octets, start) = match der[1] {
        0x82 => (usize::from(u16::from_be_bytes([der[2], der[3]])), 4),
        0x81 => (usize::from(der[2]), 3),
        short => (usize::from(short), 2),
    };
    &der[start..start + octets]
}

pub(crate) fn encoded(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap().to_be_bytes();
    let head = match content.len() {
        0..=0x7f => vec![tag, length[1]],
        0x80..=0xff => vec![tag, 0x81, length[1]],
        _ => vec![tag, 0x82, length[0], length[1]],
    };
    [head.as_slice(), content].concat()
}

fn sign(dir: &Path, issuer: &Pair, name: &str, subject: &str, extensions: Option<&str>, days: u32) -> Pair {
    let csr = request(dir, name, subject);
    let ca_cert = write(dir, &format!("{name}.issuer.crt"), &issuer.cert);
    let ca_key = write(dir, &format!("{name}.issuer.key"), &issuer.key);
    let out = dir.join(format!("{name}.crt"));
    let serial = format!("0x{:x}", u64::from_be_bytes(*b"SealMQ01") ^ fnv(name));
    let days = days.to_string();
    let mut line = vec![
        "x509",
        "-req",
        "-in",
        &csr,
        "-CA",
        s(&ca_cert),
        "-CAkey",
        s(&ca_key),
        "-set_serial",
        &serial,
        "-days",
        &days,
        "-out",
        s(&out),
    ];
    let ext = extensions.map(|text| write(dir, &format!("{name}.ext"), text));
    if let Some(ext) = &ext {
        line.extend(["-extfile", s(ext)]);
    }
    openssl(&line);
    read_pair(dir, name)
}

/// The guide's lines, verbatim but for the directory.
fn guide(dir: &Path) -> [Pair; 3] {
    let script = r#"
openssl genrsa -out gca.key 2048
openssl req -new -x509 -days 365 -key gca.key -out gca.crt -subj "/C=US/ST=State/L=City/O=MyOrg/CN=MyCA"
openssl genrsa -out gserver.key 2048
openssl req -new -key gserver.key -out gserver.csr -subj "/C=US/ST=State/L=City/O=MyOrg/CN=mqtt.example.com"
openssl x509 -req -days 365 -in gserver.csr -CA gca.crt -CAkey gca.key -CAcreateserial -out gserver.crt
openssl genrsa -out gclient.key 2048
openssl req -new -key gclient.key -out gclient.csr -subj "/C=US/ST=State/L=City/O=MyOrg/CN=client1"
openssl x509 -req -days 365 -in gclient.csr -CA gca.crt -CAkey gca.key -CAcreateserial -out gclient.crt
"#;
    let done = Command::new("sh").args(["-e", "-c", script]).current_dir(dir).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    ["gca", "gserver", "gclient"].map(|name| read_pair(dir, name))
}

pub(crate) fn openssl(line: &[&str]) {
    let done = Command::new("openssl")
        .args(line)
        .output()
        .expect("the openssl command line is needed by these tests");
    assert!(done.status.success(), "openssl {line:?}: {}", String::from_utf8_lossy(&done.stderr));
}

fn ec_key(dir: &Path, name: &str) -> PathBuf {
    let path = dir.join(format!("{name}.key"));
    openssl(&["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", s(&path)]);
    path
}

fn request(dir: &Path, name: &str, subject: &str) -> String {
    let (key, csr) = (dir.join(format!("{name}.key")), dir.join(format!("{name}.csr")));
    openssl(&["req", "-new", "-utf8", "-key", s(&key), "-subj", subject, "-out", s(&csr)]);
    s(&csr).to_owned()
}

pub(crate) fn write(dir: &Path, name: &str, text: &str) -> PathBuf {
    let path = dir.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

fn read_pair(dir: &Path, name: &str) -> Pair {
    let read = |ext: &str| std::fs::read_to_string(dir.join(format!("{name}.{ext}"))).unwrap();
    Pair { name: name.to_owned(), cert: read("crt"), key: read("key") }
}

pub(crate) fn s(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn fnv(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
        >> 1
}
