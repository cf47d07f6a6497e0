//! What can go wrong with Vault.
//!
//! Every error of a request names the operation, the method, the full URL, and
//! why it failed. None holds a token, a value, or a part of a body.

use std::path::PathBuf;

use reqwest::{Method, Url};
use thiserror::Error;

use super::Failure;
use super::request::{Operation, Request};

/// Something went wrong with Vault.
#[derive(Debug, Error)]
pub enum VaultError {
    /// The settings do not make a client.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// A request failed.
    #[error(transparent)]
    Request(#[from] Box<RequestError>),
}

impl VaultError {
    /// Whether a write failed because the entry changed after it was read:
    /// read it again and start over.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Request(error) if matches!(error.failure, Failure::Conflict(_)))
    }

    /// Whether Vault refused it for want of a permission.
    #[must_use]
    pub fn is_forbidden(&self) -> bool {
        matches!(self.failure(), Some(Failure::Forbidden { .. }))
    }

    /// Why the request failed, if it was one.
    #[must_use]
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Setup(_) => None,
            Self::Request(error) => Some(&error.failure),
        }
    }

    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Setup(error) => Some(error.hint().to_owned()),
            Self::Request(error) => error.failure.hint(),
        }
    }
}

/// A request to Vault failed.
#[derive(Debug, Error)]
#[error("cannot {operation} in Vault ({method} {url}): {failure}{}", times(*attempts))]
pub struct RequestError {
    operation: Operation,
    method: Method,
    url: Url,
    failure: Failure,
    attempts: u32,
    #[source]
    source: Option<reqwest::Error>,
}

impl RequestError {
    /// The error of a request to a server, after that many attempts.
    pub(super) fn new(
        server: &Url,
        request: &Request,
        failure: Failure,
        attempts: u32,
        source: Option<reqwest::Error>,
    ) -> Self {
        Self {
            operation: request.operation.clone(),
            method: request.operation.method(),
            url: request.url(server),
            failure,
            attempts,
            source: source.map(reqwest::Error::without_url),
        }
    }

    /// Why it failed.
    #[must_use]
    pub fn failure(&self) -> &Failure {
        &self.failure
    }
}

fn times(attempts: u32) -> String {
    if attempts > 1 { format!(", after {attempts} attempts") } else { String::new() }
}

/// The settings do not make a Vault client.
#[derive(Debug, Error)]
pub enum SetupError {
    /// The server's URL is no use. It is not shown where it may hold a
    /// password.
    #[error("the URL of the server{} is no use: {reason}", shown(url.as_deref()))]
    Url {
        /// The URL, where it may be shown.
        url: Option<String>,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The namespace cannot be sent.
    #[error("{name} is not a namespace that a request can carry: {namespace:?}")]
    Namespace {
        /// What the setting is called.
        name: String,
        /// The namespace.
        namespace: String,
    },
    /// The HTTP library refuses the proxy. It is not shown, since it may hold a
    /// password.
    #[error("the proxy for {url} is no use")]
    Proxy {
        /// The server's URL.
        url: String,
    },
    /// The name of the server's certificate is none.
    #[error("{name} is not a host name: {server_name:?}")]
    ServerName {
        /// What the setting is called.
        name: String,
        /// The name.
        server_name: String,
    },
    /// The server's host is not known.
    #[error("the host of {url} is not known")]
    Host {
        /// The server's URL.
        url: String,
        /// Why not.
        source: std::io::Error,
    },
    /// A certificate or key file cannot be read.
    #[error("cannot read {what} {path}, which {name} names", path = path.display())]
    File {
        /// What the file is for.
        what: &'static str,
        /// What the setting is called that names it.
        name: String,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A certificate or key does not have the form that it should.
    #[error("{name} is no use as {what}: {place} must hold PEM")]
    Pem {
        /// What it is for.
        what: &'static str,
        /// What the setting is called that holds or names it.
        name: String,
        /// The file, or the setting itself.
        place: String,
        /// What the TLS library says, if it said something.
        source: Option<reqwest::Error>,
    },
    /// The HTTP library refuses the settings, most likely the certificates.
    #[error("cannot prepare TLS for Vault")]
    Tls(#[source] reqwest::Error),
}

impl SetupError {
    /// What to do next.
    fn hint(&self) -> &'static str {
        match self {
            Self::Url { .. } => {
                "it is what VAULT_ADDR would hold, such as https://vault.example.org:8200"
            }
            Self::Namespace { .. } | Self::ServerName { .. } => "correct the variable, or unset it",
            Self::Proxy { .. } => "check the proxy variables: VAULT_PROXY_ADDR, HTTPS_PROXY",
            Self::Host { .. } => {
                "check the environment's Vault URL, and the names that this machine can look up"
            }
            Self::File { .. } | Self::Pem { .. } => {
                "correct the variable; without one for authorities, the system's own list is used"
            }
            Self::Tls(_) => "check the certificates and the key that the variables name",
        }
    }
}

fn shown(url: Option<&str>) -> String {
    url.map(|url| format!(" {url:?}")).unwrap_or_default()
}
