//! The broker core, driven with virtual time through real bytes: what goes in was encoded, what comes out is decoded.

mod harness;

mod connect;
