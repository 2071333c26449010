//! What was published, by whom, when, and what became of it: the facts that the checks are made on.

use sealmq_mqtt::QoS;

/// A message's number; its payload is that number as text.
pub(crate) type MessageNumber = usize;

/// One message that a client decided to publish.
#[derive(Debug, Clone)]
pub(crate) struct Published {
    pub(crate) publisher: usize,
    pub(crate) topic: &'static str,
    pub(crate) qos: QoS,
    pub(crate) retain: bool,
    /// The step at which its first byte left the client; `None`: it never did.
    pub(crate) sent: Option<u64>,
    /// PUBACK or PUBCOMP came (QoS 1, 2).
    pub(crate) acknowledged: bool,
}

/// One PUBLISH that reached a client's application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Received {
    pub(crate) message: MessageNumber,
    pub(crate) qos: QoS,
    pub(crate) retain: bool,
    /// Which of the client's sessions got it.
    pub(crate) epoch: u32,
}

/// Everything that happened, as far as the checks ask.
#[derive(Debug, Default)]
pub(crate) struct History {
    pub(crate) step: u64,
    pub(crate) published: Vec<Published>,
}

impl History {
    pub(crate) fn publish(
        &mut self,
        publisher: usize,
        topic: &'static str,
        qos: QoS,
        retain: bool,
    ) -> MessageNumber {
        self.published.push(Published { publisher, topic, qos, retain, sent: None, acknowledged: false });
        self.published.len() - 1
    }

    pub(crate) fn sent(&mut self, message: MessageNumber) {
        let step = self.step;
        self.published[message].sent.get_or_insert(step);
    }

    pub(crate) fn acknowledged(&mut self, message: MessageNumber) {
        self.published[message].acknowledged = true;
    }
}
