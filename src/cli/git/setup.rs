//! `git setup`: has git show, merge and check sealed values in this clone.
//!
//! All of it is in the clone's own configuration, and none is committed:
//! whoever clones a repository must not get programs to run with it.

use std::path::Path;

use git2::{Config, ConfigLevel, ErrorCode};

use super::{DRIVER, SHOW_VALUES};
use crate::cli::{CliError, Context, Exit};
use crate::shell::quoted;
use crate::store::{STORE_FILE, Withdrawals, write_file};

/// Around our lines in git's file of attributes.
const BEGIN: &str = "# phalanx-secrets: begin";
const END: &str = "# phalanx-secrets: end";
/// All sealed values.
const VALUES: &str = "secrets/**/*.age";
/// Below the folder that a repository and its worktrees share.
const ATTRIBUTES: &str = "info/attributes";
const HOOK: &str = "hooks/pre-commit";
/// Where a hook that was there before is kept.
const KEPT_HOOK: &str = "hooks/pre-commit.kept";
/// What our hook is known by.
const HOOK_MARK: &str = "# Installed by: phalanx-secrets git setup\n";

#[derive(Debug, clap::Args)]
#[command(after_help = "It changes the configuration of this clone alone, and nothing that is \
    committed:\n  - git diff and git log -p show of a sealed value what it shows without a key\n  - \
    git merge merges sealed values, and says where it cannot\n  - git commit runs check \
    --staged --allow-missing first; a hook that was there still runs")]
pub(in crate::cli) struct Args {
    /// Have git's diffs show the values themselves, where an identity opens
    /// them without a question
    #[arg(long)]
    show_values: bool,

    /// Undo it
    #[arg(long, conflicts_with = "show_values")]
    remove: bool,
}

/// What is set up, and whether anything had to change.
struct Setup<'a> {
    context: &'a Context<'a>,
    /// The folder that a repository and its worktrees share.
    folder: &'a Path,
    has_changed: bool,
}

pub(super) fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CliError> {
    context.checkout.store()?;
    let repository = context.checkout.repository()?;
    let git = repository.git();
    let below = repository.below().trim_end_matches('/');
    let mut setup = Setup { context, folder: git.commondir(), has_changed: false };
    let mut config = git.config()?.open_level(ConfigLevel::Local)?;
    let program = std::env::current_exe()?;
    let Some(program) = program.to_str() else {
        return Err(CliError::store("the path of this program is not UTF-8"));
    };
    let root = if below.is_empty() { String::new() } else { format!(" -c {}", quoted(below)) };
    let program = quoted(program);
    // Git replaces what follows a percent sign in this command.
    let driver = format!("{program}{root} git merge-driver").replace('%', "%%");

    let values = [
        (format!("diff.{DRIVER}.textconv"), format!("{program} git textconv")),
        // Git would keep what it is shown in the repository, values as well.
        (format!("diff.{DRIVER}.cachetextconv"), "false".to_owned()),
        (format!("merge.{DRIVER}.name"), "sealed values".to_owned()),
        (format!("merge.{DRIVER}.driver"), format!("{driver} %O %A %B %P %S %X %Y")),
        // Branches that were merged before, with different results, come from
        // several commits. What these have in common must not be a guess, or
        // one side's value would pass for unchanged.
        (format!("merge.{DRIVER}.recursive"), "binary".to_owned()),
    ];
    for (name, value) in values {
        setup.set(&mut config, &name, (!args.remove).then_some(value))?;
    }
    setup.set(&mut config, SHOW_VALUES, args.show_values.then(|| "true".to_owned()))?;
    setup.attributes(below, args.remove)?;
    let has_hooks_elsewhere = git.config()?.get_string("core.hooksPath").ok();
    let check = format!("{program}{root} check --staged --allow-missing");
    match (has_hooks_elsewhere, args.remove) {
        (Some(path), false) => context.ui.warn(&format!(
            "hooks of this clone are in {path} (core.hooksPath), which may not be its own: add \
             this to pre-commit there: {check} || exit"
        )),
        (Some(_), true) => {}
        (None, false) => setup.install_hook(&check, below)?,
        (None, true) => setup.remove_hook()?,
    }
    context.ui.status(match (setup.has_changed, args.remove) {
        (true, false) => "Git shows, merges and checks sealed values in this clone now.",
        (false, false) => "Git is set up already; nothing was changed.",
        (true, true) => "Git knows nothing of sealed values any more.",
        (false, true) => "Git is not set up; nothing was changed.",
    });
    if args.show_values {
        context.ui.warn("git diff and git log -p show values in the clear from now on");
    }
    Ok(Exit::Done)
}

