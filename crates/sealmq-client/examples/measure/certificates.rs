//! A P-256 CA, a server certificate and a client certificate, made with `openssl`: neither broker has a home game.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sealmq_client::Options;
use sealmq_tls::{
    ClientTls, ClientTlsSpec, KeyPair, LegacyServerCerts, PemSource, RecordSize, ServerOcsp, Timestamp,
    TlsPolicy, VerifyServer, Versions,
};

/// The folder with `ca.crt`, `server.crt`, `server.key`, `client.crt` and `client.key`.
pub(crate) struct Certificates {
    folder: PathBuf,
}

impl Certificates {
    /// Makes them all; valid for two days.
    pub(crate) fn make(folder: &Path) -> Result<Certificates, Box<dyn Error>> {
        let certificates = Certificates { folder: folder.to_owned() };
        openssl(
            folder,
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -keyout ca.key -out ca.crt \
             -subj /CN=measure-ca -addext keyUsage=critical,keyCertSign,cRLSign",
        )?;
        certificates.leaf("server", "serverAuth")?;
        certificates.leaf("client", "clientAuth")?;
        Ok(certificates)
    }

    fn leaf(&self, name: &str, purpose: &str) -> Result<(), Box<dyn Error>> {
        openssl(
            &self.folder,
            &format!(
                "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout {name}.key -out {name}.csr -subj /CN={name}"
            ),
        )?;
        let extensions = format!(
            "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage={purpose}\n\
             subjectAltName=DNS:localhost,IP:127.0.0.1\n"
        );
        std::fs::write(self.folder.join(format!("{name}.ext")), extensions)?;
        openssl(
            &self.folder,
            &format!(
                "x509 -req -in {name}.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile {name}.ext -out {name}.crt"
            ),
        )
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.folder.join(file)
    }

    /// How a client of the load connects: TLS 1.3, X25519, its certificate.
    pub(crate) fn options(&self, port: u16) -> Result<impl Fn(String) -> Options + use<>, Box<dyn Error>> {
        let (policy, _) = TlsPolicy::from_openssl(Versions::OnlyV1_3, None, None)?;
        let policy = policy.with_group("X25519").ok_or("X25519 is missing")?;
        let spec = ClientTlsSpec {
            policy,
            anchors: vec![self.pem("ca.crt")?],
            os_roots: None,
            key_pair: Some(KeyPair::load(&self.pem("client.crt")?, &self.pem("client.key")?, None)?),
            legacy_server_certs: LegacyServerCerts::Deny,
            verify: VerifyServer::Full,
            ocsp: ServerOcsp::NotRequired,
            alpn: Vec::new(),
            record_size_max: RecordSize::default(),
        };
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs();
        let (tls, _) = ClientTls::build(spec, Timestamp::from_secs(i64::try_from(now)?))?;
        Ok(move |client_id| {
            let mut options = Options::new("127.0.0.1", port, Some(tls.clone()));
            options.session.client_id = client_id;
            options.session.keep_alive_secs = 0;
            options.session.inflight_max = 1000;
            options
        })
    }

    fn pem(&self, file: &str) -> Result<PemSource, Box<dyn Error>> {
        Ok(PemSource::new(file, std::fs::read(self.path(file))?))
    }
}

fn openssl(folder: &Path, arguments: &str) -> Result<(), Box<dyn Error>> {
    let status = Command::new("openssl")
        .args(arguments.split_whitespace())
        .current_dir(folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()?;
    if status.success() { Ok(()) } else { Err(format!("openssl {arguments}: {status}").into()) }
}
