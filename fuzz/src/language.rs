//! What holds for any message of the hub's language that is understood.

use everwire_proto::{
    ClientMessage, CommandKind, Encoded, Encoding, HubMessage, Verdict, max_encoded,
};

const MAX_MESSAGE: usize = 4 << 10;

const KINDS: [CommandKind; 8] = [
    CommandKind::Connect,
    CommandKind::Subscribe,
    CommandKind::Unsubscribe,
    CommandKind::Publish,
    CommandKind::History,
    CommandKind::Rpc,
    CommandKind::Presence,
    CommandKind::Status,
];

/// Reads a message as either side would. What is understood means the same when it was written and
/// read again, in either encoding; what is not has a verdict.
pub fn is_stable(message: &Encoded) {
    if message.as_bytes().len() > max_encoded(MAX_MESSAGE) {
        return;
    }
    let client = |form: &Encoded| ClientMessage::decode(form, Encoding::Compact, MAX_MESSAGE);
    match client(message) {
        Ok(read) => {
            for encoding in Encoding::ALL {
                assert_eq!(client(&read.encode(encoding)).as_ref(), Ok(&read));
            }
        }
        Err(error) => {
            assert!(!error.to_string().is_empty());
            assert!(!matches!(error.verdict(), Verdict::Close(code) if code.retry()));
        }
    }
    for kind in KINDS {
        let hub = |form: &Encoded| HubMessage::decode(form, Encoding::Compact, |_| Some(kind));
        let Ok(read) = hub(message) else { continue };
        for encoding in Encoding::ALL {
            assert_eq!(hub(&read.encode(encoding)).as_ref(), Ok(&read));
        }
    }
}
