//! What a commit changes, and what a merge changes that none of its sides did.

use std::collections::BTreeSet;

use git2::{Commit, DiffOptions, Oid};

use crate::layout::Layout;
use crate::repo::GitRepository;

/// A path below the store's root; `None` where it is not UTF-8.
pub(super) type ChangedPath = Option<String>;

/// What is at a path in a tree: the object, and what kind of file it is.
type Entry = Option<(Oid, i32)>;

/// The files in which two trees differ, as far as they may matter.
pub(super) fn between(
    repository: &GitRepository,
    layout: Layout,
    before: Option<&git2::Tree<'_>>,
    after: Option<&git2::Tree<'_>>,
) -> Result<BTreeSet<ChangedPath>, git2::Error> {
    let below = repository.below();
    let mut options = DiffOptions::new();
    options.disable_pathspec_match(true).skip_binary_check(true);
    for folder in layout.folders() {
        options.pathspec(format!("{below}{folder}"));
    }
    let diff = repository.git().diff_tree_to_tree(before, after, Some(&mut options))?;
    let mut paths = BTreeSet::new();
    for delta in diff.deltas() {
        for file in [delta.old_file(), delta.new_file()] {
            let path = file.path_bytes().map(|path| {
                let path = str::from_utf8(path).ok()?;
                path.strip_prefix(below).map(str::to_owned)
            });
            paths.extend(path);
        }
    }
    Ok(paths)
}

/// What a commit does that its parents did not. Of a merge, this is whatever
/// is not what one side, and only that, made of what both came from.
pub(super) fn own_changes(
    repository: &GitRepository,
    layout: Layout,
    commit: &Commit<'_>,
) -> Result<BTreeSet<ChangedPath>, git2::Error> {
    let after = commit.tree()?;
    let parents: Vec<Commit<'_>> = commit.parents().collect();
    let trees = parents.iter().map(Commit::tree).collect::<Result<Vec<_>, _>>()?;
    let mut changed = BTreeSet::new();
    match trees.as_slice() {
        [] => return between(repository, layout, None, Some(&after)),
        [before] => return between(repository, layout, Some(before), Some(&after)),
        _ => {
            for tree in &trees {
                changed.extend(between(repository, layout, Some(tree), Some(&after))?);
            }
        }
    }
    let [one, other] = trees.as_slice() else {
        // A merge of more than two: whatever is not the same everywhere.
        return Ok(changed);
    };
    let bases = match parents.as_slice() {
        [one, other] => bases(repository, one.id(), other.id())?,
        _ => Vec::new(),
    };
    let bases = bases
        .into_iter()
        .map(|base| repository.git().find_commit(base)?.tree())
        .collect::<Result<Vec<_>, _>>()?;
    changed.retain(|path| {
        let Some(path) = path else { return true };
        let path = format!("{}{path}", repository.below());
        let at = |tree: &git2::Tree<'_>| entry(tree, &path);
        let (one, other, after) = (at(one), at(other), at(&after));
        let expected = |base: Entry| match (one == base, other == base) {
            _ if one == other => Some(one),
            (true, _) => Some(other),
            (_, true) => Some(one),
            _ => None,
        };
        let is_expected = |base| expected(base) == Some(after);
        match bases.as_slice() {
            [] => !is_expected(None),
            bases => !bases.iter().all(|base| is_expected(at(base))),
        }
    });
    Ok(changed)
}

/// What two commits come from.
pub(super) fn bases(
    repository: &GitRepository,
    one: Oid,
    other: Oid,
) -> Result<Vec<Oid>, git2::Error> {
    match repository.git().merge_bases(one, other) {
        Ok(bases) => Ok(bases.to_vec()),
        Err(error) if error.code() == git2::ErrorCode::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn entry(tree: &git2::Tree<'_>, path: &str) -> Entry {
    let entry = tree.get_path(std::path::Path::new(path)).ok()?;
    Some((entry.id(), entry.filemode()))
}
