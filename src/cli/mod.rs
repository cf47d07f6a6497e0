//! The command line: arguments in, calls to the rest of the crate, text out.
//!
//! One file a command. Standard output is data; messages, warnings and
//! progress go to standard error. This is the only part that knows of a
//! terminal, of environment variables and of exit codes.

mod ask;
mod audit;
mod backup;
mod check;
mod checkout;
mod commit;
mod completion;
mod connection;
mod copy_env;
mod diff;
mod edit;
mod editor;
mod error;
mod examples;
mod exit;
mod export;
mod exposed;
mod fill;
mod fleet;
mod get;
mod git;
mod go_values;
mod held_back;
mod ignored;
mod import;
mod init;
mod input;
mod json;
mod last_synced;
mod left_out;
mod list;
mod log;
mod login_settings;
mod logins;
mod man;
mod move_in;
mod new_value;
mod offer;
mod oidc_client;
mod one_place;
mod onepassword;
mod onepassword_secrets;
mod ownership;
mod private_file;
mod private_folder;
mod provenance;
mod recipients;
mod rekey;
mod remove;
mod rename;
mod restore;
mod run;
mod run_variables;
mod schema;
mod session;
mod set;
mod settings;
mod signals;
mod static_template;
mod sync;
mod terminal;
mod token_helper;
mod trust;
mod ui;
mod uncommitted;
mod vault;
mod vault_settings;
mod verify;

use std::cell::OnceCell;
use std::path::PathBuf;
use std::process::ExitCode;
use std::rc::Rc;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use checkout::{Checkout, RevisionArgs};
use error::CliError;
use exit::Exit;
use held_back::HeldBack;
use json::Failed;
use settings::Settings;
use ui::{Ui, Verbosity};

use crate::model::SecretId;
use crate::store::Store;
use crate::store::{Contents, Identities, LockedStore, StoredValue};

/// Keeps the secrets of Phalanx environments sealed in git, and syncs them
/// into Vault.
#[derive(Debug, Parser)]
#[command(name = "phalanx-secrets", version, max_term_width = 100)]
#[command(
    after_help = "Exit codes: 0 done or clean; 1 findings, differences, or something was left \
                  out; 2 what was given is wrong (an option, a name, a file, a value, a variable); \
                  3 the checkout, the store or a key; 4 Vault or another server; 5 Vault was \
                  changed meanwhile or by hand."
)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// What the options of every command stand under.
const EVERY: &str = "Options of every command";

/// Options of every command.
#[derive(Debug, Clone, clap::Args)]
struct Global {
    /// Root of the checkout [default: found from the current folder upwards]
    #[arg(short, long, global = true, help_heading = EVERY, value_name = "FOLDER")]
    config: Option<PathBuf>,

    /// File with an age identity or an SSH private key; repeatable. Named
    /// here, no other is looked for
    #[arg(short, long = "identity", global = true, help_heading = EVERY, value_name = "FILE")]
    identities: Vec<PathBuf>,

    /// Say nothing but warnings and errors
    #[arg(short, long, global = true, help_heading = EVERY, conflicts_with = "verbose")]
    quiet: bool,

    /// Say more of what is looked at, and where
    #[arg(short, long, global = true, help_heading = EVERY)]
    verbose: bool,
}

