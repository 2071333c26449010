//! Proofs of a name, driven from outside: whole exchanges, whole tokens, any bytes.
#![allow(clippy::unwrap_used, reason = "a test says no by panicking")]

mod corpus;
mod scram;
mod tokens;
