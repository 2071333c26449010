//! SUBSCRIBE and UNSUBSCRIBE, their answers, and the packet ids of both and of messages.

use sealmq_mqtt::{PacketId, PacketType, ReasonCode};

use super::{Event, Now, Output, Session, State, trace, wire};
use crate::error::{SessionError, SubscribeError};
use crate::{Filter, Property};

/// A SUBSCRIBE that the server has granted or is to grant: made again where the server lost it.
#[derive(Clone, Debug)]
pub(super) struct Subscribed {
    filter: Filter,
    properties: Vec<Property>,
}

#[derive(Clone, Debug)]
/// A request that waits for its answer.
pub(super) enum Request {
    Subscribe { filters: usize },
    Unsubscribe,
}

/// Hands out packet ids that are free.
#[derive(Clone, Copy, Debug)]
pub(super) struct PacketIds {
    pub(super) next: PacketId,
}

impl Session {
    /// Subscribes. The session subscribes again after a reconnect where the server kept nothing.
    ///
    /// # Errors
    /// A filter that is none, no filter at all, or no connection.
    pub fn subscribe(
        &mut self,
        now: Now,
        filters: &[Filter],
        properties: &[Property],
    ) -> Result<PacketId, SubscribeError> {
        wire::check_filters(filters)?;
        let packet_id = self.request_id()?;
        self.send(now, wire::subscribe(packet_id, filters, properties, self.options.version)?);
        for filter in filters {
            self.trace(|| trace::subscribe(packet_id, filter));
        }
        self.requests.insert(packet_id, Request::Subscribe { filters: filters.len() });
        for filter in filters {
            self.subscriptions.retain(|known| known.filter.filter != filter.filter);
            self.subscriptions.push(Subscribed { filter: filter.clone(), properties: properties.to_vec() });
        }
        Ok(packet_id)
    }

    /// Unsubscribes.
    ///
    /// # Errors
    /// A filter that is none, no filter at all, or no connection.
    pub fn unsubscribe(
        &mut self,
        now: Now,
        filters: &[String],
        properties: &[Property],
    ) -> Result<PacketId, SubscribeError> {
        wire::check_filter_texts(filters.iter().map(String::as_str))?;
        let packet_id = self.request_id()?;
        self.send(now, wire::unsubscribe(packet_id, filters, properties, self.options.version)?);
        for filter in filters {
            self.trace(|| trace::unsubscribe(packet_id, filter));
        }
        self.requests.insert(packet_id, Request::Unsubscribe);
        self.subscriptions.retain(|known| !filters.contains(&known.filter.filter));
        Ok(packet_id)
    }

    pub(super) fn subscribe_again(&mut self, now: Now) -> Result<(), SessionError> {
        for known in std::mem::take(&mut self.subscriptions) {
            self.subscribe(now, &[known.filter], &known.properties).map_err(SessionError::Subscribe)?;
        }
        Ok(())
    }

    pub(super) fn suback(
        &mut self,
        packet_id: PacketId,
        reasons: Vec<ReasonCode>,
    ) -> Result<(), SessionError> {
        match self.requests.remove(&packet_id) {
            // [MQTT-3.9.3-1] one code per filter, in order.
            Some(Request::Subscribe { filters }) if filters == reasons.len() => {
                self.trace(trace::suback);
                self.outputs.push_back(Output::Event(Event::Subscribed { packet_id, reasons }));
                Ok(())
            }
            Some(_) | None => Err(SessionError::Unexpected(PacketType::SubAck)),
        }
    }

    pub(super) fn unsuback(
        &mut self,
        packet_id: PacketId,
        reasons: Vec<ReasonCode>,
    ) -> Result<(), SessionError> {
        match self.requests.remove(&packet_id) {
            Some(Request::Unsubscribe) => {
                self.trace(trace::unsuback);
                self.outputs.push_back(Output::Event(Event::Unsubscribed { packet_id, reasons }));
                Ok(())
            }
            Some(_) | None => Err(SessionError::Unexpected(PacketType::UnsubAck)),
        }
    }

    fn request_id(&mut self) -> Result<PacketId, SubscribeError> {
        if self.state != State::Connected {
            return Err(SubscribeError::NotConnected);
        }
        self.free_packet_id().ok_or(SubscribeError::TooManyRequests)
    }

    pub(super) fn free_packet_id(&mut self) -> Option<PacketId> {
        let (requests, outbound) = (&self.requests, &self.outbound);
        self.packet_ids.take(|id| requests.contains_key(&id) || outbound.uses(id))
    }
}

impl PacketIds {
    fn take(&mut self, used: impl Fn(PacketId) -> bool) -> Option<PacketId> {
        let first = self.next;
        loop {
            let id = self.next;
            self.next = id.next();
            if !used(id) {
                return Some(id);
            }
            if self.next == first {
                return None;
            }
        }
    }
}
