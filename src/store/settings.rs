//! `secrets/store.toml`.

use serde::{Deserialize, Serialize};

use super::drift::DriftRules;
use super::error::StoreError;
use crate::layout::Layout;
use crate::model::EnvironmentName;
use crate::toml_file::{self, TomlProblem};
use crate::tree::Tree;

/// The path of the store's settings.
pub const STORE_FILE: &str = "secrets/store.toml";

/// The format that this version reads and writes.
const FORMAT: u64 = 1;

/// What `store.toml` says.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoreSettings {
    format: u64,
    /// Which files describe environments and applications.
    pub layout: Layout,
    /// Environments of the checkout whose static values are kept elsewhere.
    #[serde(default, rename = "not-served", skip_serializing_if = "Vec::is_empty")]
    pub not_served: Vec<String>,
    /// Environments whose static secrets may have their only value in Vault.
    #[serde(default, rename = "keep-vault-static", skip_serializing_if = "Vec::is_empty")]
    pub keep_vault_static: Vec<String>,
    /// Whether commands that change the store commit what they changed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub commit: bool,
    /// What becomes of values that were changed in Vault by hand.
    #[serde(default, skip_serializing_if = "DriftRules::is_empty")]
    pub drift: DriftRules,
    /// Whose changes count.
    #[serde(default, skip_serializing_if = "TrustSettings::is_default")]
    pub trust: TrustSettings,
}

/// What `store.toml` says of trust.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustSettings {
    /// Whether nothing is synced whose history was not verified.
    #[serde(default)]
    pub enforce: bool,
}

impl TrustSettings {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl StoreSettings {
    /// The settings of a new store.
    #[must_use]
    pub fn new(layout: Layout) -> Self {
        Self {
            format: FORMAT,
            layout,
            not_served: Vec::new(),
            keep_vault_static: Vec::new(),
            commit: false,
            drift: DriftRules::default(),
            trust: TrustSettings::default(),
        }
    }

    /// Whether the static values of an environment are kept here.
    #[must_use]
    pub fn serves(&self, environment: &EnvironmentName) -> bool {
        !self.not_served.iter().any(|name| name == environment.as_str())
    }

    /// Whether a static secret of an environment that has no value here keeps
    /// the one in Vault.
    #[must_use]
    pub fn keeps_vault_static(&self, environment: &EnvironmentName) -> bool {
        self.keep_vault_static.iter().any(|name| name == environment.as_str())
    }

    pub(crate) fn read(tree: &Tree) -> Result<Option<Self>, StoreError> {
        let Some(text) = tree.read_text(STORE_FILE)? else { return Ok(None) };
        let malformed = |problem: TomlProblem| StoreError::Malformed {
            file: STORE_FILE.to_owned(),
            line: problem.line,
            message: problem.message,
        };
        // The format comes first: a later one may hold settings unknown here.
        let declared: Format = toml_file::parse(&text).map_err(malformed)?;
        if declared.format != FORMAT {
            let (file, format) = (STORE_FILE.to_owned(), declared.format);
            return Err(StoreError::UnknownFormat { file, format });
        }
        toml_file::parse(&text).map(Some).map_err(malformed)
    }
}

#[derive(Deserialize)]
struct Format {
    format: u64,
}
