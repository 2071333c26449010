//! The door's stage on a listener that serves browsers: HTTP before MQTT, if it is HTTP.
//!
//! After TLS. A request for a WebSocket is granted or the connection is closed without an answer, as in mosquitto; a
//! plain request gets a file of `http_dir` and the connection is closed. Under `protocol auto` the first byte tells: no
//! CONNECT begins with a letter. The head of a request is bounded by `packet_buffer_size`, the time by the door's deadline.

use std::io::Read as _;

use sealmq_config::Protocol;
use sealmq_mqtt::websocket::{CloseCode, FrameReader, Side, write_binary, write_close, write_pong};

use super::proxy::stage::Vouched;
use super::refuse::Turned;
use super::visit::Visit;
use crate::http::files::{Files, Found};
use crate::http::request::{Head, Request, parse};
use crate::http::upgrade::{NoUpgrade, Page, Standing, Wanted, judge};
use crate::log::mute::Symptom;
use crate::log::{Escaped, Event, Line};

/// Bytes of a file sent at once.
const FILE_BYTES: usize = 16 * 1024;

/// What a listener serves browsers with.
#[derive(Debug, Clone)]
pub struct Web {
    /// `protocol`.
    pub protocol: Protocol,
    /// `websockets_origin`; empty: pages of any origin.
    pub origins: Vec<String>,
    /// `http_dir`.
    pub files: Option<Files>,
    /// `packet_buffer_size`.
    pub head_bytes_max: usize,
}

/// How MQTT lies in what a client sends.
pub(super) enum Inbound {
    /// As it is.
    Raw,
    /// HTTP comes first, or may.
    Undecided,
    /// In frames.
    WebSocket(Box<FrameReader>),
}

impl Inbound {
    pub(super) fn of(protocol: Protocol) -> Inbound {
        match protocol {
            Protocol::Mqtt => Inbound::Raw,
            Protocol::WebSockets | Protocol::Auto | Protocol::HttpApi => Inbound::Undecided,
        }
    }
}

/// Whether a client certificate was shown, to us or to a proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Certified {
    Yes,
    No,
}

/// What becomes of a page from elsewhere, where nothing says which pages may connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FromElsewhere {
    /// It comes in.
    Admitted,
    /// It is refused: it would use its visitor's certificate, and we are our own authority.
    Refused,
}

/// The page behind a client, kept with its session.
#[derive(Debug, Clone)]
pub(crate) struct Browsed {
    page: Page,
    from_elsewhere: FromElsewhere,
}

impl Browsed {
    /// Whether the page may be connected where `allowed` is `websockets_origin`.
    pub(crate) fn may_stay(&self, allowed: &[String]) -> bool {
        match self.page.standing(allowed) {
            Standing::Own => true,
            Standing::Foreign(_) => self.from_elsewhere == FromElsewhere::Admitted,
            Standing::Refused(_) => false,
        }
    }
}

