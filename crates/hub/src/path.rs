//! Paths of endpoints, with parameters.

use std::fmt;

/// A path such as `/chat/{room}`: a segment in braces is a parameter and stands for any one segment.
#[derive(Debug, Clone)]
pub(crate) struct Pattern(Vec<Segment>);

#[derive(Debug, Clone)]
enum Segment {
    Fixed(Box<str>),
    Param(Box<str>),
}

/// What the parameters of a path are.
#[derive(Debug, Clone, Default)]
pub(crate) struct Params(Vec<(Box<str>, Box<str>)>);

/// A pattern that is none: it does not begin with `/`, or a parameter has no name or one that is there
/// already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidPath(pub(crate) String);

impl Pattern {
    pub(crate) fn parse(path: &str) -> Result<Self, InvalidPath> {
        let invalid = || InvalidPath(path.to_owned());
        let mut names = Vec::new();
        let mut segments = Vec::new();
        for segment in path.strip_prefix('/').ok_or_else(invalid)?.split('/') {
            let name = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
            match name {
                Some(name) if name.is_empty() || names.contains(&name) => return Err(invalid()),
                Some(name) => {
                    names.push(name);
                    segments.push(Segment::Param(name.into()));
                }
                None if segment.contains(['{', '}']) => return Err(invalid()),
                None => segments.push(Segment::Fixed(segment.into())),
            }
        }
        Ok(Self(segments))
    }

    /// The parameters of a path that this pattern describes. Values are as they stand in the path;
    /// percent-encoding is left alone.
    pub(crate) fn matches(&self, path: &str) -> Option<Params> {
        let mut params = Params::default();
        let mut segments = self.0.iter();
        for found in path.strip_prefix('/')?.split('/') {
            match segments.next()? {
                Segment::Fixed(text) if **text == *found => {}
                Segment::Fixed(_) => return None,
                Segment::Param(_) if found.is_empty() => return None,
                Segment::Param(name) => params.0.push((name.clone(), found.into())),
            }
        }
        segments.next().is_none().then_some(params)
    }
}

impl Params {
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| **known == *name).map(|(_, value)| &**value)
    }
}

impl fmt::Display for InvalidPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is no path of an endpoint", self.0)
    }
}

impl std::error::Error for InvalidPath {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_stands_for_one_segment() {
        let pattern = Pattern::parse("/chat/{room}/{seat}").unwrap();
        let params = pattern.matches("/chat/blue/7").unwrap();
        assert_eq!((params.get("room"), params.get("seat")), (Some("blue"), Some("7")));
        assert_eq!(params.get("table"), None);
        for path in ["/chat/blue", "/chat/blue/7/8", "/chat//7", "/other/blue/7", "chat/blue/7"] {
            assert!(pattern.matches(path).is_none(), "{path}");
        }
        assert!(Pattern::parse("/").unwrap().matches("/").is_some());
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for path in ["", "chat", "/{}", "/{a}/{a}", "/a{b}", "/{a"] {
            assert_eq!(Pattern::parse(path).unwrap_err(), InvalidPath(path.into()));
        }
    }
}
