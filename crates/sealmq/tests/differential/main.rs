//! The same bytes to `sealmq broker` and to mosquitto; the answers are compared byte for byte.
//!
//! Each scenario is played to both. Where the answers differ on purpose (the standard, or what mosquitto 2.1 does and
//! the 2.0 that Debian has does not) the step stands in [`differences::DIFFERENCES`] with our bytes and the reason; a
//! row that no scenario needs any more fails. Without mosquitto the tests say so and pass; with `CI` it is required.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests against real processes")]
#![allow(clippy::print_stderr, reason = "a skipped test says why")]

mod acknowledgements;
mod connecting;
mod differences;
mod malformed;
mod peers;
mod publishing;
mod stage;
mod subscribing;
mod wire;

use peers::{Peers, Release};
use stage::{Scenario, Step, play};

/// A configuration that both read, after `user root` and a listener.
const OPEN: &str = "allow_anonymous true\nmax_packet_size 2000000\nsys_interval 0\n";

/// Plays every scenario to both and compares.
fn compare(conf: &str, scenarios: &[Scenario]) {
    let Some(peers) = Peers::start(conf) else { return };
    let mut wrong = String::new();
    for scenario in scenarios {
        let theirs = play(peers.mosquitto.port, scenario);
        let ours = play(peers.sealmq.port, scenario);
        if theirs.len() != ours.len() {
            wrong.push_str(&format!("{}: {} steps against {}\n", scenario.name, theirs.len(), ours.len()));
        }
        for (step, (theirs, ours)) in theirs.iter().zip(&ours).enumerate() {
            if let Some(text) = judge(peers.release, scenario.name, step, theirs, ours) {
                wrong.push_str(&text);
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

/// What is wrong with a step; `None`: equal, or different as the table says.
fn judge(release: Release, scenario: &str, number: usize, theirs: &Step, ours: &Step) -> Option<String> {
    let row = differences::find(release, scenario, number);
    let place = || format!("{scenario}[{number}] {} sends {}", theirs.who, theirs.sent);
    match row {
        None if theirs.heard == ours.heard => None,
        None => Some(format!("{}\n   mosquitto: {}\n   sealmq:    {}\n", place(), theirs.heard, ours.heard)),
        Some(row) if theirs.heard == ours.heard => {
            Some(format!("{}\n   no difference any more: {}\n", place(), row.reason))
        }
        Some(row) if row.ours != ours.heard => {
            Some(format!("{}\n   expected:  {}\n   sealmq:    {}\n", place(), row.ours, ours.heard))
        }
        Some(_) => None,
    }
}
