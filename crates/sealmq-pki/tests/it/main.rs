//! What `sealmq-pki` issues and reads, judged by itself, by webpki, and by openssl, GnuTLS and pkilint where they are
//! installed (in CI they must be).
#![allow(clippy::unwrap_used, clippy::disallowed_methods, clippy::print_stdout, missing_docs)]

mod approving;
mod asn1;
mod audit;
mod crl;
mod crl_made;
mod csr;
mod explain;
mod extending;
mod fixture;
mod foreign;
mod guide;
mod imported;
mod importing;
mod inventory;
mod issuing;
mod keys;
mod names;
mod ocsp;
mod profiles;
mod published;
mod reading;
mod watch;
