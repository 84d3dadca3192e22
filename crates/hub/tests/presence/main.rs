//! Stores of presence, held to their contract.

mod memory;
mod model;
mod stage;
mod suite;
