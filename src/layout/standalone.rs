//! The standalone layout: the same model in TOML, with no Helm.
//!
//! - `secrets/environments/<env>.toml` says where Vault is, which applications
//!   are enabled, and what their settings are there.
//! - `secrets/applications/<app>.toml` declares an application's secrets and
//!   the settings that hold where an environment says nothing.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::conditions::Settings;
use super::error::LayoutError;
use super::rules::{self, Rules};
use super::{Place, RESERVED_APPLICATIONS};
use crate::model::{
    Application, ApplicationName, Environment, EnvironmentName, KeyName, OnepasswordLocation,
    VaultLocation,
};
use crate::toml_file;
use crate::tree::Tree;

const ENVIRONMENTS: &str = "secrets/environments";
const APPLICATIONS: &str = "secrets/applications";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct EnvironmentFile {
    vault_url: String,
    vault_path_prefix: String,
    applications: Vec<String>,
    onepassword: Option<Onepassword>,
    #[serde(default)]
    settings: BTreeMap<String, toml::Table>,
}

/// What of the same file says where Vault is, whatever else is in it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct PlaceInFile {
    vault_url: String,
    vault_path_prefix: String,
    onepassword: Option<Onepassword>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Onepassword {
    connect_url: String,
    vault_title: String,
}

impl Onepassword {
    fn location(self) -> OnepasswordLocation {
        let Self { connect_url, vault_title } = self;
        OnepasswordLocation { connect_url, vault_title }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ApplicationFile {
    #[serde(default)]
    settings: toml::Table,
    #[serde(default)]
    secrets: BTreeMap<KeyName, Rules>,
}

pub(super) fn environments(tree: &Tree) -> Result<Vec<EnvironmentName>, LayoutError> {
    let entries = tree.list(ENVIRONMENTS)?;
    for entry in &entries {
        let lower = entry.name.to_lowercase();
        // Passed over, it would be an environment that nobody misses.
        if lower.ends_with(".toml") && !entry.name.ends_with(".toml") {
            return Err(LayoutError::Lookalike {
                file: format!("{ENVIRONMENTS}/{}", entry.name),
                meant: lower,
            });
        }
    }
    Ok(entries.iter().filter_map(|entry| entry.name.strip_suffix(".toml")?.parse().ok()).collect())
}

/// The file of an application.
pub(super) fn file_of_application(application: &ApplicationName) -> String {
    format!("{APPLICATIONS}/{application}.toml")
}

/// The file of an environment.
pub(super) fn file_of(name: &EnvironmentName) -> String {
    format!("{ENVIRONMENTS}/{name}.toml")
}

pub(super) fn load(tree: &Tree, name: &EnvironmentName) -> Result<Environment, LayoutError> {
    let file = file_of(name);
    let Some(mut declared) = read::<EnvironmentFile>(tree, &file)? else {
        return Err(LayoutError::UnknownEnvironment {
            name: name.clone(),
            file,
            known: environments(tree)?,
        });
    };
    let vault = vault(&file, &declared.vault_url, &declared.vault_path_prefix)?;

    let mut applications = BTreeMap::new();
    for application in declared.applications {
        let settings = declared.settings.remove(&application).unwrap_or_default();
        let application = ApplicationName::try_from(application)
            .map_err(|source| LayoutError::InvalidName { file: file.clone(), source })?;
        if RESERVED_APPLICATIONS.contains(&application.as_str()) {
            return Err(LayoutError::ReservedApplication { file, application });
        }
        let loaded = load_application(tree, &file, &application, settings.into())?;
        applications.insert(application, loaded);
    }
    if let Some(application) = declared.settings.into_keys().next() {
        let message = format!("there are settings for {application:?}, which is not enabled");
        return Err(LayoutError::Malformed { file, line: None, message });
    }
    let onepassword = declared.onepassword.map(Onepassword::location);
    let mut not_enabled = described(tree)?;
    not_enabled.retain(|application| !applications.contains_key(application));
    let fqdn = None;
    Ok(Environment { name: name.clone(), vault, onepassword, fqdn, applications, not_enabled })
}

/// Where an environment is. Its file gives it no name.
pub(super) fn place(tree: &Tree, name: &EnvironmentName) -> Result<Option<Place>, LayoutError> {
    let file = file_of(name);
    let Some(found) = read::<PlaceInFile>(tree, &file)? else { return Ok(None) };
    let vault = vault(&file, &found.vault_url, &found.vault_path_prefix)?;
    let onepassword = found.onepassword.map(Onepassword::location);
    let environment = name.clone();
    Ok(Some(Place { environment, vault, declared: None, fqdn: None, onepassword }))
}

fn vault(file: &str, url: &str, prefix: &str) -> Result<VaultLocation, LayoutError> {
    VaultLocation::new(url, prefix)
        .map_err(|source| LayoutError::InvalidVaultLocation { file: file.to_owned(), source })
}

/// The applications that the store describes.
fn described(tree: &Tree) -> Result<BTreeSet<ApplicationName>, LayoutError> {
    let files = tree.list(APPLICATIONS)?.into_iter();
    Ok(files.filter_map(|file| file.name.strip_suffix(".toml")?.parse().ok()).collect())
}

fn load_application(
    tree: &Tree,
    environment_file: &str,
    application: &ApplicationName,
    settings: Settings,
) -> Result<Application, LayoutError> {
    let file = file_of_application(application);
    let Some(declared) = read::<ApplicationFile>(tree, &file)? else {
        return Err(LayoutError::UnknownApplication {
            file: environment_file.to_owned(),
            application: application.clone(),
            folder: file,
        });
    };
    let secrets = declared.secrets.into_iter();
    let secrets = secrets.map(|(key, rules)| (key, (rules, file.clone()))).collect();
    let settings = Settings::from(declared.settings).merged_with(settings);
    rules::decide_all(application, secrets, &settings)
}

/// Reads a TOML file, or gives `None` where it does not exist.
fn read<T: DeserializeOwned>(tree: &Tree, file: &str) -> Result<Option<T>, LayoutError> {
    let Some(text) = tree.read_text(file)? else { return Ok(None) };
    toml_file::parse(&text).map(Some).map_err(|problem| LayoutError::Malformed {
        file: file.to_owned(),
        line: problem.line,
        message: problem.message,
    })
}
