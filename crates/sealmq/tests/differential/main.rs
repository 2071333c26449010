//! The same bytes to `sealmq broker` over every transport, and to mosquitto; the answers are compared byte for byte.
//!
//! Each scenario is played to ours over TCP, in WebSocket frames, and in TLS of both versions with and without a
//! certificate of the client: what is heard must not depend on it. Then to mosquitto. Where the answers differ on purpose (the standard, or what mosquitto 2.1 does and
//! the 2.0 that Debian has does not) the step stands in [`differences::DIFFERENCES`] with our bytes and the reason; a
//! row that no scenario needs any more fails. Without mosquitto the tests say so and pass; with `CI` it is required.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests against real processes")]
#![allow(clippy::print_stderr, reason = "a skipped test says why")]

mod acknowledgements;
mod certificates;
mod connecting;
mod differences;
mod line;
mod malformed;
mod peers;
#[path = "../../../../tests/ports.rs"]
mod ports;
mod publishing;
mod stage;
mod subscribing;
mod transports;
mod wire;

use std::sync::Arc;
use std::thread;

use certificates::Certificates;
use line::Transport;
use peers::{Mosquitto, Release, Server};
use stage::{Scenario, Step, play};

/// A configuration that both read, after `user root` and a listener.
const OPEN: &str = "allow_anonymous true\nmax_packet_size 2000000\nsys_interval 0\n";

/// Plays every scenario to ours over every transport, and to mosquitto, and compares.
fn compare(conf: &str, scenarios: &[Scenario]) {
    let certificates = Arc::new(Certificates::new());
    let certificates = &certificates;
    let ours = heard_over(Transport::TCP, conf, scenarios, certificates);
    let mut wrong: String = thread::scope(|scope| {
        let transports = transports::BESIDE_TCP
            .map(|transport| scope.spawn(move || heard_over(transport, conf, scenarios, certificates)));
        transports::BESIDE_TCP
            .into_iter()
            .zip(transports)
            .map(|(transport, other)| transports::judge(transport, scenarios, &ours, &other.join().unwrap()))
            .collect()
    });
    if let Some(mosquitto) = Mosquitto::start(conf, certificates) {
        for (scenario, ours) in scenarios.iter().zip(&ours) {
            let theirs = play(&mosquitto.server, scenario);
            if theirs.len() != ours.len() {
                wrong.push_str(&format!(
                    "{}: {} steps against {}\n",
                    scenario.name,
                    theirs.len(),
                    ours.len()
                ));
            }
            for (step, (theirs, ours)) in theirs.iter().zip(ours).enumerate() {
                if let Some(text) = judge(mosquitto.release, scenario.name, step, theirs, ours) {
                    wrong.push_str(&text);
                }
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

/// All steps of all scenarios, played one after the other to a broker of ours.
fn heard_over(
    transport: Transport,
    conf: &str,
    scenarios: &[Scenario],
    certificates: &Arc<Certificates>,
) -> Vec<Vec<Step>> {
    let broker = Server::sealmq(conf, transport, certificates);
    scenarios.iter().map(|scenario| play(&broker, scenario)).collect()
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
