//! From flags to a connection: where, over what and as whom `sealmq pub` and `sealmq sub` connect.
//!
//! Invariant: a flag that protects the connection and cannot be honoured is an error, never ignored; nothing falls
//! back to plaintext by itself.

mod discovery;
mod flags;
mod options_file;
mod tls;

use std::ffi::OsStr;
use std::io::IsTerminal;

use sealmq_client::{
    AuthMethod, BrokerUrl, CONNECT_TIMEOUT, Carrier, Client, ClientError, Endpoint, Framing, Nagle, Options,
    Outgoing, Property, Retain, Scheme, SessionError, SessionOptions, Trace, Version, WebSocketError, Will,
};
use zeroize::Zeroizing;

use flags::Scram;
pub(crate) use flags::{ConnectionFlags, parse_port, parse_qos, parse_topic_name};
pub(crate) use options_file::with_options_file;

use crate::report::Failure;

/// What the flags say, read and checked.
pub(crate) struct Connection {
    /// For the client.
    pub(crate) options: Options,
    /// The topic in the URL of `-L`.
    pub(crate) url_topic: Option<String>,
    /// Properties of `-D` for packets other than CONNECT and the will.
    pub(crate) properties: CommandProperties,
}

/// The properties of `-D`, packet by packet.
#[derive(Clone, Debug, Default)]
pub(crate) struct CommandProperties {
    connect: Vec<Property>,
    will: Vec<Property>,
    /// Of each PUBLISH.
    pub(crate) publish: Vec<Property>,
    /// Of SUBSCRIBE.
    pub(crate) subscribe: Vec<Property>,
    /// Of UNSUBSCRIBE.
    pub(crate) unsubscribe: Vec<Property>,
    /// Of DISCONNECT.
    pub(crate) disconnect: Vec<Property>,
}

impl Connection {
    /// Reads files, the environment and standard input (`-P -`) as the flags say.
    ///
    /// # Errors
    /// Flags that contradict each other or MQTT, files that cannot be read, no broker found.
    pub(crate) fn from_flags(flags: &ConnectionFlags) -> Result<Self, Failure> {
        let url = flags.url.as_deref().map(BrokerUrl::parse).transpose().map_err(|error| {
            Failure::new(error.to_string())
                .hint("a URL looks like mqtts://user@host:8883/topic; write % as %25")
        })?;
        let properties = CommandProperties::parse(&flags.properties)?;
        let version = flags.version();
        let found = if flags.finds_broker() { Some(discovery::find(flags)?) } else { None };
        let (endpoint, tls) = match found {
            Some(found) => {
                (endpoint(flags, found.host.clone(), found.port), Some(tls::of_found(flags, &found)?))
            }
            None => named_broker(flags, url.as_ref())?,
        };
        let session = session_options(flags, url.as_ref(), &properties, version)?;
        let asked = if flags.ws { Framing::WebSocket } else { Framing::None };
        let framing = url.as_ref().map_or(asked, |url| if flags.ws { asked } else { url.scheme.framing() });
        Ok(Self {
            options: Options { endpoint, tls, framing, session, connect_timeout: CONNECT_TIMEOUT },
            url_topic: url.map(|url| url.topic),
            properties,
        })
    }
}

impl ConnectionFlags {
    /// `-V`, or 5 where `-D` or `--auth-method` is used, or 3.1.1.
    pub(crate) fn version(&self) -> Version {
        match self.protocol_version {
            Some(version) => version,
            None if self.properties.is_empty() && self.auth_method.is_none() => Version::V311,
            None => Version::V5,
        }
    }
}

impl CommandProperties {
    /// Groups the words of all `-D`: a command, a name, and one value or, for `user-property`, two.
    fn parse(words: &[String]) -> Result<Self, Failure> {
        let mut all = Self::default();
        let mut rest = words;
        while let [command, name, after @ ..] = rest {
            let values = if name.eq_ignore_ascii_case("user-property") { 2 } else { 1 };
            let given = &after[..values.min(after.len())];
            let parsed = Carrier::parse(command)
                .and_then(|carrier| Property::parse(carrier, name, given)?.add(all.of(carrier), carrier));
            parsed.map_err(|error| {
                Failure::new(format!("{error} in -D {command} {name}")).hint(PROPERTY_HINT)
            })?;
            rest = &after[given.len()..];
        }
        match rest {
            [] => Ok(all),
            [word, ..] => {
                Err(Failure::new(format!("-D {word}: the property's name is missing")).hint(PROPERTY_HINT))
            }
        }
    }

