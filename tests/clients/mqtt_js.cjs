// MQTT.js as MQTTX and Node-RED use it: the connection comes from the file that `sealmq device add` made for them.
//
//   node mqtt_js.cjs mqttx-connection.json|node-red-flow.json
//   node mqtt_js.cjs ws://HOST:PORT/mqtt|wss://HOST:PORT/mqtt [CA [CERTIFICATE KEY]]
//
// Exit: 0 the client's own message came back; 1 it was turned away, with the reason on standard error.
const fs = require("fs");
const mqtt = require("mqtt");

function options(document) {
    const flow = (type) => document.find((node) => node.type === type);
    const connection = document[0].protocol ? fromMqttx(document[0]) : fromNodeRed(flow("mqtt-broker"), flow("tls-config"));
    return { ...connection, reconnectPeriod: 0, connectTimeout: 30000 };
}

// What MQTTX makes of a stored connection with `certType: "self"`.
function fromMqttx(stored) {
    return {
        protocol: stored.protocol,
        host: stored.host,
        port: stored.port,
        clientId: stored.clientId,
        clean: stored.clean,
        keepalive: stored.keepalive,
        protocolVersion: stored.mqttVersion === "5.0" ? 5 : 4,
        rejectUnauthorized: stored.rejectUnauthorized,
        ca: fs.readFileSync(stored.ca),
        cert: fs.readFileSync(stored.cert),
        key: fs.readFileSync(stored.key),
    };
}

// What Node-RED's mqtt-broker node makes of itself and its tls-config node.
function fromNodeRed(broker, tls) {
    return {
        protocol: broker.usetls ? "mqtts" : "mqtt",
        host: broker.broker,
        port: Number(broker.port),
        clientId: broker.clientid,
        clean: broker.cleansession,
        keepalive: Number(broker.keepalive),
        protocolVersion: Number(broker.protocolVersion),
        rejectUnauthorized: tls.verifyservercert,
        ca: fs.readFileSync(tls.ca),
        cert: fs.readFileSync(tls.cert),
        key: fs.readFileSync(tls.key),
    };
}

// Over WebSockets, as a program; a browser's page has no say in certificates.
function overWebSockets(url, ...files) {
    const [ca, cert, key] = files.map((file) => fs.readFileSync(file));
    const clientId = "mqttjs";
    return { url, options: { clientId, protocolVersion: 5, reconnectPeriod: 0, connectTimeout: 30000, ca, cert, key } };
}

function turnedAway(reason) {
    console.error(`turned away: ${reason}`);
    process.exit(1);
}

const [, , from, ...files] = process.argv;
const web = /^wss?:/.test(from) && overWebSockets(from, ...files);
const connection = web ? web.options : options(JSON.parse(fs.readFileSync(from)));
const topic = `devices/${connection.clientId}/mqttjs`;
const client = web ? mqtt.connect(web.url, connection) : mqtt.connect(connection);
client.on("error", (error) => turnedAway(error.message));
client.on("close", () => turnedAway("the broker closed the connection"));
client.on("connect", () => {
    client.subscribe(topic, { qos: 2 }, (error, granted) => {
        if (error || granted[0].qos !== 2) turnedAway(`SUBACK: ${error}`);
        client.publish(topic, "hello from MQTT.js", { qos: 2 });
    });
});
client.on("message", (from, payload) => {
    console.log(`got '${payload}' back on ${from}`);
    client.removeAllListeners("close");
    // The broker has gone with DISCONNECT, as mosquitto does; a close frame after it finds nobody.
    client.removeAllListeners("error").on("error", () => {});
    client.end(false, () => process.exit(0));
});
