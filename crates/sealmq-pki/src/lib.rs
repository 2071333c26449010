//! Certificates: profiles, CA, CSR, inventory records, lifecycle. Sans-I/O.
