//! What can be wrong with a checkout.
//!
//! Messages name the file, the line where there is one, the application and
//! the key. They may repeat names from the files, never values.

use thiserror::Error;

use crate::model::{ApplicationName, EnvironmentName, InvalidName, KeyName, VaultLocationError};
use crate::tree::TreeError;

/// A checkout that cannot be read as one.
#[derive(Debug, Error)]
pub enum LayoutError {
    /// A file that cannot be read.
    #[error(transparent)]
    Tree(#[from] TreeError),

    /// No such environment.
    #[error("there is no environment {name}: {file} does not exist")]
    UnknownEnvironment {
        /// The name asked for.
        name: EnvironmentName,
        /// The file that would describe it.
        file: String,
        /// The environments that there are.
        known: Vec<EnvironmentName>,
    },

    /// A file that must be there and is not.
    #[error("{file} does not exist")]
    MissingFile {
        /// Its path.
        file: String,
    },

    /// A file that does not parse.
    #[error("{file}{}: {message}", line.map(|line| format!(":{line}")).unwrap_or_default())]
    Malformed {
        /// Its path.
        file: String,
        /// The line, from 1.
        line: Option<u64>,
        /// What is wrong there.
        message: String,
    },

    /// A name in a file that cannot be one.
    #[error("{file}: a name in it cannot be used")]
    InvalidName {
        /// The file's path.
        file: String,
        /// The name and its rule.
        source: InvalidName,
    },

    /// An environment without a usable place in Vault.
    #[error("{file}: it does not say where in Vault the secrets belong")]
    InvalidVaultLocation {
        /// The file's path.
        file: String,
        /// What is wrong with it.
        source: VaultLocationError,
    },

    /// A setting of an environment that Phalanx does not have.
    #[error(
        "{file}{}: {name:?} is no setting of an environment",
        line.map(|line| format!(":{line}")).unwrap_or_default()
    )]
    UnknownSetting {
        /// The environment's file.
        file: String,
        /// The line, from 1.
        line: Option<u64>,
        /// The name.
        name: String,
        /// Whether it says `enabled`, as an application would.
        is_application: bool,
        /// The setting that may be meant.
        nearest: Option<&'static str>,
    },

    /// A file of an environment that does not say what is enabled.
    #[error("{file} does not say which applications are enabled: it has no \"applications\"")]
    NoApplications {
        /// The environment's file.
        file: String,
    },

    /// A checkout from before the time of `secrets.yaml`.
    #[error(
        "{file}{}: {application:?} stands at the top, so this is a Phalanx checkout from before \
         September 2023, whose secrets installer/generate_secrets.py made; it has no specs that \
         could be read",
        line.map(|line| format!(":{line}")).unwrap_or_default()
    )]
    OldCheckout {
        /// The environment's file.
        file: String,
        /// The line, from 1.
        line: Option<u64>,
        /// The first application there.
        application: String,
    },

    /// A file that is not read, and whose name is almost that of one that is.
    #[error("{file} would not be read: the name that is read is {meant}")]
    Lookalike {
        /// The file's path.
        file: String,
        /// The name that it should have.
        meant: String,
    },

    /// An environment enables an application that is not there.
    #[error("{file} enables application {application}, but {folder} does not exist")]
    UnknownApplication {
        /// The environment's file.
        file: String,
        /// The application.
        application: ApplicationName,
        /// Where it would be.
        folder: String,
    },

    /// An application named like an entry of the tool's own.
    #[error(
        "{file} enables an application named {application}, which is the name of a Vault entry \
         that this tool makes itself"
    )]
    ReservedApplication {
        /// The environment's file.
        file: String,
        /// The application.
        application: ApplicationName,
    },

    /// A spec that contradicts itself.
    #[error("{file}: secret {application}/{key}: {reason}")]
    InvalidSpec {
        /// The file that declares it.
        file: String,
        /// Its application.
        application: ApplicationName,
        /// Its key.
        key: KeyName,
        /// What is wrong with it.
        reason: String,
    },
}

impl LayoutError {
    /// What to do about it, where that is not plain from the message.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::UnknownEnvironment { name, known, .. } => {
                let names: Vec<&str> = known.iter().map(EnvironmentName::as_str).collect();
                Some(match crate::suggest::nearest(name.as_str(), names.iter().copied()) {
                    Some(nearest) => format!("did you mean {nearest}?"),
                    None if names.is_empty() => return None,
                    None => format!("the environments here are: {}", names.join(", ")),
                })
            }
            Self::Malformed { .. } | Self::InvalidSpec { .. } => {
                Some("correct it there; what changed last is shown by: git diff".to_owned())
            }
            Self::InvalidVaultLocation { .. } => Some(
                "correct vaultUrl and vaultPathPrefix (in TOML, vault-url and vault-path-prefix)"
                    .to_owned(),
            ),
            Self::UnknownSetting { nearest: Some(nearest), is_application: false, .. } => {
                Some(format!("did you mean {nearest}?"))
            }
            Self::UnknownSetting { is_application: true, .. } => Some(
                "an application is enabled below \"applications\", as in: applications: {argocd: \
                 true}"
                    .to_owned(),
            ),
            Self::UnknownSetting { .. } => Some(
                "remove it; a setting of a later version of Phalanx is taken where \
                 environments/values.yaml has it too"
                    .to_owned(),
            ),
            Self::NoApplications { .. } => Some(
                "list them there, as in: applications: {argocd: true}; where none is enabled, say \
                 so: applications: {}"
                    .to_owned(),
            ),
            Self::OldCheckout { .. } => Some(
                "check out a later version of Phalanx; docs/old-installer.md says how a site moves \
                 here"
                    .to_owned(),
            ),
            Self::Lookalike { meant, .. } => {
                Some(format!("rename it to {meant}, or remove it"))
            }
            Self::UnknownApplication { .. } => {
                Some("correct its name among the applications, or add what is missing".to_owned())
            }
            Self::ReservedApplication { .. } => {
                Some("give the application another name".to_owned())
            }
            _ => None,
        }
    }
}
