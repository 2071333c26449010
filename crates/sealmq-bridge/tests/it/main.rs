//! Stories of a bridge in virtual time: two fake brokers that read and write real packets, and the machine between them.

mod acknowledgements;
mod addresses;
mod connecting;
mod limits;
mod restarts;
mod scene;
mod topics;
