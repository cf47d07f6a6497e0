//! Settings from environment variables, read in this one place.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};
use zeroize::Zeroizing;

use super::error::CliError;
use super::terminal::Pastes;
use super::vault_settings::text_of;
use crate::model::SecretValue;
use crate::store::{IdentitySource, find_private_key};
use crate::vault::Named;

/// The variable that names an identity file or holds an identity.
const IDENTITY: &str = "PHALANX_SECRETS_IDENTITY";
/// The variable that names the trusted commit.
const TRUST_ROOT: &str = "PHALANX_SECRETS_TRUST_ROOT";

/// What the process's environment says.
pub(super) struct Settings {
    /// A variable that is set, maybe to nothing.
    raw: fn(&str) -> Option<OsString>,
    names: fn() -> Vec<String>,
    pub(super) current_folder: std::io::Result<PathBuf>,
}

impl Settings {
    #[expect(clippy::disallowed_methods, reason = "this is the one place")]
    pub(super) fn from_process() -> Self {
        Self {
            raw: |name| std::env::var_os(name),
            names: || std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()).collect(),
            current_folder: std::env::current_dir(),
        }
    }

    /// A variable; one that is set to nothing counts as not set.
    fn variable(&self, name: &str) -> Option<OsString> {
        (self.raw)(name).filter(|value| !value.is_empty())
    }

    fn path(&self, name: &str) -> Option<PathBuf> {
        self.variable(name).map(PathBuf::from)
    }

    /// A variable with its name.
    pub(super) fn named(&self, name: &str) -> Option<Named<OsString>> {
        Some(Named { value: self.variable(name)?, name: name.to_owned() })
    }

    /// The names of all variables.
    pub(super) fn names(&self) -> Vec<String> {
        (self.names)()
    }

    /// What stands in the variables that are read here, any of which somebody
    /// may have given a key or a token.
    pub(super) fn texts_that_may_be_keys(&self) -> Vec<String> {
        const FAMILIES: [&str; 6] = ["PHALANX_SECRETS_", "SOPS_", "VAULT_", "BAO_", "OP_", "XDG_"];
        let names = (self.names)().into_iter();
        let names = names.filter(|name| FAMILIES.iter().any(|family| name.starts_with(family)));
        names.filter_map(|name| self.text_if_any(&name)).collect()
    }

    /// A variable that decides nothing of weight: one that is not UTF-8 counts
    /// as not set.
    fn text_if_any(&self, name: &str) -> Option<String> {
        self.variable(name)?.into_string().ok()
    }

    pub(super) fn text(&self, name: &str) -> Result<Option<String>, CliError> {
        Ok(self.named(name).map(text_of).transpose()?.map(|named| named.value))
    }

    pub(super) fn home(&self) -> Option<PathBuf> {
        let home = self.path("HOME").or_else(|| self.path("USERPROFILE"));
        home.filter(|home| home.is_absolute())
    }

    fn config_folder(&self) -> Option<PathBuf> {
        // A relative one counts for nothing, as its specification says: it
        // would be another folder in each.
        let named = self.path("XDG_CONFIG_HOME").filter(|folder| folder.is_absolute());
        named.or_else(|| Some(self.home()?.join(".config")))
    }

    /// Where temporary files may go, those in memory first.
    pub(super) fn temporary_folders(&self) -> Vec<PathBuf> {
        let mut folders: Vec<PathBuf> = self.path("XDG_RUNTIME_DIR").into_iter().collect();
        folders.extend([PathBuf::from("/dev/shm"), self.temporary_folder()]);
        folders.iter().map(|folder| self.absolute(folder)).collect()
    }

    /// Where temporary files go.
    pub(super) fn temporary_folder(&self) -> PathBuf {
        self.absolute(&self.path("TMPDIR").unwrap_or_else(|| PathBuf::from("/tmp")))
    }

    /// How to tell what is pasted, in the terminal that there is.
    pub(super) fn pastes(&self) -> Pastes {
        Pastes::in_terminal(self.text_if_any("TERM").as_deref())
    }

    /// A path that was typed at a prompt, where no shell has seen it: maybe in
    /// quotes, as terminals give the name of a file that is dragged into them.
    pub(super) fn typed_path(&self, path: &str) -> PathBuf {
        let unquoted = match path.starts_with(['\'', '"']) {
            true => shell_words::split(path).ok().filter(|words| words.len() == 1),
            false => None,
        };
        let path = unquoted.as_deref().and_then(<[_]>::first).map_or(path, String::as_str);
        match (path.strip_prefix("~/"), self.home()) {
            (Some(below), Some(home)) => home.join(below),
            _ => PathBuf::from(path),
        }
    }

    /// A path that means the same in every folder.
    pub(super) fn absolute(&self, path: &Path) -> PathBuf {
        match &self.current_folder {
            Ok(here) => here.join(path),
            Err(_) => path.to_owned(),
        }
    }

    /// The user's editor, as a shell would write it.
    pub(super) fn editor(&self) -> Result<Option<String>, CliError> {
        let is_set = |line: &String| !line.trim().is_empty();
        match self.text("VISUAL")?.filter(is_set) {
            Some(editor) => Ok(Some(editor)),
            None => Ok(self.text("EDITOR")?.filter(is_set)),
        }
    }

    /// The program of a name, where the shell would find it.
    pub(super) fn program(&self, name: &str) -> Option<PathBuf> {
        if name.contains('/') {
            return Some(self.absolute(&self.typed_path(name)));
        }
        let path = self.variable("PATH")?;
        let is_program = |path: &PathBuf| path.is_file() && access(path, Access::EXEC_OK).is_ok();
        std::env::split_paths(&path).map(|folder| folder.join(name)).find(is_program)
    }

    /// The name of the user, as the system has it.
    pub(super) fn user(&self) -> Option<String> {
        self.text_if_any("USER").or_else(|| self.text_if_any("USERNAME"))
    }

    /// The index that git has its hooks use, where it is not the repository's
    /// own.
    pub(super) fn git_index_file(&self) -> Option<PathBuf> {
        let file = self.path("GIT_INDEX_FILE")?;
        // Relative to the folder in which git started the hook.
        match &self.current_folder {
            Ok(here) => Some(here.join(file)),
            Err(_) => Some(file),
        }
    }

    /// The commits that git is merging, in hexadecimal: `git merge` has each in
    /// the name of a variable.
    pub(super) fn git_merge_heads(&self) -> Vec<String> {
        (self.names)()
            .iter()
            .filter_map(|name| name.strip_prefix("GITHEAD_"))
            .map(str::to_owned)
            .collect()
    }

    /// The trusted commit from which history is verified.
    ///
    /// # Errors
    /// A variable that is set to nothing, or to what cannot be read: a job in
    /// which it is misspelt or not filled in must not go without.
    pub(super) fn trust_root(&self) -> Result<Option<String>, CliError> {
        let Some(value) = (self.raw)(TRUST_ROOT) else { return Ok(None) };
        match value.into_string() {
            Ok(value) if value.trim().is_empty() => {
                Err(CliError::usage(format!("{TRUST_ROOT} is set, but to nothing")).hint(
                    "set it to the full name of the trusted commit; or unset it, and nothing is \
                     verified"
                        .to_owned(),
                ))
            }
            Ok(value) => Ok(Some(value)),
            Err(_) => Err(CliError::usage(format!("{TRUST_ROOT} is not UTF-8"))),
        }
    }

    /// Whether the environment names or holds settings of git.
    pub(super) fn names_git_settings(&self) -> bool {
        (self.names)().iter().any(|name| name.starts_with("GIT_CONFIG"))
    }

    /// Where a new identity goes.
    pub(super) fn own_identity_file(&self) -> Option<PathBuf> {
        Some(self.config_folder()?.join("phalanx-secrets").join("identity.txt"))
    }

    /// Where identities may be, in order. Those named on the command line
    /// leave no others.
    ///
    /// # Errors
    /// A variable that cannot be what it should hold.
    pub(super) fn identity_sources(
        &self,
        named: &[PathBuf],
    ) -> Result<Vec<IdentitySource>, CliError> {
        if !named.is_empty() {
            let file = |path: &PathBuf| IdentitySource::File { path: path.clone(), named_by: "-i" };
            return Ok(named.iter().map(file).collect());
        }
        let mut sources = Vec::new();
        match self.variable(IDENTITY).map(OsString::into_string) {
            None => {}
            Some(Ok(value)) => {
                let value = Zeroizing::new(value);
                sources.push(if find_private_key(&value).is_some() {
                    IdentitySource::Text { text: value.as_str().into(), named_by: IDENTITY }
                } else {
                    IdentitySource::File { path: value.as_str().into(), named_by: IDENTITY }
                });
            }
            // Names of files are not always UTF-8; keys are.
            Some(Err(path)) => {
                sources.push(IdentitySource::File { path: path.into(), named_by: IDENTITY });
            }
        }
        if let Some(path) = self.path("SOPS_AGE_KEY_FILE") {
            sources.push(IdentitySource::File { path, named_by: "SOPS_AGE_KEY_FILE" });
        }
        if let Some(text) = self.text("SOPS_AGE_KEY")? {
            sources.push(IdentitySource::Text { text: text.into(), named_by: "SOPS_AGE_KEY" });
        }
        let defaults = [
            self.own_identity_file(),
            self.config_folder().map(|folder| folder.join("sops").join("age").join("keys.txt")),
            self.home().map(|home| home.join(".ssh").join("id_ed25519")),
        ];
        sources.extend(defaults.into_iter().flatten().map(IdentitySource::DefaultFile));
        Ok(sources)
    }

    /// The token for 1Password Connect.
    pub(super) fn onepassword_token(&self) -> Result<Option<SecretValue>, CliError> {
        Ok(self.text("OP_CONNECT_TOKEN")?.map(SecretValue::from))
    }
}

/// Whether a path is the conventional name of standard input.
pub(super) fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}