impl Global {
    fn verbosity(&self) -> Verbosity {
        match (self.quiet, self.verbose) {
            (true, _) => Verbosity::Quiet,
            (_, true) => Verbosity::Verbose,
            _ => Verbosity::Usual,
        }
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a store here, with you as its first key-holder
    Init(init::Args),
    /// List every secret that an environment needs
    List(list::Args),
    /// Print one stored value
    Get(get::Args),
    /// Store one value: from a prompt, standard input or a file
    Set(set::Args),
    /// Change values in your editor
    Edit(edit::Args),
    /// Ask for each static value that is missing
    Fill(fill::Args),
    /// Remove one stored value
    Remove(remove::Args),
    /// Move a value to another key or application
    Rename(rename::Args),
    /// Walk through moving an environment into the store
    MoveIn(move_in::Args),
    /// Store values from a file, 1Password, Vault or sops
    Import(import::Args),
    /// Give a new environment the values of another
    CopyEnv(copy_env::Args),
    /// Run a command with one application's secrets
    Run(run::Args),
    /// Print all stored values as a static-secrets YAML file
    Export(export::Args),
    /// Print what 1Password has as a static-secrets YAML file
    OnepasswordSecrets(onepassword_secrets::Args),
    /// Print an empty static-secrets YAML file
    StaticTemplate(static_template::Args),
    /// Print the JSON schema of secrets.yaml
    Schema(schema::Args),
    /// Look for what is wrong with the store; needs no key
    Check(check::Args),
    /// Manage key-holders: who can read what
    #[command(subcommand)]
    Recipients(recipients::Command),
    /// Seal again what is not sealed to exactly today's holders
    Rekey(rekey::Args),
    /// List values to rotate, since someone who could read them no longer may
    Exposed(exposed::Args),
    /// Compare Vault with what it should hold
    Audit(audit::Args),
    /// Bring Vault in line: open, generate, copy and write
    Sync(sync::Args),
    /// Seal all that Vault holds for an environment into the store
    Backup(backup::Args),
    /// Bring back into Vault what was backed up
    Restore(restore::Args),
    /// Manage who may read and write an environment's secrets in Vault
    #[command(subcommand)]
    Vault(vault::Command),
    /// Show who changed which value when
    Log(log::Args),
    /// Show what differs between two states of the store
    Diff(diff::Args),
    /// Have git show, merge and check sealed values
    #[command(subcommand)]
    Git(git::Command),
    /// Verify that each change was signed by somebody who may make it
    Verify(verify::Args),
    /// Print what has your shell complete names
    Completions(completion::Args),
    /// Print or write manual pages
    Man(man::Args),
}

impl Cli {
    /// The definition of the command line, with examples.
    fn definition() -> clap::Command {
        examples::add_to(Self::command())
    }

    fn parse_with_examples() -> Result<Self, clap::Error> {
        let mut definition = Self::definition();
        let matches = definition.try_get_matches_from_mut(std::env::args_os())?;
        Self::from_arg_matches(&matches).map_err(|error| error.format(&mut definition))
    }
}

/// Runs the command that the process was started with.
#[must_use]
pub fn main() -> ExitCode {
    protect_memory();
    if completion::answer() {
        return ExitCode::SUCCESS;
    }
    let settings = Settings::from_process();
    let ui = Ui::of_process(settings.pastes(), HeldBack::of_process(&settings));
    let cli = match Cli::parse_with_examples() {
        Ok(cli) => cli,
        Err(error) => {
            if error.use_stderr() && json::is_asked_for() {
                let _ = ui.json(&Failed::of(&CliError::usage(ui.first_line_of(&error))));
            }
            ui.usage_error(&error);
            return ExitCode::from(if error.use_stderr() { Exit::Usage.code() } else { 0 });
        }
    };
    let ui = ui.with(cli.global.verbosity());
    let root = cli.global.config.clone();
    match run(cli, &settings, &ui, Rc::default()) {
        Ok(exit) => ExitCode::from(exit.code()),
        Err(error) => {
            let error = error.with_general_hint();
            let error = match checkout::has_history(root.as_deref(), &settings) {
                true => error,
                false => error.without_history(),
            };
            if json::is_asked_for() {
                // Nothing was printed yet: a command prints its document at its end.
                let _ = ui.json(&Failed::of(&error));
            }
            ui.error(&error);
            ExitCode::from(error.exit.code())
        }
    }
}

fn run(
    cli: Cli,
    settings: &Settings,
    ui: &Ui,
    identities: Rc<OnceCell<Identities>>,
) -> Result<Exit, CliError> {
    let global = &cli.global;
    let root = global.config.as_deref();
    let context_of = |checkout: Result<Checkout, CliError>| {
        let identities = Rc::clone(&identities);
        let (checkout, fleet) = (checkout?, fleet::Fleet::default());
        Ok::<_, CliError>(Context { checkout, global, settings, ui, identities, fleet })
    };
    let context = || context_of(Checkout::find(root, settings));
    let context_at = |at: &RevisionArgs| context_of(Checkout::find_at(root, at, settings));
    match cli.command {
        // These need no checkout.
        Command::Completions(args) => completion::run(&args, ui),
        Command::Man(args) => man::run(&args, ui),
        Command::Init(args) => init::run(&args, global, settings, ui),
        Command::Schema(args) => schema::run(&args, ui),
        Command::List(args) => list::run(&args, &context_at(&args.at)?),
        Command::Get(args) => get::run(&args, &context_at(&args.at)?),
        Command::Set(args) => set::run(&args, &context()?),
        Command::Edit(args) => edit::run(&args, &context()?),
        Command::Fill(args) => fill::run(&args, &context()?),
        Command::Remove(args) => remove::run(&args, &context()?),
        Command::Rename(args) => rename::run(&args, &context()?),
        Command::MoveIn(args) => move_in::run(&args, &context()?),
        Command::CopyEnv(args) => copy_env::run(&args, &context()?),
        Command::Run(args) => run::run(&args, &context_at(&args.at)?),
        Command::Import(args) => import::run(&args, &context()?),
        Command::Export(args) => export::run(&args, &context_at(&args.at)?),
        Command::OnepasswordSecrets(args) => onepassword_secrets::run(&args, &context()?),
        Command::StaticTemplate(args) => static_template::run(&args, &context()?),
        Command::Check(args) if args.staged => {
            let checkout = Checkout::find_staged(root, settings, Store::open_leniently);
            check::run(&args, &context_of(checkout)?)
        }
        Command::Check(args) => {
            let open = Store::open_leniently;
            let checkout = Checkout::find_at_with(root, &args.at, settings, open);
            check::run(&args, &context_of(checkout)?)
        }
        Command::Recipients(command) => recipients::run(&command, &context()?),
        Command::Rekey(args) => rekey::run(&args, &context()?),
        Command::Exposed(args) => exposed::run(&args, &context()?),
        Command::Audit(args) => audit::run(&args, context_at(&args.at)?),
        Command::Sync(args) => sync::run(&args, context_at(&args.at)?),
        Command::Backup(args) => backup::run(&args, &context()?),
        Command::Restore(args) => restore::run(&args, context_at(&args.at)?),
        Command::Vault(command) => vault::run(&command, &context()?),
        Command::Log(args) => log::run(&args, &context_at(&args.at.or_head())?),
        Command::Diff(args) => {
            let (checkout, before) = args.find(root, settings)?;
            diff::run(&args, before, &context_of(Ok(checkout))?)
        }
        Command::Git(command) => command.run(context_of, root, settings, ui, &global.identities),
        Command::Verify(args) => verify::run(&args, &context_at(&args.at)?),
    }
}

/// What a command works with.
struct Context<'a> {
    checkout: Checkout,
    global: &'a Global,
    settings: &'a Settings,
    ui: &'a Ui,
    /// Loaded once, whichever of its commands needs them.
    identities: Rc<OnceCell<Identities>>,
    fleet: fleet::Fleet,
}

