//! From an HTTP request to a WebSocket (RFC 6455 §4.2; MQTT 5.0 §6).

use aws_lc_rs::digest;
use base64::Engine as _;

use super::request::{Request, Version};

/// RFC 6455 §1.3.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// The subprotocols of MQTT 3.1.1 and 5.0 [MQTT-6.0.0-4] [MQTT311-6.0.0-4], and of clients from before. The first that a client offers.
const SUBPROTOCOLS: [&str; 2] = ["mqtt", "mqttv3.1"];
/// A key has 24 characters; whatever comes is hashed, so only a bound is needed.
const KEY_BYTES_MAX: usize = 256;

/// What a request wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// A WebSocket.
    WebSocket(Upgrade),
    /// A page.
    Page,
}

/// A WebSocket that can be granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Upgrade {
    accept: String,
    subprotocol: &'static str,
    /// The page that asks; `None`: no browser sent this.
    pub(crate) page: Option<Page>,
}

/// A web page that asks for a WebSocket: the `Origin` of its request (RFC 6454). Its bytes are bounded by those of the
/// head (`packet_buffer_size`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Page {
    /// All that it names; a sound browser names one.
    origins: Box<[Box<str>]>,
    /// The first that is not the host that the request is for.
    foreign: Option<usize>,
}

/// How a page stands to what a listener says about pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing<'a> {
    /// `websockets_origin` names it, or nothing does and it came from here.
    Own,
    /// It is from elsewhere, and nothing says which pages may.
    Foreign(&'a str),
    /// `websockets_origin` names others.
    Refused(&'a str),
}

/// Why there is no WebSocket.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoUpgrade {
    /// mosquitto's words.
    #[error("non-matching http origin")]
    Origin(String),
    #[error("the request for a WebSocket is not HTTP/1.1 GET")]
    Method,
    #[error("the request for a WebSocket is of another version than 13")]
    Version,
    #[error("the request for a WebSocket has no key, or more than one")]
    Key,
    #[error("the request for a WebSocket offers neither subprotocol 'mqtt' nor 'mqttv3.1'")]
    Subprotocol,
}

/// Decides what a request gets. `origins` is `websockets_origin`; empty: pages of any origin.
pub(crate) fn judge(request: &Request<'_>, origins: &[String]) -> Result<Wanted, NoUpgrade> {
    if !request.lists("Upgrade", "websocket") || !request.lists("Connection", "upgrade") {
        return Ok(Wanted::Page);
    }
    if request.method != "GET" || request.version != Version::Http11 {
        return Err(NoUpgrade::Method);
    }
    let page = Page::of(request);
    if let Some(Standing::Refused(origin)) = page.as_ref().map(|page| page.standing(origins)) {
        return Err(NoUpgrade::Origin(origin.to_owned()));
    }
    if request.values("Sec-WebSocket-Version").any(|version| version != "13") {
        return Err(NoUpgrade::Version);
    }
    let mut keys = request.values("Sec-WebSocket-Key");
    let key = match (keys.next(), keys.next()) {
        (Some(key), None) if !key.is_empty() && key.len() <= KEY_BYTES_MAX => key,
        (Some(_) | None, _) => return Err(NoUpgrade::Key),
    };
    let subprotocol = request
        .members("Sec-WebSocket-Protocol")
        .find_map(|offered| SUBPROTOCOLS.into_iter().find(|known| *known == offered))
        .ok_or(NoUpgrade::Subprotocol)?;
    Ok(Wanted::WebSocket(Upgrade { accept: accept_of(key), subprotocol, page }))
}

impl Page {
    fn of(request: &Request<'_>) -> Option<Page> {
        let origins: Box<[Box<str>]> = request.values("Origin").map(Box::from).collect();
        let foreign = origins.iter().position(|origin| !is_own(origin, request));
        (!origins.is_empty()).then_some(Page { origins, foreign })
    }

