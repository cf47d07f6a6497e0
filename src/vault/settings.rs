//! How to reach Vault.

use std::path::PathBuf;
use std::time::Duration;

use super::{Halt, Proxies, Throttle};
use crate::model::SecretValue;

/// A setting, and what it is called where it was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named<T> {
    /// What it is set to.
    pub value: T,
    /// What messages call it, such as the name of a variable.
    pub name: String,
}

/// Which authorities may vouch for the server, in place of the system's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authorities {
    /// Those in a PEM file.
    File(PathBuf),
    /// Those in the PEM files of a folder.
    Folder(PathBuf),
    /// Those in a PEM text.
    Text(SecretValue),
}

/// How to reach Vault. Where the settings come from is the caller's affair:
/// nothing here reads an environment variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VaultSettings {
    /// The namespace that the mount is in (`X-Vault-Namespace`).
    pub namespace: Option<Named<String>>,
    /// The only authorities to trust; `None` for the system's.
    pub authorities: Option<Named<Authorities>>,
    /// The PEM files of the client's certificate and of its private key.
    pub client_certificate: Option<(Named<PathBuf>, Named<PathBuf>)>,
    /// The name that the server's certificate must have, where that is not the
    /// host of its URL.
    pub server_name: Option<Named<String>>,
    /// The proxies through which to reach it.
    pub proxies: Proxies,
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
    /// What stops requests, where the process is about to end.
    pub halt: Halt,
}

impl Default for VaultSettings {
    fn default() -> Self {
        Self {
            namespace: None,
            authorities: None,
            client_certificate: None,
            server_name: None,
            proxies: Proxies::default(),
            skip_verify: false,
            concurrency: 16,
            timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(5),
            retries: 4,
            more_retries: 3,
            throttle: None,
            halt: Halt::default(),
        }
    }
}
