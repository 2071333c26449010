//! What a mosquitto.conf means here, told by behaviour.

mod every_key;
mod reading;
mod the_guide;
