//! The broker's end: one thread that serves the control socket and looks after certificates, addresses and the clock.
//!
//! The thread owns the [`Home`], so that every change while the broker runs happens on it, one after another.

use std::io;
use std::rc::Rc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use sealmq_pki::inventory::Actor;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, oneshot};

use super::desk::{self, Broker, Errand};
use super::protocol::{LINE_BYTES_MAX, Request, Response};
use super::socket;
use crate::believed;
use crate::home::{Home, HomeError, Leaf, ListState, Seen, Surroundings, Watch, wall_now};
use crate::log::{Event, Line, Log};

/// What the control thread works with.
pub struct ControlSpec {
    /// The directory, held from now on by the thread.
    pub home: Home,
    /// The running broker.
    pub broker: Box<dyn Broker>,
    /// The port of the TLS listener, for bundles.
    pub port: u16,
    /// Where lines go.
    pub log: Log,
}

/// The running thread. Dropping it ends the thread; the lock goes with it.
pub struct ControlThread {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Opens the socket and starts the thread.
///
/// # Errors
/// The socket or the thread cannot be made.
pub fn start(spec: ControlSpec) -> io::Result<ControlThread> {
    let listener = socket::listen(spec.home.place())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
    let (stop, stopped) = oneshot::channel();
    let thread = crate::threads::spawn("control".to_owned(), move || {
        let path = spec.home.place().control_socket();
        let local = tokio::task::LocalSet::new();
        runtime.block_on(local.run_until(async move {
            tokio::select! {
                () = serve(listener, spec) => {}
                _ = stopped => {}
            }
        }));
        // A socket that stays behind is no harm: the next broker removes it, and commands see that nobody listens.
        let _ = std::fs::remove_file(path);
    })?;
    Ok(ControlThread { stop: Some(stop), thread: Some(thread) })
}

impl Drop for ControlThread {
    fn drop(&mut self) {
        // The other end is gone only if the thread has ended.
        let _ = self.stop.take().map(|stop| stop.send(()));
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was printed when it happened.
            let _ = thread.join();
        }
    }
}

async fn serve(listener: std::os::unix::net::UnixListener, spec: ControlSpec) {
    let spec = Rc::new(spec);
    let keeping = tokio::task::spawn_local(keep(Rc::clone(&spec)));
    match UnixListener::from_std(listener) {
        Ok(listener) => accept(listener, &spec).await,
        Err(error) => spec.fault(format!("the control socket cannot be served: {error}.")),
    }
    // Reached only where the socket failed; certificates are looked after all the same.
    let _ = keeping.await;
}

async fn accept(listener: UnixListener, spec: &Rc<ControlSpec>) {
    let room = std::sync::Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(permit) = std::sync::Arc::clone(&room).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                // Anybody else is not heard.
                let Some(uid) = allowed_user(&stream) else { continue };
                let spec = Rc::clone(spec);
                tokio::task::spawn_local(async move {
                    // A peer that breaks off gets no answer; there is nobody to tell.
                    let _ = converse(stream, uid, &spec).await;
                    drop(permit);
                });
            }
            Err(error) => {
                spec.fault(format!("the control socket failed: {error}."));
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

/// The peer, if it is the directory's owner, who runs this process, or root.
fn allowed_user(stream: &UnixStream) -> Option<u32> {
    let own = crate::home::files::own_uid();
    let peer = stream.peer_cred().ok()?.uid();
    (peer == own || peer == 0).then_some(peer)
}

async fn converse(mut stream: UnixStream, uid: u32, spec: &ControlSpec) -> io::Result<()> {
    let (read, mut write) = stream.split();
    let mut read = BufReader::new(read);
    let mut errand = Errand::of_user(uid);
    loop {
        let mut line = Vec::new();
        let limit = u64::try_from(LINE_BYTES_MAX).expect("a small constant");
        let mut bounded = (&mut read).take(limit);
        tokio::time::timeout(REQUEST_WAIT, bounded.read_until(b'\n', &mut line)).await??;
        if line.last() != Some(&b'\n') {
            return Ok(());
        }
        let response = match serde_json::from_slice::<Request>(&line) {
            Ok(request) => {
                desk::answer(&spec.home, Some(spec.broker.as_ref()), spec.port, &mut errand, request)
            }
            Err(error) => Response::Refused {
                what: format!("the request cannot be read: {error}"),
                hint: "use the sealmq that the broker runs".to_owned(),
            },
        };
        let mut answer = serde_json::to_vec(&response)?;
        answer.push(b'\n');
        tokio::time::timeout(REQUEST_WAIT, write.write_all(&answer)).await??;
    }
}

/// Every ten seconds: have the addresses changed, is a certificate due, does the clock go right?
async fn keep(spec: Rc<ControlSpec>) {
    let start = Instant::now();
    let mut keeper = Keeper {
        watch: Watch::new(spec.home.floor().clone(), wall_now(), Duration::ZERO),
        addresses: None,
        certificates_at: Duration::ZERO,
        clock_said: false,
        audit_head_from: Duration::ZERO,
    };
    // Whatever was done while no broker ran is vouched for from now on.
    let first = Surroundings::look().map(|around| around.asked_by(Actor::Broker));
    let signed =
        first.map_err(|error| control_fault(&error)).and_then(|around| sign_audit_head(&spec, &around));
    if let Err(line) = signed {
        spec.log.line(line);
    }
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        keeper.look(&spec, start.elapsed());
    }
}

struct Keeper {
    watch: Watch,
    addresses: Option<std::collections::BTreeSet<std::net::IpAddr>>,
    certificates_at: Duration,
    clock_said: bool,
    audit_head_from: Duration,
}

