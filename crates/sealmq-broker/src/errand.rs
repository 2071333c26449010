//! What the core cannot decide by itself and asks the shell for, without waiting: [`crate::Output::Errand`] out,
//! [`crate::Input::ErrandDone`] back. Only authentication asks (DESIGN: at CONNECT or AUTH only); at most one errand
//! per connection is under way.

use crate::Admission;
use std::{fmt, sync::Arc};
use zeroize::Zeroizing;

/// An exchange of AUTH packets that the door has had with a client, and that the client may have again. MQTT §4.12
#[derive(Debug, Clone)]
pub struct Authentication {
    /// The Authentication Method of CONNECT.
    pub method: Box<str>,
    /// What CONNACK carries as Authentication Data; empty: nothing.
    pub data: AuthData,
}

/// Authentication Data: never shown, wiped when dropped.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct AuthData(Zeroizing<Vec<u8>>);

impl AuthData {
    /// Takes the bytes.
    pub fn new(bytes: impl Into<Vec<u8>>) -> AuthData {
        AuthData(Zeroizing::new(bytes.into()))
    }

    /// The bytes: for who judges or sends them, never for a log.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for AuthData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuthData(not shown)")
    }
}

/// One thing to find out.
#[derive(Debug, Clone)]
pub enum Errand {
    /// A live client proves itself again.
    Authenticate {
        /// Which of its packets this is.
        step: AuthStep,
        /// Its Authentication Data.
        data: AuthData,
    },
}

/// Where in the exchange an AUTH packet stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthStep {
    /// 0x19: it begins anew.
    Begin,
    /// 0x18: it answers.
    Continue,
}

/// What an errand came to.
#[derive(Debug, Clone)]
pub enum ErrandOutcome {
    /// The client must say more.
    Challenge(AuthData),
    /// It is proved again.
    Renewed(Renewed),
    /// It is not, or it could not be told: the session ends.
    Refused(crate::Ended),
}

/// A client that has proved itself again.
#[derive(Debug, Clone)]
pub struct Renewed {
    /// The name that was proved: it must be the session's.
    pub username: Arc<str>,
    /// The judgment that holds from now on.
    pub admitted_by: Arc<dyn Admission>,
    /// The trust generation at which it was judged.
    pub generation: u64,
    /// The last Authentication Data.
    pub data: AuthData,
}
