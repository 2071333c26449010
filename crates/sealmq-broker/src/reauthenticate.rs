//! AUTH on a live connection: a client proves itself again while its messages go on. MQTT §4.12.1
//!
//! Who judges is the shell ([`Errand`]); who may speak when, and that the user stays the same, is decided here.
//! Invariants: one errand per connection at a time, an AUTH before its answer breaks the protocol; whatever fails ends
//! the session.

use crate::{
    AuthData, AuthStep, Broker, ConnId, Ended, Ending, Errand, ErrandOutcome, Farewell, Now, Output, Renewed,
    answers,
    session::{AuthTurn, Known},
    sessions::SessionIndex,
};
use sealmq_mqtt::{Auth, ReasonCode};
use std::sync::Arc;

impl Broker {
    /// An AUTH packet.
    pub(crate) fn auth(&mut self, now: Now, index: SessionIndex, auth: &Auth<'_>) {
        let Some(connection) = self.session_mut(index).connection_mut() else { return };
        let conn = connection.conn;
        let Some(known) = &mut connection.authentication else {
            // [MQTT-4.12.0-7]
            return self.protocol_error(now, index, "AUTH without an authentication method");
        };
        // [MQTT-4.12.0-5] [MQTT-4.12.1-1]
        if auth.properties.authentication_method() != Some(&known.method) {
            return self.protocol_error(now, index, "AUTH with another method than CONNECT");
        }
        // [MQTT-4.12.0-3]
        let step = match (known.turn, auth.reason) {
            (AuthTurn::Nobodys, ReasonCode::ReAuthenticate) => AuthStep::Begin,
            (AuthTurn::Clients, ReasonCode::ContinueAuthentication) => AuthStep::Continue,
            _ => return self.protocol_error(now, index, "AUTH out of turn"),
        };
        known.turn = AuthTurn::Ours;
        let data = auth.properties.authentication_data().map(|data| data.expose().to_vec());
        let errand = Errand::Authenticate { step, data: AuthData::new(data.unwrap_or_default()) };
        self.output(Output::Errand { conn, errand });
    }

    /// The answer to an errand. Its connection may be gone.
    pub(crate) fn errand_done(&mut self, now: Now, conn: ConnId, outcome: ErrandOutcome) {
        let Some(index) = self.sessions.of_conn(conn) else { return };
        let known =
            self.session(index).connection().and_then(|connection| connection.authentication.as_deref());
        let Some(known) = known.filter(|known| known.turn == AuthTurn::Ours).cloned() else { return };
        match outcome {
            ErrandOutcome::Challenge(data) => {
                // [MQTT-4.12.0-2]
                self.take_turn(index, AuthTurn::Clients);
                self.send_flow(
                    index,
                    answers::auth(ReasonCode::ContinueAuthentication, &known.method, &data),
                );
            }
            ErrandOutcome::Renewed(renewed) => match self.renew(now, index, &renewed) {
                Ok(()) => {
                    self.take_turn(index, AuthTurn::Nobodys);
                    self.send_flow(index, answers::auth(ReasonCode::Success, &known.method, &renewed.data));
                }
                Err(ended) => self.auth_failed(now, index, ended),
            },
            ErrandOutcome::Refused(ended) => self.auth_failed(now, index, ended),
        }
    }

    /// The user stays who it was, and the new judgment is one of now.
    fn renew(&mut self, now: Now, index: SessionIndex, renewed: &Renewed) -> Result<(), Ended> {
        if self.session(index).source.username.as_deref() != Some(&*renewed.username) {
            let text = "it proved another user name than it came with".to_owned();
            return Err(Ended { code: "other-user", text, farewell: Farewell::NotAuthorized });
        }
        let generation = self.judged_now(now.wall, &*renewed.admitted_by, renewed.generation)?;
        if let Some(connection) = self.session_mut(index).connection_mut() {
            connection.admitted_by = Arc::clone(&renewed.admitted_by);
            connection.generation = generation;
        }
        Ok(())
    }

    /// [MQTT-4.12.1-2]
    fn auth_failed(&mut self, now: Now, index: SessionIndex, ended: Ended) {
        self.disconnect(now, index, ReasonCode::NotAuthorized, Ending::NotAuthorised(ended));
    }

    fn take_turn(&mut self, index: SessionIndex, turn: AuthTurn) {
        let connection = self.session_mut(index).connection_mut();
        if let Some(known) = connection.and_then(|connection| connection.authentication.as_mut()) {
            known.turn = turn;
        }
    }
}

impl Known {
    /// A connection that the door authenticated by this method.
    pub(crate) fn by(method: Box<str>) -> Box<Known> {
        Box::new(Known { method, turn: AuthTurn::Nobodys })
    }
}
