//! A CA, a server's certificate and a device's, made by our own PKI.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use sealmq_pki::{
    Ca, CaSubject, End, Holder, HostName, LeafRequest, Name, Serial, Signer, SoftKey, Timestamp, issue_leaf,
    issue_root,
};
use sealmq_tls::{
    ClientTls, ClientTlsSpec, KeyPair, LegacyServerCerts, PemSource, RecordSize, ServerOcsp, TlsPolicy,
    VerifyServer, Versions,
};

/// The files, as text.
pub(super) struct Certificates {
    ca: String,
    server: (String, String),
    device: (String, String),
}

impl Certificates {
    pub(super) fn new() -> Certificates {
        let key: Arc<dyn Signer> = Arc::new(SoftKey::generate().unwrap());
        let subject = CaSubject::root("Test CA", 1).unwrap();
        let ca = issue_root(key, &subject, serial(1), now()).unwrap();
        let hosts = [HostName::parse("localhost").unwrap()];
        let name = Name::parse("d1").unwrap();
        Certificates {
            server: leaf(&ca, Holder::Server(&hosts), 2),
            device: leaf(&ca, Holder::Device(&name), 3),
            ca: ca.certificate().pem(),
        }
    }

    /// What a listener needs.
    pub(super) fn write(&self, folder: &Path) {
        fs::write(folder.join("ca.crt"), &self.ca).unwrap();
        fs::write(folder.join("server.crt"), &self.server.0).unwrap();
        fs::write(folder.join("server.key"), &self.server.1).unwrap();
    }

    pub(super) fn device(&self) -> KeyPair {
        let chain = PemSource::new("device.crt", self.device.0.as_str());
        KeyPair::load(&chain, &PemSource::new("device.key", self.device.1.as_str()), None).unwrap()
    }

    /// A client that trusts the CA.
    pub(super) fn client(&self, versions: Versions, key_pair: Option<KeyPair>) -> ClientTls {
        let spec = ClientTlsSpec {
            policy: TlsPolicy::from_openssl(versions, None, None).unwrap().0,
            anchors: vec![PemSource::new("ca.crt", self.ca.as_str())],
            os_roots: None,
            key_pair,
            legacy_server_certs: LegacyServerCerts::Deny,
            verify: VerifyServer::Full,
            ocsp: ServerOcsp::NotRequired,
            alpn: Vec::new(),
            record_size_max: RecordSize::default(),
        };
        ClientTls::build(spec, now()).unwrap().0
    }
}

pub(super) fn now() -> Timestamp {
    let secs = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    Timestamp::from_secs(i64::try_from(secs).unwrap())
}

fn leaf(ca: &Ca, holder: Holder<'_>, number: u8) -> (String, String) {
    let key = SoftKey::generate().unwrap();
    let public_key = key.public_key();
    let request = LeafRequest { holder, public_key, serial: serial(number), now: now(), end: End::Profile };
    (issue_leaf(ca, &request).unwrap().pem(), key.to_pem().to_string())
}

fn serial(number: u8) -> Serial {
    Serial::from_random([number; 16]).unwrap()
}
