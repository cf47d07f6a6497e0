//! From a checkout to an [`Environment`]: which applications are enabled, what
//! each needs, and where Vault is.
//!
//! A store has one of two layouts. `phalanx` reads a Phalanx checkout as the
//! Python CLI does; `standalone` reads the same model from TOML files of our
//! own. Both give the same types, and nothing beyond this module knows which
//! it was.

mod conditions;
mod environment_file;
mod error;
mod lines;
mod lookalikes;
mod phalanx;
mod rules;
pub mod schema;
mod standalone;
mod values;
mod yaml;

use serde::{Deserialize, Serialize};

pub use error::LayoutError;
pub(crate) use lines::KeyLines;
pub(crate) use phalanx::has_conditions;
pub use yaml::{YamlProblem, parse_strictly};

use crate::model::{
    ApplicationName, Environment, EnvironmentName, InvalidName, KeyName, OnepasswordLocation,
    VaultLocation,
};
use crate::store::{RECIPIENTS, SECRETS};
use crate::tree::Tree;

/// Vault entries that the tool itself makes or reads, which no application may
/// be named after.
pub const RESERVED_APPLICATIONS: [&str; 3] = [PULL_SECRET, OIDC_CLIENTS, VAULT_WRITE_TOKEN];
/// The entry with the credentials for container registries.
pub const PULL_SECRET: &str = "pull-secret";
/// The folder with the environment's OpenID Connect clients.
pub const OIDC_CLIENTS: &str = "oidc-clients";
/// The folder with the token with which `sync` writes.
pub const VAULT_WRITE_TOKEN: &str = "vault-write-token";

/// Which files describe environments and applications.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// A Phalanx checkout.
    Phalanx,
    /// TOML files in `secrets/environments` and `secrets/applications`.
    Standalone,
}

/// Where an environment is in Vault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The environment.
    pub environment: EnvironmentName,
    /// Where it is.
    pub vault: VaultLocation,
    /// The name that its file gives it, if it gives it one.
    pub declared: Option<String>,
    /// The domain name that it is reached at, if its own file has one.
    pub fqdn: Option<String>,
    /// Where its static values are in 1Password, if its own file says so.
    pub onepassword: Option<OnepasswordLocation>,
}

impl Layout {
    /// The layout that the files suggest, for a place without a store.
    #[must_use]
    pub fn detect(tree: &Tree) -> Option<Self> {
        if tree.has_file("environments/values.yaml") && tree.has_folder("applications") {
            Some(Self::Phalanx)
        } else if tree.has_folder("secrets/environments") {
            Some(Self::Standalone)
        } else {
            None
        }
    }

