//! A bridge as written. Parsed whole, not run yet.

use crate::diagnostic::Place;

/// A `connection` section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bridge {
    /// Its name.
    pub name: String,
    /// Where `connection` stands.
    pub at: Place,
    /// `address` / `addresses`: never empty.
    pub addresses: Vec<BridgeAddress>,
    /// `topic`: never empty.
    pub topics: Vec<BridgeTopic>,
}

/// One remote address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BridgeAddress {
    /// Host name or address.
    pub host: String,
    /// Port, 1883 unless written.
    pub port: u16,
}

/// One `topic` line of a bridge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BridgeTopic {
    /// The pattern, without prefixes; empty for `""`.
    pub pattern: String,
    /// Which way messages go.
    pub direction: BridgeDirection,
    /// 0 to 2.
    pub qos: u8,
    /// Put before the pattern here.
    pub local_prefix: String,
    /// Put before the pattern there.
    pub remote_prefix: String,
}

/// Which way messages of a bridge topic go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BridgeDirection {
    /// From here to there (the default).
    Out,
    /// From there to here.
    In,
    /// Both.
    Both,
}
