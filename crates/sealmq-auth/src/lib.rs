//! Proofs of a name that are no certificate: SCRAM-SHA-256 (RFC 5802, RFC 7677) and JSON Web Tokens (RFC 7519).
//!
//! What it is: messages and decisions, both sides of SCRAM, and the judgment of a token. What it is not: it reads no
//! file, asks no clock and no source of randomness (all are arguments), knows no connection and no MQTT.
//!
//! Invariants:
//! * What proves a name has no `Debug` and is wiped when dropped; comparisons of it take the same time whatever they find.
//! * Any input is read in time linear in its length, which is bounded first, without a panic.
//! * No path from "cannot tell" to a name: whatever is missing, unknown or twice is a refusal.

#[doc(hidden)]
pub mod fuzzing;
pub mod jwt;
pub mod scram;
