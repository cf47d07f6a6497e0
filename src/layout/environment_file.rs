//! The files of a Phalanx environment, in which every setting must be known.
//!
//! A misspelt `applications` would be an environment that needs no secrets, and
//! all that Vault holds for it would be in the way. So a name that Phalanx does
//! not have is an error, as it is for the Python CLI.
//!
//! Source: `EnvironmentConfig` in `models/environments.py` of Phalanx, which
//! forbids other settings.

use std::rc::Rc;

use indexmap::IndexMap;
use serde::Deserialize;

use super::error::LayoutError;
use super::yaml::{self, Content, Names, Node};
use crate::tree::Tree;

/// The settings of an environment, those of earlier and later versions of
/// Phalanx too.
const SETTINGS: [&str; 16] = [
    "appOfAppsName",
    "applications",
    "butlerRepositoryIndex",
    "butlerServerRepositories",
    "controlSystem",
    "defaultComputeClass",
    "fqdn",
    "gcp",
    "name",
    "namespaceLabels",
    "onepassword",
    "repoUrl",
    "revisions",
    "targetRevision",
    "vaultPathPrefix",
    "vaultUrl",
];

/// The file that all environments share.
pub(super) const BASE: &str = "environments/values.yaml";

/// How many letters may be wrong in a name for it to be a misspelling.
const MISSPELT: usize = 2;

/// The part of an environment's values that matters here.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EnvironmentValues {
    pub(super) name: Option<String>,
    pub(super) vault_url: Option<String>,
    pub(super) vault_path_prefix: Option<String>,
    pub(super) fqdn: Option<String>,
    pub(super) onepassword: Option<Onepassword>,
    pub(super) applications: Option<IndexMap<String, bool>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Onepassword {
    pub(super) connect_url: Option<String>,
    pub(super) vault_title: Option<String>,
}

/// Reads the file that all environments share and one environment's own, or
/// gives `None` for its own where that does not exist.
///
/// # Errors
/// A file that cannot be read, the absence of the one that all share, a
/// setting that there is not, and where neither says which applications are
/// enabled.
pub(super) fn read(
    tree: &Tree,
    own_file: &str,
) -> Result<Option<(EnvironmentValues, EnvironmentValues)>, LayoutError> {
    let Some(own_text) = tree.read_text(own_file)? else { return Ok(None) };
    let Some(base_text) = tree.read_text(BASE)? else {
        return Err(LayoutError::MissingFile { file: BASE.to_owned() });
    };
    let base_names = names(BASE, &base_text)?;
    let own_names = names(own_file, &own_text)?;

    let has_applications = |names: &[Name]| names.iter().any(|name| name.text == "applications");
    for (file, names) in [(own_file, &own_names), (BASE, &base_names)] {
        if !has_applications(names)
            && let Some(old) = names.iter().find(|name| name.is_unknown() && name.has_enabled)
        {
            let (file, line, application) = (file.to_owned(), old.line, old.text.clone());
            return Err(LayoutError::OldCheckout { file, line, application });
        }
    }
    // A version of Phalanx that is newer than this program may have more
    // settings. It declares them for all environments.
    let is_declared =
        |name: &Name| base_names.iter().any(|base| base.text == name.text && !base.is_suspect());
    for (file, names) in [(BASE, &base_names), (own_file, &own_names)] {
        if let Some(name) = names.iter().find(|name| name.is_unknown() && !is_declared(name)) {
            return Err(LayoutError::UnknownSetting {
                file: file.to_owned(),
                line: name.line,
                name: name.text.clone(),
                is_application: name.has_enabled,
                nearest: crate::suggest::nearest(&name.text, SETTINGS),
            });
        }
    }

    let own: EnvironmentValues = parse(own_file, &own_text)?;
    let base: EnvironmentValues = parse(BASE, &base_text)?;
    // Null beside its name, it is the list that was lost, not one that is not
    // needed since that for all environments does.
    let is_lost =
        own.applications.is_none() && (has_applications(&own_names) || base.applications.is_none());
    if is_lost {
        return Err(LayoutError::NoApplications { file: own_file.to_owned() });
    }
    Ok(Some((base, own)))
}

/// Reads the file that all environments share, whatever else is in it.
///
/// # Errors
/// A file that is missing or cannot be read.
pub(super) fn base(tree: &Tree) -> Result<EnvironmentValues, LayoutError> {
    let missing = || LayoutError::MissingFile { file: BASE.to_owned() };
    parse(BASE, &tree.read_text(BASE)?.ok_or_else(missing)?)
}

/// Reads the file of one environment, whatever else is in it.
///
/// # Errors
/// A file that cannot be read.
pub(super) fn own(tree: &Tree, file: &str) -> Result<Option<EnvironmentValues>, LayoutError> {
    tree.read_text(file)?.map(|text| parse(file, &text)).transpose()
}

/// The name of a setting at the top of a file.
struct Name {
    text: String,
    line: Option<u64>,
    /// Whether the setting is a mapping that says `enabled`, as that of an
    /// application was before there was `applications`.
    has_enabled: bool,
}

impl Name {
    fn is_unknown(&self) -> bool {
        !SETTINGS.contains(&self.text.as_str())
    }

    /// Whether it is more likely a mistake than a setting of a later version.
    fn is_suspect(&self) -> bool {
        let lower = self.text.to_lowercase();
        self.has_enabled
            || SETTINGS
                .iter()
                .any(|name| strsim::osa_distance(&lower, &name.to_lowercase()) <= MISSPELT)
    }
}

/// The names at the top of a file, in their order.
fn names(file: &str, text: &str) -> Result<Vec<Name>, LayoutError> {
    let document = yaml::read(text, Names::AsSpelt).map_err(|(line, message)| {
        LayoutError::Malformed { file: file.to_owned(), line: Some(line), message }
    })?;
    let Some(Content::Mapping(top)) = document.as_ref().map(|document| &document.content) else {
        return Ok(Vec::new());
    };
    let name = |(name, (line, value)): (&String, &(u64, Rc<Node>))| Name {
        text: name.clone(),
        line: Some(*line),
        has_enabled: matches!(
            &value.content,
            Content::Mapping(below) if below.members.contains_key("enabled")
        ),
    };
    Ok(top.members.iter().map(name).collect())
}

fn parse(file: &str, text: &str) -> Result<EnvironmentValues, LayoutError> {
    yaml::parse(text, Names::AsSpelt).map_err(|problem| LayoutError::Malformed {
        file: file.to_owned(),
        line: problem.line,
        message: problem.message,
    })
}
