//! `$CONTROL/broker/v1`: mosquitto 2.1's commands to the broker, `listListeners` and `listPlugins`.
//!
//! What is here is what an answer says. Who may ask, and to whom the answer goes, is the core's
//! (`sealmq_broker::Output::Control`). Runs in a shard's turn, so it is bounded: [`REQUEST_BYTES_MAX`],
//! [`COMMANDS_MAX`], and serde_json's depth of 128.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;
use sealmq_broker::{ControlRequest, Unasked};
use sealmq_config::Protocol;
use serde::Serialize;
use serde_json::Value;

use crate::door::listener::ListenerState;
use crate::log::{Escaped, Event, Log};

/// The largest request that is read.
pub const REQUEST_BYTES_MAX: usize = 64 * 1024;
/// Commands in one request.
pub const COMMANDS_MAX: usize = 64;

const TOPIC: &str = "$CONTROL/broker/v1";
const UNKNOWN: &str = "Unknown command";

/// `enable_control_api`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ControlApi {
    /// `true`.
    Answers,
    /// `false`, the default: as if there were no such endpoint.
    Off,
}

/// Answers commands.
#[derive(Debug)]
pub struct Endpoint {
    listeners: ArcSwap<Vec<Arc<ListenerState>>>,
    answers: AtomicBool,
}

/// What the asking client is told.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) topic: String,
    pub(crate) payload: Vec<u8>,
    pub(crate) unasked: Unasked,
}

#[derive(Serialize)]
struct Responses {
    responses: Vec<Response>,
}

/// One response; the order of its fields is mosquitto's.
#[derive(Serialize)]
struct Response {
    command: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Data>,
    #[serde(rename = "correlationData", skip_serializing_if = "Option::is_none")]
    correlation_data: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
enum Data {
    Listeners(Vec<ListenerRow>),
    Plugins([(); 0]),
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct ListenerRow {
    port: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    protocol: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bind_address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    socket_path: Option<String>,
    tls: bool,
}

impl Endpoint {
    /// For these listeners, in the order of the configuration.
    #[must_use]
    pub fn new(listeners: Vec<Arc<ListenerState>>, api: ControlApi) -> Endpoint {
        Endpoint {
            listeners: ArcSwap::from_pointee(listeners),
            answers: AtomicBool::new(api == ControlApi::Answers),
        }
    }

    /// Other listeners from now on.
    pub(crate) fn replace_listeners(&self, listeners: Vec<Arc<ListenerState>>) {
        self.listeners.store(Arc::new(listeners));
    }

    /// The listeners, in the order of the configuration.
    pub(crate) fn listeners(&self) -> Arc<Vec<Arc<ListenerState>>> {
        self.listeners.load_full()
    }

    /// Another setting from now on.
    pub fn replace(&self, api: ControlApi) {
        self.answers.store(api == ControlApi::Answers, Ordering::Relaxed);
    }

    pub(crate) fn answer(&self, request: &ControlRequest, log: &Log) -> Answer {
        let topic = format!("{}/response", request.topic);
        if *request.topic != *TOPIC || !self.answers.load(Ordering::Relaxed) {
            let payload = br#"{"error": "endpoint not available"}"#.to_vec();
            return Answer { topic, payload, unasked: Unasked::Given };
        }
        let responses = self.responses(request, log);
        // Strings and numbers always have a JSON text; were it not so, an empty answer says no more than it should.
        let payload = serde_json::to_vec(&Responses { responses }).unwrap_or_default();
        Answer { topic, payload, unasked: Unasked::Withheld }
    }

    fn responses(&self, request: &ControlRequest, log: &Log) -> Vec<Response> {
        let refuse = |error| vec![refusal(UNKNOWN, error, None)];
        if request.payload.len() > REQUEST_BYTES_MAX {
            return refuse("Payload too large");
        }
        // As cJSON: what stands behind the first value is not looked at.
        let mut values = serde_json::Deserializer::from_slice(&request.payload).into_iter::<Value>();
        let Some(Ok(tree)) = values.next() else { return refuse("Payload not valid JSON") };
        let Some(Value::Array(commands)) = member(&tree, "commands") else {
            return refuse("Invalid/missing commands");
        };
        if commands.len() > COMMANDS_MAX {
            return refuse("Too many commands");
        }
        self.each(commands, request, log)
    }

    /// Carries the commands out one after the other, up to the first that is none.
    fn each(&self, commands: &[Value], request: &ControlRequest, log: &Log) -> Vec<Response> {
        let mut responses = Vec::new();
        // As mosquitto: an error about a command without a name carries the mark of the one before it.
        let mut correlation = None;
        for command in commands {
            if !command.is_object() {
                responses.push(refusal(UNKNOWN, "Command not an object", correlation));
                break;
            }
            let Some(name) = member(command, "command").and_then(Value::as_str) else {
                responses.push(refusal(UNKNOWN, "Missing command", correlation));
                break;
            };
            correlation = match member(command, "correlationData") {
                None => None,
                Some(Value::String(mark)) => Some(mark.clone()),
                Some(_) => {
                    responses.push(refusal(name, "Invalid correlationData data type.", None));
                    break;
                }
            };
            responses.push(self.carry_out(name, correlation.clone(), request, log));
        }
        responses
    }

