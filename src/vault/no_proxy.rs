//! Which servers are reached without the system's proxy: what `NO_PROXY` says,
//! to the same effect as in programs written in Go, such as `vault` itself.
//!
//! Source: `Config` in the Go package `golang.org/x/net/http/httpproxy`.

use std::net::IpAddr;

use reqwest::Url;

/// The entries of a `NO_PROXY`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NoProxy {
    entries: Vec<NoProxyEntry>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum NoProxyEntry {
    /// `*`
    Everything,
    /// An address, maybe at one port.
    Address { address: IpAddr, port: Option<String> },
    /// Addresses that begin with the same bits, such as `10.0.0.0/8`.
    Network { address: IpAddr, bits: u32 },
    /// A domain, maybe at one port: its name with a dot in front.
    Domain { suffix: String, itself: bool, port: Option<String> },
}

impl NoProxy {
    /// Reads a list with commas. An entry that is none of the known forms
    /// exempts nothing, as in Go.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self { entries: text.split(',').filter_map(NoProxyEntry::new).collect() }
    }

    /// Whether a server is reached without the proxy. This machine always is:
    /// a proxy elsewhere could not reach it.
    #[must_use]
    pub fn exempts(&self, server: &Url) -> bool {
        let host = server.host_str().unwrap_or_default().to_ascii_lowercase();
        let address = address(host.trim_matches(['[', ']']));
        let port = server.port_or_known_default().unwrap_or_default().to_string();
        host == "localhost"
            || address.is_some_and(|address| address.is_loopback())
            || self.entries.iter().any(|entry| entry.matches(&host, address, &port))
    }
}

impl NoProxyEntry {
    fn new(text: &str) -> Option<Self> {
        let text = text.trim().to_lowercase();
        if text == "*" {
            return Some(Self::Everything);
        }
        if let Some((network, bits)) = text.split_once('/')
            && let (Some(address), Ok(bits)) = (address(network), bits.parse())
            && bits <= size(address)
        {
            return Some(Self::Network { address, bits });
        }
        let (host, port) = host_and_port(&text);
        let port = port.map(str::to_owned);
        if let Some(address) = address(host) {
            return Some(Self::Address { address, port });
        }
        let host = host.strip_prefix('*').filter(|rest| rest.starts_with('.')).unwrap_or(host);
        let name = host.strip_prefix('.').unwrap_or(host);
        if name.is_empty() {
            return None;
        }
        let name = as_in_urls(name).unwrap_or_else(|| name.to_owned());
        Some(Self::Domain { suffix: format!(".{name}"), itself: !host.starts_with('.'), port })
    }

    fn matches(&self, host: &str, of_host: Option<IpAddr>, port: &str) -> bool {
        let is_at = |only: &Option<String>| only.as_ref().is_none_or(|only| only == port);
        match self {
            Self::Everything => true,
            Self::Address { address, port } => of_host == Some(*address) && is_at(port),
            Self::Network { address, bits } => {
                of_host.is_some_and(|host| begins_alike(host, *address, *bits))
            }
            Self::Domain { suffix, itself, port } => {
                let is_it = *itself && suffix.strip_prefix('.') == Some(host);
                (is_it || host.ends_with(suffix)) && is_at(port)
            }
        }
    }
}

/// An address, where IPv4 written as IPv6 is IPv4.
fn address(text: &str) -> Option<IpAddr> {
    text.parse().ok().map(|address: IpAddr| address.to_canonical())
}

/// Host and port of `HOST:PORT`, `[ADDRESS]:PORT`, `[ADDRESS]`, an address or a
/// host.
fn host_and_port(text: &str) -> (&str, Option<&str>) {
    if let Some((host, rest)) = text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return (host, rest.strip_prefix(':').filter(|port| !port.is_empty()));
    }
    match text.split_once(':') {
        Some((host, port)) if !port.contains(':') => (host, Some(port).filter(|p| !p.is_empty())),
        // An IPv6 address has more than one colon.
        _ => (text, None),
    }
}

/// A domain as the URL of a server has it: in ASCII.
fn as_in_urls(name: &str) -> Option<String> {
    let url: Url = format!("https://{name}").parse().ok()?;
    url.domain().filter(|_| url.path() == "/").map(str::to_owned)
}

