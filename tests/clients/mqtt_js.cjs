// MQTT.js as MQTTX and Node-RED use it: the connection comes from the file that `sealmq device add` made for them.
//
//   node mqtt_js.cjs mqttx-connection.json|node-red-flow.json
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

function turnedAway(reason) {
    console.error(`turned away: ${reason}`);
    process.exit(1);
}

const connection = options(JSON.parse(fs.readFileSync(process.argv[2])));
const topic = `devices/${connection.clientId}/mqttjs`;
const client = mqtt.connect(connection);
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
    client.end(false, () => process.exit(0));
});
