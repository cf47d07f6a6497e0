//! What `git setup` makes of git: its diffs, its merges and its hook; and the
//! [`forms`] that repositories come in. [`page`] is what the documentation
//! tells of it.

mod diffs;
mod forms;
mod histories;
mod merging;
mod page;
mod setup;

use std::fs;
use std::path::Path;

use crate::support::cli::{Command, Output, make_executable};
use crate::support::keys::Key;
use crate::support::small_store::SmallStore;

const PASSWORD: &str = "secrets/demo/app/password.age";

/// A store in git, with everything committed and git set up.
struct Clone {
    store: SmallStore,
}

impl Clone {
    fn new() -> Self {
        let store = SmallStore::in_order();
        store.set("app", "password", "first");
        let clone = Self { store };
        clone.git(&["init", "--quiet"]);
        clone.commit("The store");
        clone
    }

    fn set_up() -> Self {
        let clone = Self::new();
        clone.setup(&[]).success();
        clone
    }

    fn setup(&self, options: &[&str]) -> Output {
        self.store.run([&["git", "setup"], options].concat())
    }

    fn git(&self, arguments: &[&str]) -> String {
        self.store.sandbox.git_in(&self.store.root, arguments)
    }

    /// Runs git, which may fail.
    fn try_git(&self, arguments: &[&str]) -> Output {
        self.command(arguments).run()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        self.store.sandbox.program("git", arguments).current_dir(&self.store.root)
    }

    fn commit(&self, message: &str) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", message]);
    }

    /// Begins a branch at the first commit that both sides have.
    fn branch(&self, name: &str) {
        self.git(&["checkout", "--quiet", "-b", name]);
    }

    fn checkout(&self, name: &str) {
        self.git(&["checkout", "--quiet", name]);
    }

    fn status(&self) -> String {
        self.git(&["status", "--porcelain"])
    }

    fn get(&self, key: &str, identity: Option<&Key>) -> String {
        let identity = identity.map(|key| ["-i", key.path.to_str().unwrap()]);
        let line = ["get", "demo", "app", key].into_iter().chain(identity.into_iter().flatten());
        self.store.run(line).success().stdout().to_owned()
    }

    fn add_holder(&self, name: &str) -> Key {
        let key = self.store.sandbox.age_identity(name);
        let add = ["recipients", "add", name, "--access", "demo", "--key", &key.recipient];
        self.store.run(add).success();
        key
    }

    /// What everything about the clone is, but for its objects and its logs.
    fn configuration(&self) -> Vec<(String, Vec<u8>)> {
        let folder = self.store.root.join(".git");
        let file = |name: &str| (name.to_owned(), fs::read(folder.join(name)).unwrap_or_default());
        let hooks = fs::read_dir(folder.join("hooks")).unwrap();
        let mut names: Vec<String> = hooks
            .map(|entry| format!("hooks/{}", entry.unwrap().file_name().to_str().unwrap()))
            .filter(|name| !name.ends_with(".sample"))
            .collect();
        names.sort();
        names.extend(["config".to_owned(), "info/attributes".to_owned()]);
        names.iter().map(|name| file(name)).collect()
    }
}

fn write_hook(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
    make_executable(path);
}
