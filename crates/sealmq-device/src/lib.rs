//! Device bundles: Arduino, PKCS#12 and the files that laptop tools ask for.
