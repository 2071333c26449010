//! One TLS connection on buffers that the caller lends.
//!
//! Built on rustls' unbuffered API, so that a connection at rest holds no buffer. Not a socket: the caller moves
//! bytes, sees EOF (without close_notify an ordinary lost connection) and sets time limits.
//!
//! Invariants: after a failure the alert for the peer is in `out`; after the handshake nothing in `plain` may be
//! used before [`ServerTls::judge`](crate::ServerTls::judge) has agreed; no 0-RTT, no renegotiation.

use std::sync::{Arc, Mutex, MutexGuard};

use rustls::client::UnbufferedClientConnection;
use rustls::server::UnbufferedServerConnection;
use rustls::{Error as RustlsError, HandshakeKind, ProtocolVersion, ServerConfig};

use crate::Finding;
use crate::alpn::{self, Offer};
use crate::ciphers;
use crate::failure::{Direction, Refusal, Role, Stage, TlsFailure};
use crate::first_bytes;
use crate::judge::PeerChain;
use crate::negotiated::{Negotiated, Offered};
use crate::path::Path;
use crate::policy::TlsVersion;
use crate::symptoms::Code;
use crate::tickets::Header;
use crate::unbuffered::{Connection, RECORD_HEADER, Step, Write, complete_records};

/// The largest plaintext of one record: 512 to 16,384 bytes. Small TLS clients cannot take 16 KiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordSize(u16);

impl RecordSize {
    /// What `tls_record_size_max` says; `None` outside 512 to 16,384.
    pub const fn new(bytes: u16) -> Option<RecordSize> {
        if bytes >= 512 && bytes <= 16_384 { Some(RecordSize(bytes)) } else { None }
    }

    /// The size in bytes.
    pub const fn bytes(self) -> usize {
        self.0 as usize
    }

    /// rustls counts the record with its five bytes of header (`MessageFragmenter::set_max_fragment_size`).
    pub(crate) const fn for_rustls(self) -> usize {
        self.bytes() + RECORD_HEADER
    }
}

impl Default for RecordSize {
    /// 4,096 bytes.
    fn default() -> RecordSize {
        RecordSize(4096)
    }
}

/// How far a session is after [`TlsSession::open`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// More bytes of the peer are needed; write `out` first.
    Handshaking,
    /// The handshake is done: judge the peer, then data may flow.
    Established,
    /// The peer sent close_notify: nothing more comes. Data before it is in `plain`.
    Closed,
}

/// What verifier and resolver of one session tell it.
#[derive(Debug, Default)]
pub(crate) struct Seen(Mutex<Notes>);

#[derive(Debug, Default)]
struct Notes {
    refusal: Option<Refusal>,
    sni: Option<Box<str>>,
    findings: Vec<Finding>,
    /// The server asked for a certificate, and we have none.
    certificate_wanted: bool,
    /// The client certificate that was verified in this handshake.
    proved: Option<Box<Path>>,
    /// What the ticket said that this handshake may resume.
    resumes: Option<Header>,
}

impl Seen {
    fn notes(&self) -> MutexGuard<'_, Notes> {
        // Plain values only: a panic while it was held leaves nothing half-written.
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub(crate) fn refused(&self, refusal: Refusal) {
        self.notes().refusal.get_or_insert(refusal);
    }

    pub(crate) fn asked_for(&self, sni: Option<&str>) {
        self.notes().sni = sni.map(Box::from);
    }

    pub(crate) fn certificate_wanted(&self) {
        self.notes().certificate_wanted = true;
    }

    pub(crate) fn proved(&self, path: Path) {
        self.notes().proved = Some(Box::new(path));
    }

    pub(crate) fn resumes(&self, header: Header) {
        self.notes().resumes = Some(header);
    }

    /// What this handshake rests on: a certificate, or a ticket.
    pub(crate) fn take_proof(&self) -> (Option<Box<Path>>, Option<Header>) {
        let mut notes = self.notes();
        (notes.proved.take(), notes.resumes)
    }

    pub(crate) fn found(&self, finding: Finding) {
        self.notes().findings.push(finding);
    }
}

/// One TLS connection, either side. `Send`; about 4 KiB of heap when idle, no buffers.
pub struct TlsSession {
    connection: Connection,
    /// Dropped with the end of the handshake; what is worth keeping moves out of it.
    seen: Option<Arc<Seen>>,
    sni: Option<Box<str>>,
    findings: Vec<Finding>,
    first: first_bytes::FirstBytes,
    /// Another configuration for clients that offer only unknown application protocols, until that is known.
    without_alpn: Option<Box<WithoutAlpn>>,
    offered: Offered,
    /// Bytes at the front of the caller's `incoming` that rustls has read but still needs: the beginning of a
    /// handshake message that continues in a later record. rustls indexes with them, so [`TlsSession::seal`], which
    /// has no `incoming`, must hand it a slice of that length.
    retained: usize,
    ending: Ending,
}

/// See [`TlsSession::or_without_alpn`].
struct WithoutAlpn {
    look: alpn::Look,
    instead: Arc<ServerConfig>,
}