    fn of(&mut self, carrier: Carrier) -> &mut Vec<Property> {
        match carrier {
            Carrier::Connect => &mut self.connect,
            Carrier::Publish => &mut self.publish,
            Carrier::Subscribe => &mut self.subscribe,
            Carrier::Unsubscribe => &mut self.unsubscribe,
            Carrier::Disconnect => &mut self.disconnect,
            Carrier::Will => &mut self.will,
        }
    }
}

const PROPERTY_HINT: &str = "-D COMMAND PROPERTY VALUE, as in -D publish content-type text/plain or \
    -D publish user-property NAME VALUE; mosquitto's manual lists the properties of each command";

/// Where the flags say, and TLS if anything asks for it.
fn named_broker(
    flags: &ConnectionFlags,
    url: Option<&BrokerUrl>,
) -> Result<(Endpoint, Option<sealmq_tls::ClientTls>), Failure> {
    let scheme = url.map(|url| url.scheme);
    if flags.no_tls && scheme.is_some_and(Scheme::is_tls) {
        return Err(Failure::new("--no-tls contradicts the URL, which asks for TLS")
            .hint("leave --no-tls out, or write mqtt:// or ws://"));
    }
    let port = flags.port.or_else(|| url.and_then(|url| url.port).or(scheme.map(Scheme::default_port)));
    // As mosquitto_pub: port 8883, mqtts:// and wss:// without a CA mean the CAs of the operating system.
    let os_certificates = flags.tls_use_os_certs
        || (!flags.no_tls
            && flags.cafile.is_none()
            && flags.capath.is_none()
            && (scheme.is_some_and(Scheme::is_tls) || (port == Some(8883) && flags.unix.is_none())));
    let uses_tls = flags.cafile.is_some() || flags.capath.is_some() || os_certificates;
    let tls = if uses_tls {
        Some(tls::of_flags(flags, os_certificates)?)
    } else {
        tls::refuse_flags_without_tls(flags)?;
        None
    };
    let host = flags
        .host
        .clone()
        .or_else(|| url.map(|url| url.host.clone()))
        .unwrap_or_else(|| "localhost".to_owned());
    let default_port = if uses_tls { Scheme::Mqtts.default_port() } else { Scheme::Mqtt.default_port() };
    Ok((endpoint(flags, host, port.unwrap_or(default_port)), tls))
}

fn endpoint(flags: &ConnectionFlags, host: String, port: u16) -> Endpoint {
    #[cfg(unix)]
    if let Some(path) = &flags.unix {
        return Endpoint::Unix(path.clone());
    }
    Endpoint::Tcp { host, port, bind: flags.bind_address, nagle: Nagle::Off }
}

fn session_options(
    flags: &ConnectionFlags,
    url: Option<&BrokerUrl>,
    properties: &CommandProperties,
    version: Version,
) -> Result<SessionOptions, Failure> {
    let username = flags.username.clone().or_else(|| url.and_then(|url| url.username.clone()));
    let password = password(flags, url)?;
    if password.is_some() && username.is_none() && version != Version::V5 {
        // [MQTT311-3.1.2-22]
        return Err(
            Failure::new("a password without a user name is not allowed before MQTT 5").hint("add -u NAME")
        );
    }
    let auth_method = match flags.auth_method {
        None => AuthMethod::Password,
        Some(Scram) if version != Version::V5 => {
            return Err(Failure::new("--auth-method needs MQTT 5").hint("leave -V out, or give -V mqttv5"));
        }
        Some(Scram) if username.is_none() || password.is_none() => {
            return Err(Failure::new("--auth-method SCRAM-SHA-256 needs a user name and a password")
                .hint("add -u NAME and -P -, or $SEALMQ_PASSWORD"));
        }
        Some(Scram) => AuthMethod::scram_sha_256(),
    };
    let session_expiry = session_expiry(flags, version)?;
    let mut connect = properties.connect.clone();
    if let Some(seconds) = session_expiry {
        Property::SessionExpiryInterval(seconds).add(&mut connect, Carrier::Connect).map_err(|error| {
            Failure::new(error.to_string()).hint("give -x or -D connect session-expiry-interval, not both")
        })?;
    }
    Ok(SessionOptions {
        version,
        client_id: client_id(flags, version),
        start: flags.start(),
        keep_alive_secs: flags.keepalive,
        username,
        password,
        auth_method,
        will: will(flags, properties),
        properties: connect,
        inflight_max: flags.max_inflight,
        trace: if flags.debug { Trace::On } else { Trace::Off },
    })
}

/// MQTT 3.1 knows no empty client id.
fn client_id(flags: &ConnectionFlags, version: Version) -> String {
    match (&flags.id, &flags.id_prefix) {
        (Some(id), _) => id.clone(),
        (None, Some(prefix)) => format!("{prefix}{}", std::process::id()),
        (None, None) if version == Version::V31 => format!("sealmq-{}", std::process::id()),
        (None, None) => String::new(),
    }
}

