//! A hub and its clients, over WebSockets in memory. Each test reads as what is said.

mod endpoints;
mod far;
mod greedy;
mod handlers;
mod hostile;
mod identify;
mod leaving;
mod link;
mod lost;
mod presence;
mod raw;
mod recovery;
mod slow;
mod stage;
mod topics;
