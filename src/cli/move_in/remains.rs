//! What remains to be done after a walk, as git and the files have it: what to
//! commit, and which values in the clear can go.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::Walk;
use crate::cli::commit::{CommitArgs, by_hand, may_commit};
use crate::cli::{CliError, Exit, import};
use crate::shell::quoted;
use crate::store::{RECIPIENTS, STORE_FILE, sealed_path};

impl Walk<'_> {
    /// The files of the environment, and of the store as a whole, that are not
    /// in the last commit as they are; `None` where there is no repository.
    /// What git ignores is among them.
    fn uncommitted(&self) -> Result<Option<Vec<String>>, CliError> {
        let checkout = self.context.renewed()?.checkout;
        let Ok(repository) = checkout.repository() else { return Ok(None) };
        let head = match repository.resolve("HEAD") {
            Ok(commit) => Some(repository.tree_at(commit)?),
            // There is no commit yet.
            Err(_) => None,
        };
        let mut files = vec![STORE_FILE.to_owned(), ".gitattributes".to_owned()];
        let holders = checkout.tree.list(RECIPIENTS)?.into_iter().filter(|entry| !entry.is_folder);
        files.extend(holders.map(|file| format!("{RECIPIENTS}/{}", file.name)));
        let contents = checkout.store()?.contents(&self.name.parse()?)?;
        files.extend(contents.ids().map(|id| sealed_path(&id)));
        let mut uncommitted = Vec::new();
        for file in files {
            let committed = match &head {
                Some(head) => head.read(&file)?,
                None => None,
            };
            if checkout.tree.read(&file)? != committed {
                uncommitted.push(file);
            }
        }
        Ok(Some(uncommitted))
    }

    /// Offers to commit what an earlier walk, or somebody before it, left
    /// uncommitted.
    pub(super) fn commit_rest(&self) -> Result<(), CliError> {
        let files = self.uncommitted()?.unwrap_or_default();
        if !self.commits() || files.is_empty() {
            return Ok(());
        }
        let ui = self.context.ui;
        ui.heading("\nThese are not committed yet:");
        files.iter().for_each(|file| ui.status(&format!("  {file}")));
        if !self.confirm("Commit them now?")? {
            return Ok(());
        }
        let message = format!("secrets({}): move in", self.name);
        let commit = CommitArgs::wanted().begin(self.context);
        if let Err(error) = commit.and_then(|commit| commit.end(files, &message, ui)) {
            ui.error(&error);
        }
        Ok(())
    }

    /// Says what to commit and what to remove, as it is by now.
    pub(super) fn tidy_up(
        &self,
        plaintext: &BTreeSet<PathBuf>,
        exit: Exit,
    ) -> Result<(), CliError> {
        let (name, ui) = (self.name, self.context.ui);
        ui.heading("\nWhat remains to be done:");
        let place = self.context.settings.absolute(&self.context.checkout.place);
        match self.uncommitted()?.as_deref() {
            None => ui.status("  • keep secrets/, recipients/ and .gitattributes in git"),
            Some([]) => {
                let checkout = &self.context.checkout;
                if checkout.repository().is_ok_and(|one| one.git().head_detached() == Ok(true)) {
                    ui.status("  • give these commits a branch: git switch -c NAME");
                }
                ui.status("  • push the commits, or open a pull request");
            }
            Some(files) => {
                if let Err(error) = may_commit(&place) {
                    ui.status(&format!("  • {}; then", error.message));
                }
                ui.status("  • commit what is not committed yet, and push it:");
                files.iter().for_each(|file| ui.status(&format!("      {file}")));
                let command = by_hand(&place, files, &format!("secrets({name}): move in"));
                ui.status(&format!("      {command}"));
            }
        }
        let is_complete = self.missing()?.values == 0;
        if plaintext.is_empty() && is_complete {
            ui.status(
                "  • if the values came from a file: it can be deleted, once that is pushed,",
            );
            ui.status("    where this lists nothing but equal values:");
            let dry_run = self.command(&["import", name, "--dry-run"]);
            ui.status(&format!("      {dry_run} FILE"));
        }
        for path in plaintext.iter().filter(|path| path.exists()) {
            match self.not_stored(path) {
                Ok(names) if names.is_empty() => {
                    ui.status(
                        "  • once that is pushed, delete the values in the clear, and copies:",
                    );
                    ui.status(&format!("      {}", delete_command(path)));
                }
                Ok(names) => {
                    let path = path.display();
                    ui.status(&format!(
                        "  • {path} has values that are not stored. Delete it once"
                    ));
                    ui.status("    you know what is to become of them:");
                    names.iter().for_each(|name| ui.status(&format!("      {name}")));
                }
                Err(error) => {
                    let (path, message) = (path.display(), error.message);
                    ui.status(&format!(
                        "  • whether {path} may be deleted is not known: {message}"
                    ));
                }
            }
        }
        if exit != Exit::Done {
            ui.status(&format!(
                "  • until this finds nothing: {}",
                self.command(&self.audit_words())
            ));
        }
        ui.status("  • give others access: phalanx-secrets recipients add --help");
        Ok(())
    }

    /// What a file or folder has that is not stored.
    fn not_stored(&self, path: &Path) -> Result<Vec<String>, CliError> {
        let context = self.context.renewed()?;
        let environment = context.checkout.environment(&self.name.parse()?)?;
        import::not_stored(path, &environment, &context)
    }
}

/// How to delete a file, or those files of a folder that are read from one, so
/// that little is left of them.
fn delete_command(path: &Path) -> String {
    let shred = if cfg!(target_os = "linux") { "shred --remove" } else { "rm" };
    let name = quoted(&path.display().to_string());
    match path.is_dir() {
        true => format!("{shred} -- {name}/*.json"),
        false => format!("{shred} -- {name}"),
    }
}