    fn carry_out(&self, name: &str, mark: Option<String>, request: &ControlRequest, log: &Log) -> Response {
        let (command, data) = if name.eq_ignore_ascii_case("listListeners") {
            ("listListeners", Data::Listeners(self.listeners.load().iter().map(|state| row(state)).collect()))
        } else if name.eq_ignore_ascii_case("listPlugins") {
            // There are none: the two stock file plugins are built in.
            ("listPlugins", Data::Plugins([]))
        } else {
            return refusal(name, UNKNOWN, mark);
        };
        let username = request.username.as_deref().unwrap_or("(null)");
        log.with(Event::ControlAsked, || {
            format!("Broker: {}/{} | {command}", Escaped(request.client.as_str()), Escaped(username))
        });
        Response { command: command.to_owned(), error: None, data: Some(data), correlation_data: mark }
    }
}

fn refusal(command: &str, error: &'static str, mark: Option<String>) -> Response {
    Response { command: command.to_owned(), error: Some(error), data: None, correlation_data: mark }
}

/// A member of an object, whatever its case, as cJSON looks it up.
fn member<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    let object = value.as_object()?;
    object
        .get(name)
        .or_else(|| object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value))
}

fn row(state: &ListenerState) -> ListenerRow {
    let facts = &state.facts;
    ListenerRow {
        port: facts.port,
        protocol: match facts.protocol {
            Protocol::Mqtt => Some("mqtt"),
            Protocol::WebSockets | Protocol::Auto => Some("mqtt+websockets"),
            Protocol::HttpApi => None,
        },
        bind_address: facts.address.clone(),
        socket_path: facts.path.clone(),
        tls: state.tls().is_some(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sealmq_broker::{ClientId, ConnId};

    fn asked_on(topic: &str, api: ControlApi, payload: &[u8]) -> (String, String, Unasked) {
        let request = ControlRequest {
            conn: ConnId(1),
            client: ClientId::parse("admin").unwrap(),
            username: None,
            topic: topic.into(),
            payload: payload.to_vec().into(),
        };
        let keeper = crate::log::LogKeeper::start(crate::log::LogSpec::default()).unwrap();
        let answer = Endpoint::new(Vec::new(), api).answer(&request, &keeper.log());
        (answer.topic, String::from_utf8(answer.payload).unwrap(), answer.unasked)
    }

    fn says(payload: &str) -> String {
        asked_on(TOPIC, ControlApi::Answers, payload.as_bytes()).1
    }

    #[test]
    fn the_texts_are_mosquittos() {
        for (payload, command, error) in [
            ("not valid json", UNKNOWN, "Payload not valid JSON"),
            ("", UNKNOWN, "Payload not valid JSON"),
            ("{}", UNKNOWN, "Invalid/missing commands"),
            ("[]", UNKNOWN, "Invalid/missing commands"),
            (r#"{"commands":{}}"#, UNKNOWN, "Invalid/missing commands"),
            (r#"{"commands":["command"]}"#, UNKNOWN, "Command not an object"),
            (r#"{"commands":[{}]}"#, UNKNOWN, "Missing command"),
            (r#"{"commands":[{"command":1}]}"#, UNKNOWN, "Missing command"),
            (r#"{"commands":[{"command":"no such"}]}"#, "no such", "Unknown command"),
            (
                r#"{"commands":[{"command":"listListeners","correlationData":true}]}"#,
                "listListeners",
                "Invalid correlationData data type.",
            ),
        ] {
            let expected = format!(r#"{{"responses":[{{"command":"{command}","error":"{error}"}}]}}"#);
            assert_eq!(says(payload), expected, "{payload}");
        }
    }

    #[test]
    fn commands_are_answered_in_turn_with_their_marks_up_to_the_first_that_is_none() {
        let payload = r#"{"Commands":[{"command":"LISTPLUGINS","correlationData":"m"},{"command":"x"},{},{"command":"y"}]}"#;
        assert_eq!(
            says(payload),
            r#"{"responses":[{"command":"listPlugins","data":{"plugins":[]},"correlationData":"m"},{"command":"x","error":"Unknown command"},{"command":"Unknown command","error":"Missing command"}]}"#
        );
        assert_eq!(says(r#"{"commands":[]}"#), r#"{"responses":[]}"#);
    }

    #[test]
    fn what_is_no_endpoint_or_switched_off_says_so_to_whoever_asked() {
        let none = r#"{"error": "endpoint not available"}"#.to_owned();
        for (topic, api) in [(TOPIC, ControlApi::Off), ("$CONTROL/other/v1", ControlApi::Answers)] {
            let (to, text, unasked) = asked_on(topic, api, b"{}");
            assert_eq!((to, text, unasked), (format!("{topic}/response"), none.clone(), Unasked::Given));
        }
        assert_eq!(asked_on(TOPIC, ControlApi::Answers, b"{}").2, Unasked::Withheld);
    }

    #[test]
    fn a_request_is_bounded_in_size_depth_and_number_of_commands() {
        let large = format!(r#"{{"commands":[],"x":"{}"}}"#, "x".repeat(REQUEST_BYTES_MAX));
        assert!(says(&large).contains("Payload too large"));
        let many = vec![r#"{"command":"listPlugins"}"#; COMMANDS_MAX + 1].join(",");
        assert!(says(&format!(r#"{{"commands":[{many}]}}"#)).contains("Too many commands"));
        let deep = format!(r#"{{"commands":{}{}}}"#, "[".repeat(30_000), "]".repeat(30_000));
        assert!(says(&deep).contains("Payload not valid JSON"));
    }
}
