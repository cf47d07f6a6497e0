//! Files of the store that git ignores: no commit will hold them.

use super::Context;
use super::checkout::Checkout;
use crate::model::SecretId;
use crate::repo::{IgnoredFile, ignored};
use crate::store::{RECIPIENTS, SECRETS, sealed_path};
use crate::tree::Tree;

/// All of them.
pub(super) fn of_store(checkout: &Checkout) -> Vec<IgnoredFile> {
    let mut files = Vec::new();
    for folder in [SECRETS, RECIPIENTS] {
        add_files(&checkout.tree, folder, &mut files);
    }
    ignored(&checkout.place, &files)
}

/// The files in a folder. What cannot be listed is named elsewhere.
fn add_files(tree: &Tree, folder: &str, files: &mut Vec<String>) {
    for entry in tree.list(folder).unwrap_or_default() {
        let path = format!("{folder}/{}", entry.name);
        if entry.is_folder && !entry.is_link {
            add_files(tree, &path, files);
        } else if !entry.is_escaped && (path.ends_with(".age") || path.ends_with(".toml")) {
            files.push(path);
        }
    }
}

/// Says so of values that are about to be stored.
pub(super) fn warn<'a>(ids: impl IntoIterator<Item = &'a SecretId>, context: &Context<'_>) {
    let files: Vec<String> = ids.into_iter().map(sealed_path).collect();
    let found = ignored(&context.checkout.place, &files);
    if let [IgnoredFile { file, rule }, rest @ ..] = found.as_slice() {
        let more = match rest.len() {
            0 => String::new(),
            count => format!(" and {count} more"),
        };
        context.ui.warn(&format!(
            "git ignores {file}{more} ({rule}): no commit will hold what is stored there"
        ));
    }
}
