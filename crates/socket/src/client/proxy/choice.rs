//! What a program, or its environment, says about proxies.

use std::borrow::Cow;
use std::env;
use std::fmt;
use std::sync::Arc;

use everwire_wire::handshake::Target;

use super::Proxy;
use super::variables::{self, InvalidProxyVariable};

/// Gives the value of a variable.
type Lookup = dyn Fn(&str) -> Option<String> + Send + Sync;

/// Which proxy leads to a server.
#[derive(Clone, Default)]
pub(in crate::client) enum Proxies {
    /// The one that the environment variables of the process name.
    #[default]
    Environment,
    /// The one that other variables name.
    Variables(Arc<Lookup>),
    /// Always this one.
    One(Proxy),
    /// None.
    Never,
}

impl Proxies {
    /// The proxy that leads to `target`; none if it is connected to directly.
    pub(in crate::client) fn proxy_to(
        &self,
        target: &Target,
    ) -> Result<Option<Cow<'_, Proxy>>, InvalidProxyVariable> {
        let named = match self {
            // What is not UTF-8 is not left out, it would be a proxy gone unnoticed: it is refused by
            // the sign that takes its place.
            Self::Environment => variables::proxy_to(target, &|name| {
                env::var_os(name).map(|value| value.to_string_lossy().into_owned())
            }),
            Self::Variables(lookup) => variables::proxy_to(target, &**lookup),
            Self::One(proxy) => return Ok(Some(Cow::Borrowed(proxy))),
            Self::Never => return Ok(None),
        };
        Ok(named?.map(Cow::Owned))
    }
}

impl fmt::Debug for Proxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment => f.write_str("Environment"),
            Self::Variables(_) => f.write_str("Variables"),
            Self::One(proxy) => proxy.fmt(f),
            Self::Never => f.write_str("Never"),
        }
    }
}
