//! Revokes some of many connected devices under traffic, and measures when their sessions end and whether anybody else
//! notices: what `docs/internals/performance.md` says of `cert revoke`.
//!
//! ```text
//! cargo build --release -p sealmq
//! cargo run --release -p sealmq-server --example revoke_load -- [CLIENTS [REVOKED [RATE [SEALMQ]]]]
//!
//!   CLIENTS   default 2000, each with a certificate of its own (wants `ulimit -n` above that)
//!   REVOKED   default 200, spread evenly, one `sealmq cert revoke NAME` after the other
//!   RATE      messages per second over all clients, QoS 1, default 1000
//!   SEALMQ    the program, default target/release/sealmq
//! ```
//!
//! The clients form a ring: each publishes to its neighbour. A session's end is what its client sees (DISCONNECT, or the
//! connection's end), so that it holds the load's own delay too: all clients share one thread of this process. Exit code
//! 1: a session of somebody else ended, a message between two others is missing, or a revoked one is still in.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods, missing_docs)]

use std::cell::Cell;
use std::error::Error;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::rc::Rc;
use std::time::{Duration, Instant};

use sealmq_client::{Client, Event, Options, Outgoing, QoS};
use sealmq_pki::{Signer as _, SoftKey};
use sealmq_server::home::{DeviceHolder, DeviceRequest, Home, Place, Surroundings, Wanted};
use sealmq_tls::{
    ClientTls, ClientTlsSpec, KeyPair, LegacyServerCerts, PemSource, RecordSize, ServerOcsp, Timestamp,
    TlsPolicy, VerifyServer, Versions,
};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::{LocalSet, spawn_blocking, spawn_local};

/// How often the pace is kept.
const BEAT: Duration = Duration::from_millis(10);
/// Traffic before the first revocation and behind the last.
const MARGIN: Duration = Duration::from_secs(3);
/// How long the last messages and sessions may take.
const LAST: Duration = Duration::from_secs(20);
/// A reading, as a sensor sends it.
const BYTES: usize = 64;

type Failure = Box<dyn Error + Send + Sync>;

struct Load {
    clients: usize,
    revoked: usize,
    rate: u64,
    program: PathBuf,
}

impl Load {
    fn of(mut words: impl Iterator<Item = String>) -> Result<Load, Failure> {
        let mut number = |default: usize| words.next().map_or(Ok(default), |word| word.parse());
        let (clients, revoked, rate) = (number(2000)?, number(200)?, number(1000)?);
        if revoked == 0 || revoked > clients {
            return Err("REVOKED is at least 1 and at most CLIENTS".into());
        }
        let program = words.next().unwrap_or_else(|| "target/release/sealmq".to_owned());
        Ok(Load { clients, revoked, rate: u64::try_from(rate)?, program: program.into() })
    }

    fn is_victim(&self, index: usize) -> bool {
        index.is_multiple_of(self.clients / self.revoked)
            && index / (self.clients / self.revoked) < self.revoked
    }
}

fn main() -> Result<ExitCode, Failure> {
    let load = Load::of(std::env::args().skip(1))?;
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let begin = Instant::now();
    let devices = enrol(&data, port, load.clients)?;
    println!("{} devices enrolled in {:.1} s", devices.len(), begin.elapsed().as_secs_f64());
    let broker = Broker::start(&load.program, &data, port)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let done = runtime.block_on(LocalSet::new().run_until(run(&load, &data, port, devices)));
    drop(broker);
    done
}

/// A device's proof, and the anchors it trusts.
struct Device {
    certificate: Vec<u8>,
    key: Vec<u8>,
    anchors: Vec<u8>,
}

fn name(index: usize) -> String {
    format!("device-{index:05}")
}

/// Makes the data directory with all its devices, as `device add` does one by one.
fn enrol(data: &Path, port: u16, count: usize) -> Result<Vec<Device>, Failure> {
    let around = Surroundings::look()?;
    let wanted = Wanted { port: Some(port), ..Wanted::default() };
    let (home, _report) = Home::up(&Place::at(data), &wanted, &around, &mut |_| Ok(()))?;
    let mut devices = Vec::with_capacity(count);
    for index in 0..count {
        let key = SoftKey::generate()?;
        let request = DeviceRequest {
            name: name(index),
            holder: DeviceHolder::New,
            public_key: key.public_key().clone(),
            days: None,
            bundles: vec!["files".to_owned()],
            host: Some(sealmq_pki::host::HostName::parse("localhost")?),
        };
        let draft = home.draft_device(&request, &around)?;
        home.enter(&draft, &around)?;
        devices.push(Device {
            certificate: (draft.certificate_pem + &draft.issuing_pem).into_bytes(),
            key: key.to_pem().as_bytes().to_vec(),
            anchors: draft.anchors_pem.into_bytes(),
        });
    }
    Ok(devices)
}

