//! The golden messages, in both encodings.

use everwire_proto::{
    ClientMessage, CommandKind, DecodeError, Encoded, Encoding, Fault, HubMessage, Verdict,
};
use serde::Deserialize;
use serde_json::{Value, json};

/// A line of vectors/messages.jsonl; vectors/README.md has its shape.
#[derive(Deserialize)]
struct Golden {
    name: String,
    from: String,
    to: Option<String>,
    json: Option<String>,
    compact: Option<String>,
    canonical: Option<bool>,
    means: Option<Value>,
    error: Option<Value>,
    max_message: Option<usize>,
}

impl Golden {
    /// The message in every form it has.
    fn forms(&self) -> Vec<Encoded> {
        let text = self.json.clone().map(|json| Encoded::Text(json.into()));
        let binary = self.compact.as_deref().map(|hex| Encoded::Binary(unhex(hex).into()));
        text.into_iter().chain(binary).collect()
    }

    fn decode(&self, form: &Encoded) -> Result<Message, DecodeError> {
        if self.from == "client" {
            let max = self.max_message.unwrap_or(65_536);
            return ClientMessage::decode(form, Encoding::Compact, max).map(Message::Client);
        }
        let asked = self.to.as_deref().map(|word| CommandKind::parse(word).expect("a command"));
        HubMessage::decode(form, Encoding::Compact, |_| asked).map(Message::Hub)
    }
}

#[derive(Debug, PartialEq)]
enum Message {
    Client(ClientMessage),
    Hub(HubMessage),
}

impl Message {
    fn encode(&self, encoding: Encoding) -> Encoded {
        match self {
            Self::Client(message) => message.encode(encoding),
            Self::Hub(message) => message.encode(encoding),
        }
    }
}

#[test]
fn every_valid_message_means_the_same_in_both_encodings() {
    let golden = golden();
    for golden in golden.iter().filter(|golden| golden.means.is_some()) {
        let name = &golden.name;
        for form in golden.forms() {
            let message = golden.decode(&form).unwrap_or_else(|error| panic!("{name}: {error}"));
            let Encoded::Text(text) = message.encode(Encoding::Json) else { panic!("{name}") };
            assert_eq!(serde_json::from_slice(&text).ok(), golden.means, "{name}");
        }
    }
}

#[test]
fn a_message_is_written_as_it_is_recorded() {
    for golden in golden().iter().filter(|golden| golden.means.is_some()) {
        let message = golden.decode(&golden.forms()[0]).unwrap();
        let (Encoded::Text(written) | Encoded::Binary(written)) = message.encode(Encoding::Compact);
        match &golden.compact {
            Some(hex) => assert_eq!(written, unhex(hex), "{}", golden.name),
            None => assert_eq!(written[0], b'{', "{} has no compact form", golden.name),
        }
        let Encoded::Text(text) = message.encode(Encoding::Json) else { unreachable!() };
        if golden.canonical != Some(false) {
            let text = std::str::from_utf8(&text).ok();
            assert_eq!(text, golden.json.as_deref(), "{}", golden.name);
        }
    }
}

#[test]
fn every_invalid_message_is_told_for_what_it_is() {
    let mut seen = 0;
    for golden in golden() {
        let Some(expected) = &golden.error else { continue };
        for form in golden.forms() {
            let error = golden.decode(&form).expect_err(&golden.name);
            assert_eq!(told(&golden, &error), *expected, "{}: {error}", golden.name);
            seen += 1;
        }
    }
    assert!(seen > 70, "{seen}");
}

#[test]
fn a_binary_message_is_not_understood_where_json_was_agreed_upon() {
    let binary = Encoded::Binary(unhex("110031").into());
    let error = ClientMessage::decode(&binary, Encoding::Json, 100).unwrap_err();
    assert!(matches!(error.verdict(), Verdict::Close(code) if code.0 == 4500));
}

/// An error as it is recorded.
fn told(golden: &Golden, error: &DecodeError) -> Value {
    if golden.from == "hub" {
        return if error.is_ignored_by_clients() {
            json!({ "ignored": true })
        } else {
            json!({ "close": 4500 })
        };
    }
    match (error.verdict(), error.fault) {
        (Verdict::Ignore, _) => json!({ "ignored": true }),
        (Verdict::Close(code), _) => json!({ "close": code.0 }),
        (Verdict::Answer(id, reply), Fault::Field { field, .. }) => {
            assert!(reply.message.contains(field), "{}: {reply}", golden.name);
            json!({ "id": id.get(), "code": reply.code.as_str(), "field": field })
        }
        (Verdict::Answer(id, reply), _) => json!({ "id": id.get(), "code": reply.code.as_str() }),
    }
}

fn golden() -> Vec<Golden> {
    let lines = include_str!("../vectors/messages.jsonl").lines();
    lines.map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn unhex(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
    digits.map(|digits| u8::from_str_radix(digits, 16).unwrap()).collect()
}
