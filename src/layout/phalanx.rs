//! A Phalanx checkout, read as the Python CLI reads it.
//!
//! - `environments/values.yaml`, with `environments/values-<env>.yaml` laid
//!   over it, says where Vault is and which applications are enabled.
//! - `applications/<app>/secrets.yaml` declares secrets;
//!   `secrets-<env>.yaml` beside it replaces the declaration of a key wholly.
//! - Conditions name settings of `values.yaml` with `values-<env>.yaml` laid
//!   over it. These are read only for applications that have conditions.
//!
//! Source: the `phalanx` package of the Phalanx repository
//! (`storage/config.py`, `models/secrets.py`, `models/environments.py`).

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;
use rayon::prelude::*;
use serde::de::DeserializeOwned;

use super::conditions::Settings;
use super::environment_file::{self, BASE, EnvironmentValues};
use super::error::LayoutError;
use super::rules::Rules;
use super::yaml::Names;
use super::{Place, RESERVED_APPLICATIONS, lookalikes, values, yaml};
use crate::model::{
    Application, ApplicationName, Environment, EnvironmentName, InvalidName, KeyName,
    OnepasswordLocation, VaultLocation,
};
use crate::tree::Tree;

pub(super) fn environments(tree: &Tree) -> Result<Vec<EnvironmentName>, LayoutError> {
    let entries = tree.list("environments")?;
    for entry in entries.iter().filter(|entry| !entry.is_folder) {
        let lower = entry.name.to_lowercase();
        let stem = lower.strip_suffix(".yaml").or_else(|| lower.strip_suffix(".yml"));
        let Some(stem) = stem.filter(|stem| stem.starts_with("values")) else { continue };
        let is_read = entry.name.ends_with(".yaml") && entry.name.starts_with("values");
        // Passed over, it would be an environment that nobody misses.
        if !is_read {
            return Err(LayoutError::Lookalike {
                file: format!("environments/{}", entry.name),
                meant: format!("{stem}.yaml"),
            });
        }
    }
    Ok(entries
        .iter()
        .filter_map(|entry| entry.name.strip_prefix("values-")?.strip_suffix(".yaml")?.parse().ok())
        .collect())
}

/// The folder of an application.
pub(super) fn folder_of(application: &ApplicationName) -> String {
    format!("applications/{application}")
}

/// The files of an environment, the one that counts first.
pub(super) fn files_of(name: &EnvironmentName) -> Vec<String> {
    vec![environment_file_of(name), BASE.to_owned()]
}

/// Files of environments that none can be named after.
pub(super) fn misnamed(tree: &Tree) -> Result<Vec<(String, InvalidName)>, LayoutError> {
    let entries = tree.list("environments")?;
    let misnamed = entries.iter().filter_map(|entry| {
        let name = entry.name.strip_prefix("values-")?.strip_suffix(".yaml")?;
        let error = name.parse::<EnvironmentName>().err()?;
        Some((format!("environments/{}", entry.name), error))
    });
    Ok(misnamed.collect())
}

pub(super) fn load(tree: &Tree, name: &EnvironmentName) -> Result<Environment, LayoutError> {
    let file = environment_file_of(name);
    let Some((base, own)) = environment_file::read(tree, &file)? else {
        return Err(LayoutError::UnknownEnvironment {
            name: name.clone(),
            file,
            known: environments(tree)?,
        });
    };

    let vault = vault(&file, &base, &own)?;
    let (own_place, base_place) =
        (own.onepassword.unwrap_or_default(), base.onepassword.unwrap_or_default());
    let connect_url = own_place.connect_url.or(base_place.connect_url);
    let vault_title = own_place.vault_title.or(base_place.vault_title);
    let onepassword = match (connect_url, vault_title) {
        (Some(connect_url), Some(vault_title)) => {
            Some(OnepasswordLocation { connect_url, vault_title })
        }
        _ => None,
    };

    let known = environments(tree)?;
    let mut listed = base.applications.unwrap_or_default();
    listed.extend(own.applications.unwrap_or_default());
    let mut applications = BTreeMap::new();
    let mut not_enabled = described(tree)?;
    for (application, is_enabled) in listed {
        if !is_enabled {
            // One that is switched off may have no folder in a sparse checkout.
            not_enabled.extend(ApplicationName::try_from(application));
            continue;
        }
        let application = ApplicationName::try_from(application)
            .map_err(|source| LayoutError::InvalidName { file: file.clone(), source })?;
        if RESERVED_APPLICATIONS.contains(&application.as_str()) {
            return Err(LayoutError::ReservedApplication { file, application });
        }
        let loaded = load_application(tree, &file, name, &application, &known)?;
        applications.insert(application, loaded);
    }
    let fqdn = own.fqdn;
    not_enabled.retain(|application| !applications.contains_key(application));
    Ok(Environment { name: name.clone(), vault, onepassword, fqdn, applications, not_enabled })
}

/// Where environments are, and what their files call them. The file that they
/// share is long, and read once.
pub(super) fn places(
    tree: &Tree,
    names: &[EnvironmentName],
) -> Result<Vec<Result<Option<Place>, LayoutError>>, LayoutError> {
    let base = environment_file::base(tree)?;
    Ok(names.par_iter().map(|name| place(tree, name, &base)).collect())
}

