//! What an ordinary subscription leaves in the index: enough to deliver without looking anything else up.

use crate::{
    RetainedVersion,
    session::{NoLocal, RetainAsPublished, Subscription},
    sessions::SessionIndex,
};

/// One subscription of one session.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subscriber {
    pub(crate) session: SessionIndex,
    pub(crate) subscription: Subscription,
    /// The last retained version that the session was given when it subscribed: a live copy up to it is a repetition.
    pub(crate) seen: RetainedVersion,
}

impl Subscriber {
    pub(crate) fn wants(&self, retained: Option<RetainedVersion>, own: bool) -> bool {
        let repeated = retained.is_some_and(|version| version <= self.seen);
        let refused = own && self.subscription.no_local == NoLocal::Yes;
        !repeated && !refused
    }

    /// [MQTT311-3.3.1-9]
    pub(crate) fn keeps_retain(&self) -> bool {
        self.subscription.retain_as_published == RetainAsPublished::Yes
    }
}
