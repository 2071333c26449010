//! The MQTT broker as a state machine: sessions, router, retained messages, QoS, ACL, wills. Sans-I/O.
