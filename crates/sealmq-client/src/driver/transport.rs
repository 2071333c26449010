//! One connection's bytes: a TCP or unix stream, plain or under TLS, in the frames of a WebSocket or in none, with the
//! buffers in between.
//!
//! Public for who drives a state machine of his own over it (bridges); [`crate::Client`] drives a session.
#![allow(
    clippy::disallowed_methods,
    reason = "certificates are judged by the wall clock of the moment of dialling"
)]

use std::io;
use std::net::{IpAddr, SocketAddr};
#[cfg(unix)]
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use sealmq_tls::{ClientTls, Timestamp, TlsFailure, TlsSession};
use tokio::io::{AsyncWriteExt, Interest, Ready};
use tokio::net::{TcpSocket, TcpStream};

use crate::error::{ClientError, SessionError};
use crate::options::{Endpoint, Nagle};
use crate::websocket::{Framing, WebSocket, WebSocketError, WebSocketNonce};

/// A connection to a server: MQTT bytes in, MQTT bytes out. Bytes given to it before the TLS handshake is done wait.
pub struct Transport {
    stream: Stream,
    layer: Layer,
    web: Option<WebSocket>,
    endpoint: String,
    /// From the wire: ciphertext where there is TLS.
    incoming: Vec<u8>,
    /// From below the WebSocket, where there is one: its frames.
    frames: Vec<u8>,
    /// MQTT bytes that the session has not consumed.
    plain: Vec<u8>,
    /// For the wire.
    out: Vec<u8>,
}

enum Layer {
    Plain,
    Tls {
        session: Box<TlsSession>,
        /// Bytes that wait for the end of the handshake.
        unsealed: Vec<u8>,
    },
}

enum Stream {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(tokio::net::UnixStream),
}

/// Read at once from the wire.
const READ_BYTES: usize = 16 * 1024;
/// How long the server may take to close after our last byte: closing first, with bytes of it unread, would make
/// the operating system throw away what it has not read of ours.
const LINGER: Duration = Duration::from_secs(1);

impl Transport {
    /// Opens TCP (or a unix socket), begins the TLS handshake, where there is TLS, and asks for a WebSocket, where one
    /// is wanted.
    ///
    /// # Errors
    /// The name, or TCP.
    pub async fn open(
        endpoint: &Endpoint,
        tls: Option<&ClientTls>,
        framing: Framing,
    ) -> Result<Self, ClientError> {
        let stream = Stream::connect(endpoint).await?;
        let layer = match tls {
            None => Layer::Plain,
            Some(tls) => {
                let name = match endpoint {
                    Endpoint::Tcp { host, .. } => host.as_str(),
                    #[cfg(unix)]
                    Endpoint::Unix(_) => "localhost",
                };
                let session = tls
                    .session(name, wall_now())
                    .map_err(|_| ClientError::ServerName { host: name.to_owned() })?;
                Layer::Tls { session: Box::new(session), unsealed: Vec::new() }
            }
        };
        let mut transport = Self {
            stream,
            layer,
            web: None,
            endpoint: endpoint.to_string(),
            incoming: Vec::new(),
            frames: Vec::new(),
            plain: Vec::new(),
            out: Vec::new(),
        };
        if framing == Framing::WebSocket {
            transport.ask_for_web_socket(endpoint)?;
        }
        transport.open_records()?;
        Ok(transport)
    }

    /// Takes MQTT bytes for the server.
    pub fn send(&mut self, bytes: &[u8]) {
        match &mut self.web {
            Some(web) => web.send(bytes),
            None => self.below().extend_from_slice(bytes),
        }
    }

    /// MQTT bytes from the server; what is consumed is to be taken off the front.
    pub fn received(&mut self) -> &mut Vec<u8> {
        &mut self.plain
    }

    /// How many bytes have not left.
    pub fn unsent(&self) -> usize {
        let unframed = self.web.as_ref().map_or(0, WebSocket::unframed);
        match &self.layer {
            Layer::Plain => unframed + self.out.len(),
            Layer::Tls { unsealed, .. } => unframed + self.out.len() + unsealed.len(),
        }
    }

    /// What TLS was agreed on, where there is TLS.
    pub fn tls(&self) -> Option<&TlsSession> {
        match &self.layer {
            Layer::Plain => None,
            Layer::Tls { session, .. } => Some(session),
        }
    }

    /// Waits until bytes can be read or written, and does it. May be dropped while it waits.
    ///
    /// # Errors
    /// The connection is over; what was received before is still there.
    pub async fn exchange(&mut self) -> Result<(), ClientError> {
        self.seal()?;
        let interest =
            if self.out.is_empty() { Interest::READABLE } else { Interest::READABLE | Interest::WRITABLE };
        let ready = self.stream.ready(interest).await.map_err(|error| self.lost(Some(error)))?;
        if ready.is_writable() {
            self.write()?;
        }
        if ready.is_readable() || ready.is_read_closed() || ready.is_error() {
            self.read().await?;
        }
        Ok(())
    }

