//! The door of `pki_listener`: one request, one answer, and the connection is closed.
//!
//! Nobody is asked who he is: what is given out is public and signed. So its visitors have places of their own, and take
//! none from clients that want to log in; how often an address may come, and whether at all, is counted together.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::TcpListener;

use super::Door;
use super::accept::OpenSocket;
use super::fence::FenceRules;
use super::limits::{ConnectionGuard, Counter, DoorLimits, Gatekeeper, WaitingGuard};
use super::refuse::close_gently;
use super::stream::{DoorStream, PeerAddress};
use crate::believed;
use crate::http::request::{Head, parse};
use crate::log::mute::Symptom;
use crate::log::{Escaped, Event, Line};
use crate::pki_http::route::{BODY_BYTES_MAX, Refusal, body_bytes, route};
use crate::pki_http::{Answer, Moment, Publisher};

/// Connections at one time, over all addresses and of one.
const CONNECTIONS_MAX: usize = 256;
const CONNECTIONS_PER_ADDRESS_MAX: usize = 64;
/// What all of them may hold in buffers of ours.
const BYTES_MAX: usize = 8 << 20;
/// The largest head of a request; no OCSP request in a path comes near.
const HEAD_BYTES_MAX: usize = 4 * 1024;
/// From accept to the end of the request.
const REQUEST_DEADLINE: Duration = Duration::from_secs(10);
/// To write an answer: a list of a million over a slow line.
const ANSWER_DEADLINE: Duration = Duration::from_secs(60);
const READ_BYTES: usize = 4 * 1024;
/// Pause after a failed accept (no descriptors left).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What all of its connections share.
pub(crate) struct PkiDoor {
    door: Arc<Door>,
    publisher: Arc<Publisher>,
    gatekeeper: Gatekeeper,
    connections: Arc<Counter>,
    name: String,
}

impl PkiDoor {
    pub(crate) fn new(door: Arc<Door>, publisher: Arc<Publisher>, name: String) -> Arc<PkiDoor> {
        let limits = DoorLimits {
            connections_max: Some(CONNECTIONS_MAX),
            handshakes_max: CONNECTIONS_MAX,
            handshakes_per_address_max: CONNECTIONS_PER_ADDRESS_MAX,
            unauthenticated_bytes_max: BYTES_MAX,
            fence: FenceRules::default(),
            ..DoorLimits::default()
        };
        let gatekeeper = Gatekeeper::new(&limits);
        Arc::new(PkiDoor { door, publisher, gatekeeper, connections: Counter::new(CONNECTIONS_MAX), name })
    }

    fn log_refused(&self, address: &PeerAddress, code: &'static str, text: &str) {
        let text = format!("Connection from {address} on {} rejected, {text}.", self.name);
        let line = Line::new(Event::ConnectionRefused, text).field("symptom", code);
        self.door.log_refusal(Symptom { address: address.ip(), code }, line);
    }
}

/// Accepts until the task is aborted.
pub(crate) async fn accept(pki: Arc<PkiDoor>, socket: OpenSocket) -> io::Result<()> {
    let OpenSocket::Tcp(tcp) = socket else { return Ok(()) };
    let tcp = TcpListener::from_std(tcp)?;
    loop {
        match tcp.accept().await {
            Ok((stream, address)) => enter(&pki, DoorStream::Tcp(stream), PeerAddress::Ip(address)),
            Err(error) => {
                let text = format!("{} cannot accept: {error}.", pki.name);
                pki.door.log.line(Line::new(Event::AcceptFailed, text));
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Counts, and starts the visit. Who does not fit is closed without a word.
fn enter(pki: &Arc<PkiDoor>, stream: DoorStream, address: PeerAddress) {
    let knocked = pki.door.fence.knock(address.ip(), Instant::now());
    match knocked.and_then(|()| pki.gatekeeper.admit(&pki.connections, address.ip())) {
        Ok(guards) => {
            tokio::spawn(visit(Arc::clone(pki), stream, address, guards));
        }
        Err(full) => pki.log_refused(&address, full.code(), full.text()),
    }
}

async fn visit(
    pki: Arc<PkiDoor>,
    stream: DoorStream,
    address: PeerAddress,
    guards: (ConnectionGuard, WaitingGuard),
) {
    let (_counted, mut waiting) = guards;
    let mut asked = String::new();
    let reading = read(&pki.publisher, &stream, &mut waiting, &mut asked);
    let answer = match tokio::time::timeout(REQUEST_DEADLINE, reading).await {
        Ok(Ok(answer)) => answer,
        // Who went away, took too long or too much gets nothing.
        Ok(Err(Gone)) => return,
        Err(_) => return pki.log_refused(&address, "SMQ-D011", "it did not finish its request in time"),
    };
    if let Some(line) = pki.publisher.responder.take_fault() {
        pki.door.log.line(line);
    }
    pki.door.log.with(Event::PkiServed, || format!("{asked} {} for {address}.", answer.status));
    let writing = async {
        stream.write_all(answer.head.as_bytes()).await?;
        stream.write_all(&answer.body).await
    };
    if matches!(tokio::time::timeout(ANSWER_DEADLINE, writing).await, Ok(Ok(()))) {
        close_gently(stream, &[]).await;
    }
}

/// The client has gone, or holds more than it may.
struct Gone;

/// Reads one request and gives its answer. What cannot be answered is, before its body has come.
async fn read(
    publisher: &Publisher,
    stream: &DoorStream,
    waiting: &mut WaitingGuard,
    asked: &mut String,
) -> Result<Answer, Gone> {
    let mut bytes = Vec::with_capacity(READ_BYTES);
    loop {
        match parse(&bytes) {
            Err(_) => return Ok(Answer::refusal(Refusal::Malformed)),
            Ok(Head::Whole { bytes: head, .. }) if head > HEAD_BYTES_MAX => {
                return Ok(Answer::refusal(Refusal::HeadTooLarge));
            }
            Ok(Head::Whole { request, bytes: head }) => {
                *asked = format!("{} {}", Escaped(request.method), Escaped(request.target));
                let body = match route(&request).and_then(|wanted| body_bytes(&request, &wanted)) {
                    Ok(body) => body,
                    Err(refusal) => return Ok(Answer::refusal(refusal)),
                };
                if let Some(body) = bytes.get(head..head + body) {
                    let moment = Moment { wall: believed::now(), mono: Instant::now() };
                    return Ok(publisher.answer(&request, body, moment));
                }
            }
            Ok(Head::Incomplete) if bytes.len() >= HEAD_BYTES_MAX => {
                return Ok(Answer::refusal(Refusal::HeadTooLarge));
            }
            Ok(Head::Incomplete) => {}
        }
        let mut buffer = [0; READ_BYTES];
        let room = (HEAD_BYTES_MAX + BODY_BYTES_MAX).saturating_sub(bytes.len()).min(READ_BYTES);
        match stream.read(&mut buffer[..room.max(1)]).await {
            Ok(n) if n > 0 => bytes.extend_from_slice(&buffer[..n]),
            Ok(_) | Err(_) => return Err(Gone),
        }
        waiting.charge(bytes.capacity()).map_err(|_| Gone)?;
    }
}
