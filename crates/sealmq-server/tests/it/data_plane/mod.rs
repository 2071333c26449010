//! A real broker in this process, reached through real sockets on loopback.

mod fence;
mod flights;
mod http_api;
mod limits;
mod options;
mod refusals;
mod stopping;
mod take_over;
pub(crate) mod websockets;

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use sealmq_config::{Arguments, Config, NoLoader, SourceFile};
use sealmq_pki::{
    Ca, CaSubject, Certificate, End, Holder, HostName, LeafRequest, Name, Serial, Signer, SoftKey, Timestamp,
    issue_leaf, issue_root,
};
use sealmq_server::control::ControlThread;
use sealmq_server::directory;
use sealmq_server::door::limits::DoorLimits;
use sealmq_server::home::Home;
use sealmq_server::log::{Destination, Levels, LogKeeper, LogSpec};
use sealmq_server::plan::StartError;
use sealmq_server::reload::{ConfigSource, Fresh, Reloader};
use sealmq_server::running::{Control, Threads};
use sealmq_server::serve::{self, Hooks, Served};
use sealmq_tls::{
    ClientTls, ClientTlsSpec, KeyPair, LegacyServerCerts, PemSource, RecordSize, ServerOcsp, TlsPolicy,
    TlsSession, VerifyServer, Versions,
};

use crate::ports::free_port;

/// Nothing on loopback takes this long; a test that waits for it has failed.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) struct Broker {
    pub(super) folder: tempfile::TempDir,
    pub(super) port: u16,
    served: Option<Served>,
    keeper: Option<LogKeeper>,
}

impl Broker {
    /// Starts with this configuration; `PORT` in it becomes a free port, `DIR` the folder.
    pub(super) fn start(prepare: impl FnOnce(&Path), conf: &str) -> Broker {
        Broker::bounded(
            prepare,
            conf,
            DoorLimits::default(),
            Threads { workers: 2, shards: 3, ..Threads::default() },
        )
    }

    pub(super) fn bounded(
        prepare: impl FnOnce(&Path),
        conf: &str,
        door: DoorLimits,
        threads: Threads,
    ) -> Broker {
        let folder = tempfile::tempdir().unwrap();
        prepare(folder.path());
        Broker::launch(folder, conf, Hooks::default(), door, threads)
    }

    /// As [`Broker::bounded`], in a folder that is ready, with what a data directory adds.
    pub(super) fn launch(
        folder: tempfile::TempDir,
        conf: &str,
        hooks: Hooks,
        door: DoorLimits,
        threads: Threads,
    ) -> Broker {
        let port = free_port();
        let (source, config) = ConfFile::write(folder.path(), port, conf);
        let hooks = Hooks { source: Some(Arc::new(source)), ..hooks };
        let keeper = LogKeeper::start(LogSpec {
            destinations: vec![Destination::File(folder.path().join("log"))],
            levels: Levels::ALL,
            ..LogSpec::default()
        })
        .unwrap();
        let log = keeper.log();
        let served = serve::prepare(config, hooks).unwrap().open(&log).unwrap();
        let served = served.with_bounds(door, threads).start().unwrap();
        Broker { folder, port, served: Some(served), keeper: Some(keeper) }
    }

    /// Writes another configuration; it counts after a reload.
    pub(super) fn write_conf(&self, conf: &str) {
        let path = self.folder.path().join("mosquitto.conf");
        fs::write(path, conf_text(self.folder.path(), self.port, conf)).unwrap();
    }

    /// Writes another configuration and reloads.
    pub(super) fn reload(&self, conf: &str) -> Result<(), StartError> {
        self.write_conf(conf);
        self.reloader().reload()
    }

    pub(super) fn plain(conf: &str) -> Broker {
        Broker::start(|_| {}, conf)
    }

    pub(super) fn connections(&self) -> usize {
        self.served.as_ref().unwrap().running.connections()
    }

