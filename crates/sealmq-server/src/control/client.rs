//! The command's end of the control socket.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use super::protocol::{LINE_BYTES_MAX, Request, Response};
use super::socket;
use crate::home::{HomeError, Place};

/// A connection to the broker of a data directory.
pub(super) struct Connection {
    path: PathBuf,
    stream: BufReader<UnixStream>,
}

impl Connection {
    /// Connects; `None` where no broker runs.
    pub(super) fn open(place: &Place) -> Result<Option<Self>, HomeError> {
        let path = place.control_socket();
        let stream = socket::connect(place).map_err(|e| HomeError::io("connect to", &path, e))?;
        let Some(stream) = stream else { return Ok(None) };
        stream
            .set_read_timeout(Some(ANSWER_WAIT))
            .and_then(|()| stream.set_write_timeout(Some(ANSWER_WAIT)))
            .map_err(|e| HomeError::io("connect to", &path, e))?;
        Ok(Some(Self { path, stream: BufReader::new(stream) }))
    }

    /// Asks and waits for the answer.
    pub(super) fn ask(&mut self, request: &Request) -> Result<Response, HomeError> {
        let io = |doing, e| HomeError::io(doing, &self.path, e);
        let mut line = serde_json::to_vec(request).map_err(|e| io("write", e.into()))?;
        line.push(b'\n');
        self.stream.get_mut().write_all(&line).map_err(|e| io("write to", e))?;
        let mut answer = String::new();
        let limit = u64::try_from(LINE_BYTES_MAX).expect("a small constant");
        let read = (&mut self.stream)
            .take(limit)
            .read_line(&mut answer)
            .map_err(|e| HomeError::io("read from", &self.path, e))?;
        if read == 0 {
            let ended = std::io::Error::new(std::io::ErrorKind::UnexpectedEof, "the broker is gone");
            return Err(HomeError::io("read from", &self.path, ended));
        }
        serde_json::from_str(&answer).map_err(|_| HomeError::Refused {
            what: format!("the broker at {} gave no answer that can be read", self.path.display()),
            hint: "use the sealmq that the broker runs; look at the broker's log".to_owned(),
        })
    }
}

const ANSWER_WAIT: Duration = Duration::from_secs(20);
