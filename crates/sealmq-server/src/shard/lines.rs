//! What waits to be sent to one client: packets that may go, and behind gates those that must not go yet.
//!
//! Two first-in-first-out lines (DESIGN section 7): acknowledgements of the client's own publishes, and everything
//! else; the first never holds back the second. Packets without a gate keep the order in which the core gave them, so
//! that a PUBLISH a client gets because of its own one stays before the PUBACK.

use std::collections::VecDeque;

use sealmq_broker::{Commit, Lane, Outgoing};

use crate::post::Waiting;

/// The lines of one connection. At rest it holds nothing on the heap.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    ready: VecDeque<Outgoing>,
    held: Option<Box<Held>>,
    answers: Answers,
}

/// Packets that are no PUBLISH and wait, gated or not: the client asked for each of them, so it can ask for any number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Answers {
    packets: usize,
    bytes: usize,
}

/// From so many answers on that a client does not read, nothing more is read from it.
pub(crate) const ANSWERS_MAX: usize = 4_096;
/// The same in bytes.
pub(crate) const ANSWER_BYTES_MAX: usize = 1 << 20;

#[derive(Debug, Default)]
struct Held {
    acks: VecDeque<Gated>,
    flow: VecDeque<Gated>,
}

#[derive(Debug)]
struct Gated {
    packet: Outgoing,
    gate: Commit,
}

impl Lines {
    /// Adds a packet that may go once `gate` is durable, `committed` being what is durable now.
    pub(crate) fn push(&mut self, packet: Outgoing, lane: Lane, gate: Option<Commit>, committed: Commit) {
        self.answers.count(&packet);
        let gate = gate.filter(|gate| *gate > committed).unwrap_or_default();
        let line_waits = self.held.as_deref().is_some_and(|held| !held.line(lane).is_empty());
        if gate <= committed && !line_waits {
            self.ready.push_back(packet);
            return;
        }
        self.held.get_or_insert_default().line_mut(lane).push_back(Gated { packet, gate });
    }

    /// Releases what waited for records up to `upto`.
    pub(crate) fn commit(&mut self, upto: Commit) {
        let Some(held) = self.held.as_deref_mut() else { return };
        for lane in [Lane::Ack, Lane::Flow] {
            let line = held.line_mut(lane);
            while line.front().is_some_and(|first| first.gate <= upto) {
                self.ready.extend(line.pop_front().map(|first| first.packet));
            }
        }
        if held.acks.is_empty() && held.flow.is_empty() {
            self.held = None;
        }
    }

    /// Whether something waits behind a gate.
    pub(crate) fn is_gated(&self) -> bool {
        self.held.is_some()
    }

    /// The next packet that may go.
    pub(crate) fn pop(&mut self) -> Option<Outgoing> {
        let packet = self.ready.pop_front();
        if let Some(packet) = &packet {
            self.answers.discount(packet);
        }
        if self.ready.is_empty() && self.ready.capacity() > KEPT_CAPACITY {
            self.ready = VecDeque::new();
        }
        packet
    }

    /// The next packet that may go, left in its place.
    pub(crate) fn peek(&self) -> Option<&Outgoing> {
        self.ready.front()
    }

    /// Whether so many answers wait that the client must read some before it is heard again.
    pub(crate) fn has_too_many_answers(&self) -> bool {
        self.answers.packets >= ANSWERS_MAX || self.answers.bytes >= ANSWER_BYTES_MAX
    }

    /// Whether anything may go now.
    pub(crate) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Whether nothing waits at all, gated or not.
    pub(crate) fn is_empty(&self) -> bool {
        self.ready.is_empty() && self.held.is_none()
    }

    /// What waits, gated or not.
    pub(crate) fn waiting(&self) -> Waiting {
        let held = self.held.as_deref().into_iter().flat_map(|held| held.acks.iter().chain(&held.flow));
        let packets = self.ready.iter().chain(held.map(|gated| &gated.packet));
        packets.fold(Waiting::default(), |mut sum, packet| {
            sum += Waiting { packets: 1, bytes: packet.len() as u64 };
            sum
        })
    }

    /// Forgets everything: nobody will read it.
    pub(crate) fn clear(&mut self) {
        *self = Lines::default();
    }

