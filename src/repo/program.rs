//! Questions to the user's own `git`, which reads what the git library does
//! not: every form of index, and every place of its settings.

use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Runs `git` in a folder to its end. It is asked nothing and asks nothing.
pub(super) fn ask(folder: &Path, arguments: &[&str]) -> io::Result<Output> {
    ask_with(folder, arguments, &[])
}

/// The same, with environment variables.
pub(super) fn ask_with(
    folder: &Path,
    arguments: &[&str],
    variables: &[(&str, &OsStr)],
) -> io::Result<Output> {
    let mut command = Command::new("git");
    // A program that a repository names for its file system monitor is none
    // that reading should start.
    command.args(["-c", "core.fsmonitor=false", "--no-optional-locks"]).args(arguments);
    command.current_dir(folder).envs(variables.iter().copied());
    command.stdin(Stdio::null()).output()
}

/// The first line of what git printed, where it did what it was asked.
pub(super) fn line(output: io::Result<Output>) -> Option<String> {
    let output = output.ok().filter(|output| output.status.success())?;
    let text = String::from_utf8(output.stdout).ok()?;
    Some(text.lines().next()?.to_owned())
}
