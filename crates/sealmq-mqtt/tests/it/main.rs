//! What the codec promises: each module one promise.

mod corpus;
mod differential;
mod first_packet;
mod generators;
mod hostile;
mod matching;
mod properties;
mod round_trip;
mod shared_publish;
mod strictness;
mod topics;
mod wire;
