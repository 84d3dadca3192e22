//! Brokers, held to their contract.

mod memory;
mod suite;
