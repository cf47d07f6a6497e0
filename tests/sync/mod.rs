//! `sync` and `audit` from end to end, against a real server.
//!
//! - [`generated`], [`static_values`], [`copies`], [`oidc_clients`],
//!   [`pull_secret`]: what becomes of each kind of secret.
//! - [`side_by_side`]: this program and the Python CLI in turn.
//! - [`deletion`]: what is not deleted by mistake.
//! - [`unknown`], [`entries`]: what else Vault holds, and where.
//! - [`options`]: `--dry-run`, `--json`, `--exclude`, `--secrets`.
//! - [`old_installer_page`]: what the documentation tells a site of long ago.
//! - [`onepassword`]: static values straight from 1Password.
//! - [`races`]: interruptions, and others that write at the same time.
//! - [`recovery`]: backups, and a Vault that is rebuilt from one;
//!   [`recovery_page`]: what the documentation tells of it.
//! - [`fleet`]: several environments in one run.
//! - [`drift`]: what others changed in Vault, and clones that are behind.
//! - [`turns`]: several people at once, at random, for as long as one likes.
//! - [`notes`]: the commit that an entry is from.
//! - [`ownership`]: whose an entry is.
//! - [`names`]: names that are misspelt.
//! - [`question`]: what is asked before it is done.
//! - [`one_place`]: environments that are in each other's way.
//! - [`logins`]: tokens for the time of one command.
//! - [`first_hour`]: what the documentation tells a newcomer.
//! - [`move_in`]: from where values were kept before.
//! - [`encoded`], [`run`]: what else reaches Vault, and what comes from there.
//! - [`sizes`]: how large a value may be.
//! - [`variables`]: how Vault is reached.
//! - [`vault_page`]: what the documentation tells of policies and tokens.
//! - [`access`], [`faults`], [`tokens`]: what a token may do, and all that may
//!   be wrong.
//! - [`vault_commands`]: `vault audit` and its neighbours.
//! - [`exit_codes`]: whose turn it is.
//! - [`outages`]: whatever goes wrong on the way; in [`crate::cluster`], too.
//! - [`removed`]: what a retired application or environment leaves.
//! - [`readme_page`]: what the documentation begins with.
//! - [`renamed`]: an application under another name.
//! - [`revisions`]: another state than that of the work tree.
//! - [`trust`]: whose changes count; [`trust_page`]: what the documentation
//!   tells of it.
//! - [`audit`]: the comparison alone.
//! - [`phalanx_data`]: all of a real environment.

mod access;
mod audit;
mod copies;
mod deletion;
mod drift;
mod encoded;
mod entries;
mod exit_codes;
mod faults;
mod first_hour;
mod fleet;
mod generated;
mod interposer;
mod logins;
mod move_in;
mod names;
mod notes;
mod oidc_clients;
mod old_installer_page;
mod one_place;
mod onepassword;
mod options;
mod outages;
mod ownership;
mod phalanx_data;
pub mod proxy;
mod pull_secret;
mod question;
mod races;
mod readme_page;
mod recovery;
mod recovery_page;
mod removed;
mod renamed;
mod revisions;
mod run;
mod side_by_side;
mod sizes;
mod static_values;
mod tokens;
mod trust;
mod trust_page;
mod turns;
mod unknown;
mod variables;
mod vault_commands;
mod vault_page;

use std::path::PathBuf;

use crate::support::cli::{Command, Output, Sandbox};
use crate::support::openbao::{OpenBao, Watch, shared, unique_prefix};
use crate::support::redact_paths;
use crate::support::standalone::Repository;

/// A store with one environment, `demo`, and its corner of the shared server.
pub struct World {
    sandbox: Sandbox,
    root: PathBuf,
    server: &'static OpenBao,
    pub prefix: String,
}

impl World {
    /// Enables applications, each with the text of its TOML file.
    pub fn new(name: &str, applications: &[(&str, &str)]) -> Self {
        Self::at(&unique_prefix(name), applications)
    }

