//! The HTTP client: which server, over which TLS.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use reqwest::{Certificate, Client, Identity, Url, redirect};
use zeroize::Zeroizing;

use super::{Authorities, Named, SetupError, VaultSettings};

const AUTHORITIES: &str = "the certificates of Vault's authority";

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
    // Nothing but the settings: the HTTP library reads the usual variables by
    // other rules than Vault's own client.
    builder = builder.no_proxy();
    if let Some(proxy) = settings.proxies.to(server) {
        let unusable = || SetupError::Proxy { url: server.to_string() };
        builder = builder.proxy(proxy.to_proxy().ok_or_else(unusable)?);
    }
    if let Some(name) = &settings.server_name {
        builder = builder.resolve_to_addrs(&name.value, &addresses(server)?);
    }
    if let Some(named) = &settings.authorities {
        builder = builder.tls_certs_only(authorities(named)?);
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
        url.set_host(Some(&name.value)).map_err(|_| SetupError::ServerName {
            name: name.name.clone(),
            server_name: name.value.clone(),
        })?;
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

/// Whether two URLs are of one server, however they are written: by scheme,
/// host, effective port and path.
#[must_use]
pub fn is_same_server(one: &str, other: &str) -> bool {
    let parts = |text: &str| {
        let url = server_url(text).ok()?;
        let host = url.host_str()?.trim_end_matches('.').to_owned();
        let path = url.path().trim_end_matches('/').to_owned();
        Some((url.scheme().to_owned(), host, url.port_or_known_default(), path))
    };
    match (parts(one), parts(other)) {
        (Some(one), Some(other)) => one == other,
        _ => one.trim() == other.trim(),
    }
}

fn is_this_machine(server: &Url) -> bool {
    let host = server.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

fn authorities(named: &Named<Authorities>) -> Result<Vec<Certificate>, SetupError> {
    let certificates = match &named.value {
        Authorities::File(path) => certificates(&read(AUTHORITIES, path, &named.name)?),
        Authorities::Text(text) => certificates(text.expose()),
        Authorities::Folder(folder) => Ok(certificates_in(folder, &named.name)?),
    };
    let fail = |source| SetupError::Pem {
        what: AUTHORITIES,
        name: named.name.clone(),
        place: match &named.value {
            Authorities::File(path) | Authorities::Folder(path) => path.display().to_string(),
            Authorities::Text(_) => "it".to_owned(),
        },
        source,
    };
    let certificates = certificates.map_err(|source| fail(Some(source)))?;
    if certificates.is_empty() { Err(fail(None)) } else { Ok(certificates) }
}

fn certificates(pem: &[u8]) -> Result<Vec<Certificate>, reqwest::Error> {
    Certificate::from_pem_bundle(pem)
}

/// The certificates in all files of a folder. As for Vault's own client, files
/// that hold something else are no matter.
fn certificates_in(folder: &Path, name: &str) -> Result<Vec<Certificate>, SetupError> {
    let fail = |source| SetupError::File {
        what: AUTHORITIES,
        name: name.to_owned(),
        path: folder.to_owned(),
        source,
    };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(fail)? {
        let path = entry.map_err(fail)?.path();
        if path.is_file() {
            let pem = read(AUTHORITIES, &path, name)?;
            found.extend(certificates(&pem).unwrap_or_default());
        }
    }
    Ok(found)
}

fn identity(certificate: &Named<PathBuf>, key: &Named<PathBuf>) -> Result<Identity, SetupError> {
    const CERTIFICATE: &str = "the client certificate for Vault";
    const KEY: &str = "the client's private key for Vault";
    let certificates = read(CERTIFICATE, &certificate.value, &certificate.name)?;
    let key_pem = read(KEY, &key.value, &key.name)?;
    let mut both = Zeroizing::new(Vec::with_capacity(certificates.len() + key_pem.len() + 1));
    both.extend_from_slice(&certificates);
    both.push(b'\n');
    both.extend_from_slice(&key_pem);
    // Which of the two is no use, each alone says.
    let is_no_certificate = self::certificates(&certificates).map_or(true, |all| all.is_empty());
    let (what, at) = if is_no_certificate { (CERTIFICATE, certificate) } else { (KEY, key) };
    let fail = |source| SetupError::Pem {
        what,
        name: at.name.clone(),
        place: at.value.display().to_string(),
        source,
    };
    if is_no_certificate {
        return Err(fail(None));
    }
    Identity::from_pem(&both).map_err(|source| fail(Some(source)))
}

fn read(what: &'static str, path: &Path, name: &str) -> Result<Zeroizing<Vec<u8>>, SetupError> {
    std::fs::read(path).map(Zeroizing::new).map_err(|source| SetupError::File {
        what,
        name: name.to_owned(),
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::SecretValue;

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
    fn one_server_may_be_written_in_several_ways() {
        for (one, other, same) in [
            ("https://v.example", "https://v.example:443", true),
            ("https://v.example/", "HTTPS://V.Example", true),
            ("http://v.example", "http://v.example:80/", true),
            ("https://v.example/vault", "https://v.example:443/vault/", true),
            ("https://v.example.", "https://v.example", true),
            ("http://[::1]:8200", "http://[0:0:0:0:0:0:0:1]:8200", true),
            (" https://v.example\n", "https://v.example", true),
            ("http://v.example", "https://v.example", false),
            ("http://v.example:443", "https://v.example", false),
            ("https://v.example:8200", "https://v.example", false),
            ("https://v.example/a", "https://v.example/b", false),
            ("https://v.example", "https://w.example", false),
            ("https://v.example", "v.example", false),
        ] {
            assert_eq!(is_same_server(one, other), same, "{one} {other}");
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
        let cargo = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        let error = |authorities| {
            let name = "SOME_VARIABLE".to_owned();
            let authorities = Some(Named { value: authorities, name });
            let settings = VaultSettings { authorities, ..VaultSettings::default() };
            http_client(&"https://v".parse().unwrap(), &settings).unwrap_err().to_string()
        };
        for (authorities, named) in [
            (Authorities::File(missing.clone()), "missing.pem"),
            (Authorities::Folder(missing), "missing.pem"),
            (Authorities::File(cargo), "Cargo.toml must hold PEM"),
            (Authorities::Folder(folder.path().to_owned()), "must hold PEM"),
            (Authorities::Text(SecretValue::from("canary")), "it must hold PEM"),
        ] {
            let error = error(authorities);
            assert!(error.contains(named) && error.contains("SOME_VARIABLE"), "{error}");
            assert!(!error.contains("canary"), "{error}");
        }
    }
}