impl Visit<'_> {
    /// Does nothing where the listener speaks MQTT only.
    pub(super) async fn upgrade(&mut self, shown: Certified) -> Result<(), Turned> {
        let web = std::sync::Arc::clone(&self.listener.terms().web);
        let web = web.as_ref();
        if !web.protocol.has_websockets() {
            return Ok(());
        }
        loop {
            match (web.protocol, self.framed.first()) {
                // GET, HEAD, POST …: an upper-case letter. CONNECT is 0x10.
                (Protocol::Auto, Some(first)) if !first.is_ascii_uppercase() => return self.stay_raw(),
                (Protocol::Auto | Protocol::WebSockets | Protocol::Mqtt | Protocol::HttpApi, _) => {}
            }
            let bytes = std::mem::take(&mut self.framed);
            let head = parse(&bytes).map_err(|error| not_http(&bytes, error.to_string()))?;
            let taken = match &head {
                Head::Whole { bytes, .. } => *bytes,
                Head::Incomplete => bytes.len(),
            };
            if taken > web.head_bytes_max {
                return Err(Turned::NotMqtt {
                    code: "SMQ-D019",
                    text: "the head of its HTTP request is larger than packet_buffer_size".to_owned(),
                    hint: Some("large cookies? raise packet_buffer_size".to_owned()),
                });
            }
            match head {
                Head::Whole { request, bytes: len } => {
                    return self.answer(web, &request, &bytes[len..], shown).await;
                }
                Head::Incomplete => self.framed = bytes,
            }
            self.read_more().await?;
        }
    }

    fn stay_raw(&mut self) -> Result<(), Turned> {
        let begun = std::mem::take(&mut self.framed);
        self.plain.extend_from_slice(&begun);
        self.inbound = Inbound::Raw;
        Ok(())
    }

    async fn answer(
        &mut self,
        web: &Web,
        request: &Request<'_>,
        behind: &[u8],
        shown: Certified,
    ) -> Result<(), Turned> {
        match judge(request, &web.origins) {
            Ok(Wanted::WebSocket(upgrade)) => {
                let answer = upgrade.answer();
                if let Some(page) = upgrade.page {
                    let from_elsewhere = self.check_page(&page, &web.origins, shown)?;
                    self.browsed = Some(Box::new(Browsed { page, from_elsewhere }));
                }
                self.send(answer.as_bytes());
                self.flush().await?;
                self.inbound = Inbound::WebSocket(Box::new(FrameReader::new(Side::Server)));
                // Frames in the same flight: nobody has to wait for the answer.
                self.framed.extend_from_slice(behind);
                self.read_frames()?;
                self.flush().await
            }
            Ok(Wanted::Page) => self.serve_page(web, request).await,
            Err(refused) => Err(no_upgrade(&refused)),
        }
    }

    /// A browser shows its owner's certificate to whatever page makes it connect.
    fn check_page(&self, page: &Page, allowed: &[String], shown: Certified) -> Result<FromElsewhere, Turned> {
        let certified = shown == Certified::Yes || self.vouched != Vouched::Nothing;
        // Where we are our own authority nothing of mosquitto's is promised.
        let from_elsewhere = match certified && self.door.names.is_some() {
            true => FromElsewhere::Refused,
            false => FromElsewhere::Admitted,
        };
        let Standing::Foreign(origin) = page.standing(allowed) else { return Ok(from_elsewhere) };
        if !certified {
            return Ok(from_elsewhere);
        }
        let hint =
            format!("if the page is yours, add `websockets_origin {}` to the listener", Escaped(origin));
        let text = "it is a web page of another origin that uses its visitor's certificate";
        if from_elsewhere == FromElsewhere::Refused {
            return Err(Turned::NotMqtt { code: "SMQ-D020", text: text.to_owned(), hint: Some(hint) });
        }
        let line = Line::new(
            Event::TrustFinding,
            format!("Connection from {}: {text} ({}).", self.address, Escaped(origin)),
        )
        .hint(hint)
        .field("finding", "SMQ-D020");
        self.door.log_refusal(Symptom { address: self.address.ip(), code: "SMQ-D020" }, line);
        Ok(from_elsewhere)
    }

    /// Always an error: nobody who wants a page becomes a client.
    async fn serve_page(&mut self, web: &Web, request: &Request<'_>) -> Result<(), Turned> {
        let found = match (request.method, &web.files) {
            ("GET" | "HEAD", Some(files)) => files.find(request.target).ok(),
            ("GET" | "HEAD", None) => None,
            _ => {
                self.send(&short_answer("405 Method Not Allowed\r\nAllow: GET, HEAD"));
                return Err(page(request, 405));
            }
        };
        let Some(found) = found else {
            let status = match web.files {
                Some(_) => "404 Not Found",
                // RFC 9110 §15.5.22: this is no place for pages.
                None => "426 Upgrade Required\r\nUpgrade: websocket",
            };
            self.send(&short_answer(status));
            return Err(page(request, if web.files.is_some() { 404 } else { 426 }));
        };
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: {}\r\nContent-Length: {}\r\nX-Content-Type-Options: nosniff\r\n\
             Connection: close\r\n\r\n",
            found.content_type, found.bytes
        );
        self.send(head.as_bytes());
        if request.method == "GET" {
            self.send_file(found).await?;
        }
        Err(page(request, 200))
    }

    /// As many bytes as the head has promised, however the file changes meanwhile.
    pub(super) async fn send_file(&mut self, found: Found) -> Result<(), Turned> {
        let mut rest = found.file.take(found.bytes);
        let mut buffer = vec![0; FILE_BYTES];
        loop {
            match rest.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(n) => self.send(&buffer[..n]),
                Err(error) => {
                    return Err(Turned::Fault(format!("a file of http_dir cannot be read: {error}")));
                }
            }
            self.flush().await?;
        }
    }

    /// Unframes what came. Pings are answered, a close frame too, and ends the visit.
    pub(super) fn read_frames(&mut self) -> Result<(), Turned> {
        let Inbound::WebSocket(reader) = &mut self.inbound else { return Ok(()) };
        // As for `plain` itself: an ordinary CONNECT leaves no copy behind.
        self.plain.reserve(self.framed.len());
        let read = reader.read(&self.framed, &mut self.plain);
        zeroize::Zeroize::zeroize(&mut *self.framed);
        let mut answer = Vec::new();
        let outcome = match read {
            Ok(heard) => {
                if let Some(ping) = heard.ping {
                    write_pong(&mut answer, &ping, None);
                }
                Ok(())
            }
            Err(violation) => Err(Turned::not_mqtt(violation.to_string())),
        };
        self.send(&answer);
        outcome
    }

    /// MQTT bytes as they go out on this connection.
    pub(super) fn framed(&self, mqtt: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        match self.inbound {
            Inbound::Raw | Inbound::Undecided => out.extend_from_slice(mqtt),
            Inbound::WebSocket(_) => {
                write_binary(&mut out, mqtt.len(), None, |out| out.extend_from_slice(mqtt))
            }
        }
        out
    }

    /// The last frame, on a WebSocket.
    pub(super) fn send_close(&mut self) {
        if let Inbound::WebSocket(reader) = &self.inbound {
            let mut out = Vec::new();
            write_close(&mut out, reader.closed().unwrap_or(CloseCode::NORMAL), None);
            self.send(&out);
        }
    }

    /// Whether the client has said goodbye in the WebSocket's own words.
    pub(super) fn is_closed(&self) -> bool {
        matches!(&self.inbound, Inbound::WebSocket(reader) if reader.closed().is_some())
    }
}