impl Setup<'_> {
    /// Sets a setting, or takes it away.
    fn set(
        &mut self,
        config: &mut Config,
        name: &str,
        value: Option<String>,
    ) -> Result<(), CliError> {
        let there = match config.get_string(name) {
            Ok(there) => Some(there),
            Err(error) if error.code() == ErrorCode::NotFound => None,
            Err(error) => return Err(error.into()),
        };
        if there == value {
            return Ok(());
        }
        self.has_changed = true;
        match value {
            Some(value) => config.set_str(name, &value)?,
            None => config.remove(name)?,
        }
        Ok(())
    }

    /// Has our lines, or not, among the attributes of this clone.
    fn attributes(&mut self, below: &str, remove: bool) -> Result<(), CliError> {
        let path = self.folder.join(ATTRIBUTES);
        let there = match std::fs::read_to_string(&path) {
            Ok(there) => there,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error.into()),
        };
        let mut text = without_block(&there);
        if !remove {
            if !text.is_empty() && !text.ends_with('\n') {
                text.push('\n');
            }
            let pattern = pattern_of(below, VALUES);
            let withdrawn = pattern_of(below, &Withdrawals::path());
            text.push_str(&format!(
                "{BEGIN}\n{pattern} diff={DRIVER} merge={DRIVER}\n{withdrawn} merge={DRIVER}\n\
                 {END}\n"
            ));
        }
        if text == there {
            return Ok(());
        }
        self.has_changed = true;
        match text.is_empty() {
            true => Ok(std::fs::remove_file(path)?),
            false => Ok(write_file(self.folder, ATTRIBUTES, text.as_bytes())?),
        }
    }

    /// Puts our hook in place. One that is there is moved aside, and run by
    /// ours.
    ///
    /// Ours lets pass what has no store, as on a branch that knows none. Under
    /// another name, given by a tool that runs it in its turn, it leaves what
    /// was kept to that tool.
    fn install_hook(&mut self, check: &str, below: &str) -> Result<(), CliError> {
        let store = match below {
            "" => STORE_FILE.to_owned(),
            below => format!("{below}/{STORE_FILE}"),
        };
        let store = quoted(&store);
        let text = format!(
            "#!/bin/sh\n{HOOK_MARK}\
             if git --literal-pathspecs ls-files --error-unmatch -- {store} >/dev/null 2>&1\n\
             then {check} || exit\n\
             fi\n\
             kept=\"$(dirname \"$0\")/pre-commit.kept\"\n\
             if [ \"$(basename \"$0\")\" = pre-commit ] && [ -x \"$kept\" ]\n\
             then exec \"$kept\" \"$@\"\n\
             fi\n"
        );
        match self.hook()? {
            Some(there) if there == text.as_bytes() => return Ok(()),
            Some(there) if !is_ours(&there) => self.keep_hook()?,
            _ => {}
        }
        self.has_changed = true;
        write_file(self.folder, HOOK, text.as_bytes())?;
        make_executable(&self.folder.join(HOOK))?;
        Ok(())
    }

    fn remove_hook(&mut self) -> Result<(), CliError> {
        if !self.hook()?.is_some_and(|there| is_ours(&there)) {
            return Ok(());
        }
        self.has_changed = true;
        let kept = self.folder.join(KEPT_HOOK);
        match kept.symlink_metadata() {
            Ok(_) => move_file(&kept, &self.folder.join(HOOK)),
            // The folder of hooks stays, even where it is empty then.
            Err(_) => Ok(std::fs::remove_file(self.folder.join(HOOK))?),
        }
    }

    fn hook(&self) -> Result<Option<Vec<u8>>, CliError> {
        match std::fs::read(self.folder.join(HOOK)) {
            Ok(there) => Ok(Some(there)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn keep_hook(&self) -> Result<(), CliError> {
        let kept = self.folder.join(KEPT_HOOK);
        if kept.symlink_metadata().is_ok() {
            let message = "there are two pre-commit hooks: another one, and one kept from before";
            return Err(CliError::store(message).hint(format!(
                "make one of pre-commit and pre-commit.kept in {}, then run this again",
                quoted(&self.folder.join("hooks").display().to_string())
            )));
        }
        move_file(&self.folder.join(HOOK), &kept)?;
        self.context.ui.status("The pre-commit hook that was there is kept, and still runs.");
        Ok(())
    }
}

fn is_ours(hook: &[u8]) -> bool {
    hook.windows(HOOK_MARK.len()).any(|part| part == HOOK_MARK.as_bytes())
}

#[expect(clippy::disallowed_methods, reason = "a hook is no file of the store")]
fn move_file(from: &Path, to: &Path) -> Result<(), CliError> {
    Ok(std::fs::rename(from, to)?)
}

fn make_executable(path: &Path) -> Result<(), CliError> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(path)?.permissions().mode();
        // Whoever may read it may run it.
        let mode = mode | ((mode & 0o444) >> 2);
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
    }
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}

/// The text without our lines.
fn without_block(text: &str) -> String {
    let mut rest = String::new();
    let mut is_ours = false;
    for line in text.split_inclusive('\n') {
        match line.trim_end() {
            BEGIN => is_ours = true,
            END if is_ours => is_ours = false,
            _ if is_ours => {}
            _ => rest.push_str(line),
        }
    }
    rest
}

/// The pattern of files below a folder, as git's attributes have it.
fn pattern_of(below: &str, files: &str) -> String {
    let mut pattern = String::from("/");
    if !below.is_empty() {
        for character in below.chars() {
            if matches!(character, '*' | '?' | '[' | '\\') {
                pattern.push('\\');
            }
            pattern.push(character);
        }
        pattern.push('/');
    }
    pattern.push_str(files);
    let is_plain = |c: char| !c.is_whitespace() && !c.is_control() && c != '"';
    if pattern.chars().all(is_plain) {
        return pattern;
    }
    format!("\"{}\"", pattern.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_attributes_are_left_alone() {
        let ours = format!("{BEGIN}\nx\n{END}\n");
        for (before, after) in [("", ""), ("a\n", "b"), ("a\n\n", "")] {
            assert_eq!(
                without_block(&format!("{before}{ours}{after}")),
                format!("{before}{after}")
            );
        }
        assert_eq!(without_block(END), END);
    }

    #[test]
    fn folders_are_patterns_of_themselves() {
        assert_eq!(pattern_of("", VALUES), "/secrets/**/*.age");
        assert_eq!(pattern_of("a/b", VALUES), "/a/b/secrets/**/*.age");
        assert_eq!(pattern_of("a[b]*", VALUES), "/a\\[b]\\*/secrets/**/*.age");
        assert_eq!(pattern_of("a \"b\"", VALUES), "\"/a \\\"b\\\"/secrets/**/*.age\"");
        assert_eq!(pattern_of("a *", VALUES), "\"/a \\\\*/secrets/**/*.age\"");
    }
}