/// `sealmq up`; ended when dropped.
struct Broker(Child);

impl Broker {
    fn start(program: &Path, data: &Path, port: u16) -> Result<Broker, Failure> {
        let mut command = Command::new(program);
        command.args(["up", "--data-dir"]).arg(data).stdin(Stdio::null());
        let log = std::fs::File::create(data.with_extension("log"))?;
        let child = command.stdout(log.try_clone()?).stderr(log).spawn();
        let mut broker = Broker(child.map_err(|error| format!("{}: {error}", program.display()))?);
        let by = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let ended = broker.0.try_wait()?;
            if ended.is_some() || Instant::now() > by {
                let log = std::fs::read_to_string(data.with_extension("log"))?;
                return Err(format!("the broker does not listen: {log}").into());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(broker)
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // Gone already is as good.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What a client has done and seen.
#[derive(Default)]
struct Seen {
    sent: Cell<u64>,
    received: Cell<u64>,
    ended: Cell<Option<Instant>>,
}

/// One revocation, as its caller sees it.
struct Asked {
    index: usize,
    asked: Instant,
    returned: Instant,
}

async fn run(load: &Load, data: &Path, port: u16, devices: Vec<Device>) -> Result<ExitCode, Failure> {
    let begin = Instant::now();
    let mut seen = Vec::new();
    let mut pace = Vec::new();
    for (index, device) in devices.into_iter().enumerate() {
        let mut client = Client::connect(options(index, &device, port)?).await?;
        client.subscribe_and_wait(&format!("load/{index}"), QoS::AtLeastOnce).await?;
        let state = Rc::new(Seen::default());
        let (tick, ticks) = unbounded_channel();
        spawn_local(live(client, format!("load/{}", (index + 1) % load.clients), Rc::clone(&state), ticks));
        seen.push(state);
        pace.push(tick);
    }
    println!("{} clients connected in {:.1} s", seen.len(), begin.elapsed().as_secs_f64());
    let rate = load.rate;
    let pacer = spawn_local(keep_time(pace, rate));
    tokio::time::sleep(MARGIN).await;
    let victims: Vec<usize> = (0..load.clients).filter(|index| load.is_victim(*index)).collect();
    let (program, place) = (load.program.clone(), data.to_owned());
    let asked = spawn_blocking(move || revoke(&program, &place, &victims)).await??;
    tokio::time::sleep(MARGIN).await;
    pacer.abort();
    let by = Instant::now() + LAST;
    while Instant::now() < by && Tally::of(load, &seen, &asked).is_unfinished() {
        tokio::time::sleep(BEAT).await;
    }
    print_times(&seen, &asked);
    Ok(Tally::of(load, &seen, &asked).print(load, &asked))
}

fn print_times(seen: &[Rc<Seen>], asked: &[Asked]) {
    let millis = |duration: Duration| duration.as_secs_f64() * 1000.0;
    let ends = || asked.iter().filter_map(|asked| Some((asked, seen[asked.index].ended.get()?)));
    print(
        "command, ms",
        asked.iter().map(|asked| millis(asked.returned.duration_since(asked.asked))).collect(),
    );
    print(
        "asked to session's end, ms",
        ends().map(|(asked, end)| millis(end.saturating_duration_since(asked.asked))).collect(),
    );
    print(
        "command's return to session's end, ms (0: before)",
        ends().map(|(asked, end)| millis(end.saturating_duration_since(asked.returned))).collect(),
    );
}

fn options(index: usize, device: &Device, port: u16) -> Result<Options, Failure> {
    let (policy, _) = TlsPolicy::from_openssl(Versions::OnlyV1_3, None, None)?;
    let pem = |what: &str, bytes: &[u8]| PemSource::new(what, bytes.to_vec());
    let spec = ClientTlsSpec {
        policy: policy.with_group("X25519").ok_or("X25519 is missing")?,
        anchors: vec![pem("anchors", &device.anchors)],
        os_roots: None,
        key_pair: Some(KeyPair::load(
            &pem("certificate", &device.certificate),
            &pem("key", &device.key),
            None,
        )?),
        legacy_server_certs: LegacyServerCerts::Deny,
        verify: VerifyServer::Full,
        ocsp: ServerOcsp::NotRequired,
        alpn: Vec::new(),
        record_size_max: RecordSize::default(),
    };
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs();
    let (tls, _) = ClientTls::build(spec, Timestamp::from_secs(i64::try_from(now)?))?;
    let mut options = Options::new("localhost", port, Some(tls));
    options.session.client_id = name(index);
    options.session.keep_alive_secs = 0;
    Ok(options)
}

/// Publishes at each tick and counts what arrives, until the session ends.
async fn live(mut client: Client, topic: String, seen: Rc<Seen>, mut ticks: UnboundedReceiver<()>) {
    let mut open = true;
    loop {
        tokio::select! {
            tick = ticks.recv(), if open => match tick {
                Some(()) => {
                    let message = Outgoing::new(&topic, vec![b'x'; BYTES], QoS::AtLeastOnce);
                    if client.publish(message).is_ok() {
                        seen.sent.set(seen.sent.get() + 1);
                    }
                }
                None => open = false,
            },
            event = client.next_event() => match event {
                Ok(Some(Event::Message(_))) => seen.received.set(seen.received.get() + 1),
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => {
                    seen.ended.set(Some(Instant::now()));
                    return;
                }
            },
        }
    }
}

/// Ticks the clients in turn; those that are gone do not hear it.
async fn keep_time(clients: Vec<UnboundedSender<()>>, rate: u64) {
    let (begin, mut told) = (Instant::now(), 0_u64);
    let mut beat = tokio::time::interval(BEAT);
    loop {
        beat.tick().await;
        let due = u64::try_from(begin.elapsed().as_micros()).unwrap_or(u64::MAX) * rate / 1_000_000;
        while told < due {
            let _ = clients[usize::try_from(told).unwrap_or(0) % clients.len()].send(());
            told += 1;
        }
    }
}

fn revoke(program: &Path, data: &Path, victims: &[usize]) -> Result<Vec<Asked>, Failure> {
    let mut done = Vec::with_capacity(victims.len());
    for &index in victims {
        let asked = Instant::now();
        let mut command = Command::new(program);
        command.args(["cert", "revoke", &name(index), "--reason", "keyCompromise", "--json", "--data-dir"]);
        let output = command.arg(data).stdin(Stdio::null()).output()?;
        let returned = Instant::now();
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            return Err(format!("cert revoke {}: {}: {said}", name(index), output.status).into());
        }
        done.push(Asked { index, asked, returned });
    }
    Ok(done)
}

/// Who was disturbed.
struct Tally {
    still_in: usize,
    others_ended: usize,
    sent: u64,
    received: u64,
}

impl Tally {
    fn of(load: &Load, seen: &[Rc<Seen>], asked: &[Asked]) -> Tally {
        let mut tally = Tally {
            still_in: asked.iter().filter(|asked| seen[asked.index].ended.get().is_none()).count(),
            others_ended: 0,
            sent: 0,
            received: 0,
        };
        for index in (0..load.clients).filter(|index| !load.is_victim(*index)) {
            tally.others_ended += usize::from(seen[index].ended.get().is_some());
            let next = (index + 1) % load.clients;
            if !load.is_victim(next) {
                tally.sent += seen[index].sent.get();
                tally.received += seen[next].received.get();
            }
        }
        tally
    }

    fn is_unfinished(&self) -> bool {
        self.still_in > 0 || self.received < self.sent
    }

    fn print(&self, load: &Load, asked: &[Asked]) -> ExitCode {
        println!(
            "of the others ({}): {} sessions ended; {} messages from one to the next, {} arrived",
            load.clients - load.revoked,
            self.others_ended,
            self.sent,
            self.received
        );
        println!("revoked: {}, still in: {}", asked.len(), self.still_in);
        ExitCode::from(u8::from(self.still_in > 0 || self.others_ended > 0 || self.sent != self.received))
    }
}

/// The p50, p99 and the largest, in milliseconds.
fn print(what: &str, mut figures: Vec<f64>) {
    figures.sort_by(f64::total_cmp);
    let at = |percent: usize| figures.get((figures.len().saturating_sub(1)) * percent / 100).copied();
    let shown = |figure: Option<f64>| figure.map_or("-".to_owned(), |figure| format!("{figure:.1}"));
    println!("{what:<48} p50 {}  p99 {}  max {}", shown(at(50)), shown(at(99)), shown(at(100)));
}
