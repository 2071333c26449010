//! Status codes of close frames (RFC 6455 §7.4).

/// Why a WebSocket is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CloseCode(u16);

impl CloseCode {
    /// All is done.
    pub const NORMAL: CloseCode = CloseCode(1000);
    /// The peer broke the protocol.
    pub const PROTOCOL_ERROR: CloseCode = CloseCode(1002);
    /// The peer sent a kind of data that is not taken: text. [MQTT-6.0.0-1]
    pub const UNSUPPORTED_DATA: CloseCode = CloseCode(1003);
    /// The peer's reason is not UTF-8.
    pub const INVALID_PAYLOAD: CloseCode = CloseCode(1007);

    /// A code that may stand in a frame (RFC 6455 §7.4.2; 1004 to 1006 and 1015 may not).
    #[must_use]
    pub fn new(code: u16) -> Option<CloseCode> {
        matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999).then_some(CloseCode(code))
    }

    /// The number.
    #[must_use]
    pub fn as_u16(self) -> u16 {
        self.0
    }
}
