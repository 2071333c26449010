//! The client's session in memory, with virtual time, against packets written by hand.

mod publishing;
mod receiving;
mod sessions;
mod story;
mod url;
