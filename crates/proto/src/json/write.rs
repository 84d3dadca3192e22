//! Objects being written.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use crate::payload::{JsonText, Payload};

/// What a message has besides its payload, mostly.
const OVERHEAD: usize = 192;

/// An object, of which fields are written one after another.
pub(super) struct Object<'a> {
    out: &'a mut Vec<u8>,
    is_empty: bool,
}

/// Writes the object that is a message; `payload` is the size of what it carries.
pub(super) fn message(payload: usize, fields: impl FnOnce(&mut Object<'_>)) -> Bytes {
    let mut out = Vec::with_capacity(payload + OVERHEAD);
    object(&mut out, fields);
    out.into()
}

fn object(out: &mut Vec<u8>, fields: impl FnOnce(&mut Object<'_>)) {
    out.push(b'{');
    fields(&mut Object { out, is_empty: true });
    out.push(b'}');
}

impl Object<'_> {
    pub(super) fn text(&mut self, name: &'static str, value: &str) {
        self.name(name);
        self.serialize(value);
    }

    pub(super) fn number(&mut self, name: &'static str, value: u64) {
        self.name(name);
        self.serialize(&value);
    }

    pub(super) fn flag(&mut self, name: &'static str, value: bool) {
        self.name(name);
        self.serialize(&value);
    }

    pub(super) fn json(&mut self, name: &'static str, value: &JsonText) {
        self.name(name);
        self.out.extend_from_slice(value.as_bytes());
    }

    /// `data` or `b64`, as the payload is.
    pub(super) fn payload(&mut self, payload: &Payload) {
        match payload {
            Payload::Json(text) => self.json("data", text),
            Payload::Binary(bytes) => self.text("b64", &STANDARD.encode(bytes)),
        }
    }

    pub(super) fn object(&mut self, name: &'static str, fields: impl FnOnce(&mut Object<'_>)) {
        self.name(name);
        object(self.out, fields);
    }

    /// An object under a name that is data.
    pub(super) fn entry(&mut self, name: &str, fields: impl FnOnce(&mut Object<'_>)) {
        self.comma();
        self.serialize(name);
        self.out.push(b':');
        object(self.out, fields);
    }

    pub(super) fn texts<'t>(
        &mut self,
        name: &'static str,
        items: impl IntoIterator<Item = &'t str>,
    ) {
        self.list(name, items, serialize);
    }

    pub(super) fn objects<T>(
        &mut self,
        name: &'static str,
        items: impl IntoIterator<Item = T>,
        fields: impl Fn(&mut Object<'_>, T),
    ) {
        self.list(name, items, |out, item| object(out, |object| fields(object, item)));
    }

    fn list<T>(
        &mut self,
        name: &'static str,
        items: impl IntoIterator<Item = T>,
        write: impl Fn(&mut Vec<u8>, T),
    ) {
        self.name(name);
        self.out.push(b'[');
        for (index, item) in items.into_iter().enumerate() {
            if index > 0 {
                self.out.push(b',');
            }
            write(self.out, item);
        }
        self.out.push(b']');
    }

    fn name(&mut self, name: &'static str) {
        self.comma();
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    fn comma(&mut self) {
        if !self.is_empty {
            self.out.push(b',');
        }
        self.is_empty = false;
    }

    fn serialize<T: serde::Serialize + ?Sized>(&mut self, value: &T) {
        serialize(self.out, value);
    }
}

fn serialize<T: serde::Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) {
    serde_json::to_writer(out, value).expect("text and numbers are written to memory");
}
