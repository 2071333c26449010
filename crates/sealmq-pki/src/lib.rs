//! Certificates: names, keys, profiles, issuing, reading, inventory records.
//!
//! Sans-I/O: the signer, the clock, random bytes and file contents are arguments. What is not here: files (the
//! server's data directory keeps them), TLS and the decision who a peer is (`sealmq-tls`), the inventory's database
//! (`sealmq-server` implements [`inventory::Inventory`]).
//!
//! Invariants:
//! - A private key has no `Debug`, no `Display` and is wiped when dropped; text of it is always `Zeroizing`.
//! - A certificate is issued under a profile of [`profile`] only, never longer than its issuer lives, and with the
//!   issuer's name byte for byte as it stands in the issuer's certificate (RFC 5280 §4.1.2.4).
//! - Randomness comes in as bytes (serials, salts), with two exceptions that are aws-lc's own: the key pair in
//!   [`SoftKey::generate`] and the nonce in an ECDSA signature. Handing those in from outside is the classic way to
//!   give a key away, and no test needs them fixed.

pub mod audit;
pub mod cert;
pub mod crl;
pub mod csr;
pub mod explain;
pub mod fuzzing;
pub mod host;
pub mod ids;
pub mod inventory;
pub mod issue;
pub mod key;
pub mod name;
pub mod ocsp;
pub mod pem;
pub mod policy;
pub mod profile;
pub mod time;
pub mod watch;

pub use cert::{AltName, Facts, ParseError};
pub use crl::Crl;
pub use csr::{Csr, CsrError};
pub use host::{HostName, HostNameError};
pub use ids::{Fingerprint, KeyId, Serial};
pub use issue::{
    Ca, CaSubject, Certificate, End, ExtendError, Extended, Extension, Holder, ImportError, ImportedCa,
    IssueError, LeafRequest, SerialRule, extend, issue_approved, issue_intermediate, issue_leaf,
    issue_leaf_under, issue_root,
};
pub use key::{EncryptionSalts, KeyError, NewKey, PublicKey, SignError, SignatureAlgorithm, Signer, SoftKey};
pub use name::{Name, NameError, NameKey, ReservedNames};
pub use profile::{ApprovedCsr, NotApproved, Profile, Profiles, ProfilesError};
pub use time::Timestamp;
