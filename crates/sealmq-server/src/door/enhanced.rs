//! An exchange of AUTH packets (MQTT §4.12) by SCRAM-SHA-256, as the door has it before CONNACK and as a live session
//! has it again: what is said and judged. Who reads and writes the packets is the caller.
//!
//! Every refusal looks the same from outside, whether the name or the password is wrong.

use std::sync::Arc;

use sealmq_auth::scram::{ClientFirst, Exchange, METHOD, NonceSeed};
use sealmq_mqtt::{
    Auth, ConnectReturnCode, Packet, PropertiesBuf, Property, ReasonCode, Secret, Version, encode,
};
use zeroize::Zeroizing;

use super::authenticate::{Denied, not_authorised};
use super::name_proofs::NameProofs;
use super::passwords::EntryMark;

/// The largest AUTH packet that is read: a SCRAM message and a method, with room to spare.
pub(crate) const AUTH_BYTES_MAX: u32 = 8 * 1024;

/// An exchange that waits for the client's last message.
pub(crate) struct Conversation {
    exchange: Exchange,
    username: Arc<str>,
    /// `None`: nobody has the name, and no proof will be right.
    entry: Option<EntryMark>,
}

/// A name that was proved.
pub(crate) struct ScramLogin {
    pub(crate) username: Arc<str>,
    pub(crate) entry: EntryMark,
    /// The server's proof, for CONNACK or the last AUTH.
    pub(crate) server_final: Vec<u8>,
}

/// An exchange that proved nothing, and the name that was tried, once it was said: for the log.
pub(crate) struct Unproved {
    pub(crate) denied: Denied,
    pub(crate) username: Option<Arc<str>>,
}

/// Whether a listener with these proofs serves a method. [MQTT-4.12.0-1]
pub(crate) fn check_method(proofs: &NameProofs, method: &str) -> Result<(), Denied> {
    if method == METHOD && proofs.scram.is_some() {
        return Ok(());
    }
    let hint = match (method == METHOD, &proofs.scram) {
        (true, None) => "give the listener a scram_file (`sealmq passwd --scram FILE USER` writes one)",
        (true, Some(_)) | (false, _) => {
            "SCRAM-SHA-256 is the method that is served, where there is a scram_file"
        }
    };
    Err(Denied {
        reason: ReasonCode::BadAuthenticationMethod,
        return_code: ConnectReturnCode::NotAuthorized,
        word: "bad authentication method",
        text: "the client asks for an Authentication Method that this listener does not serve".to_owned(),
        hint: Some(hint.to_owned()),
        ..not_authorised("SMQ-A028")
    })
}

impl Conversation {
    /// Answers the client's first message with the server's.
    pub(crate) fn begin(proofs: &NameProofs, data: &[u8]) -> Result<(Conversation, Vec<u8>), Denied> {
        let scram =
            proofs.scram.as_ref().ok_or_else(|| check_method(proofs, METHOD).err().unwrap_or_else(failed))?;
        let first = ClientFirst::parse(data).map_err(|error| malformed(&error))?;
        let mut seed = NonceSeed([0; 18]);
        aws_lc_rs::rand::fill(&mut seed.0).map_err(|_| {
            let text = "no random nonce could be made".to_owned();
            Denied { text, ..not_authorised("SMQ-A020") }
        })?;
        let username: Arc<str> = Arc::from(first.username());
        let entry = scram.mark(&username);
        let (exchange, challenge) = Exchange::begin(first, scram.look_up(&username), &seed);
        Ok((Conversation { exchange, username, entry }, challenge))
    }

    /// The name that is to be proved.
    pub(crate) fn username(&self) -> Arc<str> {
        Arc::clone(&self.username)
    }

    /// Why an exchange that is not there cannot go on.
    pub(crate) fn lost() -> Denied {
        Denied { text: "SCRAM-SHA-256: the exchange was lost".to_owned(), ..failed() }
    }

    /// Judges the client's last message.
    pub(crate) fn finish(self, data: &[u8]) -> Result<ScramLogin, Denied> {
        let server_final = self.exchange.finish(data).map_err(|error| malformed(&error))?;
        let entry = self.entry.ok_or_else(failed)?;
        Ok(ScramLogin { username: self.username, entry, server_final })
    }
}

/// The AUTH packet that carries the server's first message. [MQTT-4.12.0-2] [MQTT-4.12.0-5]
pub(crate) fn auth_packet(method: &str, challenge: &[u8]) -> Vec<u8> {
    let properties = PropertiesBuf::of([
        Property::AuthenticationMethod(method),
        Property::AuthenticationData(Secret::new(challenge)),
    ]);
    let properties = properties.expect("the method came through the codec, a challenge is short");
    let auth = Auth { reason: ReasonCode::ContinueAuthentication, properties: properties.as_properties() };
    let mut out = Vec::new();
    encode(&Packet::Auth(auth), Version::V5, &mut out).expect("5.0, with a method");
    out
}

/// What a client's AUTH packet before CONNACK says. [MQTT-4.12.0-3] [MQTT-4.12.0-5]
pub(crate) fn answer_of(auth: &Auth<'_>, method: &str) -> Result<Zeroizing<Vec<u8>>, Denied> {
    if auth.reason != ReasonCode::ContinueAuthentication {
        return Err(protocol_error("its AUTH before CONNACK does not continue the authentication"));
    }
    if auth.properties.authentication_method() != Some(method) {
        return Err(protocol_error("its AUTH has another method than its CONNECT"));
    }
    let data = auth.properties.authentication_data().map(|data| data.expose().to_vec());
    Ok(Zeroizing::new(data.unwrap_or_default()))
}

fn malformed(error: &sealmq_auth::scram::ScramError) -> Denied {
    Denied { text: format!("SCRAM-SHA-256: {error}"), ..failed() }
}

fn failed() -> Denied {
    Denied { text: "SCRAM-SHA-256: wrong user name or password".to_owned(), ..not_authorised("SMQ-A023") }
}

/// What breaks the protocol before CONNACK: told in CONNACK, since no DISCONNECT may come before it. [MQTT-3.14.0-1]
pub(crate) fn protocol_error(text: &str) -> Denied {
    Denied {
        reason: ReasonCode::ProtocolError,
        return_code: ConnectReturnCode::NotAuthorized,
        word: "protocol error",
        text: text.to_owned(),
        ..not_authorised("SMQ-A024")
    }
}
