//! Commits files with the user's own `git`.
//!
//! The git library makes commits too, and would leave out what makes them the
//! user's: hooks, signatures, indexes that are split or sparse. So the program
//! is run, as the user would.

use std::collections::BTreeSet;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

use thiserror::Error;

/// Files that were not committed.
#[derive(Debug, Error)]
pub enum CommitError {
    /// The program cannot be run.
    #[error("git cannot be run")]
    Program(#[source] io::Error),
    /// It does not know in whose name.
    #[error("git does not know who you are")]
    Nobody,
    /// It was told to leave files as its index has them.
    #[error("git leaves {file} alone in this clone ({flag})")]
    LeftAlone {
        /// The first of them.
        file: String,
        /// The flag in the index that says so: `skip-worktree` or
        /// `assume-unchanged`.
        flag: &'static str,
    },
    /// It said no, and why.
    #[error("git did not {what} ({status})")]
    Refused {
        /// What it was asked to do.
        what: &'static str,
        /// Its exit status.
        status: ExitStatus,
    },
}

/// Whether there is a program to commit with, and it knows in whose name.
///
/// # Errors
/// There is none, or it does not know.
pub fn check_git(root: &Path) -> Result<(), CommitError> {
    for who in ["GIT_AUTHOR_IDENT", "GIT_COMMITTER_IDENT"] {
        let mut command = Command::new("git");
        command.args(["var", who]).current_dir(root);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if !command.status().map_err(CommitError::Program)?.success() {
            return Err(CommitError::Nobody);
        }
    }
    Ok(())
}

/// Commits files as they are in the work tree, and nothing else: what is
/// staged beside them stays staged. Gives the abbreviated name of the commit,
/// or `None` where git knows nothing of any of the files.
///
/// What git has to say goes to standard error. It may ask for a passphrase, if
/// commits are signed.
///
/// # Errors
/// A commit that git, or a hook, refuses. The index is then as before.
pub fn commit(root: &Path, files: &[String], message: &str) -> Result<Option<String>, CommitError> {
    let known = known_files(root)?;
    if let Some((file, flag)) = left_alone(root)?.into_iter().find(|(file, _)| files.contains(file))
    {
        return Err(CommitError::LeftAlone { file, flag });
    }
    let is_there = |file: &str| root.join(file).symlink_metadata().is_ok();
    let (old, new): (Vec<&str>, Vec<&str>) =
        files.iter().map(String::as_str).partition(|file| known.contains(*file));
    let new: Vec<&str> = new.into_iter().filter(|file| is_there(file)).collect();
    let all: Vec<&str> = old.iter().chain(&new).copied().collect();
    if all.is_empty() {
        return Ok(None);
    }
    if !new.is_empty() {
        // What git does not know, `commit --only` does not find.
        git(root, "add the new files", &["add", "--sparse", "--intent-to-add"], &new)?;
    }
    let arguments = ["commit", "--quiet", "--only", "--message", message];
    if let Err(error) = git(root, "commit", &arguments, &all) {
        if !new.is_empty() {
            let _ = git(root, "forget the new files", &["reset", "--quiet"], &new);
        }
        return Err(error);
    }
    let name = output(root, "name the commit", &["rev-parse", "--short=10", "HEAD"])?;
    Ok(Some(String::from_utf8_lossy(&name).trim().to_owned()))
}

/// The files below a folder that git knows, relative to it.
fn known_files(root: &Path) -> Result<BTreeSet<String>, CommitError> {
    let names = output(root, "list its files", &["ls-files", "-z", "--", "."])?;
    let names = names.split(|byte| *byte == 0).filter_map(|name| str::from_utf8(name).ok());
    Ok(names.map(str::to_owned).collect())
}

/// The files below a folder whose changes git was told not to look at, each
/// with the flag that says so.
fn left_alone(root: &Path) -> Result<Vec<(String, &'static str)>, CommitError> {
    let listed = output(root, "list its files", &["ls-files", "-v", "-z", "--", "."])?;
    let records = listed.split(|byte| *byte == 0).filter_map(|record| str::from_utf8(record).ok());
    let left = records.filter_map(|record| {
        let (mark, file) = record.split_once(' ')?;
        let flag = match mark {
            "S" => "skip-worktree",
            mark if mark.starts_with(|c: char| c.is_ascii_lowercase()) => "assume-unchanged",
            _ => return None,
        };
        Some((file.to_owned(), flag))
    });
    Ok(left.collect())
}

/// Runs git on files, whose names it gets on standard input and takes as they
/// are.
fn git(
    root: &Path,
    what: &'static str,
    arguments: &[&str],
    files: &[&str],
) -> Result<(), CommitError> {
    let mut command = Command::new("git");
    command.arg("--literal-pathspecs").args(arguments);
    command.args(["--pathspec-from-file=-", "--pathspec-file-nul"]).current_dir(root);
    let mut child = command
        .stdin(Stdio::piped())
        // Some reasons (that there is nothing to commit) git gives there.
        .stdout(io::stderr())
        .spawn()
        .map_err(CommitError::Program)?;
    if let Some(mut input) = child.stdin.take() {
        // Where git ends early, its status says why.
        let _ = input.write_all(files.join("\0").as_bytes());
    }
    let status = child.wait().map_err(CommitError::Program)?;
    if status.success() { Ok(()) } else { Err(CommitError::Refused { what, status }) }
}

/// What git prints.
fn output(root: &Path, what: &'static str, arguments: &[&str]) -> Result<Vec<u8>, CommitError> {
    let mut command = Command::new("git");
    command.args(arguments).current_dir(root).stdin(Stdio::null()).stderr(Stdio::inherit());
    let output = command.output().map_err(CommitError::Program)?;
    match output.status.success() {
        true => Ok(output.stdout),
        false => Err(CommitError::Refused { what, status: output.status }),
    }
}
