//! Every scenario of this folder over every transport: TLS and frames change nothing of what MQTT says.

use sealmq_tls::Versions;

use super::line::{Framing, Security, Transport};
use super::stage::{Scenario, Step};

const fn over(security: Security, framing: Framing) -> Transport {
    Transport { security, framing }
}

/// All that are compared with plain TCP.
pub(super) const BESIDE_TCP: [Transport; 8] = [
    over(Security::Bare, Framing::Frames),
    over(Security::Bare, Framing::Fragments),
    over(Security::Server(Versions::OnlyV1_2), Framing::Stream),
    over(Security::Server(Versions::OnlyV1_3), Framing::Stream),
    over(Security::Mutual(Versions::OnlyV1_2), Framing::Stream),
    over(Security::Mutual(Versions::OnlyV1_3), Framing::Stream),
    over(Security::Mutual(Versions::OnlyV1_2), Framing::Fragments),
    over(Security::Server(Versions::OnlyV1_3), Framing::Frames),
];

/// What differs from TCP, a line for each step.
pub(super) fn judge(
    transport: Transport,
    scenarios: &[Scenario],
    over_tcp: &[Vec<Step>],
    over_this: &[Vec<Step>],
) -> String {
    let mut wrong = String::new();
    for ((scenario, tcp), this) in scenarios.iter().zip(over_tcp).zip(over_this) {
        for (number, (tcp, this)) in tcp.iter().zip(this).enumerate() {
            if tcp != this {
                wrong.push_str(&format!(
                    "{}[{number}] {} sends {}\n   over TCP: {}\n   over {transport:?}: {}\n",
                    scenario.name, tcp.who, tcp.sent, tcp.heard, this.heard
                ));
            }
        }
        if tcp.len() != this.len() {
            wrong.push_str(&format!("{}: {} steps over {transport:?}\n", scenario.name, this.len()));
        }
    }
    wrong
}
