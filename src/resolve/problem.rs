//! Why a secret cannot be resolved.

use std::fmt;

use crate::layout::OIDC_CLIENTS;
use crate::model::{ApplicationName, CopySource, EnvironmentName, KeyName};

/// A secret that cannot be resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Its application.
    pub application: ApplicationName,
    /// Its key.
    pub key: KeyName,
    /// The file that declares it.
    pub origin: String,
    /// Why.
    pub reason: Reason,
}

/// Why a secret cannot be resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// A static secret without a value.
    NoStaticValue {
        /// Whether Vault has one all the same.
        is_in_vault: bool,
    },
    /// A static secret whose value is empty.
    EmptyStaticValue {
        /// Whether Vault has one all the same.
        is_in_vault: bool,
    },
    /// A value that Vault cannot hold.
    NotText,
    /// Vault has something other than a string where a value is to be kept.
    VaultHoldsNoText,
    /// The secret that it starts from belongs to an application that the
    /// environment does not enable.
    SourceNotEnabled(CopySource),
    /// The secret that it starts from is not needed in the environment.
    SourceNotNeeded(CopySource),
    /// The secret that it starts from is excluded, and not in Vault.
    SourceExcluded(CopySource),
    /// The secret that it starts from cannot be resolved itself.
    SourceUnresolved(CopySource),
    /// It depends on itself, by way of these.
    Circle(Vec<String>),
    /// It is made from one that is made from another, and so on, too often.
    TooLongAChain,
    /// Vault has OpenID Connect clients and the store has none.
    OidcClientsOnlyInVault,
    /// Two OpenID Connect clients, named here, have the same id.
    ClientsOfOneId([String; 2]),
    /// Its source is nothing that its hash could stand for.
    Unhashable(String),
    /// No enabled application needs it.
    NotNeeded,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {} ({})", self.application, self.key, self.reason, self.origin)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoStaticValue { is_in_vault: false } => f.write_str("it has no static value"),
            Self::NoStaticValue { is_in_vault: true } => {
                f.write_str("it has no static value here, only in Vault")
            }
            Self::EmptyStaticValue { is_in_vault: false } => {
                f.write_str("its static value is empty, which counts as none")
            }
            Self::EmptyStaticValue { is_in_vault: true } => {
                f.write_str("its static value here is empty, which counts as none; Vault has one")
            }
            Self::NotText => {
                f.write_str("its value is not UTF-8 text, and Vault holds nothing else")
            }
            Self::VaultHoldsNoText => f.write_str(
                "Vault holds something other than a string for it, which can be neither kept nor \
                 silently replaced",
            ),
            Self::SourceNotEnabled(source) => write!(
                f,
                "it is copied from {source}, but {} is not enabled here",
                source.application
            ),
            Self::SourceNotNeeded(source) => {
                write!(f, "it is made from {source}, which is not a secret of this environment")
            }
            Self::SourceExcluded(source) => {
                write!(f, "it is copied from {source}, which is excluded and not in Vault")
            }
            Self::SourceUnresolved(source) => {
                write!(f, "it is made from {source}, which cannot be resolved")
            }
            Self::Circle(names) => write!(f, "it depends on itself: {}", names.join(" → ")),
            Self::TooLongAChain => {
                f.write_str("the chain of secrets that it is made from is too long")
            }
            Self::OidcClientsOnlyInVault => f.write_str(
                "Vault holds OpenID Connect clients and the store has none, so they would be lost",
            ),
            Self::ClientsOfOneId([one, other]) => write!(
                f,
                "the OpenID Connect clients {one:?} and {other:?} have the same id, so that only \
                 one of them could log anybody in"
            ),
            Self::Unhashable(why) => write!(f, "it cannot be made, because {why}"),
            Self::NotNeeded => f.write_str("no enabled application needs it"),
        }
    }
}

impl Problem {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self, environment: &EnvironmentName) -> Option<String> {
        let (application, key) = (&self.application, &self.key);
        match &self.reason {
            Reason::NoStaticValue { is_in_vault: false }
            | Reason::EmptyStaticValue { is_in_vault: false } => Some(format!(
                "store the value: phalanx-secrets set {environment} {application} {key}"
            )),
            Reason::NoStaticValue { is_in_vault: true }
            | Reason::EmptyStaticValue { is_in_vault: true } => Some(format!(
                "store the value (phalanx-secrets set {environment} {application} {key}), or keep \
                 what Vault has with --keep-vault-static"
            )),
            Reason::NotText => Some(
                "store it in a text form that the application understands, such as base64"
                    .to_owned(),
            ),
            Reason::VaultHoldsNoText => Some(format!(
                "look at it in Vault; --regenerate={application}/{key} replaces a generated one"
            )),
            Reason::OidcClientsOnlyInVault => Some(format!(
                "store each client (phalanx-secrets set {environment} {OIDC_CLIENTS} NAME), keep \
                 what Vault has with --keep-vault-static, or drop them with \
                 --regenerate={application}/{key}"
            )),
            Reason::ClientsOfOneId(_) => Some(format!(
                "give one of them another id, or remove it: phalanx-secrets remove {environment} \
                 {OIDC_CLIENTS} NAME"
            )),
            _ => None,
        }
    }
}
