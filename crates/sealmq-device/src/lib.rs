//! Device bundles: the files that a device or a program needs to connect, ready to use.
//!
//! Pure: what comes in is a key, certificates and an address; what comes out is a list of files with their modes. Not
//! here: writing them, issuing the certificate, and the inventory.
//!
//! Invariants:
//! - The same request gives the same bytes: no clock, no randomness of its own.
//! - Every file with a private key or a passphrase has [`Mode::Secret`] (0600), and its content is wiped when dropped.
//! - Every bundle has a `manifest.json` that lists its files with their digests, and a `README.txt` that says what
//!   goes where and the command to try.

mod arduino;
mod bundle;
pub mod context;
mod laptop;
mod manifest;
mod pkcs12;
mod readme;
mod target;

pub use bundle::{Bundle, BundleError, BundleFile, BundleRequest, Mode, Randomness};
pub use context::{Context, ContextError};
pub use pkcs12::{Pkcs12, random_passphrase};
pub use target::{Target, UnknownTarget};