impl Keeper {
    fn look(&mut self, spec: &ControlSpec, mono: Duration) {
        let around = match Surroundings::look() {
            Ok(around) => around.asked_by(Actor::Broker),
            Err(error) => {
                return spec.log.line(Line::new(Event::ControlFault, format!("{error}.")).hint(error.hint()));
            }
        };
        let seen = self.watch.look(around.now, mono);
        self.log_clock(spec, seen);
        believed::raise_floor(spec.home.floor().value());
        if let Seen::Good(good) = seen
            && let Err(error) = spec.home.keep_good_time(good)
        {
            spec.log.line(
                Line::new(Event::ControlFault, format!("The time could not be kept: {error}."))
                    .hint(error.hint()),
            );
        }
        self.look_after_audit_head(spec, &around, mono);
        let moved = self.addresses.as_ref() != Some(&around.addresses);
        let due = mono.saturating_sub(self.certificates_at) >= CERTIFICATES_EVERY;
        if seen.may_renew() && (moved || due) {
            self.certificates_at = mono;
            // What failed is tried again when the hour is over, or when an address changes.
            if let Err(error) = renew(spec, &around) {
                let text = format!("The broker's certificates could not be renewed: {error}.");
                spec.log.line(Line::new(Event::RenewalFailed, text).hint(error.hint()));
            }
            sign_list(spec, &around);
            self.addresses = Some(around.addresses);
        }
    }

    /// What fails is said, and tried again some minutes later.
    fn look_after_audit_head(&mut self, spec: &ControlSpec, around: &Surroundings, mono: Duration) {
        if mono < self.audit_head_from || !spec.home.audit_head_is_due(around).unwrap_or(true) {
            return;
        }
        if let Err(line) = sign_audit_head(spec, around) {
            spec.log.line(line);
            self.audit_head_from = mono + AUDIT_HEAD_AGAIN;
        }
    }

    fn log_clock(&mut self, spec: &ControlSpec, seen: Seen) {
        match seen {
            Seen::Left { secs } if !self.clock_said => {
                self.clock_said = true;
                let hint = "check NTP (timedatectl); newcomers are judged by the new time; nobody is sent away and nothing is renewed for five minutes";
                let text = format!("The clock has leapt by {secs} seconds.");
                spec.log.line(Line::new(Event::ClockLeapt, text).hint(hint));
            }
            Seen::Left { .. } => {}
            Seen::Together | Seen::Good(_) | Seen::Settled => self.clock_said = false,
        }
    }
}

/// One line for every destination of the log: where the audit log stands.
fn sign_audit_head(spec: &ControlSpec, around: &Surroundings) -> Result<(), Line> {
    let head = spec.home.sign_audit_head(around).map_err(|error| {
        let text = format!("The head of the audit log could not be signed: {error}.");
        Line::new(Event::ControlFault, text).hint(error.hint())
    })?;
    let text = format!("The audit log stands at record {}: {head}", head.claimed().number);
    spec.log.line(Line::new(Event::AuditHead, text));
    Ok(())
}

fn control_fault(error: &HomeError) -> Line {
    Line::new(Event::ControlFault, format!("{error}.")).hint(error.hint())
}

/// The revocation list is signed anew at half of its life, and where a change could not write it.
fn sign_list(spec: &ControlSpec, around: &Surroundings) {
    match spec.home.ensure_list(around, &mut |_| Ok(())) {
        Ok(ListState::Kept) => {}
        Ok(ListState::Signed(list)) => {
            let (number, until) = (list.number, list.next_update);
            let text = format!("Signed revocation list {number}, the next one is due before {until}.");
            spec.log.line(Line::new(Event::CrlSigned, text));
        }
        Err(error) => {
            let text = format!("The revocation list could not be signed: {error}.");
            spec.log.line(Line::new(Event::CrlFailed, text).hint(error.hint()));
        }
    }
}

fn renew(spec: &ControlSpec, around: &Surroundings) -> Result<(), HomeError> {
    if let Leaf::Made { cause, not_after } = spec.home.ensure_server(around, &mut |_| Ok(()))? {
        let text = format!("Made a new server certificate ({cause}), valid until {}", not_after.date());
        spec.log.line(match spec.broker.certificate_changed() {
            Ok(()) => Line::new(Event::CertificateRenewed, format!("{text}; new connections get it.")),
            Err(why) => Line::new(Event::RenewalFailed, format!("{text}, but it cannot serve: {why}."))
                .hint("mend what it says, then send SIGHUP"),
        });
    }
    if let Leaf::Made { cause, not_after } = spec.home.ensure_ocsp_signer(around, &mut |_| Ok(()))? {
        let text =
            format!("Made a new OCSP signer's certificate ({cause}), valid until {}.", not_after.date());
        spec.log.line(Line::new(Event::CertificateRenewed, text));
    }
    if let Leaf::Made { cause, not_after } = spec.home.ensure_operator(around, &mut |_| Ok(()))? {
        let text = format!("Made a new operator certificate ({cause}), valid until {}.", not_after.date());
        spec.log.line(Line::new(Event::CertificateRenewed, text));
    }
    Ok(())
}

impl ControlSpec {
    fn fault(&self, text: String) {
        self.log.line(Line::new(Event::ControlFault, text));
    }
}

const CONNECTIONS_MAX: usize = 8;
/// Long enough to write a bundle between draft and entry.
const REQUEST_WAIT: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_secs(5);
const AUDIT_HEAD_AGAIN: Duration = Duration::from_secs(300);
const CERTIFICATES_EVERY: Duration = Duration::from_secs(3600);
