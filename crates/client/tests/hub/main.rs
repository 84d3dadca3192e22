//! A client and a real hub, over TCP, and over a network that fails.

mod leaving;
mod network;
mod own_streams;
mod requests;
mod shared;
mod stage;
mod subscriptions;