    pub(super) fn tcp(&self) -> TcpStream {
        let address = SocketAddr::from(([127, 0, 0, 1], self.port));
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    pub(super) fn control(&self) -> Control {
        self.served.as_ref().unwrap().running.control()
    }

    /// The control socket of the directory that it runs on.
    pub(super) fn serve_control(&self, home: Home) -> ControlThread {
        let (served, keeper) = (self.served.as_ref().unwrap(), self.keeper.as_ref().unwrap());
        directory::control(home, served, self.port, &keeper.log()).unwrap()
    }

    /// Its log so far.
    pub(super) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    /// Waits until the log says this.
    pub(super) fn wait_for_line(&self, text: &str) {
        let by = std::time::Instant::now() + PATIENCE;
        while !fs::read_to_string(self.folder.path().join("log")).unwrap().contains(text) {
            assert!(std::time::Instant::now() < by, "no line says '{text}'");
            std::thread::yield_now();
        }
    }

    pub(super) fn reloader(&self) -> Reloader {
        self.served.as_ref().unwrap().reloader()
    }

    /// Stops it and gives its whole log.
    pub(super) fn stop(mut self) -> String {
        self.end();
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    fn end(&mut self) {
        if let (Some(served), Some(keeper)) = (self.served.take(), self.keeper.take()) {
            served.running.stop(&keeper.log());
            keeper.finish();
        }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.end();
    }
}

fn conf_text(folder: &Path, port: u16, conf: &str) -> String {
    let text = format!("user root\n{conf}").replace("PORT", &port.to_string());
    text.replace("DIR", folder.to_str().unwrap())
}

/// The configuration as it stands in its file.
struct ConfFile {
    path: PathBuf,
}

impl ConfFile {
    /// Written, and read once; a configuration that does not parse is a fault of the test.
    fn write(folder: &Path, port: u16, conf: &str) -> (ConfFile, Config) {
        let source = ConfFile { path: folder.join("mosquitto.conf") };
        fs::write(&source.path, conf_text(folder, port, conf)).unwrap();
        let config = source.read().unwrap_or_else(|error| panic!("{error}")).config;
        (source, config)
    }
}

/// What the files that a configuration names say to a start; no socket is opened. `DIR` in it becomes the folder.
pub(super) fn prepare(folder: &Path, conf: &str) -> Result<(), StartError> {
    let (_, config) = ConfFile::write(folder, 1, conf);
    serve::prepare(config, Hooks::default()).map(|_| ())
}

impl ConfigSource for ConfFile {
    fn read(&self) -> Result<Fresh, StartError> {
        let failed = |text: String| StartError::new(text, 3);
        let bytes = fs::read(&self.path).map_err(|error| failed(format!("Error: {error}")))?;
        let source = SourceFile { path: self.path.clone(), bytes };
        let parsed = sealmq_config::parse(Some(&source), &Arguments::default(), &NoLoader);
        let found = parsed.diagnostics.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        let config = parsed.config.ok_or_else(|| failed(found))?;
        Ok(Fresh { config, diagnostics: parsed.diagnostics })
    }
}

fn text(value: &str) -> Vec<u8> {
    let mut bytes = u16::try_from(value.len()).unwrap().to_be_bytes().to_vec();
    bytes.extend_from_slice(value.as_bytes());
    bytes
}

fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match u8::try_from(body.len()) {
        Ok(len @ 0..128) => bytes.push(len),
        _ => bytes.extend([(body.len() % 128) | 0x80, body.len() / 128].map(|n| u8::try_from(n).unwrap())),
    }
    bytes.extend_from_slice(body);
    bytes
}

/// CONNECT of 3.1.1 with clean session.
pub(super) fn connect(id: &str, login: Option<(&str, &str)>) -> Vec<u8> {
    connect_of(4, id, login)
}

pub(super) fn connect_of(level: u8, id: &str, login: Option<(&str, &str)>) -> Vec<u8> {
    let mut body = text("MQTT");
    body.extend([level, if login.is_some() { 0xc2 } else { 0x02 }, 0, 60]);
    if level == 5 {
        body.push(0);
    }
    body.extend(text(id));
    if let Some((name, password)) = login {
        body.extend(text(name));
        body.extend(text(password));
    }
    packet(0x10, &body)
}

pub(super) fn subscribe(filter: &str) -> Vec<u8> {
    let mut body = vec![0, 1];
    body.extend(text(filter));
    body.push(0);
    packet(0x82, &body)
}

pub(super) fn publish(topic: &str, payload: &str) -> Vec<u8> {
    let mut body = text(topic);
    body.extend_from_slice(payload.as_bytes());
    packet(0x30, &body)
}

pub(super) const ACCEPTED: [u8; 4] = [0x20, 2, 0, 0];
pub(super) const NOT_AUTHORISED: [u8; 4] = [0x20, 2, 0, 5];

/// Reads exactly as many bytes as are expected.
pub(super) fn expect(stream: &mut impl Read, expected: &[u8]) {
    let mut got = vec![0; expected.len()];
    stream.read_exact(&mut got).unwrap();
    assert_eq!(got, expected);
}

/// Reads to the end, which must come without a reset.
pub(super) fn rest(stream: &mut impl Read) -> Vec<u8> {
    let mut got = Vec::new();
    stream.read_to_end(&mut got).unwrap();
    got
}

pub(super) fn now() -> Timestamp {
    let secs = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    Timestamp::from_secs(i64::try_from(secs).unwrap())
}

/// A CA, a server certificate and a device certificate in a folder.
pub(super) struct Pki {
    ca: Ca,
    pub(super) key: Arc<dyn Signer>,
    pub(super) ca_pem: String,
}

impl Pki {
    pub(super) fn new() -> Pki {
        Pki::since(now())
    }

