//! What lies in the folders of a store, and whether it belongs there.

use std::collections::BTreeMap;

use super::finding::{Finding, FindingKind};
use crate::encoding;
use crate::layout::Layout;
use crate::model::{ApplicationName, EnvironmentName, SecretId};
use crate::store::{
    RECIPIENTS, SECRETS, STORE_FILE, canonical_file_stem, is_leftover, key_of_file_stem,
};
use crate::tree::{Tree, TreeError};

/// Files that may lie in any folder of the store.
const HARMLESS: [&str; 2] = [".gitattributes", ".gitignore"];

/// What is said of a folder that no environment has, before its name.
pub(super) const NO_ENVIRONMENT: &str = "there is no environment";

/// What is said of a name that is not UTF-8.
pub(super) const NOT_UTF8: &str = "its name is not UTF-8, and is shown with escapes";

/// A file in a secret's place.
#[derive(Debug)]
pub(super) struct StoredFile {
    pub(super) id: SecretId,
    pub(super) path: String,
}

/// Every file of a store, sorted by what it is.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// Those in a secret's place, by environment: of such as do not exist, too.
    pub(super) values: BTreeMap<EnvironmentName, Vec<StoredFile>>,
    /// Files in no secret's place that are called like sealed ones.
    pub(super) misplaced: Vec<String>,
    /// What does not belong.
    pub(super) strays: Vec<Finding>,
}

/// A file below a folder.
struct Found {
    path: String,
    is_link: bool,
    /// Whether its name is not UTF-8. Nothing is found at its path then.
    is_escaped: bool,
}

impl Found {
    fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }
}

impl Places {
    /// Looks at the folders of a store; `known` are the environments.
    pub(super) fn of(
        tree: &Tree,
        layout: Layout,
        known: &[EnvironmentName],
    ) -> Result<Self, TreeError> {
        let mut places = Self::default();
        for entry in tree.list(SECRETS)? {
            let path = format!("{SECRETS}/{}", entry.name);
            if entry.is_link || !entry.is_folder || entry.is_escaped {
                if path != STORE_FILE || entry.is_link {
                    let (is_link, is_escaped) = (entry.is_link, entry.is_escaped);
                    let found = Found { path, is_link, is_escaped };
                    places.stray(None, found, "no such file belongs here");
                }
                continue;
            }
            let is_of_specs = layout == Layout::Standalone
                && matches!(entry.name.as_str(), "environments" | "applications");
            if is_of_specs {
                places.specs(tree, &path)?;
                continue;
            }
            let name: Option<EnvironmentName> = entry.name.parse().ok();
            let is_known = name.as_ref().is_some_and(|name| known.contains(name));
            if !is_known {
                let message = format!("{NO_ENVIRONMENT} {}", entry.name);
                places.strays.push(Finding::new(FindingKind::Stray, message).in_file(&path));
            }
            places.environment(tree, &path, name.as_ref(), is_known)?;
        }
        places.holders(tree)?;
        Ok(places)
    }

    /// What lies in the folder of an environment. Of one that does not exist,
    /// the folder as a whole is named already.
    fn environment(
        &mut self,
        tree: &Tree,
        folder: &str,
        name: Option<&EnvironmentName>,
        is_known: bool,
    ) -> Result<(), TreeError> {
        for found in files_below(tree, folder)? {
            let inner = found.path.get(folder.len() + 1..).unwrap_or_default();
            let id = if found.is_link || found.is_escaped {
                None
            } else {
                name.and_then(|name| parse(name, inner))
            };
            match (id, name) {
                (Some(id), Some(name)) => {
                    let file = StoredFile { id, path: found.path };
                    self.values.entry(name.clone()).or_default().push(file);
                }
                _ if is_known => {
                    let message = why_no_secret(inner);
                    self.stray(name, found, &message);
                }
                _ if found.is_escaped => self.stray(None, found, NOT_UTF8),
                _ => self.note_misplaced(&found),
            }
        }
        Ok(())
    }

    /// What lies in a folder of specs of the standalone layout.
    fn specs(&mut self, tree: &Tree, folder: &str) -> Result<(), TreeError> {
        for found in files_below(tree, folder)? {
            let inner = found.path.get(folder.len() + 1..).unwrap_or_default();
            let is_spec = inner.strip_suffix(".toml").is_some_and(|stem| {
                // The names of environments follow the same rule, and one more.
                stem.parse::<ApplicationName>().is_ok()
            });
            if !is_spec || found.is_link || found.is_escaped {
                self.stray(None, found, "only NAME.toml belongs here");
            }
        }
        Ok(())
    }

    /// What lies in `recipients/`.
    fn holders(&mut self, tree: &Tree) -> Result<(), TreeError> {
        for found in files_below(tree, RECIPIENTS)? {
            let inner = found.path.get(RECIPIENTS.len() + 1..).unwrap_or_default();
            let is_holder =
                inner.ends_with(".toml") && !inner.contains('/') && !inner.starts_with('.');
            if !is_holder || found.is_link || found.is_escaped {
                self.stray(None, found, "only the TOML files of holders belong here");
            }
        }
        Ok(())
    }

    fn stray(&mut self, environment: Option<&EnvironmentName>, found: Found, message: &str) {
        if HARMLESS.contains(&found.name()) && !found.is_link {
            return;
        }
        let message = if found.is_escaped {
            NOT_UTF8
        } else if found.is_link {
            "it is a link, and only files belong here"
        } else if is_leftover(found.name()) {
            "an interrupted command left it"
        } else {
            message
        };
        self.note_misplaced(&found);
        let finding = Finding::new(FindingKind::Stray, message).in_environment(environment);
        self.strays.push(finding.in_file(found.path));
    }

    fn note_misplaced(&mut self, found: &Found) {
        if !found.is_link && !found.is_escaped && found.path.ends_with(".age") {
            self.misplaced.push(found.path.clone());
        }
    }
}

/// The secret whose file `<app>/<key>.age` is, if any's.
fn parse(environment: &EnvironmentName, inner: &str) -> Option<SecretId> {
    let (application, file) = inner.split_once('/')?;
    let key = key_of_file_stem(file.strip_suffix(".age")?)?.ok()?;
    Some(SecretId::new(environment.clone(), application.parse().ok()?, key))
}

fn why_no_secret(inner: &str) -> String {
    let Some((application, file)) = inner.split_once('/') else {
        return "it is in no application's folder".to_owned();
    };
    if file.contains('/') {
        return "it is in a folder within an application's".to_owned();
    }
    let Some(stem) = file.strip_suffix(".age") else {
        return "only sealed files (.age) belong here".to_owned();
    };
    match canonical_file_stem(stem) {
        Some(canonical) if canonical != stem && application.parse::<ApplicationName>().is_ok() => {
            let form = match encoding::is_decomposed(stem) {
                true => {
                    "; accents are characters of their own in this name (NFD, as macOS may write \
                     it)"
                }
                false => "",
            };
            format!("it is not read: the file of this key is called {canonical}.age{form}")
        }
        _ => "it is named after no secret".to_owned(),
    }
}

/// All files below a folder. Links are listed and not followed.
fn files_below(tree: &Tree, folder: &str) -> Result<Vec<Found>, TreeError> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in tree.list(&folder)? {
            let path = format!("{folder}/{}", entry.name);
            if entry.is_folder && !entry.is_link && !entry.is_escaped {
                folders.push(path);
            } else {
                let (is_link, is_escaped) = (entry.is_link, entry.is_escaped);
                files.push(Found { path, is_link, is_escaped });
            }
        }
    }
    Ok(files)
}
