//! `git merge-driver`: merges two versions of a sealed file, or of the list of
//! withdrawals.
//!
//! Git's contract: the result is written over the file with our version; exit
//! code 0 says that it is merged, any other that it is a conflict. A file in
//! conflict keeps our version, whole.

use std::path::{Path, PathBuf};

use git2::Oid;

use crate::cli::{CliError, Context, Exit};
use crate::model::SecretId;
use crate::repo::{GitRepository, MergeLabels, MergedFile, RepositoryError};
use crate::shell::quoted;
use crate::store::{
    Holders, MergeConflict, MergedHolders, Versions, Withdrawals, id_of_path, merge,
};

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
    /// What git calls the commit that both came from (%S)
    base_label: Option<String>,
    /// What git calls our side (%X)
    our_label: Option<String>,
    /// What git calls the other side (%Y)
    their_label: Option<String>,
}

pub(super) fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CliError> {
    let repository = context.checkout.repository()?;
    let path = args.path.strip_prefix(repository.below()).unwrap_or(&args.path);
    if path == Withdrawals::path() {
        return merge_withdrawals(args);
    }
    let Some(id) = id_of_path(path) else {
        return Err(CliError::store(format!("{path} is not where a value is kept")));
    };
    let (base, ours, theirs) = (read(&args.ancestor)?, read(&args.ours)?, read(&args.theirs)?);
    let versions = Versions {
        base: Some(base.as_slice()).filter(|base| !base.is_empty()),
        ours: &ours,
        theirs: &theirs,
    };
    let identities = || context.identities().unwrap_or_default();
    match holders(&repository, &id, args, versions, context)? {
        Known::Both(holders) => {
            let merged = holders.and_then(|holders| merge(&id, versions, &holders, identities));
            finish(args, path, merged)
        }
        // What the other side did to the holders is not known. A file that is
        // sealed to ours is right all the same, and no other is made.
        Known::Ours(ours) => finish(args, path, merge(&id, versions, &ours, identities)),
        Known::Neither => {
            let message = format!("git does not tell between which commits {id} is merged");
            Err(CliError::store(message).hint(decide(path)))
        }
    }
}

/// Both sides only ever add to it.
fn merge_withdrawals(args: &Args) -> Result<Exit, CliError> {
    let text = |path: &Path| {
        String::from_utf8(read(path)?)
            .map_err(|_| CliError::store(format!("{} is not text", Withdrawals::path())))
    };
    let merged = Withdrawals::merge(&text(&args.ours)?, &text(&args.theirs)?)?;
    write(&args.ours, merged.as_bytes())?;
    Ok(Exit::Done)
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
            let error = CliError::new(Exit::Store, &conflict);
            Err(match conflict {
                MergeConflict::Unopened { .. } => error
                    .hint(decide(path))
                    .hint("or have it merged by a holder who can open both sides".to_owned()),
                MergeConflict::Holder { .. } | MergeConflict::Bases { .. } => error
                    .hint("decide that first; then: phalanx-secrets rekey".to_owned())
                    .hint(decide(path)),
                _ => error.hint(decide(path)),
            })
        }
    }
}

/// What to do about a file in conflict.
fn decide(path: &str) -> String {
    let file = quoted(path);
    format!(
        "{file} is left as this side has it; for the other side's value: git checkout --theirs \
         -- {file}; or store a new one; then: git add {file}"
    )
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

/// The holders, as far as it is known which commits are merged.
enum Known {
    Both(Result<MergedHolders, MergeConflict>),
    Ours(MergedHolders),
    Neither,
}

fn holders(
    repository: &GitRepository,
    id: &SecretId,
    args: &Args,
    versions: Versions<'_>,
    context: &Context<'_>,
) -> Result<Known, CliError> {
    let heads = context.settings.git_merge_heads();
    let head = match heads.as_slice() {
        [head] => Some(head.as_str()),
        _ => None,
    };
    let labels = MergeLabels {
        base: args.base_label.as_deref(),
        ours: args.our_label.as_deref(),
        theirs: args.their_label.as_deref(),
        head,
    };
    let file = MergedFile {
        path: &args.path,
        base: versions.base.unwrap_or_default(),
        ours: versions.ours,
        theirs: versions.theirs,
    };
    let Some(sides) = repository.merge_sides(file, labels) else { return Ok(Known::Neither) };
    // A commit from before there was a store.
    let base_at = |commit: Oid| match repository.tree_at(commit) {
        Err(RepositoryError::NoFolder { .. }) => Ok(None),
        tree => tree.map(Some),
    };
    let ours = repository.tree_at(sides.ours)?;
    let Some((bases, theirs)) = sides.others else {
        return Ok(Known::Ours(MergedHolders::of_one_side(Holders::read(&ours)?)));
    };
    let bases = bases.into_iter().map(base_at).collect::<Result<Vec<_>, _>>()?;
    let theirs = repository.tree_at(theirs)?;
    Ok(Known::Both(MergedHolders::merge(id, &bases, &ours, &theirs)))
}
