//! The HTTP client: which server, over which TLS.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use reqwest::{Certificate, Client, Identity, Proxy, Url, redirect};
use zeroize::Zeroizing;

use super::{SetupError, VaultSettings};

/// Reads the URL of a server, below which `/v1` is.
pub(crate) fn server_url(text: &str) -> Result<Url, SetupError> {
    let fail = |url: Option<&str>, reason| SetupError::Url { url: url.map(str::to_owned), reason };
    // What does not parse may hold a password as well.
    let url: Url = text.trim().parse().map_err(|_| fail(None, "it is not a URL"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(fail(None, "it must not hold a user name or password"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(fail(None, "it must not hold a query or fragment"));
    }
    if !matches!(url.scheme(), "http" | "https") {
        return Err(fail(Some(text), "it must begin with https:// or http://"));
    }
    Ok(url)
}

/// Makes the client for a server.
pub(crate) fn http_client(server: &Url, settings: &VaultSettings) -> Result<Client, SetupError> {
    // Fails if there is a default already, and that one is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();

    let mut builder = Client::builder()
        .user_agent(concat!("phalanx-secrets/", env!("CARGO_PKG_VERSION")))
        .http1_only()
        .timeout(settings.timeout)
        .connect_timeout(settings.connect_timeout)
        // The transport follows redirects: it knows where a token may go.
        .redirect(redirect::Policy::none())
        .tls_danger_accept_invalid_certs(settings.skip_verify);
    if let Some(proxy) = &settings.proxy {
        // Its URL may hold a password.
        let proxy = proxy.expose_str().and_then(|url| Proxy::all(url).ok());
        builder = builder.proxy(proxy.ok_or(SetupError::Proxy)?);
    } else if is_this_machine(server) {
        // As Vault's own client: a proxy could not reach it anyway.
        builder = builder.no_proxy();
    }
    if let Some(name) = &settings.server_name {
        builder = builder.resolve_to_addrs(name, &addresses(server)?);
    }
    if let Some(path) = &settings.ca_certificate {
        builder = builder.tls_certs_only(authorities(path)?);
    }
    if let Some((certificate, key)) = &settings.client_certificate {
        builder = builder.identity(identity(certificate, key)?);
    }
    builder.build().map_err(SetupError::Tls)
}

/// The URL with the name that the certificate must have in place of the host.
/// The client of [`http_client`] connects to the host all the same.
pub(super) fn named_url(server: &Url, settings: &VaultSettings) -> Result<Url, SetupError> {
    let mut url = server.clone();
    if let Some(name) = &settings.server_name {
        url.set_host(Some(name)).map_err(|_| SetupError::ServerName { name: name.clone() })?;
    }
    Ok(url)
}

/// The addresses of a server.
fn addresses(server: &Url) -> Result<Vec<SocketAddr>, SetupError> {
    server
        .socket_addrs(|| None)
        .map_err(|source| SetupError::Host { url: server.to_string(), source })
}

/// Whether what goes to a server can be read on the way: plain HTTP to another
/// machine.
#[must_use]
pub fn is_unprotected(url: &str) -> bool {
    server_url(url).is_ok_and(|url| url.scheme() == "http" && !is_this_machine(&url))
}

fn is_this_machine(server: &Url) -> bool {
    let host = server.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

fn authorities(path: &Path) -> Result<Vec<Certificate>, SetupError> {
    const WHAT: &str = "the certificates of Vault's authority";
    let fail = |source| SetupError::Pem { what: WHAT, path: path.to_owned(), source };
    let certificates =
        Certificate::from_pem_bundle(&read(WHAT, path)?).map_err(|source| fail(Some(source)))?;
    if certificates.is_empty() { Err(fail(None)) } else { Ok(certificates) }
}

fn identity(certificate: &Path, key: &Path) -> Result<Identity, SetupError> {
    const CERTIFICATE: &str = "the client certificate for Vault";
    const KEY: &str = "the client's private key for Vault";
    let certificates = read(CERTIFICATE, certificate)?;
    let key_pem = read(KEY, key)?;
    let mut both = Zeroizing::new(Vec::with_capacity(certificates.len() + key_pem.len() + 1));
    both.extend_from_slice(&certificates);
    both.push(b'\n');
    both.extend_from_slice(&key_pem);
    Identity::from_pem(&both).map_err(|source| SetupError::Pem {
        what: KEY,
        path: key.to_owned(),
        source: Some(source),
    })
}

fn read(what: &'static str, path: &Path) -> Result<Zeroizing<Vec<u8>>, SetupError> {
    std::fs::read(path).map(Zeroizing::new).map_err(|source| SetupError::File {
        what,
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_url_is_http_and_holds_no_password() {
        for text in ["https://v", "http://[::1]:8200/", " https://v/vault\n"] {
            assert!(server_url(text).is_ok(), "{text}");
        }
        for text in ["", "v:8200", "ftp://v", "https://v?canary", "https://a:canary@v", "//canary"]
        {
            let error = server_url(text).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("canary"), "{error}");
        }
    }

    #[test]
    fn only_loopback_is_this_machine() {
        for (text, here) in [
            ("http://localhost:8200", true),
            ("http://127.0.0.2", true),
            ("http://[::1]:8200", true),
            ("https://localhost.example.org", false),
            ("https://192.0.2.1", false),
        ] {
            assert_eq!(is_this_machine(&text.parse().unwrap()), here, "{text}");
        }
    }

    #[test]
    fn plain_http_to_elsewhere_is_unprotected() {
        for (text, unprotected) in [
            ("http://vault:8200", true),
            ("http://127.0.0.1:8200", false),
            ("https://vault", false),
            ("nonsense", false),
        ] {
            assert_eq!(is_unprotected(text), unprotected, "{text}");
        }
    }

    #[test]
    fn files_that_are_no_certificates_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("missing.pem");
        let server = "https://v".parse().unwrap();
        let settings =
            VaultSettings { ca_certificate: Some(missing.clone()), ..VaultSettings::default() };
        let error = http_client(&server, &settings).unwrap_err();
        assert!(matches!(&error, SetupError::File { path, .. } if *path == missing), "{error}");

        let settings = VaultSettings {
            ca_certificate: Some(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")),
            ..VaultSettings::default()
        };
        let error = http_client(&server, &settings).unwrap_err();
        assert!(error.to_string().contains("Cargo.toml is no use"), "{error}");
    }
}