/// A session that is kept needs a client id that is known again.
fn session_expiry(flags: &ConnectionFlags, version: Version) -> Result<Option<u32>, Failure> {
    let missing_id = |what: &str| {
        Failure::new(format!("a client id is needed for {what}"))
            .hint("add -i ID; the session is kept under that name")
    };
    if version != Version::V5 {
        return match (flags.disable_clean_session, &flags.id) {
            (true, None) => Err(missing_id("-c")),
            (true, Some(_)) | (false, _) => Ok(None),
        };
    }
    let seconds = flags.session_expiry.or(flags.disable_clean_session.then_some(u32::MAX));
    match (seconds, &flags.id) {
        (Some(u32::MAX), None) => Err(missing_id("a session that never expires")),
        (seconds, _) => Ok(seconds.filter(|seconds| *seconds > 0)),
    }
}

fn will(flags: &ConnectionFlags, properties: &CommandProperties) -> Option<Will> {
    let topic = flags.will_topic.clone()?;
    let payload = flags.will_payload.as_deref().map(argument_bytes).unwrap_or_default();
    let retain = if flags.will_retain { Retain::Stored } else { Retain::Live };
    let message = Outgoing {
        topic,
        payload: payload.into(),
        qos: flags.will_qos,
        retain,
        properties: properties.will.clone(),
    };
    Some(Will { message })
}

/// From `-P`, from the URL, or from the environment, in this order.
fn password(flags: &ConnectionFlags, url: Option<&BrokerUrl>) -> Result<Option<Zeroizing<Vec<u8>>>, Failure> {
    match &flags.password {
        Some(argument) if argument == "-" => read_password().map(Some),
        Some(argument) => Ok(Some(Zeroizing::new(argument_bytes(argument)))),
        None => {
            let from_url = url.and_then(|url| url.password.as_ref()).map(|word| word.as_bytes().to_vec());
            let from_environment = || std::env::var_os("SEALMQ_PASSWORD").map(|word| argument_bytes(&word));
            Ok(from_url.or_else(from_environment).map(Zeroizing::new))
        }
    }
}

/// One line of standard input, without its line feed.
fn read_password() -> Result<Zeroizing<Vec<u8>>, Failure> {
    if std::io::stdin().is_terminal() {
        eprint!("password (it shows while you type): ");
    }
    let mut line = Zeroizing::new(String::new());
    let hint = "-P - takes the first line of standard input, as in: sealmq pub -P - ... < FILE";
    let read = std::io::stdin().read_line(&mut line);
    match read {
        Ok(1..) => Ok(Zeroizing::new(line.trim_end_matches(['\n', '\r']).as_bytes().to_vec())),
        Ok(0) => Err(Failure::new("cannot read the password: standard input is empty").hint(hint)),
        Err(error) => Err(Failure::new(format!("cannot read the password: {error}")).hint(hint)),
    }
}

/// Says once, on standard error, what should be known about the server's certificate. Standard output stays
/// mosquitto_sub's, byte for byte.
pub(crate) fn warn_of_server(client: &Client) {
    for finding in client.tls().map(sealmq_tls::TlsSession::findings).unwrap_or_default() {
        eprintln!("warning: {}\nhint: {}", finding.text, finding.hint);
    }
}

/// The bytes of an argument as they were typed.
pub(crate) fn argument_bytes(argument: &OsStr) -> Vec<u8> {
    argument.as_encoded_bytes().to_vec()
}

/// A client's error as the command's, with the exit code of mosquitto's clients: the code of CONNACK, 7 for a lost
/// connection, 8 for TLS, 1 for the rest.
pub(crate) fn failure(error: &ClientError) -> Failure {
    let code = match error {
        ClientError::Session(SessionError::Refused { code, .. }) => *code,
        ClientError::Lost { .. }
        | ClientError::Session(SessionError::Disconnected(_))
        | ClientError::WebSocket { error: WebSocketError::NoAnswer, .. } => EXIT_CONNECTION_LOST,
        ClientError::Tls { .. } => EXIT_TLS,
        ClientError::Session(_)
        | ClientError::Resolve { .. }
        | ClientError::Connect { .. }
        | ClientError::ServerName { .. }
        | ClientError::Timeout { .. }
        | ClientError::WebSocket { .. }
        | ClientError::Publish(_)
        | ClientError::Subscribe(_)
        | ClientError::SubscriptionRefused { .. }
        | ClientError::MessageRefused { .. } => 1,
    };
    let failure = Failure::new(error.to_string()).exit_code(code);
    match error.hint() {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

/// MOSQ_ERR_CONN_LOST.
const EXIT_CONNECTION_LOST: u8 = 7;
/// MOSQ_ERR_TLS.
const EXIT_TLS: u8 = 8;
