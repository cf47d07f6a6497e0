//! `git merge-driver`: merges two versions of a sealed file.
//!
//! Git's contract: the result is written over the file with our version; exit
//! code 0 says that it is merged, any other that it is a conflict. A file in
//! conflict keeps our version, whole.

use std::path::{Path, PathBuf};

use git2::Oid;

use crate::cli::{CliError, Context, Exit};
use crate::repo::{GitRepository, RepositoryError};
use crate::shell::quoted;
use crate::store::{Holders, MergeConflict, Versions, id_of_path, merge};

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// The version that both came from (%O)
    ancestor: PathBuf,
    /// Our version, to be replaced by the result (%A)
    ours: PathBuf,
    /// The other version (%B)
    theirs: PathBuf,
    /// The file's path in the repository (%P)
    path: String,
    /// What git calls the other side (%Y)
    label: Option<String>,
}

pub(super) fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CliError> {
    let repository = context.checkout.repository()?;
    let path = args.path.strip_prefix(repository.below()).unwrap_or(&args.path);
    let Some(id) = id_of_path(path) else {
        return Err(CliError::store(format!("{path} is not where a value is kept")));
    };
    let (base, ours, theirs) = (read(&args.ancestor)?, read(&args.ours)?, read(&args.theirs)?);
    let versions = Versions {
        base: Some(base.as_slice()).filter(|base| !base.is_empty()),
        ours: &ours,
        theirs: &theirs,
    };
    let label = args.label.as_deref();
    let holders = match other_side(&repository, label, context) {
        Some(other) => merged_holders(&repository, &other)?,
        // What the other side did to the holders is not known. A file that is
        // sealed to today's is right all the same, and no other is made.
        None => {
            let today = Holders::read(&repository.tree_at(repository.resolve("HEAD")?)?)?;
            let merged = merge(&id, versions, &today, Default::default);
            return finish(args, path, merged);
        }
    };
    let merged = merge(&id, versions, &holders, || context.identities().unwrap_or_default());
    finish(args, path, merged)
}

fn finish(
    args: &Args,
    path: &str,
    merged: Result<Vec<u8>, MergeConflict>,
) -> Result<Exit, CliError> {
    match merged {
        Ok(file) => {
            write(&args.ours, &file)?;
            Ok(Exit::Done)
        }
        Err(conflict) => {
            let file = quoted(path);
            let error = CliError::new(Exit::Store, &conflict);
            let decide = format!(
                "{file} is left as this side has it; for the other side's value: git checkout \
                 --theirs -- {file}; or store a new one; then: git add {file}"
            );
            Err(match conflict {
                MergeConflict::Unopened { .. } => error
                    .hint(decide)
                    .hint("or have it merged by a holder who can open both sides".to_owned()),
                _ => error.hint(decide),
            })
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>, CliError> {
    std::fs::read(path).map_err(|error| {
        let mut failed = CliError::store(format!("{} cannot be read", path.display()));
        failed.causes.push(error.to_string());
        failed
    })
}

#[expect(clippy::disallowed_methods, reason = "it is git's own temporary file, and sealed")]
fn write(path: &Path, content: &[u8]) -> Result<(), CliError> {
    Ok(std::fs::write(path, content)?)
}

/// The other side of a merge, and what it and ours came from.
struct OtherSide {
    base: Option<Oid>,
    tip: Oid,
}

/// Finds the other side. Git tells a driver only what it is called: a branch,
/// or an abbreviated commit with its subject where one is picked.
fn other_side(
    repository: &GitRepository,
    label: Option<&str>,
    context: &Context<'_>,
) -> Option<OtherSide> {
    let git = repository.git();
    let head = repository.resolve("HEAD").ok()?;
    let of_merge = |tip: Oid| OtherSide { base: git.merge_base(head, tip).ok(), tip };
    let of_pick = |tip: Oid| {
        let base = git.find_commit(tip).ok().and_then(|commit| commit.parent_id(0).ok());
        OtherSide { base, tip }
    };
    if let [tip] = context.settings.git_merge_heads().as_slice() {
        return Some(of_merge(Oid::from_str(tip).ok()?));
    }
    let (name, rest) = match label?.split_once(' ') {
        Some((name, rest)) => (name, Some(rest)),
        None => (label?, None),
    };
    let tip = repository.resolve(name).ok()?;
    match rest {
        None => Some(of_merge(tip)),
        // As in `3f2a9c1 (Change the password)`.
        Some(rest) if rest.starts_with('(') => Some(of_pick(tip)),
        Some(_) => None,
    }
}

/// The holders that the merge results in.
fn merged_holders(repository: &GitRepository, other: &OtherSide) -> Result<Holders, CliError> {
    let at = |commit: Option<Oid>| -> Result<Holders, CliError> {
        let Some(commit) = commit else { return Ok(Holders::default()) };
        match repository.tree_at(commit) {
            Ok(tree) => Ok(Holders::read(&tree)?),
            Err(RepositoryError::NoFolder { .. }) => Ok(Holders::default()),
            Err(error) => Err(error.into()),
        }
    };
    let (base, ours) = (at(other.base)?, at(Some(repository.resolve("HEAD")?))?);
    Holders::merge(&base, &ours, &at(Some(other.tip))?).map_err(|name| {
        CliError::store(format!("one side changed the holder {name}, the other removed them"))
            .hint("decide that first; then: phalanx-secrets rekey".to_owned())
    })
}
