//! rustls' unbuffered API, one state at a time: bytes in, bytes out, nothing kept.
//!
//! What a connection means (stages, failures, what is kept after the handshake) is in `session`.

use rustls::client::UnbufferedClientConnection;
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{ConnectionState, EncodeError, EncryptError, UnbufferedStatus};
use rustls::{CommonState, Error as RustlsError};

use crate::failure::Role;

/// Header of a record: type, version, length.
pub(crate) const RECORD_HEADER: usize = 5;
/// What a sealed record is longer than its plaintext, at most: header, explicit nonce or content type, tag.
const RECORD_OVERHEAD_MAX: usize = RECORD_HEADER + 8 + 17;
/// The smallest record size that can be configured.
const RECORD_MIN: usize = 512;

/// Either side of a connection.
pub(crate) enum Connection {
    Server(Box<UnbufferedServerConnection>),
    Client(Box<UnbufferedClientConnection>),
}

impl Connection {
    pub(crate) fn common(&self) -> &CommonState {
        match self {
            Connection::Server(connection) => connection,
            Connection::Client(connection) => connection,
        }
    }

    pub(crate) fn role(&self) -> Role {
        match self {
            Connection::Server(_) => Role::Server,
            Connection::Client(_) => Role::Client,
        }
    }

    /// Lets rustls go one state further on this input; the first value is how much of it is done with.
    pub(crate) fn step(
        &mut self,
        input: &mut [u8],
        write: Write<'_>,
        plain: &mut Vec<u8>,
        out: &mut Vec<u8>,
    ) -> (usize, Result<Step, RustlsError>) {
        match self {
            Connection::Server(connection) => step(connection.process_tls_records(input), write, plain, out),
            Connection::Client(connection) => step(connection.process_tls_records(input), write, plain, out),
        }
    }
}

/// What a step shall do where data may be written.
#[derive(Clone, Copy)]
pub(crate) enum Write<'a> {
    Nothing,
    Data(&'a [u8]),
    CloseNotify,
}

/// What one step of rustls came to.
pub(crate) enum Step {
    Again,
    Blocked,
    Traffic,
    PeerClosed,
}

/// Handles one state of rustls; the first value is how much of the input is done with.
fn step<Data>(
    status: UnbufferedStatus<'_, '_, Data>,
    write: Write<'_>,
    plain: &mut Vec<u8>,
    out: &mut Vec<u8>,
) -> (usize, Result<Step, RustlsError>) {
    let UnbufferedStatus { mut discard, state } = status;
    let state = match state {
        Ok(state) => state,
        Err(error) => return (discard, Err(error)),
    };
    let step = match state {
        ConnectionState::ReadTraffic(mut traffic) => {
            while let Some(record) = traffic.next_record() {
                match record {
                    Ok(record) => {
                        discard += record.discard;
                        plain.extend_from_slice(record.payload);
                    }
                    Err(error) => return (discard, Err(error)),
                }
            }
            Ok(Step::Again)
        }
        ConnectionState::EncodeTlsData(mut data) => {
            append(out, 0, |buffer| match data.encode(buffer) {
                Ok(written) => Ok(written),
                Err(EncodeError::InsufficientSize(needs)) => Err(Some(needs.required_size)),
                Err(EncodeError::AlreadyEncoded) => Err(None),
            });
            Ok(Step::Again)
        }
        ConnectionState::TransmitTlsData(data) => {
            // It is in `out`, which the caller writes; for rustls that is as good as sent.
            data.done();
            Ok(Step::Again)
        }
        ConnectionState::BlockedHandshake => Ok(Step::Blocked),
        ConnectionState::WriteTraffic(mut traffic) => match write {
            Write::Nothing => Ok(Step::Traffic),
            Write::Data(data) => {
                let records = data.len().div_ceil(RECORD_MIN) + 1;
                let room = data.len() + records * RECORD_OVERHEAD_MAX;
                encrypted(out, room, |buffer| traffic.encrypt(data, buffer))
            }
            Write::CloseNotify => encrypted(out, 64, |buffer| traffic.queue_close_notify(buffer)),
        },
        ConnectionState::PeerClosed | ConnectionState::Closed => Ok(Step::PeerClosed),
        // Early data is never offered (`max_early_data_size` is 0), so this cannot come; if it does, nothing is read.
        ConnectionState::ReadEarlyData(_) => Err(RustlsError::General("early data was never offered".into())),
        _ => Err(RustlsError::General("a state of rustls that this code does not know".into())),
    };
    (discard, step)
}

fn encrypted(
    out: &mut Vec<u8>,
    room: usize,
    mut write: impl FnMut(&mut [u8]) -> Result<usize, EncryptError>,
) -> Result<Step, RustlsError> {
    let mut exhausted = false;
    append(out, room, |buffer| match write(buffer) {
        Ok(written) => Ok(written),
        Err(EncryptError::InsufficientSize(needs)) => Err(Some(needs.required_size)),
        Err(EncryptError::EncryptExhausted) => {
            exhausted = true;
            Err(None)
        }
    });
    if exhausted { Err(RustlsError::EncryptError) } else { Ok(Step::Traffic) }
}

/// Grows `out`, lets `write` fill the new part, and cuts it to what was written. `write` gives the size it needs
/// when the room was too small.
fn append(out: &mut Vec<u8>, room: usize, mut write: impl FnMut(&mut [u8]) -> Result<usize, Option<usize>>) {
    let start = out.len();
    let mut room = room;
    loop {
        out.resize(start + room, 0);
        match write(&mut out[start..]) {
            Ok(written) => return out.truncate(start + written),
            Err(Some(needed)) if needed > room => room = needed,
            Err(_) => return out.truncate(start),
        }
    }
}

/// How many bytes of `incoming` are complete records, counted behind the first `from` bytes (read before).
pub(crate) fn complete_records(incoming: &[u8], from: usize) -> usize {
    let mut at = from.min(incoming.len());
    while let Some(header) = incoming.get(at..at + RECORD_HEADER) {
        let end = at + RECORD_HEADER + usize::from(u16::from_be_bytes([header[3], header[4]]));
        if end > incoming.len() {
            break;
        }
        at = end;
    }
    at
}