    /// `allowed` is `websockets_origin`; empty: pages of any origin.
    pub(crate) fn standing(&self, allowed: &[String]) -> Standing<'_> {
        if allowed.is_empty() {
            let foreign = self.foreign.and_then(|at| self.origins.get(at));
            return foreign.map_or(Standing::Own, |origin| Standing::Foreign(origin));
        }
        let unnamed =
            self.origins.iter().find(|origin| !allowed.iter().any(|allowed| **allowed == ***origin));
        unnamed.map_or(Standing::Own, |origin| Standing::Refused(origin))
    }
}

/// Whether the page came from the host that this request is for.
fn is_own(origin: &str, request: &Request<'_>) -> bool {
    let (authority, default_port) = match origin.split_once("://") {
        Some(("https", authority)) => (authority, ":443"),
        Some(("http", authority)) => (authority, ":80"),
        // `null`, and pages of files and extensions.
        Some(_) | None => return false,
    };
    let without_port = |text: &'_ str| text.strip_suffix(default_port).unwrap_or(text).to_ascii_lowercase();
    let mut hosts = request.values("Host");
    matches!((hosts.next(), hosts.next()), (Some(host), None) if without_port(host) == without_port(authority))
}

/// RFC 6455 §4.2.2 item 5.4. What SHA-1 is weak at does not matter here: it proves that a server speaks WebSocket.
fn accept_of(key: &str) -> String {
    let text = [key.as_bytes(), GUID].concat();
    let hash = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &text);
    base64::engine::general_purpose::STANDARD.encode(hash)
}

impl Upgrade {
    /// The answer, as mosquitto writes it to the byte.
    pub(crate) fn answer(&self) -> String {
        format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {}\r\nSec-WebSocket-Protocol: {}\r\n\r\n",
            self.accept, self.subprotocol
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::request::{Head, parse};
    use super::*;

    const KEY: &str = "Sec-WebSocket-Key: 1JaITHdgDZVd/4OE2AzTTA==";
    const GOOD: [&str; 6] = [
        "Host: broker.example:8083",
        "Upgrade: websocket",
        "Connection: keep-alive, Upgrade",
        KEY,
        "Sec-WebSocket-Protocol: mqtt",
        "Sec-WebSocket-Version: 13",
    ];

    fn judged(first: &str, fields: &[&str], origins: &[&str]) -> Result<Wanted, NoUpgrade> {
        let head = format!("{first}\r\n{}\r\n\r\n", fields.join("\r\n"));
        let Ok(Head::Whole { request, bytes }) = parse(head.as_bytes()) else { panic!("{head}") };
        assert_eq!(bytes, head.len());
        let origins: Vec<String> = origins.iter().map(|origin| (*origin).to_owned()).collect();
        judge(&request, &origins)
    }

    fn get(fields: &[&str], origins: &[&str]) -> Result<Wanted, NoUpgrade> {
        judged("GET /mqtt HTTP/1.1", fields, origins)
    }

    fn with(field: &str) -> Vec<&str> {
        GOOD.into_iter().chain([field]).collect()
    }

    fn without(name: &str) -> Vec<&'static str> {
        GOOD.into_iter().filter(|field| !field.starts_with(name)).collect()
    }

