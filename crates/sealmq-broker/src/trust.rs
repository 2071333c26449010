//! Judging again: whoever was admitted stays only as long as the trust that admitted them says yes.
//!
//! Invariant: `Broker::generation` is a trust generation at which every connection here has been judged, or newer
//! than which it was admitted. The generation is read before anyone is judged: what moves meanwhile is seen next turn.

use crate::{
    Admission, Broker, Ended, Ending, Event, Farewell, Now, Owner, Policy, Principal, Refusal, Source,
    TakenBackWill, Wall, sessions::SessionIndex,
};
use sealmq_mqtt::ReasonCode;
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

impl Broker {
    /// Once per turn of the loop: compares the generation, and judges every connection again where it moved.
    pub(crate) fn turn(&mut self, now: Now) {
        let current = self.tables.trust.current();
        if current == self.generation {
            return;
        }
        for index in self.sessions.indexes() {
            self.judge_again(now, index, current);
        }
        self.generation = current;
        self.event(Event::Judged { generation: current });
    }

    fn judge_again(&mut self, now: Now, index: SessionIndex, current: u64) {
        let Some(connection) = self.session(index).connection() else { return };
        if connection.generation >= current {
            return;
        }
        let admission = Arc::clone(&connection.admitted_by);
        match judge(&*admission, now.wall, current) {
            Ok(generation) => {
                if let Some(connection) = self.session_mut(index).connection_mut() {
                    connection.generation = generation;
                    connection.ends_at = admission.ends_at(connection.ends_at);
                    self.arm_certificate_end(now, index);
                }
            }
            Err(ended) => self.take_back(now, index, Ending::NotAuthorised(ended)),
        }
    }

    /// A new policy counts from the next decision on. A list that goes by certificate fields for the first time needs
    /// them of those who are here already; who is away has them again when it comes back.
    pub(crate) fn replace_policy(&mut self, policy: Arc<Policy>) {
        self.policy = policy;
        for index in self.sessions.indexes() {
            let session = self.session(index);
            let named = self.policy.acl_of(session.source.listener).names_attributes();
            let Some(connection) = session.connection() else { continue };
            if !named || session.source.attributes.is_some() {
                continue;
            }
            let Some(attributes) = connection.admitted_by.attributes() else { continue };
            let source = Arc::new(Source { attributes: Some(attributes), ..Source::clone(&session.source) });
            let session = self.session_mut(index);
            if let Some(will) = &mut session.will {
                will.message.source = Some(Arc::clone(&source));
            }
            session.source = source;
        }
    }

    /// Lets a client go whose right to be here has ended. Its will is published under the ACL of now, or dropped.
    pub(crate) fn take_back(&mut self, now: Now, index: SessionIndex, why: Ending) {
        match self.policy.taken_back_will {
            TakenBackWill::Published => {}
            TakenBackWill::Dropped => self.session_mut(index).will = None,
        }
        let told = if let Ending::NotAuthorised(ended) = &why { ended.farewell } else { Farewell::default() };
        let reason = match told {
            Farewell::NotAuthorized => ReasonCode::NotAuthorized,
            Farewell::AdministrativeAction => ReasonCode::AdministrativeAction,
        };
        self.disconnect(now, index, reason, why);
    }

    /// Ends the sessions of these owners that no client is at. A will that still waits is one of somebody whose right was
    /// taken back.
    pub(crate) fn forget(&mut self, now: Now, owners: &[Owner]) {
        for index in self.sessions.indexes() {
            let session = self.session_mut(index);
            if session.connection().is_some() || !owners.contains(&session.owner) {
                continue;
            }
            match self.policy.taken_back_will {
                TakenBackWill::Published => {}
                TakenBackWill::Dropped => self.session_mut(index).will = None,
            }
            self.end_session(now, index);
        }
    }

    /// A connection arrives: between its judgment and now the trust may have moved, and its certificate may have ended.
    pub(crate) fn judge_newcomer(&self, now: Wall, principal: &mut Principal) -> Result<(), Refusal> {
        if principal.ends_at.is_some_and(|end| end <= now) {
            return Err(Refusal::CertificateEnded);
        }
        let generation = self
            .judged_now(now, &*principal.admitted_by, principal.generation)
            .map_err(Refusal::NotAuthorised)?;
        if generation != principal.generation {
            principal.generation = generation;
            principal.ends_at = principal.admitted_by.ends_at(principal.ends_at);
        }
        Ok(())
    }

    /// The generation at which a judgment made at `generation` holds: that one, or the one of now after asking again.
    pub(crate) fn judged_now(
        &self,
        now: Wall,
        admission: &dyn Admission,
        generation: u64,
    ) -> Result<u64, Ended> {
        let current = self.tables.trust.current();
        if generation < current { judge(admission, now, current) } else { Ok(generation) }
    }
}

/// Judges at `current` or later. A judgment that panics, or that is older than asked, is a refusal.
fn judge(admission: &dyn Admission, now: Wall, current: u64) -> Result<u64, Ended> {
    match catch_unwind(AssertUnwindSafe(|| admission.judge(now))) {
        Ok(Ok(generation)) if generation >= current => Ok(generation),
        Ok(Ok(generation)) => {
            Err(cannot_tell(format!("judged at generation {generation}, now is {current}")))
        }
        Ok(Err(ended)) => Err(ended),
        Err(_) => Err(cannot_tell("the judgment panicked".to_owned())),
    }
}

fn cannot_tell(text: String) -> Ended {
    Ended { code: "cannot-judge", text, farewell: Farewell::NotAuthorized }
}