/// A ClientHello fits into one record nearly always; two with their headers are looked at.
const HELLO_BYTES_MAX: usize = 2 * (16_384 + RECORD_HEADER);

/// Who has said close_notify.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Open,
    PeerClosed,
    WeClosed,
}

impl TlsSession {
    pub(crate) fn server(connection: UnbufferedServerConnection, seen: Arc<Seen>) -> TlsSession {
        TlsSession::new(Connection::Server(Box::new(connection)), seen)
    }

    /// With the configuration that takes this one's place where the client offers none of these protocols.
    pub(crate) fn or_without_alpn(mut self, spoken: Vec<Vec<u8>>, instead: ServerConfig) -> TlsSession {
        let without = WithoutAlpn { look: alpn::Look::new(spoken), instead: Arc::new(instead) };
        self.without_alpn = Some(Box::new(without));
        self
    }

    pub(crate) fn client(connection: UnbufferedClientConnection, seen: Arc<Seen>) -> TlsSession {
        TlsSession::new(Connection::Client(Box::new(connection)), seen)
    }

    fn new(connection: Connection, seen: Arc<Seen>) -> TlsSession {
        let first = first_bytes::FirstBytes::Unseen;
        TlsSession {
            connection,
            seen: Some(seen),
            sni: None,
            findings: Vec::new(),
            first,
            without_alpn: None,
            offered: Offered::Ordinary,
            retained: 0,
            ending: Ending::Open,
        }
    }

    /// Takes ciphertext from the front of `incoming` (what is not yet complete stays there: hand it in again with
    /// more behind it), appends what it said to `plain`, and what must be written to `out`.
    ///
    /// A client calls it once with an empty `incoming` to begin. What stays in `incoming` is at most one record (about
    /// 16 KiB), or in the handshake one message: rustls refuses those over 64 KiB, so the caller's budget may too.
    ///
    /// # Errors
    /// [`TlsFailure`]. `out` then ends with the alert for the peer: write it, then close. `plain` may hold data that
    /// came before the failure.
    pub fn open(
        &mut self,
        incoming: &mut Vec<u8>,
        plain: &mut Vec<u8>,
        out: &mut Vec<u8>,
    ) -> Result<Progress, TlsFailure> {
        if let Some(code) = self.first.not_tls(incoming, self.connection.role()) {
            return Err(TlsFailure::new(
                self.connection.role(),
                Direction::WeRefused,
                Stage::FirstBytes,
                code,
                "",
            ));
        }
        if let Some(mut without) = self.without_alpn.take() {
            match without.look.at(incoming) {
                // A longer one than rustls takes is refused by rustls.
                Offer::Incomplete if incoming.len() < HELLO_BYTES_MAX => {
                    self.without_alpn = Some(without);
                    return Ok(Progress::Handshaking);
                }
                Offer::Incomplete | Offer::Ordinary => {}
                Offer::OnlyUnknown => {
                    self.offered = Offered::OnlyUnknown;
                    let instead = UnbufferedServerConnection::new(without.instead);
                    let instead = instead.map_err(|error| self.failed(&error, out))?;
                    self.connection = Connection::Server(Box::new(instead));
                }
            }
        }
        let processed = complete_records(incoming, self.retained);
        let mut taken = 0;
        let outcome = loop {
            let (discard, step) = self.connection.step(&mut incoming[taken..], Write::Nothing, plain, out);
            taken += discard;
            match step {
                Ok(Step::Again) => {}
                Ok(Step::Blocked) => break Ok(Progress::Handshaking),
                Ok(Step::PeerClosed) => {
                    self.ending = Ending::PeerClosed;
                    break Ok(Progress::Closed);
                }
                Ok(Step::Traffic) => break Ok(self.settled()),
                Err(error) => break Err(error),
            }
        };
        incoming.drain(..taken);
        self.retained = processed.saturating_sub(taken).min(incoming.len());
        outcome.map_err(|error| self.failed(&error, out))
    }

    /// Seals data into records of at most the listener's record size and appends them to `out`.
    ///
    /// # Errors
    /// The handshake is not done, or the session has failed or closed.
    pub fn seal(&mut self, plain: &[u8], out: &mut Vec<u8>) -> Result<(), TlsFailure> {
        if self.is_handshaking() {
            return Err(self.broken("data before the end of the handshake"));
        }
        if self.ending == Ending::WeClosed {
            return Err(self.broken("data after close_notify"));
        }
        self.write(Write::Data(plain), out).map_err(|error| self.broken(&error.to_string()))
    }

    /// Appends close_notify to `out`: nothing more will be sealed. Does nothing in the handshake, where TLS has
    /// nothing to close, and after a failure, where the alert has said it.
    pub fn close_notify(&mut self, out: &mut Vec<u8>) {
        if !self.is_handshaking() && self.write(Write::CloseNotify, out).is_ok() {
            self.flush(out);
            self.ending = Ending::WeClosed;
        }
    }

    /// Whether data cannot flow yet.
    pub fn is_handshaking(&self) -> bool {
        self.connection.common().is_handshaking()
    }

