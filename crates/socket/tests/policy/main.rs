//! How a reconnecting client decides: its two values, stepped with a clock moved by hand. See
//! docs/reconnecting.md.

mod json;
mod outbox;
mod retry;
mod traces;