    fn page_of(outcome: Result<Wanted, NoUpgrade>) -> Option<Page> {
        match outcome {
            Ok(Wanted::WebSocket(upgrade)) => upgrade.page,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_answer_is_mosquittos_to_the_byte() {
        let Ok(Wanted::WebSocket(upgrade)) = get(&GOOD, &[]) else { panic!("refused") };
        assert_eq!(
            upgrade.answer(),
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: Ako91O0lxiq8gN0+b9YCijMx8lk=\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n"
        );
    }

    /// [MQTT-6.0.0-4] [MQTT311-6.0.0-4]
    #[test]
    fn the_first_subprotocol_that_is_known_is_taken() {
        for (offered, taken) in [
            ("mqtt", Some("mqtt")),
            ("mqttv3.1", Some("mqttv3.1")),
            ("chat, mqttv3.1, mqtt", Some("mqttv3.1")),
            ("mqt", None),
            ("MQTT", None),
            ("", None),
        ] {
            let field = format!("Sec-WebSocket-Protocol: {offered}");
            let fields: Vec<_> =
                without("Sec-WebSocket-Protocol").into_iter().chain([field.as_str()]).collect();
            let found = match get(&fields, &[]) {
                Ok(Wanted::WebSocket(upgrade)) => Some(upgrade.subprotocol),
                Ok(Wanted::Page) | Err(_) => None,
            };
            assert_eq!(found, taken, "{offered}");
        }
        assert_eq!(get(&without("Sec-WebSocket-Protocol"), &[]), Err(NoUpgrade::Subprotocol));
    }

    #[test]
    fn a_request_that_is_no_sound_upgrade_gets_none() {
        assert_eq!(get(&without("Upgrade"), &[]), Ok(Wanted::Page));
        assert_eq!(get(&without("Connection"), &[]), Ok(Wanted::Page));
        assert_eq!(get(&without("Sec-WebSocket-Key"), &[]), Err(NoUpgrade::Key));
        assert_eq!(get(&with(KEY), &[]), Err(NoUpgrade::Key));
        for (bytes, taken) in [(0, false), (256, true), (257, false)] {
            let key = format!("Sec-WebSocket-Key: {}", "k".repeat(bytes));
            let fields: Vec<_> = without("Sec-WebSocket-Key").into_iter().chain([key.as_str()]).collect();
            let outcome = get(&fields, &[]);
            assert_eq!(matches!(outcome, Ok(Wanted::WebSocket(_))), taken, "{bytes}");
            assert_eq!(outcome == Err(NoUpgrade::Key), !taken, "{bytes}");
        }
        assert_eq!(get(&with("Sec-WebSocket-Version: 8"), &[]), Err(NoUpgrade::Version));
        assert_eq!(judged("POST /mqtt HTTP/1.1", &GOOD, &[]), Err(NoUpgrade::Method));
        assert_eq!(judged("GET /mqtt HTTP/1.0", &GOOD, &[]), Err(NoUpgrade::Method));
    }

    #[test]
    fn only_pages_of_the_origins_that_the_file_names_may_connect() {
        let origins = ["https://a.example", "https://b.example:8443"];
        for (field, own) in [
            ("Origin: https://a.example", true),
            ("Origin: https://b.example:8443", true),
            ("Origin: https://a.example.evil.example", false),
            ("Origin: https://a.exampl", false),
            ("Origin: http://a.example", false),
            ("Origin: null", false),
            // Even where the page came from here: the file says which pages.
            ("Origin: http://broker.example:8083", false),
        ] {
            let outcome = get(&with(field), &origins);
            assert_eq!(matches!(outcome, Ok(Wanted::WebSocket(_))), own, "{field}");
            assert_eq!(matches!(outcome, Err(NoUpgrade::Origin(_))), !own, "{field}");
        }
        // What is no browser's says none.
        assert_eq!(page_of(get(&GOOD, &origins)), None);
        let two: Vec<_> =
            with("Origin: https://a.example").into_iter().chain(["Origin: https://evil.example"]).collect();
        assert!(get(&two, &origins).is_err());
    }

    #[test]
    fn a_page_from_elsewhere_is_told_apart_from_one_of_this_host() {
        for own in ["http://broker.example:8083", "http://Broker.example:8083"] {
            let page = page_of(get(&with(&format!("Origin: {own}")), &[])).unwrap();
            assert_eq!(page.standing(&[]), Standing::Own, "{own}");
        }
        let two = with("Host: evil.example").into_iter().chain(["Origin: http://broker.example:8083"]);
        let two = page_of(get(&two.collect::<Vec<_>>(), &[])).unwrap();
        assert_eq!(two.standing(&[]), Standing::Foreign("http://broker.example:8083"));
        for foreign in
            ["https://evil.example", "http://broker.example", "null", "http://broker.example:8083.evil"]
        {
            let page = page_of(get(&with(&format!("Origin: {foreign}")), &[])).unwrap();
            assert_eq!(page.standing(&[]), Standing::Foreign(foreign));
            // Judged again, by another list than it was let in by.
            assert_eq!(page.standing(&[foreign.to_owned()]), Standing::Own);
            assert_eq!(page.standing(&["https://a.example".to_owned()]), Standing::Refused(foreign));
        }
    }
}