    /// A CA that was made at that time.
    pub(super) fn since(at: Timestamp) -> Pki {
        let key: Arc<dyn Signer> = Arc::new(SoftKey::generate().unwrap());
        let subject = CaSubject::root("Test CA", 1).unwrap();
        let ca = issue_root(Arc::clone(&key), &subject, serial(1), at).unwrap();
        let ca_pem = ca.certificate().pem();
        Pki { ca, key, ca_pem }
    }

    pub(super) fn write_server(&self, folder: &Path) {
        let hosts = [HostName::parse("localhost").unwrap()];
        let (certificate, key) = self.leaf(Holder::Server(&hosts), 2);
        fs::write(folder.join("ca.crt"), &self.ca_pem).unwrap();
        fs::write(folder.join("server.crt"), certificate.pem()).unwrap();
        fs::write(folder.join("server.key"), key.to_pem().as_bytes()).unwrap();
    }

    /// The same, made at another time: it lives 90 days.
    pub(super) fn write_server_at(&self, folder: &Path, at: Timestamp) {
        let hosts = [HostName::parse("localhost").unwrap()];
        let (certificate, key) = self.leaf_of(Holder::Server(&hosts), 2, at, End::Profile);
        fs::write(folder.join("ca.crt"), &self.ca_pem).unwrap();
        write_pair(folder, "server", &certificate, &key);
    }

    /// `NAME.crt` and `NAME.key` of a server of that name.
    pub(super) fn write_server_of(&self, folder: &Path, name: &str) {
        let hosts = [HostName::parse(name).unwrap()];
        let (certificate, key) = self.leaf(Holder::Server(&hosts), 4);
        write_pair(folder, name, &certificate, &key);
    }

    /// `NAME.crt` and `NAME.key` of a device, for other programs.
    pub(super) fn write_device(&self, folder: &Path, name: &str, number: u8) {
        let holder = Name::parse(name).unwrap();
        let (certificate, key) = self.leaf(Holder::Device(&holder), number);
        write_pair(folder, name, &certificate, &key);
    }

    pub(super) fn device(&self, name: &str) -> KeyPair {
        self.device_of(name, 3, now(), End::Profile)
    }

    /// A device whose serial is made of this number, issued at this time.
    pub(super) fn device_of(&self, name: &str, number: u8, at: Timestamp, end: End) -> KeyPair {
        let name = Name::parse(name).unwrap();
        let (certificate, key) = self.leaf_of(Holder::Device(&name), number, at, end);
        let chain = PemSource::new("device.crt", certificate.pem());
        KeyPair::load(&chain, &PemSource::new("device.key", key.to_pem().as_bytes()), None).unwrap()
    }

    /// The CA's name, DER.
    pub(super) fn issuer(&self) -> Vec<u8> {
        self.ca.facts().subject.der().to_vec()
    }

    fn leaf(&self, holder: Holder<'_>, number: u8) -> (Certificate, SoftKey) {
        self.leaf_of(holder, number, now(), End::Profile)
    }

    fn leaf_of(&self, holder: Holder<'_>, number: u8, at: Timestamp, end: End) -> (Certificate, SoftKey) {
        let key = SoftKey::generate().unwrap();
        let request =
            LeafRequest { holder, public_key: key.public_key(), serial: serial(number), now: at, end };
        (issue_leaf(&self.ca, &request).unwrap(), key)
    }
}

fn write_pair(folder: &Path, name: &str, certificate: &Certificate, key: &SoftKey) {
    fs::write(folder.join(format!("{name}.crt")), certificate.pem()).unwrap();
    fs::write(folder.join(format!("{name}.key")), key.to_pem().as_bytes()).unwrap();
}

fn serial(number: u8) -> Serial {
    Serial::from_random([number; 16]).unwrap()
}

/// A client's TLS over a blocking socket.
pub(super) struct TlsClient {
    tcp: TcpStream,
    session: TlsSession,
    sealed: Vec<u8>,
    plain: Vec<u8>,
}

impl TlsClient {
    /// Shakes hands; with TLS 1.3 a refusal of our certificate comes only with the first read.
    pub(super) fn connect(
        tcp: TcpStream,
        ca_pem: &str,
        key_pair: Option<KeyPair>,
        versions: Versions,
    ) -> TlsClient {
        TlsClient::connect_behind(b"", tcp, ca_pem, key_pair, versions)
    }