    /// Writes only, for who has enough to read for now. Waits for ever where there is nothing to write. May be dropped
    /// while it waits.
    ///
    /// # Errors
    /// The connection is over.
    pub async fn send_only(&mut self) -> Result<(), ClientError> {
        self.seal()?;
        if self.out.is_empty() {
            return std::future::pending().await;
        }
        self.stream.ready(Interest::WRITABLE).await.map_err(|error| self.lost(Some(error)))?;
        self.write()
    }

    /// Writes everything, says that nothing follows, and waits for the server to close.
    ///
    /// # Errors
    /// The connection is over.
    pub async fn close(&mut self) -> Result<(), ClientError> {
        if let Some(web) = &mut self.web {
            web.close();
        }
        self.seal()?;
        if let Layer::Tls { session, .. } = &mut self.layer {
            session.close_notify(&mut self.out);
        }
        self.flush().await?;
        self.stream.shutdown().await.map_err(|error| self.lost(Some(error)))?;
        let drained = async {
            let mut ignored = [0; 1024];
            loop {
                self.stream.ready(Interest::READABLE).await?;
                match self.stream.try_read(&mut ignored) {
                    Ok(0) => return Ok::<(), io::Error>(()),
                    Ok(_) => {}
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(error) => return Err(error),
                }
            }
        };
        // Whatever comes of it, the connection is over.
        let _ = tokio::time::timeout(LINGER, drained).await;
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), ClientError> {
        while !self.out.is_empty() {
            self.stream.ready(Interest::WRITABLE).await.map_err(|error| self.lost(Some(error)))?;
            self.write()?;
        }
        Ok(())
    }

    fn write(&mut self) -> Result<(), ClientError> {
        while !self.out.is_empty() {
            match self.stream.try_write(&self.out) {
                Ok(written) => {
                    self.out.drain(..written);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                // The reason may still be readable: an alert, a CONNACK, a DISCONNECT.
                Err(error) if is_reset(&error) => {
                    self.out.clear();
                    return Ok(());
                }
                Err(error) => return Err(self.lost(Some(error))),
            }
        }
        Ok(())
    }

    async fn read(&mut self) -> Result<(), ClientError> {
        let mut buffer = [0; READ_BYTES];
        match self.stream.try_read(&mut buffer) {
            Ok(0) => Err(self.ended(None)),
            Ok(count) => {
                self.incoming.extend_from_slice(&buffer[..count]);
                match self.open_records() {
                    Ok(()) => Ok(()),
                    Err(error) => {
                        // The alert or the close frame that tells the server why is in `out`, or about to be.
                        let _ = self.seal();
                        let _ = tokio::time::timeout(LINGER, self.flush()).await;
                        Err(error)
                    }
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(self.ended(Some(error))),
        }
    }

    /// Ciphertext to MQTT bytes; handshake messages and alerts go to `out`.
    fn open_records(&mut self) -> Result<(), ClientError> {
        let above = if self.web.is_some() { &mut self.frames } else { &mut self.plain };
        let opened = match &mut self.layer {
            Layer::Plain => {
                above.append(&mut self.incoming);
                Ok(())
            }
            Layer::Tls { session, .. } => session.open(&mut self.incoming, above, &mut self.out).map(|_| ()),
        };
        // What came before a failure still counts.
        let unframed = self.unframe();
        match opened {
            Ok(()) => unframed.and_then(|()| self.seal()),
            Err(failure) => Err(self.tls_failed(failure)),
        }
    }

    /// Frames to MQTT bytes.
    fn unframe(&mut self) -> Result<(), ClientError> {
        let Some(web) = &mut self.web else { return Ok(()) };
        let read = web.receive(&self.frames, &mut self.plain);
        self.frames.clear();
        read.map_err(|error| self.web_failed(error))
    }

    fn ask_for_web_socket(&mut self, endpoint: &Endpoint) -> Result<(), ClientError> {
        let nonce = WebSocketNonce(random()?);
        let is_tls = matches!(self.layer, Layer::Tls { .. });
        let web = WebSocket::ask(&authority(endpoint, is_tls), nonce, self.below());
        self.web = Some(web);
        Ok(())
    }

    /// Where bytes go that TLS, if there is any, is to seal.
    fn below(&mut self) -> &mut Vec<u8> {
        match &mut self.layer {
            Layer::Plain => &mut self.out,
            Layer::Tls { unsealed, .. } => unsealed,
        }
    }

    /// MQTT bytes to frames, each with a mask of its own.
    fn frame(&mut self) -> Result<(), ClientError> {
        let below = match &mut self.layer {
            Layer::Plain => &mut self.out,
            Layer::Tls { unsealed, .. } => unsealed,
        };
        if let Some(web) = &mut self.web {
            while web.has_frame() {
                web.write_frame(random()?, below);
            }
        }
        Ok(())
    }

    /// MQTT bytes to frames and to ciphertext, once the handshake is done.
    fn seal(&mut self) -> Result<(), ClientError> {
        self.frame()?;
        if let Layer::Tls { session, unsealed } = &mut self.layer
            && !unsealed.is_empty()
            && !session.is_handshaking()
        {
            if let Err(failure) = session.seal(unsealed, &mut self.out) {
                return Err(self.tls_failed(failure));
            }
            unsealed.clear();
        }
        Ok(())
    }

    fn ended(&self, error: Option<io::Error>) -> ClientError {
        match &self.layer {
            Layer::Tls { session, .. } if session.is_handshaking() => {
                self.tls_failed(session.closed_in_handshake())
            }
            Layer::Tls { .. } | Layer::Plain if self.web.as_ref().is_some_and(WebSocket::is_asking) => {
                self.web_failed(WebSocketError::NoAnswer)
            }
            Layer::Tls { .. } | Layer::Plain => self.lost(error),
        }
    }

    /// A close frame is to a WebSocket what the end of the stream is to TCP.
    fn web_failed(&self, error: WebSocketError) -> ClientError {
        match error {
            WebSocketError::Closed(_) => self.lost(Some(io::Error::other(error.to_string()))),
            error => ClientError::WebSocket { endpoint: self.endpoint.clone(), error },
        }
    }

    fn tls_failed(&self, failure: TlsFailure) -> ClientError {
        ClientError::Tls { endpoint: self.endpoint.clone(), failure: Box::new(failure) }
    }

    fn lost(&self, error: Option<io::Error>) -> ClientError {
        ClientError::Lost { endpoint: self.endpoint.clone(), error }
    }
}

#[cfg(unix)]
impl AsFd for Transport {
    /// The socket, for its options.
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.stream {
            Stream::Tcp(stream) => stream.as_fd(),
            Stream::Unix(stream) => stream.as_fd(),
        }
    }
}

/// Random bytes for a nonce or a mask.
fn random<const BYTES: usize>() -> Result<[u8; BYTES], ClientError> {
    let mut bytes = [0; BYTES];
    match aws_lc_rs::rand::fill(&mut bytes) {
        Ok(()) => Ok(bytes),
        Err(_) => Err(ClientError::Session(SessionError::NoRandomness)),
    }
}

/// RFC 6455 §4.1: the host, without the zone of an address, and the port unless it is the scheme's.
fn authority(endpoint: &Endpoint, is_tls: bool) -> String {
    match endpoint {
        Endpoint::Tcp { host, port, .. } => {
            let host = host.split('%').next().unwrap_or_default();
            let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
            match (port, is_tls) {
                (80, false) | (443, true) => host,
                (_, _) => format!("{host}:{port}"),
            }
        }
        #[cfg(unix)]
        Endpoint::Unix(_) => "localhost".to_owned(),
    }
}

fn is_reset(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted
    )
}

impl Stream {
    async fn connect(endpoint: &Endpoint) -> Result<Self, ClientError> {
        let failed = |error| ClientError::Connect { endpoint: endpoint.to_string(), error };
        match endpoint {
            Endpoint::Tcp { host, port, bind, nagle } => {
                let stream = connect_tcp(host, *port, *bind, failed).await?;
                stream.set_nodelay(*nagle == Nagle::Off).map_err(failed)?;
                Ok(Self::Tcp(stream))
            }
            #[cfg(unix)]
            Endpoint::Unix(path) => {
                tokio::net::UnixStream::connect(path).await.map(Self::Unix).map_err(failed)
            }
        }
    }

