//! Behaviour of the server as its clients and its owner see it.

mod home;
