//! Files that look like those that are read, and are not read.
//!
//! `secret.yaml` beside no `secrets.yaml` would be an application without
//! secrets, and `values-idfdve.yaml` one without the settings that its secrets
//! hang on. Neither is ever meant.

use super::error::LayoutError;
use crate::model::EnvironmentName;
use crate::tree::Tree;

/// How many letters may be wrong in a file's name for it to be a misspelling.
const MISSPELT: usize = 2;

/// Refuses a YAML file in a folder whose name is almost that of one of the
/// `read` files. What belongs to another of the `known` environments is fine.
///
/// # Errors
/// The first such file, or a folder that cannot be read.
pub(super) fn refuse(
    tree: &Tree,
    folder: &str,
    read: &[String],
    known: &[EnvironmentName],
) -> Result<(), LayoutError> {
    let is_of_another = |name: &str| {
        known.iter().any(|known| {
            ["secrets", "values"].iter().any(|stem| name == format!("{stem}-{known}.yaml"))
        })
    };
    for entry in tree.list(folder)? {
        let lower = entry.name.to_lowercase();
        if entry.is_folder || !(lower.ends_with(".yaml") || lower.ends_with(".yml")) {
            continue;
        }
        if read.contains(&entry.name) || is_of_another(&entry.name) {
            continue;
        }
        let is_like =
            |name: &&String| strsim::osa_distance(&lower, &name.to_lowercase()) <= MISSPELT;
        if let Some(meant) =
            read.iter().filter(|name| !is_base_for_other(name, &lower)).find(is_like)
        {
            return Err(LayoutError::Lookalike {
                file: format!("{folder}/{}", entry.name),
                meant: meant.clone(),
            });
        }
    }
    Ok(())
}

/// Whether a file is of an environment, and so no misspelling of the one that
/// all environments share.
fn is_base_for_other(base: &str, name: &str) -> bool {
    !base.contains('-') && name.contains('-')
}