    async fn ready(&self, interest: Interest) -> io::Result<Ready> {
        match self {
            Self::Tcp(stream) => stream.ready(interest).await,
            #[cfg(unix)]
            Self::Unix(stream) => stream.ready(interest).await,
        }
    }

    fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.try_read(buffer),
            #[cfg(unix)]
            Self::Unix(stream) => stream.try_read(buffer),
        }
    }

    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.try_write(bytes),
            #[cfg(unix)]
            Self::Unix(stream) => stream.try_write(bytes),
        }
    }

    async fn shutdown(&mut self) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.shutdown().await,
            #[cfg(unix)]
            Self::Unix(stream) => stream.shutdown().await,
        }
    }
}

fn wall_now() -> Timestamp {
    let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_secs(i64::try_from(since_epoch.as_secs()).unwrap_or(i64::MAX))
}

/// Tries every address of the name in turn, and reports the last failure.
async fn connect_tcp(
    host: &str,
    port: u16,
    bind: Option<IpAddr>,
    failed: impl Fn(io::Error) -> ClientError,
) -> Result<TcpStream, ClientError> {
    let unresolved = |error| ClientError::Resolve { host: host.to_owned(), error };
    let addresses: Vec<SocketAddr> =
        tokio::net::lookup_host((host, port)).await.map_err(unresolved)?.collect();
    let mut last = None;
    for address in
        addresses.iter().filter(|address| bind.is_none_or(|bind| bind.is_ipv4() == address.is_ipv4()))
    {
        match connect_address(*address, bind).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = Some(error),
        }
    }
    Err(match last {
        Some(error) => failed(error),
        None => unresolved(io::Error::new(io::ErrorKind::NotFound, "the name has no address of that kind")),
    })
}

async fn connect_address(address: SocketAddr, bind: Option<IpAddr>) -> io::Result<TcpStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if let Some(bind) = bind {
        socket.bind(SocketAddr::new(bind, 0))?;
    }
    socket.connect(address).await
}
