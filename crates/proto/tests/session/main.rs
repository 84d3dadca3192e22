//! A client's session: the golden exchanges, the recorded traces, and what holds whatever happens.

mod exchanges;
mod hostile;
mod hub;
mod json;
mod limits;
mod network;
mod traces;
