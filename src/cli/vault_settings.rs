//! How to reach Vault, from environment variables that mean here what they mean
//! to the `vault` and `bao` command lines.

use std::ffi::OsString;
use std::path::PathBuf;

use super::CliError;
use super::go_values::{parse_bool, parse_duration};
use super::settings::Settings;
use crate::model::SecretValue;
use crate::vault::{Authorities, Named, NoProxy, Proxies, ProxyUrl, VaultSettings};

/// The variable by which Python programs, the Phalanx command line among them,
/// are told which authorities to trust.
const PYTHON_AUTHORITIES: &str = "REQUESTS_CA_BUNDLE";

/// The files of a client's certificate and of its key.
type CertificateAndKey = (Named<PathBuf>, Named<PathBuf>);

impl Settings {
    /// A Vault setting under the name of Vault or OpenBao, whichever is set;
    /// where both are, Vault's counts.
    fn vault_bytes(&self, name: &str) -> Option<Named<OsString>> {
        ["VAULT_", "BAO_"].into_iter().find_map(|maker| self.named(&format!("{maker}{name}")))
    }

    /// The same as text.
    pub(super) fn vault_variable(&self, name: &str) -> Result<Option<Named<String>>, CliError> {
        self.vault_bytes(name).map(text_of).transpose()
    }

    /// The same as a path.
    pub(super) fn vault_path(&self, name: &str) -> Option<Named<PathBuf>> {
        let Named { value, name } = self.vault_bytes(name)?;
        Some(Named { value: PathBuf::from(value), name })
    }

    /// The same as a secret.
    pub(super) fn vault_secret(&self, name: &str) -> Result<Option<Named<SecretValue>>, CliError> {
        let variable = self.vault_variable(name)?;
        Ok(variable.map(|Named { value, name }| Named { value: SecretValue::from(value), name }))
    }

    /// How to talk to Vault.
    ///
    /// # Errors
    /// A variable that is set to what it cannot mean, by its name.
    pub(super) fn vault(&self) -> Result<VaultSettings, CliError> {
        let mut settings = VaultSettings {
            namespace: self.vault_variable("NAMESPACE")?,
            authorities: self.authorities(),
            client_certificate: self.client_certificate()?,
            server_name: self.vault_variable("TLS_SERVER_NAME")?,
            proxies: self.vault_proxies()?,
            ..VaultSettings::default()
        };
        if let Some(skip) = self.vault_variable("SKIP_VERIFY")? {
            settings.skip_verify = parse_bool(&skip.value).ok_or_else(|| {
                wrong(&skip, "neither true nor false").hint(
                    "what counts is 1, t, true, 0, f or false, as for the vault command line"
                        .to_owned(),
                )
            })?;
        }
        if let Some(timeout) = self.vault_variable("CLIENT_TIMEOUT")? {
            let duration = parse_duration(&timeout.value).ok_or_else(|| {
                wrong(&timeout, "no duration")
                    .hint("give seconds, or a duration such as 90s, 1m30s or 500ms".to_owned())
            })?;
            // Zero leaves the default, as for the vault command line.
            if !duration.is_zero() {
                settings.timeout = duration;
            }
        }
        if let Some(retries) = self.vault_variable("MAX_RETRIES")? {
            settings.retries = retries.value.parse().map_err(|_| {
                wrong(&retries, "not a number of retries").hint("such as 3".to_owned())
            })?;
            settings.more_retries = 0;
        }
        Ok(settings)
    }

    /// Which authorities may vouch for Vault, in the order of the vault command
    /// line; then the one of Python's.
    fn authorities(&self) -> Option<Named<Authorities>> {
        let with = |named: Named<PathBuf>, make: fn(PathBuf) -> Authorities| Named {
            value: make(named.value),
            name: named.name,
        };
        if let Some(file) = self.vault_path("CACERT") {
            return Some(with(file, Authorities::File));
        }
        if let Some(Named { value, name }) = self.vault_bytes("CACERT_BYTES") {
            let text = SecretValue::from(value.into_encoded_bytes());
            return Some(Named { value: Authorities::Text(text), name });
        }
        if let Some(folder) = self.vault_path("CAPATH") {
            return Some(with(folder, Authorities::Folder));
        }
        let Named { value, name } = self.named(PYTHON_AUTHORITIES)?;
        let path = PathBuf::from(value);
        let make = if path.is_dir() { Authorities::Folder } else { Authorities::File };
        Some(Named { value: make(path), name })
    }

    fn client_certificate(&self) -> Result<Option<CertificateAndKey>, CliError> {
        match (self.vault_path("CLIENT_CERT"), self.vault_path("CLIENT_KEY")) {
            (Some(certificate), Some(key)) => Ok(Some((certificate, key))),
            (None, None) => Ok(None),
            (Some(only), None) | (None, Some(only)) => {
                let other = match only.name.strip_suffix("CERT") {
                    Some(maker) => format!("{maker}KEY"),
                    None => only.name.replace("_KEY", "_CERT"),
                };
                Err(CliError::usage(format!("{} is set, and {other} is not", only.name))
                    .hint("set both, or neither: one is of no use without the other".to_owned()))
            }
        }
    }

    /// The proxies to Vault: the one that Vault's own variables name, or those
    /// of the system.
    fn vault_proxies(&self) -> Result<Proxies, CliError> {
        let mut proxies = self.proxies()?;
        let own = match self.vault_secret("PROXY_ADDR")? {
            Some(own) => Some(own),
            None => self.vault_secret("HTTP_PROXY")?,
        };
        proxies.all = own.map(|own| read_proxy(&own)).transpose()?;
        Ok(proxies)
    }

    /// The system's proxies.
    ///
    /// # Errors
    /// A variable that names no proxy, even where it would not be used: what
    /// was meant to go through it must not go past it.
    pub(super) fn proxies(&self) -> Result<Proxies, CliError> {
        let proxy = |names: [&str; 2]| {
            let Some(named) = names.into_iter().find_map(|name| self.named(name)) else {
                return Ok(None);
            };
            let Named { value, name } = text_of(named)?;
            read_proxy(&Named { value: SecretValue::from(value), name }).map(Some)
        };
        let except = ["NO_PROXY", "no_proxy"].into_iter().find_map(|name| self.named(name));
        let except = except.map(text_of).transpose()?;
        Ok(Proxies {
            all: None,
            http: proxy(["HTTP_PROXY", "http_proxy"])?,
            https: proxy(["HTTPS_PROXY", "https_proxy"])?,
            except: except.map(|except| NoProxy::new(&except.value)).unwrap_or_default(),
        })
    }
}

fn read_proxy(named: &Named<SecretValue>) -> Result<ProxyUrl, CliError> {
    ProxyUrl::new(named).map_err(|error| {
        CliError::usage(error.to_string())
            .hint("such as http://proxy.example.org:3128; nothing was sent".to_owned())
    })
}

/// A variable that is text.
pub(super) fn text_of(named: Named<OsString>) -> Result<Named<String>, CliError> {
    let Named { value, name } = named;
    match value.into_string() {
        Ok(value) => Ok(Named { value, name }),
        Err(_) => Err(CliError::usage(format!("{name} is not UTF-8"))
            .hint("correct it, or unset it".to_owned())),
    }
}

/// What is said of a variable with a value that it cannot have. A value is not
/// repeated: it may belong elsewhere, and be a secret.
pub(super) fn wrong(named: &Named<String>, reason: &str) -> CliError {
    CliError::usage(format!("{} is {reason}", named.name))
}