    /// The folders with all that it reads, the store's own among them.
    #[must_use]
    pub fn folders(self) -> &'static [&'static str] {
        match self {
            Self::Phalanx => &[SECRETS, RECIPIENTS, "environments", "applications"],
            Self::Standalone => &[SECRETS, RECIPIENTS],
        }
    }

    /// The names of all environments, sorted.
    ///
    /// # Errors
    /// A folder that cannot be read.
    pub fn environments(self, tree: &Tree) -> Result<Vec<EnvironmentName>, LayoutError> {
        match self {
            Self::Phalanx => phalanx::environments(tree),
            Self::Standalone => standalone::environments(tree),
        }
    }

    /// Where each of these environments is in Vault, as its file says, whatever
    /// is wrong with its applications; `None` where there is no such
    /// environment.
    ///
    /// # Errors
    /// A file that all environments share that cannot be read. One environment
    /// whose own file cannot be read or parsed does not concern the others.
    pub fn places(
        self,
        tree: &Tree,
        names: &[EnvironmentName],
    ) -> Result<Vec<Result<Option<Place>, LayoutError>>, LayoutError> {
        match self {
            Self::Phalanx => phalanx::places(tree, names),
            Self::Standalone => {
                Ok(names.iter().map(|name| standalone::place(tree, name)).collect())
            }
        }
    }

    /// Whether there is an application of this name, enabled or not.
    pub(crate) fn has_application(self, tree: &Tree, name: &ApplicationName) -> bool {
        match self {
            Self::Phalanx => tree.has_folder(&phalanx::folder_of(name)),
            Self::Standalone => tree.has_file(&standalone::file_of_application(name)),
        }
    }

    /// The files that declare secrets of an application, for any environment.
    pub(crate) fn specs_of(self, tree: &Tree, name: &ApplicationName) -> Vec<String> {
        match self {
            Self::Phalanx => phalanx::specs_of(tree, name),
            Self::Standalone => vec![standalone::file_of_application(name)],
        }
    }

    /// The file or folder of an application's specs.
    pub(crate) fn place_of_specs(self, name: &ApplicationName) -> String {
        match self {
            Self::Phalanx => phalanx::folder_of(name),
            Self::Standalone => standalone::file_of_application(name),
        }
    }

    /// Whether a file may have specs of an application, or its settings.
    pub(crate) fn is_spec(self, file: &str) -> bool {
        match self {
            Self::Phalanx => file.starts_with("applications/"),
            Self::Standalone => file.starts_with("secrets/applications/"),
        }
    }

    /// The files that describe an environment, the one that counts first.
    pub(crate) fn files_of(self, name: &EnvironmentName) -> Vec<String> {
        match self {
            Self::Phalanx => phalanx::files_of(name),
            Self::Standalone => vec![standalone::file_of(name)],
        }
    }

    /// Where in a file of specs a secret's rules are.
    pub(crate) fn path_of_spec(self, key: &KeyName) -> Vec<&str> {
        match self {
            Self::Phalanx => vec![key.as_str()],
            Self::Standalone => vec!["secrets", key.as_str()],
        }
    }

    /// The files in which a setting of an application may be, and where there,
    /// the one that counts first.
    pub(crate) fn places_of_setting<'s>(
        self,
        environment: &EnvironmentName,
        application: &'s ApplicationName,
        setting: &'s str,
    ) -> [(String, Vec<&'s str>); 2] {
        let below = |above: &[&'s str]| above.iter().copied().chain(setting.split('.')).collect();
        match self {
            Self::Phalanx => {
                let folder = phalanx::folder_of(application);
                [
                    (format!("{folder}/values-{environment}.yaml"), below(&[])),
                    (format!("{folder}/values.yaml"), below(&[])),
                ]
            }
            Self::Standalone => [
                (standalone::file_of(environment), below(&["settings", application.as_str()])),
                (standalone::file_of_application(application), below(&["settings"])),
            ],
        }
    }

    /// Where in the file of an environment the URL of its Vault is.
    pub(crate) fn path_of_url(self) -> &'static [&'static str] {
        match self {
            Self::Phalanx => &["vaultUrl"],
            Self::Standalone => &["vault-url"],
        }
    }

    /// Where in the file of an environment its Vault path prefix is.
    pub(crate) fn path_of_prefix(self) -> &'static [&'static str] {
        match self {
            Self::Phalanx => &["vaultPathPrefix"],
            Self::Standalone => &["vault-path-prefix"],
        }
    }

    /// Where in the file of an environment its vault in 1Password is named.
    pub(crate) fn path_of_vault_title(self) -> &'static [&'static str] {
        match self {
            Self::Phalanx => &["onepassword", "vaultTitle"],
            Self::Standalone => &["onepassword", "vault-title"],
        }
    }

    /// Where in the file of an environment its own name is.
    pub(crate) fn path_of_name(self) -> &'static [&'static str] {
        &["name"]
    }

    /// Where in the file of an environment an application is enabled.
    pub(crate) fn path_of_application(self, application: &ApplicationName) -> Vec<&str> {
        match self {
            Self::Phalanx => vec!["applications", application.as_str()],
            Self::Standalone => vec!["applications"],
        }
    }

    /// Files that are called as those of environments are, but for a name that
    /// no environment can have.
    ///
    /// # Errors
    /// A folder that cannot be read.
    pub(crate) fn misnamed(self, tree: &Tree) -> Result<Vec<(String, InvalidName)>, LayoutError> {
        match self {
            Self::Phalanx => phalanx::misnamed(tree),
            // Whatever else lies there is a stray file of the store.
            Self::Standalone => Ok(Vec::new()),
        }
    }

    /// Reads one environment with the specs of its enabled applications, all
    /// conditions decided.
    ///
    /// # Errors
    /// An unknown environment, a file that cannot be read or parsed, or specs
    /// that contradict themselves.
    pub fn load(self, tree: &Tree, name: &EnvironmentName) -> Result<Environment, LayoutError> {
        match self {
            Self::Phalanx => phalanx::load(tree, name),
            Self::Standalone => standalone::load(tree, name),
        }
    }
}
