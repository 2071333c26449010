//! The door's stage on a listener with `protocol http_api`: one request, one answer, and the connection is closed.
//!
//! After TLS and its whole decision. Who asks is decided as for an MQTT client, HTTP Basic standing for CONNECT; then the
//! access list is asked whether he may read the path. Time, bytes and places are the door's: who sends a request byte by
//! byte, or does not read the answer, is let go when the deadline of every visit is over.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sealmq_broker::{Action, DollarTopics, Subject};
use sealmq_mqtt::{Connect, Properties, Secret, Version};
use zeroize::Zeroizing;

use super::authenticate::{Asker, Denied, Shown, identify};
use super::refuse::{DeniedClient, Turned};
use super::visit::Visit;
use crate::http::api::{self, Endpoint, Route, route};
use crate::http::files::percent_decoded;
use crate::http::request::{Head, Request, parse};
use crate::log::Escaped;
use crate::sys_tree;

/// Who asks over HTTP is called so, for the access list and the log.
const CLIENT_ID: &str = "http-api";
const CORS: &str = "Access-Control-Allow-Origin: *\r\n";
const JSON: &str = "Content-Type: application/json\r\nX-Content-Type-Options: nosniff\r\n";
const TEXT: &str = "Content-Type: text/plain; charset=utf-8\r\nX-Content-Type-Options: nosniff\r\n";

/// What `Authorization: Basic` says (RFC 7617).
pub(crate) struct Credentials {
    pub(crate) username: String,
    pub(crate) password: Zeroizing<Vec<u8>>,
}

impl Visit<'_> {
    /// Reads one request and answers it. Always an error: nobody who asks here becomes a client.
    pub(super) async fn serve_api(&mut self, shown: Option<Shown>, generation: u64) -> Turned {
        match self.serve_request(shown, generation).await {
            Ok(turned) | Err(turned) => turned,
        }
    }

    async fn serve_request(&mut self, shown: Option<Shown>, generation: u64) -> Result<Turned, Turned> {
        let head_bytes_max = self.listener.terms().web.head_bytes_max;
        loop {
            let bytes = std::mem::take(&mut self.framed);
            match parse(&bytes) {
                Err(error) => return Err(Turned::not_mqtt(error.to_string())),
                Ok(Head::Whole { request, .. }) => return self.serve(&request, shown, generation).await,
                Ok(Head::Incomplete) if bytes.len() >= head_bytes_max => {
                    self.say_http("431 Request Header Fields Too Large", TEXT, b"Request header too large\n");
                    return Err(Turned::not_mqtt(
                        "the head of its HTTP request is larger than packet_buffer_size",
                    ));
                }
                Ok(Head::Incomplete) => {}
            }
            self.framed = bytes;
            self.read_more().await?;
        }
    }

    async fn serve(
        &mut self,
        request: &Request<'_>,
        shown: Option<Shown>,
        generation: u64,
    ) -> Result<Turned, Turned> {
        if request.method != "GET" {
            let fields = format!("Allow: GET\r\n{TEXT}");
            self.say_http("405 Method Not Allowed", &fields, b"Invalid HTTP Method\n");
            return Ok(served(request, 405));
        }
        // What cannot be decoded names nothing, and is asked about as it stands.
        let whole = request.target.split(['?', '#']).next().unwrap_or_default();
        let path = percent_decoded(whole).unwrap_or_else(|| whole.to_owned());
        let route = route(&path);
        let credentials = credentials(request);
        let username = credentials.as_ref().map(|credentials| credentials.username.clone());
        let allowed = match self.asker(credentials.as_ref(), shown, generation).await {
            Ok(asker) => self.check_path(&asker, &path, route),
            Err(denied) => Err(denied),
        };
        if let Err(denied) = allowed {
            let fields = format!("WWW-Authenticate: Basic realm=\"Mosquitto API\"\r\n{TEXT}");
            self.say_http("401 Unauthorized", &fields, b"Not authorised\n");
            let client = DeniedClient { denied, client_id: CLIENT_ID.to_owned(), username };
            return Err(Turned::Denied(Box::new(client)));
        }
        self.answer_route(request, route).await
    }

    async fn asker(
        &self,
        credentials: Option<&Credentials>,
        shown: Option<Shown>,
        generation: u64,
    ) -> Result<Asker, Denied> {
        let connect = Connect {
            version: Version::V5,
            bridge: false,
            clean_start: true,
            keep_alive_secs: 0,
            client_id: CLIENT_ID,
            will: None,
            username: credentials.map(|credentials| credentials.username.as_str()),
            password: credentials.map(|credentials| Secret::new(&credentials.password)),
            properties: Properties::EMPTY,
        };
        self.door.asks.settled().await;
        identify(&self.rules(generation), &connect, shown).await
    }

    /// The path is asked about as if it were a topic. What tells of `$SYS`, or of the listeners, is the operator's where
    /// `$SYS` is.
    fn check_path(&self, asker: &Asker, path: &str, route: Route) -> Result<(), Denied> {
        let ruling = self.door.post.ruling();
        let policy = ruling.as_ref().map_or(&self.door.policy, |ruling| &*ruling.policy);
        let subject = Subject {
            username: asker.username.as_deref(),
            client_id: CLIENT_ID,
            role: asker.role,
            attributes: asker.attributes.as_ref(),
            topics: asker.topics.as_deref(),
        };
        let reads = |topic: &str| policy.allows(self.listener.id, &subject, Action::Read, topic);
        let is_operators = policy.dollar == DollarTopics::Operator
            && matches!(route, Route::Endpoint(Endpoint::SysTree | Endpoint::Listeners));
        if reads(path) && (!is_operators || reads("$SYS/broker/uptime")) {
            Ok(())
        } else {
            Err(Denied::path(path))
        }
    }

    async fn answer_route(&mut self, request: &Request<'_>, route: Route) -> Result<Turned, Turned> {
        let (kind, body) = match route {
            Route::Endpoint(Endpoint::Version) => (TEXT, env!("CARGO_PKG_VERSION").as_bytes().to_vec()),
            Route::Endpoint(Endpoint::Listeners) => (JSON, api::listeners(&self.door.endpoint.listeners())),
            Route::Endpoint(Endpoint::SysTree) => {
                let door = self.door;
                (JSON, api::sys_tree(&sys_tree::look_recently(&door.observed, &door.post, &door.fence).await))
            }
            Route::NoEndpoint => return Ok(self.not_found(request)),
            Route::File => return self.answer_file(request).await,
        };
        self.say_http("200 OK", &format!("{CORS}{kind}"), &body);
        Ok(served(request, 200))
    }

    async fn answer_file(&mut self, request: &Request<'_>) -> Result<Turned, Turned> {
        let found =
            self.listener.terms().web.files.as_ref().and_then(|files| files.find(request.target).ok());
        let Some(found) = found else { return Ok(self.not_found(request)) };
        let head = head("200 OK", &file_fields(found.content_type), found.bytes);
        self.send(head.as_bytes());
        self.send_file(found).await?;
        Ok(served(request, 200))
    }

    fn not_found(&mut self, request: &Request<'_>) -> Turned {
        self.say_http("404 Not Found", TEXT, b"Not found.\n");
        served(request, 404)
    }

    fn say_http(&mut self, status: &str, fields: &str, body: &[u8]) {
        let head = head(status, fields, body.len() as u64);
        self.send(&[head.as_bytes(), body].concat());
    }
}