fn place(
    tree: &Tree,
    name: &EnvironmentName,
    base: &EnvironmentValues,
) -> Result<Option<Place>, LayoutError> {
    let file = environment_file_of(name);
    let Some(own) = environment_file::own(tree, &file)? else { return Ok(None) };
    let vault = vault(&file, base, &own)?;
    let declared = own.name.as_ref().or(base.name.as_ref()).filter(|name| !name.is_empty());
    let base_url = base.onepassword.as_ref().and_then(|place| place.connect_url.as_ref());
    let onepassword = own.onepassword.as_ref().and_then(|place| {
        let connect_url = place.connect_url.as_ref().or(base_url).cloned().unwrap_or_default();
        Some(OnepasswordLocation { connect_url, vault_title: place.vault_title.clone()? })
    });
    let (environment, declared) = (name.clone(), declared.cloned());
    Ok(Some(Place { environment, vault, declared, fqdn: own.fqdn, onepassword }))
}

fn vault(
    file: &str,
    base: &EnvironmentValues,
    own: &EnvironmentValues,
) -> Result<VaultLocation, LayoutError> {
    let url = own.vault_url.as_ref().or(base.vault_url.as_ref());
    let prefix = own.vault_path_prefix.as_ref().or(base.vault_path_prefix.as_ref());
    let text = |text: Option<&String>| text.cloned().unwrap_or_default();
    VaultLocation::new(&text(url), &text(prefix))
        .map_err(|source| LayoutError::InvalidVaultLocation { file: file.to_owned(), source })
}

fn environment_file_of(name: &EnvironmentName) -> String {
    format!("environments/values-{name}.yaml")
}

/// The applications that the checkout describes.
fn described(tree: &Tree) -> Result<BTreeSet<ApplicationName>, LayoutError> {
    let folders = tree.list("applications")?.into_iter().filter(|entry| entry.is_folder);
    Ok(folders.filter_map(|folder| folder.name.parse().ok()).collect())
}

fn load_application(
    tree: &Tree,
    environment_file: &str,
    environment: &EnvironmentName,
    application: &ApplicationName,
    known: &[EnvironmentName],
) -> Result<Application, LayoutError> {
    let folder = folder_of(application);
    if !tree.has_folder(&folder) {
        return Err(LayoutError::UnknownApplication {
            file: environment_file.to_owned(),
            application: application.clone(),
            folder,
        });
    }

    let specs = ["secrets.yaml".to_owned(), format!("secrets-{environment}.yaml")];
    lookalikes::refuse(tree, &folder, &specs, known)?;
    let mut declared: BTreeMap<KeyName, (Rules, String)> = BTreeMap::new();
    for file in specs.map(|name| format!("{folder}/{name}")) {
        for (key, rules) in read_specs(tree, &file)?.unwrap_or_default() {
            declared.insert(key, (rules, file.clone()));
        }
    }

    let settings = if declared.values().any(|(rules, _)| rules.has_conditions()) {
        let values = ["values.yaml".to_owned(), format!("values-{environment}.yaml")];
        lookalikes::refuse(tree, &folder, &values, known)?;
        read_settings(tree, &format!("{folder}/values.yaml"))?
            .merged_with(read_settings(tree, &format!("{folder}/values-{environment}.yaml"))?)
    } else {
        Settings::default()
    };

    super::rules::decide_all(application, declared, &settings)
}

/// The files that declare secrets of an application.
pub(super) fn specs_of(tree: &Tree, application: &ApplicationName) -> Vec<String> {
    let folder = folder_of(application);
    let entries = tree.list(&folder).unwrap_or_default();
    let specs = entries.iter().filter(|entry| is_file_of_specs(&entry.name));
    specs.map(|entry| format!("{folder}/{}", entry.name)).collect()
}

fn is_file_of_specs(name: &str) -> bool {
    name == "secrets.yaml" || (name.starts_with("secrets-") && name.ends_with(".yaml"))
}

/// Whether any secret of an application hangs on a setting, in whatever
/// environment. What cannot be read might.
pub(crate) fn has_conditions(tree: &Tree, application: &str) -> bool {
    let folder = format!("applications/{application}");
    let Ok(entries) = tree.list(&folder) else { return true };
    let mut files = entries.iter().map(|entry| entry.name.as_str());
    files.any(|name| {
        is_file_of_specs(name)
            && read_specs(tree, &format!("{folder}/{name}"))
                .map_or(true, |all| all.unwrap_or_default().values().any(Rules::has_conditions))
    })
}

/// Reads a file of specs, or gives `None` where it does not exist.
fn read_specs(tree: &Tree, file: &str) -> Result<Option<IndexMap<KeyName, Rules>>, LayoutError> {
    read(tree, file, Names::Strictly)
}

/// Reads a YAML file, or gives `None` where it does not exist.
fn read<T: DeserializeOwned + Default>(
    tree: &Tree,
    file: &str,
    names: Names,
) -> Result<Option<T>, LayoutError> {
    let Some(text) = tree.read_text(file)? else { return Ok(None) };
    yaml::parse(&text, names).map(Some).map_err(|problem| LayoutError::Malformed {
        file: file.to_owned(),
        line: problem.line,
        message: problem.message,
    })
}

/// Reads the settings in a values file, none where it does not exist.
fn read_settings(tree: &Tree, file: &str) -> Result<Settings, LayoutError> {
    let Some(text) = tree.read_text(file)? else { return Ok(Settings::default()) };
    values::parse(&text).map_err(|(line, message)| LayoutError::Malformed {
        file: file.to_owned(),
        line: Some(line),
        message,
    })
}
