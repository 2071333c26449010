//! AUTH on a live connection: a client proves itself again while its messages go on. MQTT §4.12.1
//!
//! Who judges is the shell ([`Errand`]); who may speak when, and that the user stays the same, is decided here.
//! Invariants: one errand per connection at a time, an AUTH before its answer breaks the protocol; whatever fails ends
//! the session, and so does an exchange that is not at its end after [`EXCHANGE_MAX`].

use crate::{
    AuthData, AuthStep, Broker, ConnId, Ended, Ending, Errand, ErrandOutcome, Farewell, Millis, Now, Output,
    Renewed, answers,
    session::{AuthTurn, Known},
    sessions::SessionIndex,
    timers::TimerKind,
};
use sealmq_mqtt::{Auth, ReasonCode};
use std::sync::Arc;

/// From the AUTH that begins a re-authentication to its end, whoever is slow: as long as the door gives a newcomer.
/// Messages go on meanwhile, and a client that begins and stops there would otherwise be of an unfinished proof for ever.
const EXCHANGE_MAX: Millis = Millis::from_secs(15);

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
        if step == AuthStep::Begin {
            self.arm(index, TimerKind::Authentication, now.mono + EXCHANGE_MAX);
        }
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
            ErrandOutcome::Renewed(renewed) => {
                if self.session(index).source.username.as_deref() != Some(&*renewed.username) {
                    let text = "it proved another user name than it came with".to_owned();
                    let ended = Ended { code: "other-user", text, farewell: Farewell::NotAuthorized };
                    return self.auth_failed(now, index, ended);
                }
                match self.renew(now, index, &renewed) {
                    Ok(()) => {
                        self.take_turn(index, AuthTurn::Nobodys);
                        self.disarm(index, TimerKind::Authentication);
                        let done = answers::auth(ReasonCode::Success, &known.method, &renewed.data);
                        self.send_flow(index, done);
                    }
                    // Its proof is good and something else it stands on is not: as where nobody asked.
                    Err(ended) => self.take_back(now, index, Ending::NotAuthorised(ended)),
                }
            }
            ErrandOutcome::Refused(ended) => self.auth_failed(now, index, ended),
        }
    }

    /// The new judgment is one of now.
    fn renew(&mut self, now: Now, index: SessionIndex, renewed: &Renewed) -> Result<(), Ended> {
        // The errand judged the name alone. Where trust has moved since this shard last judged everybody, the rest of
        // what the session stands on (its certificate, its listener) is judged here: else it would carry the newest
        // generation, and the judgment that is due would pass it over.
        let judged_at = renewed.generation.min(self.generation);
        let generation = self.judged_now(now.wall, &*renewed.admitted_by, judged_at)?;
        if let Some(connection) = self.session_mut(index).connection_mut() {
            connection.admitted_by = Arc::clone(&renewed.admitted_by);
            connection.generation = generation;
            connection.ends_at = renewed.admitted_by.ends_at(connection.ends_at);
        }
        self.arm_certificate_end(now, index);
        Ok(())
    }

    /// Not at its end in time.
    pub(crate) fn auth_took_too_long(&mut self, now: Now, index: SessionIndex) {
        let text = "its re-authentication did not come to an end in time".to_owned();
        self.auth_failed(now, index, Ended { code: "auth-timeout", text, farewell: Farewell::NotAuthorized });
    }

    /// [MQTT-4.12.1-2] [MQTT-4.12.0-4]
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
