//! Whether a history is to be trusted: from one commit that is, each step was
//! taken by somebody who may.
//!
//! age says that a file is whole, not who made it, and whoever can push can
//! seal a value to public keys. So each commit that changes values, holders or
//! specs must carry an SSH signature by a key that the holders of its *parent*
//! list for somebody with access to what it changes. Authority over a holder
//! is to have all the access that the holder has. `docs/trust.md` has the
//! rules, and `docs/threat-model.md` what they stop.
//!
//! A merge needs no signature as long as it only joins: each file is what one
//! side made of it. What it decides itself is signed as any other change is.
//! And no merge brings in what somebody signed whose access had ended on the
//! other side, however old the branch.

mod authority;
mod changes;
mod error;
mod rollback;
mod signature;

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;

use git2::{Commit, Oid, Sort};

pub use authority::Scope;
pub use error::{Reason, TrustError, Violation};
pub use rollback::{RolledBack, VerifiedHistory};
pub use signature::SignatureFault;

use crate::printable::printable;
use crate::repo::{GitRepository, text_of};
use crate::store::{Access, Holders, RECIPIENTS, SigningKey};
use crate::tree::Tree;
use authority::{Need, access_of, holder_access, lacking, withdrawn_access};
use error::listed;

/// What was verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified {
    /// The commit.
    pub commit: Oid,
    /// How many commits there are after the trusted one.
    pub commits: usize,
    /// How many of them change what matters, and are signed by someone who
    /// may.
    pub signed: usize,
}

/// Verifies the history from a trusted commit to another.
///
/// # Errors
/// The first violation, the oldest first; a history that does not descend from
/// the trusted commit; a repository that cannot be read.
pub fn verify(
    repository: &GitRepository,
    root: Oid,
    target: Oid,
    scope: &Scope,
) -> Result<Verified, TrustError> {
    let git = repository.git();
    if root != target && !git.graph_descendant_of(target, root)? {
        return Err(TrustError::Rewritten { root, target, is_shallow: git.is_shallow() });
    }
    let mut walk = git.revwalk()?;
    walk.set_sorting(Sort::TOPOLOGICAL | Sort::REVERSE)?;
    walk.push(target)?;
    walk.hide(root)?;
    let mut history =
        History { repository, scope, signed: HashMap::new(), holders: HashMap::new() };
    let mut commits = 0;
    for id in walk {
        history.step(&git.find_commit(id?)?)?;
        commits += 1;
    }
    Ok(Verified { commit: target, commits, signed: history.signed.len() })
}

/// The history that was walked so far.
struct History<'a> {
    repository: &'a GitRepository,
    scope: &'a Scope,
    /// The commits that change what matters.
    signed: HashMap<Oid, Signed>,
    /// The holders of trees that were looked at, by the object of their
    /// folder.
    holders: HashMap<Option<Oid>, Arc<Holders>>,
}

/// A commit that is signed by somebody who may.
struct Signed {
    key: SigningKey,
    holders: String,
    /// What it changes, and which access that took.
    needs: Vec<(String, Vec<Access>)>,
    changes_holders: bool,
}

