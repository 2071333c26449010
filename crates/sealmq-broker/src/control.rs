//! `$CONTROL/…`: what clients publish there is for the broker itself and reaches no other client.
//!
//! The core decides who may (the access list, and [`crate::DollarTopics`]) and to whom the answer goes: the client that
//! asked, if it may read the topic, at QoS 0. What is answered is the shell's: [`crate::Output::Control`] goes out,
//! [`crate::Input::ControlAnswer`] comes back.

use crate::{Broker, ClientId, ConnId, Delivery, Message, Now, Output, Retain, deliver::EncodeOnce};
use bytes::Bytes;
use sealmq_mqtt::{ForwardedProperties, QoS};
use std::sync::Arc;

/// What every topic of a command begins with.
pub(crate) const PREFIX: &str = "$CONTROL/";

/// A client asks the broker for something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControlRequest {
    /// Its connection: who gets the answer.
    pub conn: ConnId,
    /// Its client id, for the log.
    pub client: ClientId,
    /// Its user name, for the log.
    pub username: Option<Arc<str>>,
    /// The whole topic, `$CONTROL/broker/v1`.
    pub topic: Arc<str>,
    /// The payload, as long as the client may send.
    pub payload: Bytes,
}

/// What the shell answers.
#[derive(Debug, Clone, Copy)]
pub struct ControlAnswer<'a> {
    /// Who asked.
    pub conn: ConnId,
    /// A valid topic name.
    pub topic: &'a str,
    /// The payload.
    pub payload: &'a [u8],
    /// Whether the asking client must have subscribed.
    pub unasked: Unasked,
}

/// What becomes of an answer for which the asking client has no subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unasked {
    /// It is not given.
    Withheld,
    /// It is given all the same, as mosquitto does where there is no such endpoint.
    Given,
}

impl Broker {
    /// Hands a message to the shell instead of routing it.
    pub(crate) fn control_request(&mut self, conn: ConnId, message: Message) {
        let Some(source) = message.source else { return };
        self.output(Output::Control(ControlRequest {
            conn,
            client: source.client_id.clone(),
            username: source.username.clone(),
            topic: message.topic,
            payload: message.payload,
        }));
    }

    /// Gives the answer to the client that asked, if it is still there.
    pub(crate) fn control_answer(&mut self, now: Now, answer: ControlAnswer<'_>) {
        let Some(index) = self.sessions.of_conn(answer.conn) else { return };
        let mut subscription_ids = Vec::new();
        let mut subscribed = false;
        self.subscribers.matches(answer.topic, |subscribers| {
            for subscriber in subscribers.iter().filter(|subscriber| subscriber.session == index) {
                subscribed = true;
                subscription_ids.extend(subscriber.subscription.id);
            }
        });
        if !subscribed && answer.unasked == Unasked::Withheld {
            return;
        }
        let message = Arc::new(Message {
            origin: self.shard,
            sequence: 0,
            topic: Arc::from(answer.topic),
            payload: Bytes::copy_from_slice(answer.payload),
            properties: ForwardedProperties::default(),
            qos: QoS::AtMostOnce,
            retain: Retain::Live,
            received: now,
            expiry_secs: None,
            source: None,
        });
        let delivery = Delivery {
            qos: QoS::AtMostOnce,
            retain: Retain::Live,
            subscription_ids: subscription_ids.into_boxed_slice(),
        };
        self.deliver(now, index, &message, delivery, &mut EncodeOnce::default());
    }
}