fn file_fields(content_type: &str) -> String {
    format!("Content-Type: {content_type}\r\nX-Content-Type-Options: nosniff\r\n")
}

/// The head of an answer; `fields` are whole lines.
fn head(status: &str, fields: &str, body_bytes: u64) -> String {
    format!(
        "HTTP/1.1 {status}\r\nDate: {}\r\nConnection: close\r\n{fields}Content-Length: {body_bytes}\r\n\r\n",
        date(jiff::Timestamp::now())
    )
}

/// RFC 9110 §5.6.7
fn date(now: jiff::Timestamp) -> impl std::fmt::Display {
    now.strftime("%a, %d %b %Y %H:%M:%S GMT")
}

fn served(request: &Request<'_>, status: u16) -> Turned {
    // Without what stands behind the path: a token may be there.
    let path = request.target.split('?').next().unwrap_or_default();
    Turned::Page { text: format!("{} {} {status}", Escaped(request.method), Escaped(path)) }
}

/// A field that is no Basic, or said twice, gives nobody.
pub(crate) fn credentials(request: &Request<'_>) -> Option<Credentials> {
    let mut values = request.values("Authorization");
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("Basic") {
        return None;
    }
    let decoded = Zeroizing::new(BASE64.decode(encoded.trim()).ok()?);
    let colon = decoded.iter().position(|byte| *byte == b':')?;
    let username = std::str::from_utf8(&decoded[..colon]).ok()?.to_owned();
    // The same rule as for a string of CONNECT. [MQTT-1.5.4-2]
    if username.contains('\0') {
        return None;
    }
    Some(Credentials { username, password: Zeroizing::new(decoded[colon + 1..].to_vec()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(fields: &str) -> Option<(String, Vec<u8>)> {
        let text = format!("GET / HTTP/1.1\r\nHost: x\r\n{fields}\r\n");
        let Head::Whole { request, .. } = parse(text.as_bytes()).unwrap() else { panic!("incomplete") };
        credentials(&request).map(|found| (found.username, found.password.to_vec()))
    }

    #[test]
    fn basic_credentials_are_a_name_and_whatever_follows_the_first_colon() {
        let pair = |name: &str, password: &[u8]| Some((name.to_owned(), password.to_vec()));
        assert_eq!(of("Authorization: Basic dXNlcjpwYXNzd29yZA==\r\n"), pair("user", b"password"));
        assert_eq!(of("authorization: basic dXNlcjphOmI=\r\n"), pair("user", b"a:b"));
        assert_eq!(of("Authorization: Basic dXNlcjo=\r\n"), pair("user", b""));
    }

    #[test]
    fn anything_else_is_nobody() {
        for fields in [
            "",
            "Authorization: Bearer dXNlcjpwYXNzd29yZA==\r\n",
            "Authorization: Basic\r\n",
            "Authorization: Basic dXNlcg==\r\n",
            "Authorization: Basic !!!\r\n",
            "Authorization: Basic /zo=\r\n",
            "Authorization: Basic AGE6\r\n",
            "Authorization: Basic dXNlcjpwYXNzd29yZA==\r\nAuthorization: Basic dXNlcjpwYXNzd29yZA==\r\n",
        ] {
            assert_eq!(of(fields), None, "{fields}");
        }
    }

    #[test]
    fn the_date_is_as_http_writes_it() {
        let then = jiff::Timestamp::from_second(784_111_777).unwrap();
        assert_eq!(date(then).to_string(), "Sun, 06 Nov 1994 08:49:37 GMT");
    }
}