    /// The same with plain bytes before the first flight, in one segment with it.
    pub(super) fn connect_behind(
        header: &[u8],
        tcp: TcpStream,
        ca_pem: &str,
        key_pair: Option<KeyPair>,
        versions: Versions,
    ) -> TlsClient {
        TlsClient::by(TlsClient::spec(ca_pem, key_pair, versions), header, tcp)
    }

    /// What [`TlsClient::connect`] shakes hands by.
    pub(super) fn spec(ca_pem: &str, key_pair: Option<KeyPair>, versions: Versions) -> ClientTlsSpec {
        ClientTlsSpec {
            policy: TlsPolicy::from_openssl(versions, None, None).unwrap().0,
            anchors: vec![PemSource::new("ca.crt", ca_pem)],
            os_roots: None,
            key_pair,
            legacy_server_certs: LegacyServerCerts::Deny,
            verify: VerifyServer::Full,
            ocsp: ServerOcsp::NotRequired,
            alpn: Vec::new(),
            record_size_max: RecordSize::default(),
        }
    }

    /// By these rules of the client's.
    pub(super) fn by(spec: ClientTlsSpec, header: &[u8], tcp: TcpStream) -> TlsClient {
        let tls = ClientTls::build(spec, now()).unwrap().0;
        let session = tls.session("localhost", now()).unwrap();
        let mut client = TlsClient { tcp, session, sealed: Vec::new(), plain: Vec::new() };
        let mut out = header.to_vec();
        client.session.open(&mut client.sealed, &mut client.plain, &mut out).unwrap();
        client.tcp.write_all(&out).unwrap();
        while client.session.is_handshaking() {
            client.step().expect("the handshake goes on");
        }
        client
    }

    pub(super) fn send(&mut self, plain: &[u8]) {
        let mut out = Vec::new();
        self.session.seal(plain, &mut out).unwrap();
        self.tcp.write_all(&out).unwrap();
    }

    /// Reads once; an alert of the broker is the error's text.
    fn step(&mut self) -> Result<usize, String> {
        let mut buffer = [0; 16_384];
        let n = self.tcp.read(&mut buffer).map_err(|error| error.to_string())?;
        self.sealed.extend_from_slice(&buffer[..n]);
        let mut out = Vec::new();
        let opened = self.session.open(&mut self.sealed, &mut self.plain, &mut out);
        let _ = self.tcp.write_all(&out);
        opened.map(|_| n).map_err(|failure| failure.to_string())
    }

    pub(super) fn expect(&mut self, expected: &[u8]) {
        while self.plain.len() < expected.len() {
            let n = self.step().unwrap();
            assert!(n > 0, "the broker closed after {:?}", self.plain);
        }
        let got: Vec<u8> = self.plain.drain(..expected.len()).collect();
        assert_eq!(got, expected);
    }

    /// The next bytes, whatever they are.
    pub(super) fn read_exactly(&mut self, len: usize) -> Vec<u8> {
        while self.plain.len() < len {
            assert!(self.step().unwrap() > 0, "the broker closed after {:?}", self.plain);
        }
        self.plain.drain(..len).collect()
    }

    /// Everything up to these bytes, them included.
    pub(super) fn read_until(&mut self, end: &[u8]) -> Vec<u8> {
        loop {
            if let Some(at) = self.plain.windows(end.len()).position(|bytes| bytes == end) {
                return self.plain.drain(..at + end.len()).collect();
            }
            assert!(self.step().unwrap() > 0, "the broker closed after {:?}", self.plain);
        }
    }

    /// What the broker says when it refuses: the alert, in the words of our table.
    pub(super) fn refusal(&mut self) -> String {
        loop {
            match self.step() {
                Ok(0) => return "closed without an alert".to_owned(),
                Ok(_) => {}
                Err(text) => return text,
            }
        }
    }
}

pub(super) const MUTUAL: &str = "listener PORT 127.0.0.1\ncertfile DIR/server.crt\nkeyfile DIR/server.key\n\
    cafile DIR/ca.crt\nrequire_certificate true\nuse_identity_as_username true\n";

pub(super) fn unix(path: &PathBuf) -> UnixStream {
    let stream = UnixStream::connect(path).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}