    /// The same at a prefix of one's own choice.
    fn at(prefix: &str, applications: &[(&str, &str)]) -> Self {
        let (sandbox, server) = (Sandbox::new(), shared());
        let alice = sandbox.age_identity("alice");
        sandbox.install_identity(&alice.path);
        let names: Vec<&str> = applications.iter().map(|(name, _)| *name).collect();
        let mut repository = Repository::standalone(&sandbox, "store")
            .holder("alice", &[&alice.recipient], &["*"])
            .environment("demo", server.url(), prefix, &names);
        for (name, declared) in applications {
            repository = repository.application(name, declared);
        }
        let root = repository.root().to_owned();
        Self { sandbox, root, server, prefix: prefix.to_owned() }
    }

    /// Changes what an application declares.
    fn declare(&self, application: &str, declared: &str) {
        let path = format!("secrets/applications/{application}.toml");
        self.sandbox.write(self.root.join(path), declared);
    }

    /// Points the environment elsewhere, or enables other applications.
    fn environment(&self, url: &str, prefix: &str, applications: &[&str]) {
        let text = format!(
            "vault-url = \"{url}\"\nvault-path-prefix = \"{prefix}\"\n\
             applications = {applications:?}\n"
        );
        self.sandbox.write(self.root.join("secrets/environments/demo.toml"), text);
    }

    /// Prepares to run the program in the store, as root of Vault.
    pub fn command(&self, arguments: &[&str]) -> Command {
        self.sandbox
            .command(arguments)
            .current_dir(&self.root)
            .env("VAULT_TOKEN", OpenBao::ROOT_TOKEN)
    }

    /// Runs git in the store.
    fn git(&self, arguments: &[&str]) -> String {
        self.sandbox.git_in(&self.root, arguments)
    }

    /// Commits everything, and gives the commit.
    fn commit(&self, message: &str) -> String {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", message]);
        self.git(&["rev-parse", "HEAD"]).trim().to_owned()
    }

    /// Stores a value.
    #[track_caller]
    fn set(&self, application: &str, key: &str, value: &str) {
        self.command(&["set", "demo", application, key]).stdin(value).run().success();
    }

    /// Runs `sync demo`, which must succeed.
    #[track_caller]
    fn sync(&self, options: &[&str]) -> Output {
        self.try_sync(options).success()
    }

    /// Runs `sync demo`.
    #[track_caller]
    fn try_sync(&self, options: &[&str]) -> Output {
        self.command(&["sync", "demo"]).args(options).run()
    }

    /// Runs `audit demo`.
    #[track_caller]
    fn audit(&self, options: &[&str]) -> Output {
        self.command(&["audit", "demo"]).args(options).run()
    }

    /// Runs `sync demo` and asserts that it makes no request to change
    /// anything.
    #[track_caller]
    fn sync_changes_nothing(&self, options: &[&str]) -> Output {
        let watch = self.watch();
        let output = self.sync(options);
        assert_eq!(watch.writes(), [], "{output:?}");
        assert_eq!(output.stdout(), "", "{output:?}");
        output
    }

    /// Runs `sync demo`, which must fail without a request to change anything.
    #[track_caller]
    fn sync_is_refused(&self, code: i32, options: &[&str]) -> Output {
        let watch = self.watch();
        let output = self.try_sync(options).fails_with(code);
        assert_eq!(watch.writes(), [], "{output:?}");
        output
    }

    /// A value in Vault.
    #[track_caller]
    fn value(&self, application: &str, key: &str) -> String {
        let value = self.server.value(&self.prefix, application, key);
        value.unwrap_or_else(|| panic!("Vault has no {application} {key}"))
    }

    /// The version of an entry, or 0.
    fn version(&self, application: &str) -> u64 {
        self.server.read(&self.prefix, application).map_or(0, |(version, _)| version)
    }

    /// The requests for this environment from now on.
    fn watch(&self) -> Watch<'static> {
        self.server.watch(&self.prefix)
    }

    /// Replaces what differs from run to run.
    fn redact(&self, text: &str) -> String {
        let path = self.prefix.split_once('/').map_or("", |(_, path)| path);
        redact_paths(text, &self.sandbox).replace(path, "[PATH]")
    }
}
