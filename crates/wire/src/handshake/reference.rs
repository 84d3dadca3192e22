//! References to a WebSocket's URI, as `Location` has them (RFC 3986 §4.1, RFC 9110 §10.2.2).

use std::borrow::Cow;

use super::{InvalidUri, Target};

impl Target {
    /// Where a reference leads that was found at this URI: an absolute one, or one that leaves out
    /// the scheme, the host or the beginning of the path (RFC 3986 §5.2).
    ///
    /// A fragment is dropped, because it is never sent.
    ///
    /// ```
    /// let target: everwire_wire::handshake::Target = "wss://a.example/chat/v1?x".parse().unwrap();
    /// let resolve = |reference| target.resolve(reference).unwrap().to_string();
    /// assert_eq!(resolve("https://b.example/"), "wss://b.example/");
    /// assert_eq!(resolve("//b.example:444/y"), "wss://b.example:444/y");
    /// assert_eq!(resolve("../v2?y"), "wss://a.example/v2?y");
    /// ```
    ///
    /// # Errors
    /// If it leads to nothing that can be connected to.
    pub fn resolve(&self, reference: &str) -> Result<Self, InvalidUri> {
        // CR and LF above all: they would begin another header.
        if !reference.bytes().all(|byte| matches!(byte, 0x21..=0x7e)) {
            return Err(InvalidUri::Character);
        }
        let reference = reference.split('#').next().unwrap_or_default();
        if has_scheme(reference) {
            return reference.parse();
        }
        if reference.starts_with("//") {
            let scheme = if self.secure() { "wss" } else { "ws" };
            return format!("{scheme}:{reference}").parse();
        }
        let (path, query) = reference.split_at(reference.find('?').unwrap_or(reference.len()));
        let base = self.path_and_query();
        let path = match path {
            "" if query.is_empty() => return Ok(self.clone()),
            "" => Cow::Borrowed(base.path()),
            path if path.starts_with('/') => Cow::Owned(remove_dot_segments(path)),
            // §5.2.3: everything of the base's path but its last segment.
            path => {
                let folder = base.path().rfind('/').map_or("/", |at| &base.path()[..=at]);
                Cow::Owned(remove_dot_segments(&format!("{folder}{path}")))
            }
        };
        self.with_resource(&format!("{path}{query}"))
    }
}

/// `scheme ":"` (§3.1), before any sign that only comes later in a URI.
fn has_scheme(reference: &str) -> bool {
    let Some((scheme, _)) = reference.split_once(':') else { return false };
    scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
}

/// §5.2.4, for a path that begins with a slash.
fn remove_dot_segments(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    kept.pop();
                }
                // What a last dot names is a folder, and that ends in a slash.
                if is_last {
                    kept.push("");
                }
            }
            segment => kept.push(segment),
        }
    }
    format!("/{}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(base: &str, reference: &str) -> Result<String, InvalidUri> {
        base.parse::<Target>().unwrap().resolve(reference).map(|target| target.to_string())
    }

    #[test]
    fn the_examples_of_rfc_3986_lead_where_it_says() {
        // §5.4.1 and §5.4.2. Ours differ from its base in the scheme, and have no parameters.
        for (reference, expected) in [
            ("g", "ws://a/b/c/g"),
            ("./g", "ws://a/b/c/g"),
            ("g/", "ws://a/b/c/g/"),
            ("/g", "ws://a/g"),
            ("//g", "ws://g/"),
            ("?y", "ws://a/b/c/d;p?y"),
            ("g?y", "ws://a/b/c/g?y"),
            ("#s", "ws://a/b/c/d;p?q"),
            ("g#s", "ws://a/b/c/g"),
            ("g?y#s", "ws://a/b/c/g?y"),
            (";x", "ws://a/b/c/;x"),
            ("g;x?y#s", "ws://a/b/c/g;x?y"),
            ("", "ws://a/b/c/d;p?q"),
            (".", "ws://a/b/c/"),
            ("./", "ws://a/b/c/"),
            ("..", "ws://a/b/"),
            ("../", "ws://a/b/"),
            ("../g", "ws://a/b/g"),
            ("../..", "ws://a/"),
            ("../../g", "ws://a/g"),
            ("../../../g", "ws://a/g"),
            ("/./g", "ws://a/g"),
            ("/../g", "ws://a/g"),
            ("g.", "ws://a/b/c/g."),
            (".g", "ws://a/b/c/.g"),
            ("..g", "ws://a/b/c/..g"),
            ("./../g", "ws://a/b/g"),
            ("./g/.", "ws://a/b/c/g/"),
            ("g/./h", "ws://a/b/c/g/h"),
            ("g/../h", "ws://a/b/c/h"),
            ("g?y/../x", "ws://a/b/c/g?y/../x"),
        ] {
            let got = resolved("ws://a/b/c/d;p?q", reference);
            assert_eq!(got.as_deref(), Ok(expected), "{reference:?}");
        }
    }

    #[test]
    fn an_absolute_reference_stands_alone() {
        for (reference, expected) in [
            ("wss://b:444/x?y#z", "wss://b:444/x?y"),
            ("HTTP://B", "ws://b/"),
            ("https://[::1]/", "wss://[::1]/"),
            ("/a:b", "ws://a/a:b"),
            ("?http://b/", "ws://a/?http://b/"),
        ] {
            assert_eq!(resolved("ws://a/", reference).as_deref(), Ok(expected), "{reference:?}");
        }
    }

    #[test]
    fn what_cannot_be_connected_to_is_refused() {
        for (reference, expected) in [
            ("ftp://b/", InvalidUri::Scheme),
            ("javascript:alert(1)", InvalidUri::Scheme),
            ("ws:b", InvalidUri::Scheme),
            ("//user:secret@b/", InvalidUri::UserInfo),
            ("https://user@b/", InvalidUri::UserInfo),
            ("///x", InvalidUri::Host),
            ("//b:99999/", InvalidUri::Host),
            ("/a b", InvalidUri::Character),
            ("/\r\nX: y", InvalidUri::Character),
            ("/\u{e9}", InvalidUri::Character),
        ] {
            assert_eq!(resolved("ws://a/", reference), Err(expected), "{reference:?}");
        }
    }
}