impl Context<'_> {
    /// Runs another command, with the options that all commands have.
    fn again(&self, words: &[&str]) -> Result<Exit, CliError> {
        let line = std::iter::once(env!("CARGO_PKG_NAME")).chain(words.iter().copied());
        let mut cli = Cli::try_parse_from(line)
            .map_err(|error| CliError::usage(error.to_string()).hint("see --help"))?;
        cli.global = self.global.clone();
        run(cli, self.settings, self.ui, Rc::clone(&self.identities))
    }

    /// The same, with the checkout as it is by now.
    fn renewed(&self) -> Result<Self, CliError> {
        Ok(Self {
            checkout: Checkout::find(self.global.config.as_deref(), self.settings)?,
            identities: Rc::clone(&self.identities),
            fleet: fleet::Fleet::default(),
            ..*self
        })
    }

    /// The store, which nobody else changes until it is dropped.
    fn store_to_change(&self) -> Result<LockedStore, CliError> {
        self.checkout.store()?;
        let waiting = || self.ui.status("Another command changes this store; waiting for it…");
        let store = LockedStore::open(&self.checkout.tree, waiting)?;
        store.ok_or_else(|| CliError::store("the store was removed meanwhile"))
    }

    /// Opens the values that `wanted` picks, all of them or none, and warns of
    /// seals that are not what they should be.
    fn open(
        &self,
        contents: &Contents,
        wanted: impl Fn(&SecretId) -> bool,
    ) -> Result<Vec<StoredValue>, CliError> {
        let store = self.checkout.store()?;
        let identities = self.identities()?;
        let (values, failures) = contents.open_all(wanted, &identities);
        if !failures.is_empty() {
            return Err(CliError::open_failures(&failures, &store.holders, &identities));
        }
        checkout::warn_of_seals(self.ui, store, &values);
        Ok(values)
    }

    /// The identities at hand. What one caller unlocked is so for all.
    fn identities(&self) -> Result<Identities, CliError> {
        if let Some(identities) = self.identities.get() {
            return Ok(identities.clone());
        }
        let sources = self.settings.identity_sources(&self.global.identities)?;
        private_file::warn_of_identities_to_add(&self.global.identities, self.ui);
        let identities = Identities::load_asking(&sources, &self.ui.ask())?;
        for line in identities.describe() {
            self.ui.detail(&format!("Identity: {line}"));
        }
        Ok(self.identities.get_or_init(|| identities).clone())
    }
}

/// Keeps secrets out of core dumps, and other processes of the user out of
/// this one's memory.
fn protect_memory() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_arguments_are_consistent() {
        super::Cli::definition().debug_assert();
    }
}
