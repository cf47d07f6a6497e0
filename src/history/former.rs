//! Who the holders were.

use std::collections::HashSet;
use std::path::PathBuf;

use git2::{Oid, Sort};

use super::log::HistoryError;
use crate::repo::GitRepository;
use crate::store::{Holders, RECIPIENTS};

/// The holders at each commit before and at one, every state once, the newest
/// first. A state that cannot be read is passed over.
///
/// # Errors
/// A repository that cannot be read.
pub fn former_holders(repository: &GitRepository, from: Oid) -> Result<Vec<Holders>, HistoryError> {
    let git = repository.git();
    let mut walk = git.revwalk()?;
    walk.set_sorting(Sort::TOPOLOGICAL | Sort::TIME)?;
    walk.push(from)?;
    let folder = PathBuf::from(format!("{}{RECIPIENTS}", repository.below()));
    let mut seen = HashSet::new();
    let mut states = Vec::new();
    for commit in walk {
        let commit = git.find_commit(commit?)?;
        let Ok(recipients) = commit.tree()?.get_path(&folder).map(|entry| entry.id()) else {
            continue;
        };
        if seen.insert(recipients) {
            let tree = repository.tree_at(commit.id())?;
            states.extend(Holders::read(&tree).ok());
        }
    }
    Ok(states)
}
