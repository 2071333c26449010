//! What `sealmq sub` does with each message: leave it out, remove it from the broker, print it.

use std::hash::BuildHasher;
use std::io::Write;

use sealmq_client::{Message, Outgoing, QoS};
use sealmq_mqtt::{TopicFilter, TopicName, matches};

use super::Subscriber;
use crate::connection::failure;
use crate::output::{self, Moment};
use crate::report::Failure;

impl Subscriber {
    pub(super) fn message(&mut self, message: &Message) -> Result<(), Failure> {
        if self.done {
            return Ok(());
        }
        if self.args.retained_only && !message.retain {
            self.done = true;
            return Ok(());
        }
        if (message.retain && self.args.no_retained) || self.is_filtered_out(&message.topic) {
            return Ok(());
        }
        if self.args.remove_retained && message.retain {
            let removal = Outgoing::new(message.topic.clone(), Vec::new(), QoS::AtLeastOnce).retained();
            self.client.publish(removal).map_err(|error| failure(&error.into()))?;
            self.removals += 1;
        }
        if self.is_chosen() {
            self.print(message);
        }
        self.printed = self.printed.saturating_add(1);
        self.done |= self.args.count == Some(self.printed);
        Ok(())
    }

    fn is_filtered_out(&self, topic: &str) -> bool {
        let Ok(topic) = TopicName::parse(topic) else { return false };
        self.args
            .filter_out
            .iter()
            .filter_map(|filter| TopicFilter::parse(filter).ok())
            .any(|filter| matches(&filter, &topic))
    }

    /// `--random-filter`: the standard library's hash keys are random for each process, which is random enough here.
    fn is_chosen(&self) -> bool {
        match self.args.random_filter {
            Some(per_mille) => std::hash::RandomState::new().hash_one(self.printed) % 1000 < per_mille,
            None => true,
        }
    }

    /// A closed pipe (`sealmq sub ... | head -1`) ends the command without a word.
    fn print(&mut self, message: &Message) {
        let mut line = Vec::new();
        let printed = output::print(&self.style, self.end, message, &Moment::now(), &mut line);
        let mut out = std::io::stdout().lock();
        if out.write_all(&line).and_then(|()| out.flush()).is_err() {
            self.done = true;
        }
        if let (Err(error), false) = (printed, self.args.connection.quiet) {
            eprintln!("error: {error}");
            eprintln!("hint: %j prints any payload as a quoted string");
        }
    }
}
