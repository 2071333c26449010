//! Logging in by SCRAM-SHA-256 in AUTH packets (MQTT §4.12): the password is proved and not said, and the server proves
//! that it knows it too. A server that accepts without that proof is left: it may be anybody.

use sealmq_auth::scram::{AwaitingServer, Client, METHOD};
use sealmq_mqtt::{Auth, Packet, PropertiesBuf, Property as Wire, ReasonCode, Secret, Version};
use zeroize::Zeroizing;

use super::{Now, Session, wire};
use crate::error::SessionError;
use crate::options::AuthMethod;

/// How far a login is.
pub(super) enum Login {
    /// CONNECT carries the password, or nothing.
    Plain,
    /// The first message is out, or about to be.
    Begun(Client),
    /// The answer is out: CONNACK must carry the server's proof.
    Answered(AwaitingServer),
}

impl Login {
    /// The first message.
    pub(super) fn first(&self) -> Option<Vec<u8>> {
        match self {
            Login::Begun(client) => Some(client.first()),
            Login::Plain | Login::Answered(_) => None,
        }
    }
}

impl Session {
    /// What this connection logs in by.
    pub(super) fn begin_login(&mut self) -> Result<(), SessionError> {
        self.login = match self.options.auth_method {
            AuthMethod::Password => Login::Plain,
            AuthMethod::ScramSha256 { random } => {
                let seed = random().ok_or(SessionError::NoRandomness)?;
                let none = Zeroizing::default();
                let password = self.options.password.as_ref().unwrap_or(&none);
                let username = self.options.username.as_deref().unwrap_or_default();
                Login::Begun(Client::new(username, password, &seed).map_err(SessionError::NotPrintable)?)
            }
        };
        Ok(())
    }

    /// AUTH before CONNACK: the server's challenge.
    pub(super) fn challenged(&mut self, now: Now, auth: &Auth<'_>) -> Result<(), SessionError> {
        // [MQTT-4.12.0-6]: none may come where CONNECT named no method, nor a second one.
        let Login::Begun(client) = std::mem::replace(&mut self.login, Login::Plain) else {
            return Err(SessionError::AuthNotSupported);
        };
        let goes_on = auth.reason == ReasonCode::ContinueAuthentication
            && auth.properties.authentication_method() == Some(METHOD);
        if !goes_on {
            return Err(SessionError::AuthNotSupported);
        }
        let challenge = auth.properties.authentication_data().map(|data| data.expose());
        let (answer, server) = client.answer(challenge.unwrap_or_default()).map_err(SessionError::Scram)?;
        self.login = Login::Answered(server);
        let properties = PropertiesBuf::of([
            Wire::AuthenticationMethod(METHOD),
            Wire::AuthenticationData(Secret::new(&answer)),
        ]);
        let properties = properties.expect("short texts");
        let auth =
            Auth { reason: ReasonCode::ContinueAuthentication, properties: properties.as_properties() };
        self.send(now, wire::plain(&Packet::Auth(auth), Version::V5));
        Ok(())
    }

    /// CONNACK says yes: only a server that has proved itself is believed.
    pub(super) fn check_server(&mut self, connack: &sealmq_mqtt::ConnAck<'_>) -> Result<(), SessionError> {
        match std::mem::replace(&mut self.login, Login::Plain) {
            Login::Plain => Ok(()),
            Login::Begun(_) => Err(SessionError::Scram(sealmq_auth::scram::ClientError::ServerProof)),
            Login::Answered(server) => {
                let proof = connack.properties.authentication_data().map(|data| data.expose());
                server.check(proof.unwrap_or_default()).map_err(SessionError::Scram)
            }
        }
    }
}
