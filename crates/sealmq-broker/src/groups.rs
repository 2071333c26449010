//! The shared groups as data: (group, filter) → members in order of subscription. The shell puts a lock around it and
//! implements [`crate::SharedGroups`].
//!
//! Who is picked goes to the end of the line, who joins does too: mosquitto's order. A member that is away keeps its
//! turn and its session keeps the message (MQTT §4.8.2 leaves that open for QoS 1 and asks it for QoS 2,
//! [MQTT-4.8.2-4]); at QoS 0, which a session that is away does not keep, it is passed by. What was picked for a
//! session that ends is not given to another member. [MQTT-4.8.2-5]

use crate::{ClientId, FilterTrie, GroupsFull, Member, Pick, Presence};
use sealmq_mqtt::QoS;
use std::{cell::RefCell, collections::VecDeque, sync::Arc};

/// (Group, filter) → members and the order of turns.
#[derive(Debug)]
pub struct GroupTable {
    /// A pick moves a cursor while the index is only read.
    filters: FilterTrie<Vec<RefCell<Group>>>,
    members: usize,
    members_max: usize,
}

#[derive(Debug)]
struct Group {
    name: Box<str>,
    /// `$share/NAME/FILTER`.
    subscribed: Arc<str>,
    /// The next one to be picked is at the front.
    turns: VecDeque<Member>,
}

impl GroupTable {
    /// An empty table for at most `members_max` members ([`crate::Limits::shared_members_max`]).
    pub fn new(members_max: usize) -> GroupTable {
        GroupTable { filters: FilterTrie::new(), members: 0, members_max }
    }

    /// See [`crate::SharedGroups::join`].
    ///
    /// # Errors
    /// [`GroupsFull`] where a new member would be one too many.
    pub fn join(&mut self, group: &str, filter: &str, member: Member) -> Result<(), GroupsFull> {
        let (members, limit) = (self.members, self.members_max);
        let added = self.filters.update(filter, |groups| {
            let found = position(groups, group);
            if let Some(at) = found {
                let turns = &mut groups[at].get_mut().turns;
                if let Some(old) = turns.iter_mut().find(|old| old.client == member.client) {
                    *old = member;
                    return Ok(0);
                }
            }
            if members >= limit {
                return Err(GroupsFull { limit });
            }
            let at = found.unwrap_or_else(|| {
                groups.push(RefCell::new(Group::new(group, filter)));
                groups.len() - 1
            });
            groups[at].get_mut().turns.push_back(member);
            Ok(1)
        })?;
        self.members += added;
        Ok(())
    }

    /// See [`crate::SharedGroups::leave`].
    pub fn leave(&mut self, group: &str, filter: &str, client: &ClientId) {
        let removed = self.filters.update(filter, |groups| {
            let Some(at) = position(groups, group) else { return 0 };
            let turns = &mut groups[at].get_mut().turns;
            let before = turns.len();
            turns.retain(|member| member.client != *client);
            let removed = before - turns.len();
            if turns.is_empty() {
                groups.remove(at);
            }
            removed
        });
        self.members -= removed;
    }

    /// See [`crate::SharedGroups::presence`].
    pub fn presence(&mut self, group: &str, filter: &str, client: &ClientId, presence: Presence) {
        self.filters.update(filter, |groups| {
            if let Some(at) = position(groups, group) {
                let turns = &mut groups[at].get_mut().turns;
                if let Some(member) = turns.iter_mut().find(|member| member.client == *client) {
                    member.presence = presence;
                }
            }
        });
    }

    /// See [`crate::SharedGroups::pick`].
    /// [MQTT-4.8.2-3]
    pub fn pick(&mut self, topic: &str, qos: QoS, picks: &mut Vec<Pick>) {
        self.filters.matches(topic, |groups| {
            picks.extend(groups.iter().filter_map(|group| group.borrow_mut().pick(qos)));
        });
    }

    /// How many members all groups have together.
    pub const fn members(&self) -> usize {
        self.members
    }
}

/// Where a group stands among those of its filter.
fn position(groups: &[RefCell<Group>], name: &str) -> Option<usize> {
    groups.iter().position(|group| *group.borrow().name == *name)
}

impl Group {
    fn new(name: &str, filter: &str) -> Group {
        let subscribed = Arc::from(format!("$share/{name}/{filter}"));
        Group { name: Box::from(name), subscribed, turns: VecDeque::new() }
    }

    fn pick(&mut self, qos: QoS) -> Option<Pick> {
        for _ in 0..self.turns.len() {
            self.turns.rotate_left(1);
            let member = self.turns.back()?;
            if member.presence == Presence::Online || qos.min(member.qos) != QoS::AtMostOnce {
                let (shard, client) = (member.shard, member.client.clone());
                return Some(Pick { shard, client, filter: Arc::clone(&self.subscribed) });
            }
        }
        None
    }
}
