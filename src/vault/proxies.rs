//! Which proxy leads to a server.

use std::fmt;

use reqwest::Url;
use thiserror::Error;
use zeroize::Zeroizing;

use super::{Named, NoProxy};
use crate::model::SecretValue;

/// The URL of a proxy. It may hold a password, so it is shown nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct ProxyUrl(SecretValue);

/// A text that names no proxy. The text is not part of the error.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{name} does not name a proxy: {reason}")]
pub struct InvalidProxy {
    name: String,
    reason: &'static str,
}

/// The proxies that there are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Proxies {
    /// The one for whatever is sent, without exception (`VAULT_PROXY_ADDR`).
    pub all: Option<ProxyUrl>,
    /// The one for servers at `http://` (`HTTP_PROXY`).
    pub http: Option<ProxyUrl>,
    /// The one for servers at `https://` (`HTTPS_PROXY`).
    pub https: Option<ProxyUrl>,
    /// Which servers the latter two are not for.
    pub except: NoProxy,
}

impl Proxies {
    /// The proxy for a server.
    #[must_use]
    pub fn to(&self, server: &Url) -> Option<&ProxyUrl> {
        if self.all.is_some() {
            return self.all.as_ref();
        }
        let proxy = match server.scheme() {
            "https" => &self.https,
            _ => &self.http,
        };
        proxy.as_ref().filter(|_| !self.except.exempts(server))
    }
}

impl ProxyUrl {
    /// Reads the URL of a proxy, or `HOST:PORT` of one that is at `http://`.
    ///
    /// # Errors
    /// What is no URL, or that of something else.
    pub fn new(text: &Named<SecretValue>) -> Result<Self, InvalidProxy> {
        let fail = |reason| InvalidProxy { name: text.name.clone(), reason };
        let given = text.value.expose_str().ok_or_else(|| fail("it is not UTF-8"))?;
        let full = match given.contains("://") {
            true => Zeroizing::new(given.to_owned()),
            false => Zeroizing::new(format!("http://{given}")),
        };
        let url: Url = full.parse().map_err(|_| fail("it is not a URL"))?;
        if !matches!(url.scheme(), "http" | "https" | "socks5" | "socks5h") {
            return Err(fail("it must begin with http://, https://, socks5:// or socks5h://"));
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err(fail("it has no host"));
        }
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return Err(fail("something follows its host and port"));
        }
        Ok(Self(SecretValue::from(full.as_str())))
    }

    /// The proxy for the HTTP library.
    pub(super) fn to_proxy(&self) -> Option<reqwest::Proxy> {
        reqwest::Proxy::all(self.0.expose_str()?).ok()
    }
}

impl fmt::Debug for ProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProxyUrl(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<ProxyUrl, InvalidProxy> {
        ProxyUrl::new(&Named { value: SecretValue::from(text), name: "HTTPS_PROXY".to_owned() })
    }

    #[test]
    fn a_proxy_is_a_url_or_a_host() {
        for text in [
            "http://proxy:3128",
            "HTTP://proxy:3128/",
            "https://user:word@proxy.example.org",
            "socks5://127.0.0.1:1080",
            "socks5h://127.0.0.1:1080",
            "proxy:3128",
            "192.0.2.1:3128",
            "[2001:db8::1]:3128",
            "user:word@proxy:3128",
            "proxy.example.org",
        ] {
            assert!(read(text).unwrap().to_proxy().is_some(), "{text}");
        }
    }

    #[test]
    fn what_is_none_is_named_and_not_shown() {
        for text in [
            "htp://canary:3128",
            "ftp://canary",
            "socks4://canary",
            "http://",
            "://canary",
            "http:/canary:3128",
            "http:canary:3128",
            "proxy:canary",
            "http://proxy:99999",
            "http://proxy/canary",
            "http://proxy?canary",
            "two words canary",
            " ",
            "[canary",
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.starts_with("HTTPS_PROXY does not name a proxy: "), "{error}");
            assert!(!error.contains("canary"), "{error}");
        }
    }

    #[test]
    fn one_for_everything_goes_before_those_of_the_system() {
        let proxy = |text| Some(read(text).unwrap());
        let except = NoProxy::new("example.org");
        let mut proxies =
            Proxies { all: None, http: proxy("http://plain"), https: proxy("http://tls"), except };
        let to = |proxies: &Proxies, server: &str| proxies.to(&server.parse().unwrap()).cloned();
        assert_eq!(to(&proxies, "http://vault.example.com"), proxies.http);
        assert_eq!(to(&proxies, "https://vault.example.com"), proxies.https);
        assert_eq!(to(&proxies, "https://vault.example.org"), None);
        assert_eq!(to(&proxies, "http://127.0.0.1"), None);
        proxies.all = proxy("http://all");
        for server in ["http://127.0.0.1", "https://vault.example.org", "https://vault"] {
            assert_eq!(to(&proxies, server), proxies.all, "{server}");
        }
        let none = Proxies::default();
        assert_eq!(to(&none, "https://vault.example.com"), None);
    }
}