fn size(address: IpAddr) -> u32 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn begins_alike(one: IpAddr, other: IpAddr, bits: u32) -> bool {
    let apart = match (one, other) {
        (IpAddr::V4(one), IpAddr::V4(other)) => {
            u128::from(one.to_bits() ^ other.to_bits()) << (128 - 32)
        }
        (IpAddr::V6(one), IpAddr::V6(other)) => one.to_bits() ^ other.to_bits(),
        _ => return false,
    };
    apart.leading_zeros() >= bits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_as_go_reads_it() {
        // What is set, a server, and whether it is reached without the proxy.
        let table = [
            // Nothing set: this machine alone.
            ("", "https://vault.example.org", false),
            ("", "http://localhost:8200", true),
            ("", "http://LOCALHOST:8200", true),
            ("", "http://127.0.0.1:8200", true),
            ("", "http://127.9.9.9", true),
            ("", "http://[::1]:8200", true),
            ("", "http://localhost.example.org", false),
            ("", "http://10.0.0.1", false),
            // Everything.
            ("*", "https://vault.example.org", true),
            ("other.org, * ", "https://vault.example.org", true),
            ("**", "https://vault.example.org", false),
            // A domain is itself and what is below it.
            ("example.org", "https://example.org", true),
            ("example.org", "https://vault.example.org", true),
            ("example.org", "https://a.b.example.org:8200", true),
            ("example.org", "https://badexample.org", false),
            ("example.org", "https://example.org.uk", false),
            ("EXAMPLE.org", "https://Vault.Example.ORG", true),
            ("vault", "https://vault", true),
            ("b\u{fc}cher.example", "https://xn--bcher-kva.example", true),
            // With a dot in front, only what is below it.
            (".example.org", "https://vault.example.org", true),
            (".example.org", "https://example.org", false),
            ("*.example.org", "https://vault.example.org", true),
            ("*.example.org", "https://a.b.example.org", true),
            ("*.example.org", "https://example.org", false),
            ("*.example.org:8200", "https://vault.example.org:8200", true),
            ("*.example.org:8200", "https://vault.example.org:8201", false),
            ("*example.org", "https://vault.example.org", false),
            ("v*.example.org", "https://vault.example.org", false),
            // A port.
            ("example.org:8200", "https://vault.example.org:8200", true),
            ("example.org:8200", "https://vault.example.org", false),
            ("example.org:443", "https://vault.example.org", true),
            ("example.org:80", "http://vault.example.org", true),
            ("example.org:80", "https://vault.example.org", false),
            // Addresses.
            ("192.0.2.1", "https://192.0.2.1:8200", true),
            ("192.0.2.1", "https://192.0.2.10:8200", false),
            ("192.0.2.1:8200", "https://192.0.2.1:8200", true),
            ("192.0.2.1:8200", "https://192.0.2.1", false),
            ("2001:db8::1", "https://[2001:db8::1]:8200", true),
            ("[2001:db8::1]", "https://[2001:db8::1]:8200", true),
            ("[2001:db8::1]:8200", "https://[2001:db8::1]:8200", true),
            ("[2001:db8::1]:8200", "https://[2001:db8::1]", false),
            ("2001:DB8:0::1", "https://[2001:db8::1]", true),
            ("2001:db8::2", "https://[2001:db8::1]", false),
            ("192.0.2.1", "https://[::ffff:192.0.2.1]", true),
            // Networks.
            ("192.0.2.0/24", "https://192.0.2.77:8200", true),
            ("192.0.2.99/24", "https://192.0.2.77", true),
            ("192.0.2.0/24", "https://192.0.3.1", false),
            ("0.0.0.0/0", "https://192.0.3.1", true),
            ("192.0.2.1/32", "https://192.0.2.1", true),
            ("192.0.2.1/33", "https://192.0.2.1", false),
            ("2001:db8::/32", "https://[2001:db8:7::1]", true),
            ("2001:db8::/32", "https://[2001:db9::1]", false),
            ("2001:db8::/32", "https://192.0.2.1", false),
            ("192.0.2.0/24", "https://vault.example.org", false),
            // White space, empty and malformed entries.
            (" a.org ,\tvault.example.org ", "https://vault.example.org", true),
            (",, ,vault.example.org,", "https://vault.example.org", true),
            ("a.org vault.example.org", "https://vault.example.org", false),
            (":8200", "https://vault.example.org:8200", false),
            (".", "https://vault.example.org", false),
            ("*.", "https://vault.example.org", false),
            ("https://vault.example.org", "https://vault.example.org", false),
            ("169.254/16", "https://169.254.0.1", false),
        ];
        for (set, server, exempt) in table {
            let url: Url = server.parse().unwrap();
            assert_eq!(NoProxy::new(set).exempts(&url), exempt, "{set:?} {server}");
        }
    }
}
