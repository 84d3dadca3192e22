//! The promises of a connection, by section of RFC 6455 and RFC 7692.

mod closing;
mod compression;
mod compression_hostile;
mod control;
mod deadlines;
mod fragmentation;
mod frames;
mod pieces;
mod sending;
mod size;
mod text;
mod text_heartbeat;