    /// Gives memory back once a connection is at rest.
    pub(crate) fn rest(&mut self) {
        if self.ready.is_empty() {
            self.ready = VecDeque::new();
        }
    }
}

impl Answers {
    fn count(&mut self, packet: &Outgoing) {
        match packet {
            Outgoing::Packet(bytes) => {
                self.packets += 1;
                self.bytes += bytes.len();
            }
            Outgoing::Publish { .. } => {}
        }
    }

    fn discount(&mut self, packet: &Outgoing) {
        match packet {
            Outgoing::Packet(bytes) => {
                self.packets -= 1;
                self.bytes -= bytes.len();
            }
            Outgoing::Publish { .. } => {}
        }
    }
}

impl Held {
    fn line(&self, lane: Lane) -> &VecDeque<Gated> {
        match lane {
            Lane::Ack => &self.acks,
            Lane::Flow => &self.flow,
        }
    }

    fn line_mut(&mut self, lane: Lane) -> &mut VecDeque<Gated> {
        match lane {
            Lane::Ack => &mut self.acks,
            Lane::Flow => &mut self.flow,
        }
    }
}

/// A line that has grown beyond this many packets gives its memory back when it is empty.
const KEPT_CAPACITY: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn packet(byte: u8) -> Outgoing {
        Outgoing::Packet(Bytes::copy_from_slice(&[byte]))
    }

    fn drain(lines: &mut Lines) -> Vec<u8> {
        let mut out = Vec::new();
        while let Some(packet) = lines.pop() {
            packet.write(&mut out);
        }
        out
    }

    #[test]
    fn without_gates_the_order_is_the_cores_whatever_the_lane() {
        let mut lines = Lines::default();
        lines.push(packet(1), Lane::Flow, None, Commit(0));
        lines.push(packet(2), Lane::Ack, None, Commit(0));
        lines.push(packet(3), Lane::Flow, Some(Commit(4)), Commit(4));
        assert_eq!(drain(&mut lines), [1, 2, 3]);
        assert!(lines.is_empty());
    }

    #[test]
    fn a_gated_acknowledgement_does_not_hold_back_the_flow() {
        let mut lines = Lines::default();
        lines.push(packet(1), Lane::Ack, Some(Commit(5)), Commit(4));
        lines.push(packet(2), Lane::Flow, None, Commit(4));
        assert_eq!(drain(&mut lines), [2]);
        assert!(!lines.is_empty());
        assert!(lines.is_gated());
        lines.commit(Commit(5));
        assert!(!lines.is_gated());
        assert_eq!(drain(&mut lines), [1]);
        assert!(lines.is_empty());
    }

    #[test]
    fn nothing_passes_a_gated_packet_of_its_own_line() {
        let mut lines = Lines::default();
        lines.push(packet(1), Lane::Flow, Some(Commit(2)), Commit(0));
        lines.push(packet(2), Lane::Flow, None, Commit(0));
        lines.push(packet(3), Lane::Flow, Some(Commit(3)), Commit(0));
        assert_eq!(drain(&mut lines), Vec::<u8>::new());
        lines.commit(Commit(2));
        assert_eq!(drain(&mut lines), [1, 2]);
        lines.commit(Commit(3));
        assert_eq!(drain(&mut lines), [3]);
    }

    #[test]
    fn answers_are_counted_until_they_go_and_reach_either_bound() {
        let mut lines = Lines::default();
        lines.push(packet(1), Lane::Flow, Some(Commit(9)), Commit(0));
        for _ in 1..ANSWERS_MAX {
            assert!(!lines.has_too_many_answers());
            lines.push(packet(1), Lane::Ack, None, Commit(0));
        }
        assert!(lines.has_too_many_answers());
        assert!(lines.pop().is_some() && !lines.has_too_many_answers());
        lines.clear();
        assert!(!lines.has_too_many_answers());
        lines.push(Outgoing::Packet(Bytes::from(vec![0; ANSWER_BYTES_MAX])), Lane::Flow, None, Commit(0));
        assert!(lines.has_too_many_answers());
        assert!(lines.pop().is_some() && !lines.has_too_many_answers());
    }
}
