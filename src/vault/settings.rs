//! How to reach Vault.

use std::path::PathBuf;
use std::time::Duration;

use super::Throttle;
use crate::model::SecretValue;

/// How to reach Vault. Where the settings come from is the caller's affair:
/// nothing here reads an environment variable, save that reqwest honours the
/// usual proxy variables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VaultSettings {
    /// The namespace that the mount is in (`X-Vault-Namespace`).
    pub namespace: Option<String>,
    /// A PEM file with the certificates of the only authorities to trust, in
    /// place of the system's.
    pub ca_certificate: Option<PathBuf>,
    /// The PEM files of the client's certificate and of its private key.
    pub client_certificate: Option<(PathBuf, PathBuf)>,
    /// The name that the server's certificate must have, where that is not the
    /// host of its URL.
    pub server_name: Option<String>,
    /// The proxy through which to reach it, in place of the system's.
    pub proxy: Option<SecretValue>,
    /// Whether to accept any server certificate. Whoever is on the way can
    /// then read the token and every secret.
    pub skip_verify: bool,
    /// How many entries are read at once.
    pub concurrency: usize,
    /// The longest that one attempt at a request may take, answer included.
    pub timeout: Duration,
    /// The longest that connecting may take.
    pub connect_timeout: Duration,
    /// How often a request is tried again after a failure that may pass.
    pub retries: u32,
    /// How often more, once the server has answered before: a cluster that
    /// loses its leader has another within seconds.
    pub more_retries: u32,
    /// What holds requests back, if anything does.
    pub throttle: Option<Throttle>,
}

impl Default for VaultSettings {
    fn default() -> Self {
        Self {
            namespace: None,
            ca_certificate: None,
            client_certificate: None,
            server_name: None,
            proxy: None,
            skip_verify: false,
            concurrency: 16,
            timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(5),
            retries: 4,
            more_retries: 3,
            throttle: None,
        }
    }
}
