//! A client and a real hub, over TCP, and over a network that fails.

mod network;
mod requests;
mod stage;
mod subscriptions;
