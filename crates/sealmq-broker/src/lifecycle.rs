//! How connections and sessions end, and the timers that end them.

use crate::{
    Broker, Ending, Event, Millis, Mono, Now, Presence, Record, answers,
    broker::Stage,
    session::{Incoming, Life, Link, Window},
    sessions::SessionIndex,
    timers::TimerKind,
};
use sealmq_mqtt::{ReasonCode, TopicFilter};
use std::mem;

/// The longest a certificate's end is waited for in one go: a wall clock that jumps is noticed after that.
const CERTIFICATE_LOOK: Millis = Millis::from_secs(60);

impl Broker {
    /// Tells a client of 5.0 why and ends its connection. [MQTT-4.13.1-1]
    pub(crate) fn disconnect(&mut self, now: Now, index: SessionIndex, reason: ReasonCode, why: Ending) {
        if self.version(index).is_some_and(sealmq_mqtt::Version::is_v5) {
            self.send_flow(index, answers::disconnect(reason));
        }
        self.end_connection(now, index, why);
    }

    /// Ends a connection. The will is published now or later unless the client took it back; the session goes on
    /// without a client, or ends too.
    /// [MQTT-4.1.0-1]
    pub(crate) fn end_connection(&mut self, now: Now, index: SessionIndex, why: Ending) {
        let session = self.session_mut(index);
        let Link::Online(connection) = mem::replace(&mut session.link, Link::Offline) else { return };
        session.outgoing.connection_lost();
        let (client, life) = (session.client_id.clone(), session.life);
        let conn = connection.conn;
        self.sessions.unbind(conn);
        self.disarm(index, TimerKind::KeepAlive);
        self.disarm(index, TimerKind::CertificateEnd);
        self.disarm(index, TimerKind::Authentication);
        self.set_presence(index, Presence::Offline);
        self.event(Event::Disconnected { conn, client, why: why.clone() });
        self.output(crate::Output::Close { conn, why });
        match life {
            Life::Connection => return self.end_session_after_will(now, index),
            Life::After(span) => self.arm(index, TimerKind::SessionEnd, now.mono + span),
            Life::Forever => {}
        }
        self.append_session(index, |session| session.record(Some(now.wall)));
        self.will_after_connection(now, index);
    }

    /// Ends a session that lives as long as its connection. A will that is to be delayed is waited for, as in mosquitto
    /// (MQTT §3.1.3.2.2 would publish it now): until then the session is nothing but its will, and resumed it is not.
    fn end_session_after_will(&mut self, now: Now, index: SessionIndex) {
        match self.session(index).will.as_ref().map(|will| will.delay) {
            None | Some(Millis(0)) => self.end_session(now, index),
            Some(delay) => {
                self.drop_subscriptions(index);
                let window = Window::new(self.backlog.clone());
                let session = self.session_mut(index);
                (session.outgoing, session.incoming) = (window, Incoming::default());
                self.arm(index, TimerKind::Will, now.mono + delay);
            }
        }
    }

    /// Forgets a session: its subscriptions, its queue, what it had received and not released. Its will, if there
    /// still is one, is published: a will never outlives its session. [MQTT-3.1.3-9]
    pub(crate) fn end_session(&mut self, now: Now, index: SessionIndex) {
        for kind in [
            TimerKind::KeepAlive,
            TimerKind::CertificateEnd,
            TimerKind::Authentication,
            TimerKind::Will,
            TimerKind::SessionEnd,
        ] {
            self.disarm(index, kind);
        }
        self.drop_subscriptions(index);
        self.append_session(index, |session| Record::SessionEnded { client: session.client_id.clone() });
        let Some(mut session) = self.sessions.remove(index) else { return };
        self.event(Event::SessionEnded { client: session.client_id.clone() });
        if let Some(will) = session.will.take() {
            self.publish_will(now, *will);
        }
    }

    fn drop_subscriptions(&mut self, index: SessionIndex) {
        let filters: Vec<Box<str>> = self.session(index).subscriptions.filters().map(Box::from).collect();
        for filter in &filters {
            self.drop_subscription(index, filter);
        }
    }

