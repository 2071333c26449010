//! `README.txt`: what goes where, and the command to try.

use crate::bundle::{BundleRequest, stem};
use crate::target::Target;

/// The text for one target.
pub(crate) fn text(target: Target, request: &BundleRequest<'_>) -> String {
    let leaf = request.leaf().facts();
    format!(
        "{name}: for {target}\n\n\
         broker       {host} port {port} (MQTT over TLS, certificate required)\n\
         certificate  {serial}, valid until {end}\n\
         renewal      none by itself; make a new bundle on the broker before that day\n\n\
         {body}\n\
         The private key exists in these files only; the broker did not keep it. manifest.json lists the files.\n",
        name = request.name,
        host = request.host,
        port = request.port,
        serial = leaf.serial,
        end = leaf.not_after.date(),
        body = body(target, request),
    )
}

fn body(target: Target, request: &BundleRequest<'_>) -> String {
    let stem = stem(request.name);
    match target {
        Target::Files => files(request, &stem),
        Target::Arduino => arduino(request),
        Target::Pkcs12 => pkcs12(request, &stem),
        Target::Mqttx => mqttx(request),
        Target::HomeAssistant => home_assistant(request),
        Target::NodeRed => node_red(request),
        Target::Sealmq => format!(
            "Copy {stem}.sealmq.json to the other machine (it holds the private key: scp, not mail), then there:\n\n  \
             sealmq context add {stem}.sealmq.json\n  \
             sealmq pub -t {topic} -m 'Hello TLS!'\n\n\
             Delete the file afterwards; the context keeps its own copy.\n",
            topic = request.topic(),
        ),
    }
}

fn files(request: &BundleRequest<'_>, stem: &str) -> String {
    let (chain, key) = (format!("{stem}.crt"), format!("{stem}.key"));
    let width = chain.len().max("ca.crt".len()) + 2;
    format!(
        "{:width$}verifies the broker\n\
         {chain:width$}the certificate to send\n\
         {key:width$}its private key (0600)\n\n\
         Try it, in this folder:\n\n  {}\n",
        "ca.crt",
        try_line(request, "ca.crt", &chain, &key),
    )
}

fn arduino(request: &BundleRequest<'_>) -> String {
    format!(
        "1. Arduino IDE: File, Open: sealmq_device/sealmq_device.ino. Board: any ESP32. Library Manager: PubSubClient.\n\
         2. Fill in WIFI_SSID and WIFI_PASSWORD at its top.\n\
         3. Upload, and open the Serial Monitor at 115200 baud.\n\n\
         sealmq_certs.h holds the broker's address, the certificates and the private key. In a sketch of your own:\n\n  \
         tls.setCACert(SEALMQ_CA);\n  \
         tls.setCertificate(SEALMQ_CERT);\n  \
         tls.setPrivateKey(SEALMQ_KEY);\n\n\
         Watch it arrive, on the broker:\n\n  \
         sealmq sub -t {topic}\n",
        topic = request.topic(),
    )
}

fn pkcs12(request: &BundleRequest<'_>, stem: &str) -> String {
    let passphrase = if request.passphrase.is_some() {
        "The passphrase is the one that you gave.".to_owned()
    } else {
        format!("The passphrase stands in {stem}.p12.passphrase; carry the two on different ways.")
    };
    format!(
        "{stem}.p12 holds the private key, its certificate and the CA's. Import it into the key store of the phone,\n\
         computer or program. {passphrase}\n\n\
         Try it, in this folder (asks for the passphrase):\n\n  \
         openssl pkcs12 -in {stem}.p12 -info -noout\n  \
         openssl pkcs12 -in {stem}.p12 -nodes -out {stem}.pem\n  {}\n",
        try_line(request, "ca.crt", &format!("{stem}.pem"), &format!("{stem}.pem")),
    )
}

fn mqttx(request: &BundleRequest<'_>) -> String {
    let moved = match request.folder {
        Some(folder) => {
            format!("The connection points to the files in {folder}; if you move them, choose them again:")
        }
        None => "Then choose the files of this folder in the connection:".to_owned(),
    };
    format!(
        "1. MQTTX: Connections, the menu beside the +, Import Data, format JSON: mqttx-connection.json.\n\
         2. {moved}\n   \
         Edit, SSL/TLS on, SSL Secure on, Certificate: CA or Self signed certificates\n     \
         CA File                   ca-file.crt\n     \
         Client Certificate File   client-certificate-file.crt\n     \
         Client key file           client-key-file.key\n\
         3. Connect.\n\n\
         Or try it without MQTTX, in this folder:\n\n  {}\n",
        try_line(request, "ca-file.crt", "client-certificate-file.crt", "client-key-file.key"),
    )
}

fn home_assistant(request: &BundleRequest<'_>) -> String {
    format!(
        "1. Home Assistant: Settings, Devices & services, Add integration, MQTT, and enter the details by hand.\n   \
         Broker  {host}\n   \
         Port    {port}\n   \
         Username and Password stay empty.\n\
         2. Turn on Advanced options and press Submit; turn on Use a client certificate; set Broker certificate\n   \
         validation to Custom; press Next and upload:\n     \
         Upload custom CA certificate file   custom-ca-certificate.crt\n     \
         Upload client certificate file      client-certificate.crt\n     \
         Upload private key file             private-key.key (it has no password)\n   \
         Ignore broker certificate validation stays off.\n\
         3. Submit. Discovery uses homeassistant/#: with an ACL of your own, allow {name} to read and write it.\n\n\
         Or try it without Home Assistant, in this folder:\n\n  {line}\n",
        host = request.host,
        port = request.port,
        name = request.name,
        line = try_line(request, "custom-ca-certificate.crt", "client-certificate.crt", "private-key.key"),
    )
}

fn node_red(request: &BundleRequest<'_>) -> String {
    let place = match request.folder {
        Some(folder) => format!(
            "The flow points to the files in {folder}, on the machine where Node-RED runs; if they stand elsewhere, open\n   \
             the tls-config node and correct the three paths"
        ),
        None => "Open the tls-config node and put the folder before the three file names".to_owned(),
    };
    format!(
        "1. Copy this folder to the machine where Node-RED runs, readable by its user only.\n\
         2. Node-RED: menu, Import, select a file to import: node-red-flow.json; Import, Deploy.\n\
         3. {place}:\n     \
         Certificate      certificate.crt\n     \
         Private Key      private-key.key\n     \
         CA Certificate   ca-certificate.crt\n   \
         Verify server certificate stays on.\n\n\
         Or try it without Node-RED, in this folder:\n\n  {}\n",
        try_line(request, "ca-certificate.crt", "certificate.crt", "private-key.key"),
    )
}

fn try_line(request: &BundleRequest<'_>, anchors: &str, chain: &str, key: &str) -> String {
    format!(
        "mosquitto_pub -h {} -p {} --cafile {anchors} --cert {chain} --key {key} -t {} -m 'Hello TLS!'",
        request.host,
        request.port,
        request.topic(),
    )
}
