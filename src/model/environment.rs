//! An environment as the rest of the tool sees it, whichever layout it was
//! read from.

use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;

use super::{ApplicationName, EnvironmentName, KeyName, Spec};

/// An environment: where its Vault is, and what its applications need.
#[derive(Debug, Clone)]
pub struct Environment {
    /// Its name.
    pub name: EnvironmentName,
    /// Where its secrets are in Vault.
    pub vault: VaultLocation,
    /// Where its static values are in 1Password, if they are there.
    pub onepassword: Option<OnepasswordLocation>,
    /// The domain name that it is reached at, if its description has one.
    pub fqdn: Option<String>,
    /// The enabled applications, those without secrets too.
    pub applications: BTreeMap<ApplicationName, Application>,
    /// The applications that the checkout describes and this environment does
    /// not enable.
    pub not_enabled: BTreeSet<ApplicationName>,
}

/// Where the static values of an environment are in 1Password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnepasswordLocation {
    /// The URL of the 1Password Connect server.
    pub connect_url: String,
    /// The title of the vault.
    pub vault_title: String,
}

impl Environment {
    /// The spec of one secret, if an enabled application needs it.
    #[must_use]
    pub fn spec(&self, application: &ApplicationName, key: &KeyName) -> Option<&Spec> {
        self.applications.get(application)?.secrets.get(key)
    }

    /// Every secret that the environment needs, by application, then key.
    pub fn secrets(&self) -> impl Iterator<Item = (&ApplicationName, &KeyName, &Spec)> {
        self.applications.iter().flat_map(|(application, declared)| {
            declared.secrets.iter().map(move |(key, spec)| (application, key, spec))
        })
    }
}

/// An enabled application.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Application {
    /// The secrets that it needs in this environment.
    pub secrets: BTreeMap<KeyName, Spec>,
    /// The keys that it declares, and does not need under today's settings.
    pub switched_off: BTreeSet<KeyName>,
    /// The settings that its conditions ask for and that are text which says
    /// no, such as `"false"`: text counts as true.
    pub says_no_in_text: BTreeSet<String>,
}

/// Where the secrets of an environment are in Vault.
///
/// The names derived from the path are those of the Phalanx installation
/// documentation: they are how the Python CLI and administrators find the
/// AppRole, token and policies of an environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VaultLocation {
    /// The server's URL.
    pub url: String,
    /// The mount of the KV v2 secrets engine, such as `secret`.
    pub mount: String,
    /// The path of the environment within the mount, such as `phalanx/idfdev`.
    pub path: String,
}

/// A Vault path prefix that names no mount or no path within it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "the Vault path prefix {prefix:?} is not of the form MOUNT/PATH (for instance \
     \"secret/phalanx/idfdev\"): {reason}"
)]
pub struct VaultLocationError {
    prefix: String,
    reason: &'static str,
}

impl VaultLocation {
    /// Makes a location of a URL and a path prefix whose first component is
    /// the mount.
    ///
    /// # Errors
    /// A prefix with fewer than two components, or with an empty, `.` or `..`
    /// component, or with a character that would need encoding in a URL.
    pub fn new(url: &str, prefix: &str) -> Result<Self, VaultLocationError> {
        let fail = |reason| VaultLocationError { prefix: prefix.to_owned(), reason };
        let (mount, path) = prefix.split_once('/').ok_or_else(|| fail("there is no '/'"))?;
        for component in prefix.split('/') {
            if component.is_empty() {
                return Err(fail("a component is empty"));
            }
            if component == "." || component == ".." {
                return Err(fail("a component is \".\" or \"..\""));
            }
            if !component.chars().all(|c| c.is_ascii_alphanumeric() || "-._~+@:".contains(c)) {
                return Err(fail("only ASCII letters, digits and -._~+@: are allowed"));
            }
        }
        Ok(Self { url: url.to_owned(), mount: mount.to_owned(), path: path.to_owned() })
    }

    /// The last component of the path, after which things are named.
    fn last_component(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    /// The name of the AppRole that reads the environment's secrets.
    #[must_use]
    pub fn read_approle(&self) -> &str {
        self.last_component()
    }

    /// The display name of the token that writes them.
    #[must_use]
    pub fn write_token(&self) -> String {
        format!("token-{}", self.last_component())
    }

    /// The display name of a token that reads them.
    #[must_use]
    pub fn read_token(&self) -> String {
        format!("token-{}-read", self.last_component())
    }

    /// The name of the policy that allows reading them. Vault keeps the names
    /// of policies in lower case.
    #[must_use]
    pub fn read_policy(&self) -> String {
        format!("{}/read", self.path.to_ascii_lowercase())
    }

    /// The name of the policy that allows writing them.
    #[must_use]
    pub fn write_policy(&self) -> String {
        format!("{}/write", self.path.to_ascii_lowercase())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_needs_a_mount_and_a_path() {
        let location = VaultLocation::new("https://v/", "kv/phalanx/idfdev").unwrap();
        assert_eq!((location.mount.as_str(), location.path.as_str()), ("kv", "phalanx/idfdev"));
        for prefix in ["", "secret", "secret/", "/phalanx", "a//b", "a/../b", "a/b c", "a/b?c"] {
            assert!(VaultLocation::new("https://v/", prefix).is_err(), "{prefix:?}");
        }
    }
}
