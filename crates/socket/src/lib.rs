//! A WebSocket you can `.await`.

mod clock;
mod websocket;

pub use everwire_wire::{
    Agreement, CloseCause, CloseCode, CloseReason, CloseReport, Compress, Config, DeflateConfig,
    DeflateParams, Incoming, InvalidCloseCode, InvalidCloseReason, Kind, Message, Outbound,
    ProtocolError, ReadyState, Role, SendError, SharedFrame, Text, Timeout, Unsent, handshake,
};
pub use websocket::WebSocket;
