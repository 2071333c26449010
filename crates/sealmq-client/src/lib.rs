//! MQTT client: a pure session and a driver. Serves the CLI, the broker's self-test and the tests.
