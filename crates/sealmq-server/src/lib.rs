//! The I/O shell of the broker: door, shards, transports, control socket, data directory, inventory.
