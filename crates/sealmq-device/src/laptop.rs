//! Files for programs on a computer, under the names of the fields that ask for them.

use serde_json::{Value, json};

use crate::bundle::{BundleFile, BundleRequest, stem};

/// Names of the three files of one target.
struct Names {
    anchors: String,
    chain: String,
    key: String,
}

/// `ca.crt`, `NAME.crt`, `NAME.key`.
pub(crate) fn files(request: &BundleRequest<'_>) -> Vec<BundleFile> {
    let stem = stem(request.name);
    three(
        request,
        &Names { anchors: "ca.crt".to_owned(), chain: format!("{stem}.crt"), key: format!("{stem}.key") },
    )
}

/// The three files of Home Assistant's "Advanced options".
pub(crate) fn home_assistant(request: &BundleRequest<'_>) -> Vec<BundleFile> {
    three(request, &names("custom-ca-certificate.crt", "client-certificate.crt", "private-key.key"))
}

/// The three files, and a connection for "Import Data" (format JSON).
pub(crate) fn mqttx(request: &BundleRequest<'_>) -> Vec<BundleFile> {
    let names = names("ca-file.crt", "client-certificate-file.crt", "client-key-file.key");
    let mut files = three(request, &names);
    let name = format!("{} at {}", request.name, request.host);
    let connection = json!([{
        "id": uuid(request),
        "clientId": request.name.as_str(),
        "name": name,
        "clean": true,
        "protocol": "mqtts",
        "host": request.host.to_string(),
        "port": request.port,
        "path": "/mqtt",
        "keepalive": 60,
        "connectTimeout": 10,
        "reconnect": false,
        "username": "",
        "password": "",
        "ssl": true,
        "certType": "self",
        "rejectUnauthorized": true,
        "ca": placed(request, &names.anchors),
        "cert": placed(request, &names.chain),
        "key": placed(request, &names.key),
        "mqttVersion": "5.0",
        "unreadMessageCount": 0,
        "clientIdWithTime": false,
        "isCollection": false,
        "parentId": null,
        "messages": [],
        "subscriptions": [],
        "properties": {},
    }]);
    files.push(BundleFile::public(
        "mqttx-connection.json",
        pretty(&connection),
        "connection for MQTTX: Import Data",
    ));
    files
}

/// The three files, and a flow for "Import".
pub(crate) fn node_red(request: &BundleRequest<'_>) -> Vec<BundleFile> {
    let names = names("ca-certificate.crt", "certificate.crt", "private-key.key");
    let mut files = three(request, &names);
    files.push(BundleFile::public(
        "node-red-flow.json",
        pretty(&flow(request, &names)),
        "flow for Node-RED: Import",
    ));
    files
}

fn flow(request: &BundleRequest<'_>, names: &Names) -> Value {
    let id = |kind: &str| format!("{kind}{}", &request.leaf().facts().fingerprint.to_string()[..12]);
    let (tab, tls, broker, debug) = (id("f0"), id("a1"), id("b2"), id("c3"));
    json!([
        { "id": tab, "type": "tab", "label": format!("SealMQ: {}", request.name), "disabled": false, "info": "" },
        {
            "id": tls,
            "type": "tls-config",
            "name": format!("SealMQ: {}", request.name),
            "certType": "files",
            "cert": placed(request, &names.chain),
            "key": placed(request, &names.key),
            "ca": placed(request, &names.anchors),
            "certname": "",
            "keyname": "",
            "caname": "",
            "servername": "",
            "verifyservercert": true,
            "alpnprotocol": "",
        },
        {
            "id": broker,
            "type": "mqtt-broker",
            "name": format!("SealMQ at {}", request.host),
            "broker": request.host.to_string(),
            "port": request.port.to_string(),
            "tls": tls,
            "clientid": request.name.as_str(),
            "autoConnect": true,
            "usetls": true,
            "protocolVersion": "4",
            "keepalive": "60",
            "cleansession": true,
            "autoUnsubscribe": true,
        },
        {
            "id": id("d4"),
            "type": "mqtt in",
            "z": tab,
            "name": "",
            "topic": format!("devices/{}/#", request.name),
            "qos": "1",
            "datatype": "auto-detect",
            "broker": broker,
            "inputs": 0,
            "x": 180,
            "y": 100,
            "wires": [[debug]],
        },
        {
            "id": debug,
            "type": "debug",
            "z": tab,
            "name": "messages",
            "active": true,
            "tosidebar": true,
            "complete": "payload",
            "targetType": "msg",
            "x": 420,
            "y": 100,
            "wires": [],
        },
    ])
}

fn names(anchors: &str, chain: &str, key: &str) -> Names {
    Names { anchors: anchors.to_owned(), chain: chain.to_owned(), key: key.to_owned() }
}

fn three(request: &BundleRequest<'_>, names: &Names) -> Vec<BundleFile> {
    vec![
        BundleFile::public(&names.anchors, request.anchors_pem(), "root certificate: verifies the broker"),
        BundleFile::public(
            &names.chain,
            request.chain_pem(),
            "client certificate, then the CA that issued it",
        ),
        BundleFile::secret(&names.key, request.key.to_pem().as_bytes(), "private key: keep it to yourself"),
    ]
}

/// The path of a file where the bundle will stand; its name alone when that is not known.
fn placed(request: &BundleRequest<'_>, name: &str) -> String {
    match request.folder {
        Some(folder) => format!("{}/{name}", folder.trim_end_matches('/')),
        None => name.to_owned(),
    }
}

/// A UUID (version 8, RFC 9562 §5.8) that is the same for the same certificate, so that a second import of the same
/// file replaces the connection instead of doubling it.
fn uuid(request: &BundleRequest<'_>) -> String {
    let mut octets = [0; 16];
    octets.copy_from_slice(&request.leaf().facts().fingerprint.as_bytes()[..16]);
    octets[6] = octets[6] & 0x0f | 0x80;
    octets[8] = octets[8] & 0x3f | 0x80;
    let hex: String = octets.iter().map(|octet| format!("{octet:02x}")).collect();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

fn pretty(value: &Value) -> String {
    let text = serde_json::to_string_pretty(value).expect("a JSON value can always be written");
    format!("{text}\n")
}