    /// Tells every client and lets it go; every will is published, also those that are waiting.
    pub(crate) fn shutdown(&mut self, now: Now) {
        self.stage = Stage::ShuttingDown;
        for index in self.sessions.indexes() {
            if self.session(index).connection().is_some() {
                self.disconnect(now, index, ReasonCode::ServerShuttingDown, Ending::Shutdown);
            }
        }
        for index in self.sessions.indexes() {
            self.disarm(index, TimerKind::Will);
            self.will_due(now, index);
        }
    }

    /// One timer is due.
    pub(crate) fn timer(&mut self, now: Now, index: SessionIndex, kind: TimerKind) {
        self.disarm(index, kind);
        match kind {
            TimerKind::KeepAlive => self.keep_alive_due(now, index),
            TimerKind::CertificateEnd => self.certificate_end_due(now, index),
            TimerKind::Authentication => self.auth_took_too_long(now, index),
            TimerKind::Will if self.session(index).life == Life::Connection => self.end_session(now, index),
            TimerKind::Will => self.will_due(now, index),
            TimerKind::SessionEnd => {
                self.counters.sessions_expired += 1;
                self.end_session(now, index);
            }
        }
    }

    /// Sets the timers of a connection that has just begun.
    pub(crate) fn arm_connection_timers(&mut self, now: Now, index: SessionIndex) {
        let Some(connection) = self.session(index).connection() else { return };
        if let Some(silence) = connection.silence_max {
            self.arm(index, TimerKind::KeepAlive, now.mono + silence);
        }
        self.arm_certificate_end(now, index);
    }

    /// Sets the timer of the end that counts now, or takes away the one of an end that counts no more.
    pub(crate) fn arm_certificate_end(&mut self, now: Now, index: SessionIndex) {
        match self.session(index).connection().and_then(|connection| connection.ends_at) {
            Some(end) => {
                let look = now.mono + now.wall.until(end).min(CERTIFICATE_LOOK);
                self.arm(index, TimerKind::CertificateEnd, look);
            }
            None => self.disarm(index, TimerKind::CertificateEnd),
        }
    }

    /// The timer is not moved with each packet: when it is due, it looks when the last one came.
    fn keep_alive_due(&mut self, now: Now, index: SessionIndex) {
        let Some(connection) = self.session(index).connection() else { return };
        let Some(silence) = connection.silence_max else { return };
        let end = connection.last_received + silence;
        if end > now.mono {
            self.arm(index, TimerKind::KeepAlive, end);
        } else {
            // "As if the network had failed" [MQTT-3.1.2-22] [MQTT311-3.1.2-24], so without a DISCONNECT; mosquitto's way.
            self.end_connection(now, index, Ending::KeepAliveTimeout);
        }
    }

    fn certificate_end_due(&mut self, now: Now, index: SessionIndex) {
        let Some(end) = self.session(index).connection().and_then(|connection| connection.ends_at) else {
            return;
        };
        if end > now.wall {
            self.arm_certificate_end(now, index);
        } else {
            self.take_back(now, index, Ending::CertificateEnded);
        }
    }

    pub(crate) fn arm(&mut self, index: SessionIndex, kind: TimerKind, at: Mono) {
        self.timers.arm(&mut self.sessions.at_mut(index).deadlines, index, kind, at);
    }

    pub(crate) fn disarm(&mut self, index: SessionIndex, kind: TimerKind) {
        self.timers.disarm(&mut self.sessions.at_mut(index).deadlines, index, kind);
    }

    /// Tells the shared groups of a session whether its client is there.
    pub(crate) fn set_presence(&mut self, index: SessionIndex, presence: Presence) {
        let session = self.session(index);
        for filter in session.subscriptions.filters() {
            if let Some(share) = TopicFilter::parse(filter).ok().and_then(TopicFilter::share) {
                self.tables.groups.presence(share.group, share.filter.as_str(), &session.client_id, presence);
            }
        }
    }
}
