//! Which commits are being merged, while git merges a file of theirs.
//!
//! Git tells a merge driver no commits. It gives labels, which name them more
//! or less, and leaves traces elsewhere. So each commit that comes into
//! question is asked whether it has just the file that is being merged: one
//! that was named by chance is passed over.

use std::path::Path;

use git2::{Commit, Oid};

use super::GitRepository;

/// What git calls the commits.
#[derive(Debug, Clone, Copy, Default)]
pub struct MergeLabels<'a> {
    /// What both sides come from.
    pub base: Option<&'a str>,
    /// Ours.
    pub ours: Option<&'a str>,
    /// Theirs.
    pub theirs: Option<&'a str>,
    /// The only commit that `git merge` was told to merge, where that is known
    /// otherwise.
    pub head: Option<&'a str>,
}

/// The file that is being merged.
#[derive(Debug, Clone, Copy)]
pub struct MergedFile<'a> {
    /// Its path in the repository.
    pub path: &'a str,
    /// What both sides come from; empty where there was none.
    pub base: &'a [u8],
    /// Ours.
    pub ours: &'a [u8],
    /// Theirs.
    pub theirs: &'a [u8],
}

/// The commits that are being merged, as far as they are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergeSides {
    /// Ours.
    pub ours: Oid,
    /// What both sides come from, and theirs. Both come from nothing where
    /// their histories are unrelated.
    pub others: Option<(Vec<Oid>, Oid)>,
}

/// Where git notes the commit that it merges, and whether that is merged as a
/// whole, or as the change to its parent.
const NOTED: [(&str, Kind); 3] = [
    ("MERGE_HEAD", Kind::Whole),
    ("CHERRY_PICK_HEAD", Kind::Change),
    ("REBASE_HEAD", Kind::Change),
];

/// What git calls changes that it brings back from a stash, which it does with
/// those that `--autostash` put away too.
const STASHED: &str = "Stashed changes";

/// Where git notes the commit of changes that `--autostash` put away, below its
/// own folder.
const AUTOSTASH: [&str; 3] =
    ["MERGE_AUTOSTASH", "rebase-merge/autostash", "rebase-apply/autostash"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Whole,
    Change,
    /// As the change to its first parent; the others hold the index and the like.
    Stash,
    Unknown,
}

impl GitRepository {
    /// The commits that are being merged; `None` where not even ours is known.
    #[must_use]
    pub fn merge_sides(&self, file: MergedFile<'_>, labels: MergeLabels<'_>) -> Option<MergeSides> {
        let head = self.resolve("HEAD").ok();
        let named = labels.ours.into_iter().flat_map(|label| self.named_by(label));
        let ours = named.chain(head).find(|commit| self.has(*commit, file.path, file.ours))?;
        let others = self.theirs(file, labels).and_then(|(theirs, kind)| {
            Some((self.bases(file, labels.base, ours, theirs, kind)?, theirs))
        });
        Some(MergeSides { ours, others })
    }

    fn theirs(&self, file: MergedFile<'_>, labels: MergeLabels<'_>) -> Option<(Oid, Kind)> {
        let is_it = |commit: &Oid| self.has(*commit, file.path, file.theirs);
        let named = labels.theirs.into_iter().flat_map(|label| self.named_by(label));
        let named = named.map(|commit| (commit, Kind::Unknown));
        let head = labels.head.and_then(|head| self.resolve(head).ok());
        let head = head.map(|commit| (commit, Kind::Whole));
        let noted =
            NOTED.into_iter().filter_map(|(name, kind)| Some((self.resolve(name).ok()?, kind)));
        let stashed = match labels.theirs {
            Some(STASHED) => self.stashed(),
            _ => Vec::new(),
        };
        let stashed = stashed.into_iter().map(|commit| (commit, Kind::Stash));
        named.chain(head).chain(noted).chain(stashed).find(|(commit, _)| is_it(commit))
    }

    /// The commits of changes that were put away.
    fn stashed(&self) -> Vec<Oid> {
        let git = self.git();
        let mut commits: Vec<Oid> = match git.reflog("refs/stash") {
            Ok(log) => log.iter().map(|entry| entry.id_new()).collect(),
            Err(_) => Vec::new(),
        };
        commits.extend(AUTOSTASH.iter().filter_map(|file| {
            let text = std::fs::read_to_string(git.path().join(file)).ok()?;
            Oid::from_str(text.trim()).ok()
        }));
        commits
    }

    fn bases(
        &self,
        file: MergedFile<'_>,
        label: Option<&str>,
        ours: Oid,
        theirs: Oid,
        kind: Kind,
    ) -> Option<Vec<Oid>> {
        let is_it = |commit: &Oid| self.has(*commit, file.path, file.base);
        let merge_bases = || match self.git().merge_bases(ours, theirs) {
            Ok(bases) => bases.to_vec(),
            Err(_) => Vec::new(),
        };
        let label = label.unwrap_or_default();
        if let Some(base) = self.named_by(label).into_iter().find(is_it) {
            return Some(vec![base]);
        }
        match (label, kind) {
            // What git makes of several commits is in none of them.
            ("merged common ancestors", _) => Some(merge_bases()).filter(|bases| bases.len() > 1),
            ("empty tree" | "(empty tree)", _) if file.base.is_empty() => Some(Vec::new()),
            (_, Kind::Whole) => match merge_bases() {
                bases if bases.len() > 1 => Some(bases),
                bases => bases.first().filter(|base| is_it(base)).map(|base| vec![*base]),
            },
            (_, Kind::Change) => {
                let mut parents = self.parents(theirs).into_iter().filter(is_it);
                match (parents.next(), parents.next()) {
                    (Some(parent), None) => Some(vec![parent]),
                    _ => None,
                }
            }
            (_, Kind::Stash) => {
                self.parents(theirs).into_iter().take(1).find(is_it).map(|base| vec![base])
            }
            (_, Kind::Unknown) => None,
        }
    }

    /// The commits that a label may name: `topic`, `1a2b3c4`, `1a2b3c4
    /// (subject)`, or `parent of 1a2b3c4 (subject)`.
    fn named_by(&self, label: &str) -> Vec<Oid> {
        let (is_parent, rest) = match label.strip_prefix("parent of ") {
            Some(rest) => (true, rest),
            None => (false, label),
        };
        let (name, subject) = rest.split_once(' ').unwrap_or((rest, "("));
        if name.is_empty() || !subject.starts_with('(') {
            return Vec::new();
        }
        match self.resolve(name) {
            Ok(commit) if is_parent => self.parents(commit),
            Ok(commit) => vec![commit],
            Err(_) => Vec::new(),
        }
    }

    fn parents(&self, commit: Oid) -> Vec<Oid> {
        let commit = self.git().find_commit(commit);
        commit.map(|commit: Commit<'_>| commit.parent_ids().collect()).unwrap_or_default()
    }

    /// Whether a commit has a file with just this content, or no such file
    /// where that is empty.
    fn has(&self, commit: Oid, path: &str, content: &[u8]) -> bool {
        let git = self.git();
        let Ok(tree) = git.find_commit(commit).and_then(|commit| commit.tree()) else {
            return false;
        };
        match tree.get_path(Path::new(path)) {
            Ok(entry) => git.find_blob(entry.id()).is_ok_and(|blob| blob.content() == content),
            Err(_) => content.is_empty(),
        }
    }
}
