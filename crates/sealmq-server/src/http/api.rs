//! `protocol http_api`: what mosquitto 2.1 answers on `/api/v1/…`. Pure: who may ask, and the socket, are the door's.

use std::fmt::Write as _;
use std::sync::Arc;

use sealmq_config::Protocol;
use sealmq_tls::ClientAuth;
use serde::ser::{Serialize, Serializer};

use crate::door::listener::ListenerState;
use crate::sys_tree::Snapshot;
use crate::sys_tree::metrics::{METRICS, UPTIME};

/// One thing that can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Endpoint {
    /// The listeners.
    Listeners,
    /// The numbers of `$SYS`.
    SysTree,
    /// The version.
    Version,
}

/// A row of [`ENDPOINTS`].
#[derive(Debug, Clone, Copy)]
pub struct EndpointRow {
    /// Its path.
    pub path: &'static str,
    /// Which it is.
    pub endpoint: Endpoint,
    /// What is answered.
    pub doc: &'static str,
}

/// All of them.
pub const ENDPOINTS: [EndpointRow; 3] = [
    EndpointRow {
        path: "/api/v1/listeners",
        endpoint: Endpoint::Listeners,
        doc: "JSON: for each listener `port` (or `path` of a unix socket), `protocol` (`mqtt`, `websockets`, `auto`, \
              `httpapi`), `tls`, `mtls`, `allow_anonymous`.",
    },
    EndpointRow {
        path: "/api/v1/systree",
        endpoint: Endpoint::SysTree,
        doc: "JSON: each number of [`$SYS`](sys-tree.md) under its topic (not second names, not averages), and \
              `$SYS/broker/uptime` in seconds; at most one second old. In a data directory, operators only.",
    },
    EndpointRow { path: "/api/v1/version", endpoint: Endpoint::Version, doc: "Text: the version." },
];

/// What a path names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// An endpoint.
    Endpoint(Endpoint),
    /// Below `/api/`, and nothing.
    NoEndpoint,
    /// A file of `http_dir`, perhaps.
    File,
}

/// Finds what a path, decoded and without its query, names.
#[must_use]
pub fn route(path: &str) -> Route {
    match ENDPOINTS.iter().find(|row| row.path == path) {
        Some(row) => Route::Endpoint(row.endpoint),
        // As mosquitto: whatever its case, so that no file can look like an endpoint.
        None if path.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("/api/")) => Route::NoEndpoint,
        None => Route::File,
    }
}

#[derive(serde::Serialize)]
struct Listeners {
    listeners: Vec<ListenerRow>,
}

#[derive(serde::Serialize)]
struct ListenerRow {
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    protocol: &'static str,
    tls: bool,
    mtls: bool,
    allow_anonymous: bool,
}

/// The answer to [`Endpoint::Listeners`].
pub(crate) fn listeners(states: &[Arc<ListenerState>]) -> Vec<u8> {
    json(&Listeners { listeners: states.iter().map(|state| row(state)).collect() })
}

fn row(state: &ListenerState) -> ListenerRow {
    let (facts, tls) = (&state.facts, state.tls());
    ListenerRow {
        port: facts.path.is_none().then_some(facts.port),
        path: facts.path.clone(),
        protocol: match facts.protocol {
            Protocol::Mqtt => "mqtt",
            Protocol::WebSockets => "websockets",
            Protocol::Auto => "auto",
            Protocol::HttpApi => "httpapi",
        },
        tls: tls.is_some(),
        mtls: tls.is_some_and(|tls| tls.client_auth() == ClientAuth::Required),
        allow_anonymous: state.terms().access.allow_anonymous,
    }
}

/// The numbers of a snapshot, in the table's order.
struct Numbers<'a>(&'a Snapshot);

impl Serialize for Numbers<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let numbers = METRICS.iter().map(|metric| (metric.topic, (metric.value)(self.0)));
        serializer.collect_map(numbers.chain([(UPTIME, self.0.uptime_secs)]))
    }
}

/// The answer to [`Endpoint::SysTree`].
#[must_use]
pub fn sys_tree(snapshot: &Snapshot) -> Vec<u8> {
    json(&Numbers(snapshot))
}

fn json(value: &impl Serialize) -> Vec<u8> {
    // Strings, numbers and booleans always have a JSON text.
    serde_json::to_vec_pretty(value).unwrap_or_default()
}

const HEAD: &str = "\
# The HTTP API

Made from the table in `sealmq-server/src/http/api.rs`. mosquitto 2.1's, on a listener of its own:

```
listener 9883 127.0.0.1
protocol http_api
# http_dir /usr/share/dashboard
```

| GET | answer |
|---|---|
";

const REST: &str = "
Each answer is `200`, has `Access-Control-Allow-Origin: *`, and the connection is closed after it. Any other path is a file of
`http_dir` (`/` is its `index.html`; nothing hidden, nothing outside, no link that leads out), or `404`. Any other method is
`405`.

**Who may ask** is decided as for an MQTT client of this listener, with HTTP Basic in the place of CONNECT: `allow_anonymous`,
`password_file`, client certificates and the names they give. Then the `acl_file` must allow reading the path as if it were
a topic: `topic read /api/v1/version`, or `topic read /api/#`. The client id is `http-api`. Whoever is not let in gets `401` and
the text `Not authorised`. TLS, `require_certificate`, the bounds on connections, `connection_rate` and `ban_after` hold as
everywhere. Without TLS the password travels in the clear.

Where no listener is configured, mosquitto opens this API on 127.0.0.1 port 9883. SealMQ does not: nothing listens that
nobody asked for.
";

/// `docs/reference/http-api.md`.
#[must_use]
pub fn page() -> String {
    let mut page = HEAD.to_owned();
    for row in ENDPOINTS {
        let _ = writeln!(page, "| `{}` | {} |", row.path, row.doc);
    }
    page + REST
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_endpoints_or_nothing_below_api_whatever_its_case_and_files_elsewhere() {
        assert_eq!(route("/api/v1/systree"), Route::Endpoint(Endpoint::SysTree));
        for path in ["/api/v1/systree/", "/API/v1/systree", "/api/", "/Api/index.html"] {
            assert_eq!(route(path), Route::NoEndpoint, "{path}");
        }
        for path in ["/", "/index.html", "/apis/x", "/api", "", "/ap\u{ef}/x"] {
            assert_eq!(route(path), Route::File, "{path}");
        }
    }

    #[test]
    fn the_tree_has_mosquittos_twenty_five_keys_in_its_order() {
        let text = String::from_utf8(sys_tree(&Snapshot { uptime_secs: 7, ..Snapshot::default() })).unwrap();
        assert!(text.starts_with("{\n  \"$SYS/broker/clients/total\": 0,"), "{text}");
        assert!(text.ends_with("\"$SYS/broker/uptime\": 7\n}"), "{text}");
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value.as_object().unwrap().len(), 25);
    }
}
