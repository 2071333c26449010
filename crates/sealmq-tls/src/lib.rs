//! What TLS is allowed and who the peer is: policy, verifier, identity, TlsSession, key sources.
