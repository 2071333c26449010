//! mosquitto.conf and SealMQ's own keys: text to typed options, all diagnostics with lines.