impl History<'_> {
    /// Judges the next commit, its parents having been judged.
    fn step(&mut self, commit: &Commit<'_>) -> Result<(), TrustError> {
        let layout = self.scope.layout;
        let changed = changes::own_changes(self.repository, layout, commit)?;
        if !changed.is_empty() {
            self.judge(commit, &changed)?;
        }
        for one in commit.parent_ids() {
            for other in commit.parent_ids().filter(|other| *other != one) {
                self.judge_joined(commit.id(), one, other)?;
            }
        }
        Ok(())
    }

    /// Judges what a commit changes itself.
    fn judge(
        &mut self,
        commit: &Commit<'_>,
        changed: &BTreeSet<changes::ChangedPath>,
    ) -> Result<(), TrustError> {
        let after = self.repository.tree_at(commit.id())?;
        let parents = commit.parent_ids();
        let before =
            parents.map(|id| self.repository.tree_at(id)).collect::<Result<Vec<_>, _>>()?;
        let fail = |path: &str, reason| violation(commit, path, reason);
        let mut needs = Vec::new();
        for path in changed {
            let Some(path) = path else {
                return Err(fail("a file", Reason::Name));
            };
            let access = self.access_needed(path, &before, &after);
            if let Some(access) = access.map_err(|reason| fail(path, reason))? {
                needs.push((path.clone(), access));
            }
        }
        let Some((first, _)) = needs.first() else { return Ok(()) };
        let key = match signature::signer(self.repository.git(), commit.id())? {
            Ok(key) => key,
            Err(fault) => return Err(fail(first, fault.into())),
        };
        let mut names = String::new();
        let mut sides: Vec<Holders> = Vec::new();
        if before.is_empty() {
            // Nobody came before it who could vouch for anything.
            sides.push(Holders::default());
        }
        for tree in &before {
            sides.push(Holders::read(tree).map_err(|error| fail(first, error.into()))?);
        }
        for holders in &sides {
            let own = holders.iter().filter(|(_, holder)| holder.signing_keys.contains(&key));
            names = listed(own.map(|(name, _)| name));
            if names.is_empty() {
                let fingerprint = key.fingerprint();
                return Err(fail(first, Reason::UnknownKey { fingerprint }));
            }
            let held = access_of(holders, &key);
            for (path, access) in &needs {
                if let Some(lacking) = lacking(&held, access) {
                    let (holders, lacking) = (names, lacking.clone());
                    return Err(fail(path, Reason::NoAccess { holders, lacking }));
                }
            }
        }
        let is_holders = |path: &String| path.starts_with(RECIPIENTS);
        let changes_holders = needs.iter().any(|(path, _)| is_holders(path));
        self.signed.insert(commit.id(), Signed { key, holders: names, needs, changes_holders });
        Ok(())
    }

    /// The access that it takes to change a file; `None` where the file does
    /// not matter.
    fn access_needed(
        &self,
        path: &str,
        before: &[Tree],
        after: &Tree,
    ) -> Result<Option<Vec<Access>>, Reason> {
        let around: Vec<Tree> = before.iter().chain([after]).cloned().collect();
        Ok(match self.scope.need(path, &around) {
            Need::Nothing => None,
            Need::Access(access) => Some(access),
            Need::Withdrawals => Some(withdrawn_access(before, after)?),
            Need::Holder => {
                let all = around.iter().map(Holders::read).collect::<Result<Vec<_>, _>>()?;
                Some(holder_access(path, all.iter()))
            }
        })
    }

    /// Judges what a merge brings in from one side beside the other: nothing
    /// by somebody whose access had ended there.
    fn judge_joined(&mut self, merge: Oid, one: Oid, other: Oid) -> Result<(), TrustError> {
        let git = self.repository.git();
        let holders = self.holders_folder(other)?;
        let mut has_changed = false;
        for base in changes::bases(self.repository, one, other)? {
            has_changed |= self.holders_folder(base)? != holders;
        }
        if !has_changed {
            return Ok(());
        }
        let mut walk = git.revwalk()?;
        walk.push(one)?;
        walk.hide(other)?;
        for id in walk {
            let id = id?;
            let Some(signed) = self.signed.get(&id) else { continue };
            let (key, names, needs) =
                (signed.key.clone(), signed.holders.clone(), signed.needs.clone());
            let today = access_of(&*self.holders_at(other)?, &key);
            for (path, access) in &needs {
                let Some(lacking) = lacking(&today, access) else { continue };
                if self.had_access(&key, access, one, other)? {
                    let commit = git.find_commit(id)?;
                    let (holders, lacking) = (names, lacking.clone());
                    return Err(violation(
                        &commit,
                        path,
                        Reason::Ended { holders, lacking, merge },
                    ));
                }
            }
        }
        Ok(())
    }

    /// Whether a key gave this access once in the history of one side that is
    /// not the other's, or where they parted.
    fn had_access(
        &mut self,
        key: &SigningKey,
        needed: &[Access],
        other: Oid,
        side: Oid,
    ) -> Result<bool, TrustError> {
        let git = self.repository.git();
        let mut at = changes::bases(self.repository, other, side)?;
        let mut walk = git.revwalk()?;
        walk.push(side)?;
        walk.hide(other)?;
        for id in walk {
            let id = id?;
            if self.signed.get(&id).is_some_and(|signed| signed.changes_holders) {
                at.push(id);
            }
        }
        for id in at {
            let held = access_of(&*self.holders_at(id)?, key);
            if lacking(&held, needed).is_none() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The object that a commit has for the folder of holders.
    fn holders_folder(&self, commit: Oid) -> Result<Option<Oid>, TrustError> {
        let tree = self.repository.git().find_commit(commit)?.tree()?;
        let folder = format!("{}{RECIPIENTS}", self.repository.below());
        Ok(tree.get_path(Path::new(&folder)).ok().map(|entry| entry.id()))
    }

    /// The holders at a commit.
    fn holders_at(&mut self, commit: Oid) -> Result<Arc<Holders>, TrustError> {
        let folder = self.holders_folder(commit)?;
        if let Some(holders) = self.holders.get(&folder) {
            return Ok(Arc::clone(holders));
        }
        let read = Holders::read(&self.repository.tree_at(commit)?);
        let holders = Arc::new(read.map_err(|error| {
            let commit = self.repository.git().find_commit(commit);
            match commit {
                Ok(commit) => violation(&commit, RECIPIENTS, error.into()),
                Err(error) => error.into(),
            }
        })?);
        self.holders.insert(folder, Arc::clone(&holders));
        Ok(holders)
    }
}

fn violation(commit: &Commit<'_>, path: &str, reason: Reason) -> TrustError {
    let author = commit.author();
    let name = text_of(commit, author.name_bytes());
    let email = text_of(commit, author.email_bytes());
    TrustError::Violation(Box::new(Violation {
        commit: commit.id(),
        author: format!("{} <{}>", printable(&name), printable(&email)),
        path: printable(path),
        reason,
    }))
}
