//! A WebSocket you can `.await`.

mod budget;
mod buffers;
mod clock;
mod driver;
mod futures;
mod group;
mod halves;
mod link;
mod masks;
mod permit;
mod pieces;
mod timers;
mod websocket;

pub use budget::{Budget, process as process_budget};
pub use everwire_wire::{
    Agreement, CloseCause, CloseCode, CloseReason, CloseReport, Compress, Config, DeflateConfig,
    DeflateParams, Incoming, InvalidCloseCode, InvalidCloseReason, Kind, Message, Outbound,
    ProtocolError, ReadyState, Role, SendError, SharedFrame, Text, Timeout, Unsent, handshake,
};
pub use group::{Delivery, Group, Membership};
pub use halves::{Receiver, Sender};
pub use link::Stream;
pub use permit::Permit;
pub use pieces::{Incomplete, MessageReader, MessageWriter};
pub use websocket::{Outlet, WebSocket};
