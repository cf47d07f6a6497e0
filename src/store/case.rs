//! Names that file systems may take for one.
//!
//! Those of macOS and Windows do not tell `Token` and `token` apart: of two
//! such files in a commit, a checkout there has one, and its value is lost with
//! the next commit. So no second one is made.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use super::error::StoreError;
use super::write::FileChange;
use crate::tree::{Tree, TreeEntry};

/// Refuses files that are written where there are only such as differ from
/// them in case alone. What the change takes to be there is not asked: such a
/// file system finds the one under the name of the other.
///
/// # Errors
/// The first such file or folder, or a folder that cannot be read.
pub(super) fn refuse_alike<'a>(
    tree: &Tree,
    changes: impl IntoIterator<Item = &'a FileChange>,
) -> Result<(), StoreError> {
    let is_written = |change: &&FileChange| change.after.is_some();
    let mut folders = Folders { tree, known: BTreeMap::new() };
    changes.into_iter().filter(is_written).try_for_each(|change| folders.add(&change.file))
}

/// The same for one file that is to be made.
///
/// # Errors
/// The same.
pub(super) fn refuse_alike_file(tree: &Tree, file: &str) -> Result<(), StoreError> {
    Folders { tree, known: BTreeMap::new() }.add(file)
}

/// Names that are one without their case.
type Alike = BTreeMap<String, BTreeSet<String>>;

/// What there is in folders.
struct Folders<'t> {
    tree: &'t Tree,
    known: BTreeMap<String, Alike>,
}

impl Folders<'_> {
    fn add(&mut self, file: &str) -> Result<(), StoreError> {
        let mut folder = String::new();
        for name in file.split('/') {
            let alike = self.names(&folder)?.entry(name.to_ascii_lowercase()).or_default();
            match alike.first() {
                Some(other) if !alike.contains(name) => {
                    let other = join(&folder, other);
                    return Err(StoreError::DiffersInCase { file: file.to_owned(), other });
                }
                _ => alike.insert(name.to_owned()),
            };
            folder = join(&folder, name);
        }
        Ok(())
    }

    fn names(&mut self, folder: &str) -> Result<&mut Alike, StoreError> {
        match self.known.entry(folder.to_owned()) {
            Entry::Occupied(entry) => Ok(entry.into_mut()),
            Entry::Vacant(entry) => {
                // What lies at the root is none of our business.
                let listed = if folder.is_empty() { Vec::new() } else { self.tree.list(folder)? };
                let mut names = Alike::new();
                for TreeEntry { name, .. } in listed {
                    names.entry(name.to_ascii_lowercase()).or_default().insert(name);
                }
                Ok(entry.insert(names))
            }
        }
    }
}

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::write_file;

    fn change(file: &str) -> FileChange {
        FileChange { file: file.to_owned(), before: None, after: Some(Vec::new()) }
    }

    #[test]
    fn files_and_folders_are_compared_with_those_there_and_with_each_other() {
        let root = tempfile::tempdir().unwrap();
        write_file(root.path(), "secrets/env/app/Token.age", b"x").unwrap();
        let tree = Tree::new(root.path());
        let refused = |files: &[&str]| {
            let changes: Vec<FileChange> = files.iter().map(|file| change(file)).collect();
            match refuse_alike(&tree, &changes) {
                Err(StoreError::DiffersInCase { other, .. }) => Some(other),
                other => {
                    other.unwrap();
                    None
                }
            }
        };
        assert_eq!(refused(&["secrets/env/app/Token.age", "secrets/env/app/other.age"]), None);
        let token = Some("secrets/env/app/Token.age".to_owned());
        assert_eq!(refused(&["secrets/env/app/token.age"]), token);
        assert_eq!(refused(&["secrets/env/App/x.age"]), Some("secrets/env/app".to_owned()));
        assert_eq!(refused(&["secrets/ENV/app/x.age"]), Some("secrets/env".to_owned()));
        let pair = ["recipients/bob.toml", "recipients/Bob.toml"];
        assert_eq!(refused(&pair), Some("recipients/bob.toml".to_owned()));
        // What is there already is not judged, and neither is what goes.
        write_file(root.path(), "secrets/env/app/token.age", b"x").unwrap();
        assert_eq!(refused(&["secrets/env/app/token.age", "secrets/env/app/Token.age"]), None);
        let gone = FileChange { after: None, ..change("secrets/env/app/TOKEN.age") };
        assert!(refuse_alike(&tree, [&gone]).is_ok());
    }
}