fn short_answer(status: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").into_bytes()
}

fn page(request: &Request<'_>, status: u16) -> Turned {
    Turned::Page { text: format!("{} {} {status}", Escaped(request.method), Escaped(request.target)) }
}

fn not_http(bytes: &[u8], text: String) -> Turned {
    let hint = match bytes.first() {
        Some(0x10) => Some("it speaks MQTT without WebSocket: `protocol auto` takes both".to_owned()),
        Some(0x16) => Some("it speaks TLS, and this listener does not".to_owned()),
        Some(_) | None => None,
    };
    Turned::NotMqtt { code: "SMQ-D021", text, hint }
}

fn no_upgrade(refused: &NoUpgrade) -> Turned {
    let (code, hint) = match refused {
        NoUpgrade::Origin(origin) => (
            "SMQ-D022",
            Some(format!(
                "the page's origin is {}; websockets_origin says which may connect",
                Escaped(origin)
            )),
        ),
        NoUpgrade::Subprotocol => ("SMQ-D023", Some("clients say so: new WebSocket(url, 'mqtt')".to_owned())),
        NoUpgrade::Method | NoUpgrade::Version | NoUpgrade::Key => ("SMQ-D023", None),
    };
    Turned::NotMqtt { code, text: refused.to_string(), hint }
}
