//! Before `up` says that it is ready: a message from the operator's certificate, through the listener, and back.
//!
//! It goes over mutual TLS to `localhost` as any client's does, to an endpoint of `$CONTROL` that there is not: only the
//! operator may ask there, and what comes back has gone through the broker both ways. No device sees any of it.

use std::time::Duration;

use sealmq_client::{Client, ClientError, Options, Outgoing};
use sealmq_mqtt::QoS;
use sealmq_pki::Timestamp;
use sealmq_server::home::{Home, Place, Surroundings, files, fresh_bytes};
use sealmq_tls::{
    ClientTls, ClientTlsSpec, KeyPair, LegacyServerCerts, PemSource, RecordSize, ServerOcsp, TlsPolicy,
    VerifyServer, Versions,
};

use super::super::device::{home_failure, text_failure};
use crate::report::Failure;

/// A round trip that is ready to be made.
pub(super) struct SelfTest {
    options: Options,
    topic: String,
    port: u16,
}

impl SelfTest {
    /// Reads the operator's certificate and key.
    pub(super) fn prepare(home: &Home, port: u16, around: &Surroundings) -> Result<Self, Failure> {
        let tls = operator_tls(home, home.judge_at(around))?;
        let number = u64::from_ne_bytes(fresh_bytes().map_err(home_failure)?);
        let mut options = Options::new("localhost", port, Some(tls));
        options.connect_timeout = TIMEOUT;
        options.session.client_id = format!("sealmq-up-{number:016x}");
        Ok(Self { options, topic: format!("$CONTROL/self-test/{number:016x}"), port })
    }

    /// Makes the round trip.
    pub(super) async fn run(self) -> Result<(), Failure> {
        let port = self.port;
        match tokio::time::timeout(TIMEOUT, round_trip(self.options, &self.topic)).await {
            Ok(Ok(Arrived::Yes)) => Ok(()),
            Ok(Ok(Arrived::No)) => Err(failed(port, "the connection ended before the message came back")),
            Ok(Err(error)) => {
                let failure = failed(port, &error.to_string());
                Err(error.hint().map_or(failure, |hint| failed(port, &error.to_string()).hint(hint)))
            }
            Err(_) => Err(failed(port, "the message did not come back within 10 seconds")),
        }
    }
}

enum Arrived {
    Yes,
    No,
}

async fn round_trip(options: Options, topic: &str) -> Result<Arrived, ClientError> {
    let mut client = Client::connect(options).await?;
    let answer = format!("{topic}/response");
    client.subscribe_and_wait(&answer, QoS::AtLeastOnce).await?;
    client.publish_and_wait(Outgoing::new(topic, PAYLOAD, QoS::AtLeastOnce)).await?;
    while let Some(message) = client.next_message().await? {
        if message.topic == answer {
            client.close().await;
            return Ok(Arrived::Yes);
        }
    }
    Ok(Arrived::No)
}

fn failed(port: u16, why: &str) -> Failure {
    Failure::new(format!("the broker's own test on port {port} failed: {why}"))
        .hint("look at the log lines above; `sealmq up -v` shows more")
}

fn operator_tls(home: &Home, now: Timestamp) -> Result<ClientTls, Failure> {
    let place = home.place();
    let (policy, _) =
        TlsPolicy::from_openssl(Versions::V1_2AndV1_3, None, None).map_err(|error| text_failure(&error))?;
    let spec = ClientTlsSpec {
        policy,
        anchors: vec![PemSource::new(
            place.ca().anchors().display().to_string(),
            home.anchors_pem().as_bytes(),
        )],
        os_roots: None,
        key_pair: Some(operator_key_pair(place)?),
        legacy_server_certs: LegacyServerCerts::Deny,
        verify: VerifyServer::Full,
        ocsp: ServerOcsp::NotRequired,
        alpn: Vec::new(),
        record_size_max: RecordSize::default(),
    };
    ClientTls::build(spec, now).map(|(tls, _)| tls).map_err(|error| text_failure(&error))
}

fn operator_key_pair(place: &Place) -> Result<KeyPair, Failure> {
    let pair = place.operator();
    let missing = |path: std::path::PathBuf| {
        Failure::new(format!("{} is missing", path.display())).hint("start again: sealmq up makes it new")
    };
    let certificate =
        files::read(&pair.certificate()).map_err(home_failure)?.ok_or_else(|| missing(pair.certificate()))?;
    let key = files::read_secret(&pair.key()).map_err(home_failure)?.ok_or_else(|| missing(pair.key()))?;
    let source = |path: std::path::PathBuf, bytes: &[u8]| PemSource::new(path.display().to_string(), bytes);
    KeyPair::load(&source(pair.certificate(), &certificate), &source(pair.key(), &key), None)
        .map_err(|error| text_failure(&error))
}

const TIMEOUT: Duration = Duration::from_secs(10);
const PAYLOAD: &[u8] = b"sealmq up";
