//! Close frames of any body: the answer is legal, and a legal one is echoed.
#![no_main]

use everwire_fuzz::tight;
use everwire_testkit::{Frame, Side, read_frames};
use everwire_wire::{Agreement, CloseCause, CloseCode, CloseReason, Role};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    let mut side = Side::new(Role::Client, &Agreement::default(), tight());
    side.receive(Frame::close_with(body).encode());
    let frames = read_frames(&side.transmit());
    assert_eq!((frames.len(), frames[0].opcode), (1, 8));
    let answer = &frames[0].payload;
    let report = side.report().expect("both are done");
    match &report.cause {
        CloseCause::Peer if body.is_empty() => {
            assert!(answer.is_empty() && report.code == CloseCode::NO_STATUS);
        }
        CloseCause::Peer => {
            assert_eq!(answer[..], *body);
            let reason = std::str::from_utf8(&body[2..]).expect("a reason is text");
            assert_eq!(*report.reason, *reason);
            assert!(CloseReason::new(report.code, reason).is_ok());
        }
        CloseCause::Violation(error) => {
            assert_eq!(answer[..2], error.close_code().get().to_be_bytes());
            assert!(error.close_code().is_sendable() && !report.was_clean);
        }
        other => panic!("{other:?}"),
    }
});
