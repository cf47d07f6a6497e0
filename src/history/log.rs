//! The commits that changed a store, the newest first.

use std::collections::BTreeSet;

use git2::{Commit, DiffOptions, Oid, Sort};
use jiff::Timestamp;
use thiserror::Error;

use super::changes::{
    Changes, Scope, ValueChange, ValueChangeKind, compare_holders, compare_values,
};
use crate::model::SecretId;
use crate::repo::{GitRepository, RepositoryError, short, text_of};
use crate::store::{RECIPIENTS, SECRETS, StoreError, id_of_path};
use crate::tree::Tree;

/// A history that cannot be read.
#[derive(Debug, Error)]
pub enum HistoryError {
    /// The repository cannot be.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    /// A state of the store cannot be.
    #[error("commit {} cannot be read", short(*.commit))]
    Store {
        /// The commit.
        commit: Oid,
        /// Why.
        source: StoreError,
    },
}

impl From<git2::Error> for HistoryError {
    fn from(error: git2::Error) -> Self {
        Self::Repository(error.into())
    }
}

/// What a commit changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitChanges {
    /// The commit.
    pub commit: Oid,
    /// Its author's name, as it was given.
    pub author: String,
    /// Its author's email address, as it was given.
    pub email: String,
    /// When it was made.
    pub time: Timestamp,
    /// What it changed. Of a merge, this is what none of its sides had.
    pub changes: Changes,
}

/// Goes through the commits before and at one, the newest first, and gives
/// those that changed something, until `found` says that it is enough. Where a
/// key is asked for, it is followed to the names that it had before.
///
/// # Errors
/// A repository or a file that cannot be read.
pub fn log(
    repository: &GitRepository,
    from: Oid,
    scope: &Scope,
    mut found: impl FnMut(CommitChanges) -> bool,
) -> Result<(), HistoryError> {
    let git = repository.git();
    let mut walk = git.revwalk()?;
    walk.set_sorting(Sort::TOPOLOGICAL | Sort::TIME)?;
    walk.push(from)?;
    let mut followed = Followed { scope, names: BTreeSet::new() };
    for id in walk {
        let commit = git.find_commit(id?)?;
        let changes = followed.changes(repository, &commit)?;
        if changes.is_empty() {
            continue;
        }
        let author = commit.author();
        let go_on = found(CommitChanges {
            commit: commit.id(),
            author: text_of(&commit, author.name_bytes()),
            email: text_of(&commit, author.email_bytes()),
            time: Timestamp::from_second(author.when().seconds()).unwrap_or_default(),
            changes,
        });
        if !go_on {
            break;
        }
    }
    Ok(())
}

/// What is asked for, and the names that it had before.
struct Followed<'a> {
    scope: &'a Scope,
    names: BTreeSet<SecretId>,
}

impl Followed<'_> {
    fn changes(
        &mut self,
        repository: &GitRepository,
        commit: &Commit<'_>,
    ) -> Result<Changes, HistoryError> {
        let parents: Vec<Option<Commit<'_>>> = match commit.parent_count() {
            0 => vec![None],
            _ => commit.parents().map(Some).collect(),
        };
        let mut own: Option<Changes> = None;
        for parent in parents {
            let changes = self.between(repository, parent.as_ref(), commit)?;
            own = Some(match own {
                None => changes,
                // What differs from one parent and not from another came with
                // that one.
                Some(mut own) => {
                    own.values.retain_mut(|one| {
                        let Some(two) = changes.values.iter().find(|two| two.id == one.id) else {
                            return false;
                        };
                        // Whoever had it before knows more.
                        if one.kind == ValueChangeKind::Added {
                            *one = two.clone();
                        }
                        true
                    });
                    own.holders
                        .retain(|one| changes.holders.iter().any(|two| two.name == one.name));
                    own
                }
            });
            if own.as_ref().is_some_and(Changes::is_empty) {
                break;
            }
        }
        let own = own.unwrap_or_default();
        self.names.extend(own.values.iter().filter_map(|change| match &change.kind {
            ValueChangeKind::Renamed { from } if self.scope.key.is_some() => Some(from.clone()),
            _ => None,
        }));
        Ok(own)
    }

    /// What differs between a commit and its parent, having read nothing but
    /// what does.
    fn between(
        &self,
        repository: &GitRepository,
        parent: Option<&Commit<'_>>,
        commit: &Commit<'_>,
    ) -> Result<Changes, HistoryError> {
        let before = parent.map(Commit::tree).transpose()?;
        let below = repository.below();
        let mut options = DiffOptions::new();
        options.disable_pathspec_match(true).skip_binary_check(true);
        for folder in [SECRETS, RECIPIENTS] {
            options.pathspec(format!("{below}{folder}"));
        }
        let after = commit.tree()?;
        let git = repository.git();
        let diff = git.diff_tree_to_tree(before.as_ref(), Some(&after), Some(&mut options))?;
        let mut ids = BTreeSet::new();
        let mut has_holders = false;
        for delta in diff.deltas() {
            for file in [delta.old_file(), delta.new_file()] {
                let path = file.path_bytes().and_then(|path| str::from_utf8(path).ok());
                let Some(path) = path.and_then(|path| path.strip_prefix(below)) else { continue };
                has_holders |= path.starts_with(RECIPIENTS);
                ids.extend(id_of_path(path));
            }
        }
        let has_holders = has_holders && self.scope.includes_holders();
        let wanted = |id: &SecretId| self.scope.includes(id) || self.names.contains(id);
        if !has_holders && !ids.iter().any(wanted) {
            return Ok(Changes::default());
        }
        let at = |commit: &Commit<'_>| -> Result<Option<Tree>, HistoryError> {
            match repository.tree_at(commit.id()) {
                Ok(tree) => Ok(Some(tree)),
                // The store was not there yet, or is there no more.
                Err(RepositoryError::NoFolder { .. }) => Ok(None),
                Err(error) => Err(error.into()),
            }
        };
        let before = parent.map(at).transpose()?.flatten();
        let after = at(commit)?;
        let failed = |source| HistoryError::Store { commit: commit.id(), source };
        // All of them, so that where a value came from is known.
        let mut values = compare_values(before.as_ref(), after.as_ref(), ids).map_err(failed)?;
        values.retain(|change: &ValueChange| match &change.kind {
            ValueChangeKind::Renamed { from } => wanted(&change.id) || self.scope.includes(from),
            _ => wanted(&change.id),
        });
        let holders = match has_holders {
            // Of a state that cannot be read, nothing is known.
            true => {
                compare_holders(before.as_ref(), after.as_ref(), self.scope).unwrap_or_default()
            }
            false => Vec::new(),
        };
        Ok(Changes { values, holders })
    }
}