    /// The certificates that the peer sent, leaf first: copied out, to be judged and kept. Nothing before the end of
    /// the handshake.
    pub fn peer_chain(&self) -> PeerChain {
        PeerChain(self.connection.common().peer_certificates().map(Arc::from))
    }

    /// The negotiated version.
    pub fn version(&self) -> Option<TlsVersion> {
        match self.connection.common().protocol_version() {
            Some(ProtocolVersion::TLSv1_2) => Some(TlsVersion::V1_2),
            Some(ProtocolVersion::TLSv1_3) => Some(TlsVersion::V1_3),
            _ => None,
        }
    }

    /// The negotiated suite by OpenSSL's name.
    pub fn suite(&self) -> Option<&'static str> {
        self.connection.common().negotiated_cipher_suite().map(ciphers::openssl_name)
    }

    /// What the handshake came to, for [`ServerTls::allows`](crate::ServerTls::allows).
    pub fn negotiated(&self) -> Negotiated {
        let suite = self.connection.common().negotiated_cipher_suite();
        Negotiated { suite: suite.map(|suite| suite.suite()), offered: self.offered }
    }

    /// The negotiated key exchange group, as IANA writes it (`X25519MLKEM768`, `X25519`, `secp256r1`).
    pub fn group(&self) -> Option<String> {
        self.connection.common().negotiated_key_exchange_group().map(|group| format!("{:?}", group.name()))
    }

    /// The host name that the client asked for (SNI); servers only.
    pub fn sni(&self) -> Option<String> {
        match &self.seen {
            Some(seen) => seen.notes().sni.as_deref().map(str::to_owned),
            None => self.sni.as_deref().map(str::to_owned),
        }
    }

    /// The application protocol agreed upon (ALPN).
    pub fn alpn(&self) -> Option<&[u8]> {
        self.connection.common().alpn_protocol()
    }

    /// Whether the handshake was a resumed one: the peer's certificates are those of its ticket.
    pub fn is_resumed(&self) -> bool {
        self.connection.common().handshake_kind() == Some(HandshakeKind::Resumed)
    }

    /// What should be said about the peer's certificate (client side: version 1, CN only).
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// The handshake is over: keep of its notes what is worth keeping.
    fn settled(&mut self) -> Progress {
        if self.is_handshaking() {
            return Progress::Handshaking;
        }
        if self.ending == Ending::PeerClosed {
            return Progress::Closed;
        }
        if let Some(seen) = self.seen.take() {
            let mut notes = seen.notes();
            self.sni = notes.sni.take();
            self.findings = std::mem::take(&mut notes.findings);
        }
        Progress::Established
    }

    fn write(&mut self, write: Write<'_>, out: &mut Vec<u8>) -> Result<(), RustlsError> {
        let mut nothing = vec![0; self.retained];
        loop {
            match self.connection.step(&mut nothing, write, &mut Vec::new(), out).1? {
                Step::Again => {}
                Step::Traffic => return Ok(()),
                Step::Blocked | Step::PeerClosed => {
                    return Err(RustlsError::General("the session is closed".into()));
                }
            }
        }
    }

    fn failed(&mut self, error: &RustlsError, out: &mut Vec<u8>) -> TlsFailure {
        self.flush(out);
        let role = self.connection.role();
        let stage = if self.is_handshaking() { Stage::Handshake } else { Stage::Traffic };
        let notes = self.seen.as_ref().map(|seen| std::mem::take(&mut *seen.notes())).unwrap_or_default();
        match notes.refusal {
            Some(refusal) => TlsFailure::from_refusal(role, stage, refusal),
            None if notes.certificate_wanted => TlsFailure::without_certificate(stage, error),
            None => TlsFailure::from_rustls(role, stage, error),
        }
    }

    /// The connection ended (EOF or reset) before the handshake did; the caller saw it, since it owns the socket.
    pub fn closed_in_handshake(&self) -> TlsFailure {
        let role = self.connection.role();
        match (role, self.first) {
            (Role::Client, first_bytes::FirstBytes::Unseen) => {
                TlsFailure::new(role, Direction::TheyRefused, Stage::FirstBytes, Code::ClosedAtOnce, "")
            }
            (Role::Client | Role::Server, _) => TlsFailure::closed_in_handshake(role),
        }
    }

    fn broken(&self, reason: &str) -> TlsFailure {
        let stage = if self.is_handshaking() { Stage::Handshake } else { Stage::Traffic };
        TlsFailure::new(self.connection.role(), Direction::Broken, stage, Code::Protocol, reason)
    }

    /// Moves what rustls has queued (alerts) to `out`. While something is queued rustls hands it out before it looks
    /// at the input, so an empty input is enough.
    fn flush(&mut self, out: &mut Vec<u8>) {
        while self.connection.common().wants_write() {
            let (_, step) = self.connection.step(&mut [], Write::Nothing, &mut Vec::new(), out);
            if step.is_err() {
                break;
            }
        }
    }
}

impl std::fmt::Debug for TlsSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsSession")
            .field("role", &self.connection.role())
            .field("version", &self.version())
            .finish_non_exhaustive()
    }
}
