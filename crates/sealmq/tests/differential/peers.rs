//! A mosquitto and a `sealmq broker` on loopback with the same configuration.

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::certificates::Certificates;
use super::line::{Line, Transport};

/// A mosquitto; it ends with the value.
pub(super) struct Mosquitto {
    pub(super) release: Release,
    pub(super) server: Server,
}

/// A broker with one listener; it ends with the value.
pub(super) struct Server {
    port: u16,
    transport: Transport,
    certificates: Arc<Certificates>,
    child: Child,
    _folder: tempfile::TempDir,
}

impl Mosquitto {
    /// `None`: mosquitto is missing.
    pub(super) fn start(conf: &str, certificates: &Arc<Certificates>) -> Option<Mosquitto> {
        let Some(binary) = mosquitto() else {
            assert!(std::env::var_os("CI").is_none(), "mosquitto is required in CI");
            eprintln!("skipped: mosquitto is not installed");
            return None;
        };
        let release = Release::of(&binary);
        Some(Mosquitto { release, server: Server::start(&binary, conf, Transport::TCP, certificates) })
    }
}

/// The binary in `MOSQUITTO`, or an installed one.
fn mosquitto() -> Option<PathBuf> {
    let installed = ["/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto", "/opt/homebrew/sbin/mosquitto"];
    std::env::var_os("MOSQUITTO")
        .map(PathBuf::from)
        .or_else(|| installed.into_iter().map(PathBuf::from).find(|path| path.exists()))
}

/// Which differences are expected of a mosquitto.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Release {
    /// Debian 12's and Ubuntu's.
    V2_0,
    /// The one that the contract is measured by.
    V2_1,
}

impl Release {
    fn of(mosquitto: &Path) -> Release {
        let said = Command::new(mosquitto).arg("-h").output().unwrap();
        let text = String::from_utf8_lossy(&said.stdout);
        if text.contains("version 2.0.") { Release::V2_0 } else { Release::V2_1 }
    }
}

impl Server {
    /// Ours, with one listener of this kind.
    pub(super) fn sealmq(conf: &str, transport: Transport, certificates: &Arc<Certificates>) -> Server {
        Server::start(Path::new(env!("CARGO_BIN_EXE_sealmq")), conf, transport, certificates)
    }

    /// A connection over its transport.
    pub(super) fn dial(&self) -> Line {
        Line::dial(self.port, self.transport, &self.certificates)
    }

    fn start(binary: &Path, conf: &str, transport: Transport, certificates: &Arc<Certificates>) -> Server {
        let folder = tempfile::tempdir().unwrap();
        let port = super::ports::free_port();
        fs::write(folder.path().join("acl"), super::publishing::ACL).unwrap();
        fs::write(folder.path().join("passwords"), super::connecting::PASSWORDS).unwrap();
        certificates.write(folder.path());
        let text = format!("user root\nlistener {port} 127.0.0.1\n{}{conf}", transport.listener())
            .replace("DIR", folder.path().to_str().unwrap());
        fs::write(folder.path().join("m.conf"), text).unwrap();
        let child = Command::new(binary)
            .current_dir(folder.path())
            .args(["-c", "m.conf"])
            .stdout(Stdio::null())
            .stderr(Stdio::from(fs::File::create(folder.path().join("log")).unwrap()))
            .env_remove("NOTIFY_SOCKET")
            .spawn()
            .unwrap();
        let certificates = Arc::clone(certificates);
        let mut server = Server { port, transport, certificates, child, _folder: folder };
        server.wait_until_it_listens();
        server
    }

    fn wait_until_it_listens(&mut self) {
        let by = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            let ended = self.child.try_wait().unwrap();
            let log = || fs::read_to_string(self._folder.path().join("log")).unwrap();
            assert!(ended.is_none() && Instant::now() < by, "it does not listen: {ended:?}\n{}", log());
            std::thread::yield_now();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
