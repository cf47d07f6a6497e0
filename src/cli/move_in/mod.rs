//! `move-in`: a walk from wherever an environment's values are kept today to
//! a store and a Vault that agree.
//!
//! Each step is one of the other commands, and could be taken without this
//! one. Whatever ends the walk leaves what was done; the next one goes on.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::commit::{CommitArgs, may_commit};
use super::completion::environments;
use super::connection::ServerArgs;
use super::settings::is_stdin;
use super::{CliError, Context, Exit};
use crate::layout::{OIDC_CLIENTS, PULL_SECRET};
use crate::model::{Environment, EnvironmentName, Generator, Kind, Spec};
use crate::shell::quoted;
use crate::store::Identities;

mod remains;

/// How to do without a question of the walk.
const AT_TERMINAL: &str = "answer at a terminal";

#[derive(Debug, clap::Args)]
#[command(
    after_help = "The walk: make a store if there is none, import what there is, give what is \
    still missing, compare with Vault and bring it in line, and then commit and tidy up. It asks \
    before each step, and can be taken again."
)]
pub(super) struct Args {
    /// Environment
    #[arg(add = environments())]
    environment: EnvironmentName,

    #[command(flatten)]
    server: ServerArgs,

    #[command(flatten)]
    commit: CommitArgs,
}

/// Where values may be today.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Onepassword,
    Yaml,
    Sops,
    Vault,
    Exported,
    Nowhere,
}

impl Source {
    fn text(self) -> &'static str {
        match self {
            Self::Onepassword => "in 1Password, behind a Connect server",
            Self::Yaml => "in a static-secrets YAML file",
            Self::Sops => "in such a file that sops encrypted",
            Self::Vault => "in Vault alone, typed in by hand",
            Self::Exported => "in files of vault export-secrets",
            Self::Nowhere => "nowhere yet, or in none of these places",
        }
    }

    /// What must be named of it.
    fn asks_for(self) -> Option<&'static str> {
        match self {
            Self::Yaml | Self::Sops => Some("File"),
            Self::Exported => Some("Folder"),
            Self::Onepassword | Self::Vault | Self::Nowhere => None,
        }
    }
}

pub(super) fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CliError> {
    let name = args.environment.as_str();
    context.ui.need_terminal(&format!(
        "without one, take the steps apart: phalanx-secrets init, import {name} …, sync {name}, \
         audit {name}"
    ))?;
    // Whatever it is called wrongly with, now rather than later.
    let environment = context.checkout.environment(&args.environment)?;
    let walk = Walk {
        name,
        commit: commit_arguments(args, context)?,
        server: args.server.as_arguments(),
        context,
    };
    if context.checkout.store_if_any().is_none() && !walk.make_store()? {
        return Ok(stopped(context));
    }
    let mut plaintext = BTreeSet::new();
    if !walk.bring_in(&environment, &mut plaintext)? {
        return Ok(stopped(context));
    }
    walk.commit_rest()?;
    let exit = walk.compare()?;
    walk.tidy_up(&plaintext, exit)?;
    Ok(exit)
}

/// Asks whether each step shall be committed, where there will be one, it can
/// be and nobody has said so yet.
fn commit_arguments(
    args: &Args,
    context: &Context<'_>,
) -> Result<&'static [&'static str], CliError> {
    let said = args.commit.as_arguments();
    let store = context.checkout.store_if_any();
    let is_rule = store.is_some_and(|store| store.settings.commit);
    let is_done = match store {
        Some(store) => {
            let environment = context.checkout.environment(&args.environment)?;
            store.contents(&environment.name)?.missing(&environment).next().is_none()
        }
        None => false,
    };
    if !said.is_empty() || is_rule || is_done || context.checkout.repository().is_err() {
        return Ok(said);
    }
    if let Err(error) = may_commit(&context.checkout.place) {
        context.ui.warn(&format!("the steps are not committed: {}", error.message));
        return Ok(&[]);
    }
    let question = "Commit after each step, so that Vault remembers from which commit it is?";
    Ok(if context.ui.confirm(question, AT_TERMINAL)? { &["--commit"] } else { &[] })
}

fn stopped(context: &Context<'_>) -> Exit {
    context.ui.status("Stopped here. What was stored is stored; move-in goes on from there.");
    Exit::Findings
}

/// What the store of an environment has not.
struct Missing {
    /// How many static secrets have no value.
    values: usize,
    /// Whether there is no pull secret, which no spec counts.
    pull_secret: bool,
    /// Whether there are no OpenID Connect clients where a secret is made of
    /// them, which no spec counts either.
    clients: bool,
}

impl Missing {
    /// Asks for what no spec counts; `None` where it is all there.
    fn question(&self) -> Option<String> {
        let names = [(self.pull_secret, "pull secret"), (self.clients, "OpenID Connect client")];
        let names: Vec<&str> =
            names.into_iter().filter_map(|(is_missing, name)| is_missing.then_some(name)).collect();
        let names = Some(names.join(" and no ")).filter(|names| !names.is_empty())?;
        Some(format!("No {names} is stored. Is one kept elsewhere, to import?"))
    }
}

/// What the steps of a walk have in common.
struct Walk<'a> {
    name: &'a str,
    commit: &'static [&'static str],
    server: Vec<&'a str>,
    context: &'a Context<'a>,
}

impl Walk<'_> {
    /// Asks for a yes.
    fn confirm(&self, question: &str) -> Result<bool, CliError> {
        self.context.ui.confirm(question, AT_TERMINAL)
    }

    /// Takes a step, and says by which command it could be taken alone.
    fn step(&self, words: &[&str]) -> Result<Exit, CliError> {
        self.context.ui.status(&format!("$ {}", self.command(words)));
        self.context.again(words)
    }

    /// A command as a shell takes it.
    fn command(&self, words: &[&str]) -> String {
        let mut line = "phalanx-secrets".to_owned();
        if let Some(root) = &self.context.global.config {
            line.push_str(&format!(" -c {}", quoted(&root.display().to_string())));
        }
        for word in words {
            line.push(' ');
            line.push_str(&quoted(word));
        }
        line
    }

    /// Whether each step is committed.
    fn commits(&self) -> bool {
        let store = self.context.checkout.store_if_any();
        let is_rule = store.is_some_and(|store| store.settings.commit);
        self.commit.contains(&"--commit") || (is_rule && self.commit.is_empty())
    }

    /// Makes a store, if the person wants one.
    fn make_store(&self) -> Result<bool, CliError> {
        let context = self.context;
        context.ui.heading("There is no store here yet.");
        if !self.confirm("Make one, with you as its first key-holder?")? {
            return Ok(false);
        }
        let sources = context.settings.identity_sources(&context.global.identities)?;
        let has_identity =
            !Identities::load_asking(&sources, &context.ui.ask())?.found().is_empty();
        let mut init = vec!["init"];
        if !has_identity {
            context.ui.heading("No identity of yours was found, by which you could open values.");
            if !self.confirm("Make one?")? {
                return Ok(false);
            }
            init.push("--new-identity");
        }
        init.extend(self.commit);
        match self.step(&init) {
            // It may have been made, and not been committed.
            Err(error) if context.renewed()?.checkout.store_if_any().is_some() => {
                context.ui.error(&error);
                Ok(true)
            }
            made => made.map(|_| true),
        }
    }

    /// What the store has not, as it is by now.
    fn missing(&self) -> Result<Missing, CliError> {
        let context = self.context.renewed()?;
        let environment = context.checkout.environment(&self.name.parse()?)?;
        let contents = context.checkout.store()?.contents(&environment.name)?;
        let has = |name| contents.ids().any(|id| id.application.as_str() == name);
        let is_made_of_clients = |(_, _, spec): (_, _, &Spec)| {
            matches!(spec.kind, Kind::Generate(Generator::OidcClients))
        };
        Ok(Missing {
            values: contents.missing(&environment).count(),
            pull_secret: !has(PULL_SECRET),
            clients: !has(OIDC_CLIENTS) && environment.secrets().any(is_made_of_clients),
        })
    }

    /// Imports and asks, until every value is there or the person wants to go
    /// on.
    fn bring_in(
        &self,
        environment: &Environment,
        plaintext: &mut BTreeSet<PathBuf>,
    ) -> Result<bool, CliError> {
        let (name, context) = (self.name, self.context);
        let ui = context.ui;
        let mut sources = vec![Source::Yaml, Source::Sops, Source::Vault, Source::Exported];
        if environment.onepassword.is_some() {
            sources.insert(0, Source::Onepassword);
        }
        sources.push(Source::Nowhere);
        let mut has_asked_for_more = false;
        loop {
            let missing = self.missing()?;
            let count = missing.values;
            if count == 0 {
                ui.heading(&format!("\nEvery static secret of {name} has a value."));
                // Nothing tells whether there ought to be any.
                let question = missing.question().filter(|_| !has_asked_for_more);
                has_asked_for_more = true;
                let Some(question) = question else { return Ok(true) };
                if !self.confirm(&question)? {
                    return Ok(true);
                }
                ui.heading("\nWhere?");
            } else {
                let have = if count == 1 { "secret has" } else { "secrets have" };
                ui.heading(&format!(
                    "\n{count} static {have} no value. Where are the values of {name} kept?"
                ));
            }
            let texts: Vec<&str> = sources.iter().map(|source| source.text()).collect();
            let Some(source) = ui.choose(&texts)?.and_then(|index| sources.get(index)) else {
                return Ok(false);
            };
            if *source == Source::Nowhere {
                match self.without_source(count)? {
                    Some(goes_on) => return Ok(goes_on),
                    None => continue,
                }
            }
            let path = match source.asks_for() {
                None => String::new(),
                Some(what) => match ui.ask_line(&format!("{what}: "))? {
                    None => return Ok(false),
                    Some(path) if path.is_empty() || is_stdin(path.as_ref()) => continue,
                    Some(path) => context.settings.typed_path(&path).display().to_string(),
                },
            };
            if matches!(source, Source::Yaml | Source::Exported) {
                // Whatever comes of it: the end of the walk looks at it again.
                plaintext.insert(context.settings.absolute(Path::new(&path)));
            }
            if let Err(error) = self.step(&self.import(*source, &path)) {
                ui.error(&error);
            }
        }
    }

    /// The command that imports from a source.
    fn import<'b>(&'b self, source: Source, path: &'b str) -> Vec<&'b str> {
        let mut words = vec!["import", self.name];
        words.extend(self.commit);
        match source {
            // What is missing there is asked for next.
            Source::Onepassword => words.extend(["--from-onepassword", "--allow-missing"]),
            Source::Vault => {
                words.push("--from-vault");
                words.extend(&self.server);
            }
            Source::Sops => words.extend(["--skip-unknown", "--from-sops", path]),
            Source::Yaml => words.extend(["--skip-unknown", "--", path]),
            Source::Exported | Source::Nowhere => words.extend(["--", path]),
        }
        words
    }

    /// Asks what is to become of values that are nowhere: `None` leads back to
    /// the question where they are, `false` ends the walk.
    fn without_source(&self, count: usize) -> Result<Option<bool>, CliError> {
        if count == 0 {
            return Ok(Some(true));
        }
        let choices =
            ["give them now, one by one", "leave them for later", "look for another place"];
        match self.context.ui.choose(&choices)? {
            None => Ok(Some(false)),
            Some(0) => {
                if let Err(error) = self.step(&[&["fill", self.name], self.commit].concat()) {
                    self.context.ui.error(&error);
                }
                Ok(None)
            }
            Some(1) => Ok(Some(true)),
            Some(_) => Ok(None),
        }
    }

    /// Compares with Vault, and brings that in line where the person wants it.
    fn compare(&self) -> Result<Exit, CliError> {
        let ui = self.context.ui;
        // What a sync does not change by itself is what no spec names. No spec
        // names a pull secret either, and one may be in use.
        let has_no_pull_secret = self.missing()?.pull_secret;
        let delete: &[&str] = match has_no_pull_secret {
            true => &["--delete", "--exclude", PULL_SECRET],
            false => &["--delete"],
        };
        let syncs: [(&[&str], &str); 2] = [
            (&[], "Bring Vault in line now?"),
            (delete, "Remove from Vault what no spec names, as well?"),
        ];
        let mut exit = self.audit()?;
        for (options, question) in syncs {
            if exit != Exit::Findings {
                break;
            }
            let is_last = !options.is_empty();
            if is_last && has_no_pull_secret && self.is_in_line_but_for_a_pull_secret()? {
                let import = ["import", self.name, "--from-vault"];
                let import = self.command(&[&import, &self.server[..]].concat());
                ui.hint(&format!("Vault alone has a pull secret; to store it: {import}"));
                return Ok(exit);
            }
            ui.heading("\nWhat a sync would do:");
            let sync = [&["sync", self.name], options, &self.server].concat();
            match self.step(&[&sync[..], &["--dry-run"]].concat()) {
                Ok(Exit::Done) => {}
                // It would be refused, and said why.
                Ok(_) => return Ok(exit),
                Err(error) => {
                    ui.error(&error);
                    return Ok(exit);
                }
            }
            if !self.confirm(question)? {
                ui.status(&format!("Later: {}", self.command(&sync)));
                return Ok(exit);
            }
            // It was asked just now.
            let yes: &[&str] = if is_last { &["--yes"] } else { &[] };
            if let Err(error) = self.step(&[&sync[..], yes].concat()) {
                ui.error(&error);
                return Ok(error.exit);
            }
            exit = self.audit()?;
        }
        if exit == Exit::Done {
            ui.heading(&format!("Vault holds what {} needs.", self.name));
        }
        Ok(exit)
    }

    /// Whether Vault differs in a pull secret alone, so that there is nothing
    /// else to remove.
    fn is_in_line_but_for_a_pull_secret(&self) -> Result<bool, CliError> {
        let audit = [&self.audit_words()[..], &["--exclude", PULL_SECRET]].concat();
        Ok(self.step(&audit)? == Exit::Done)
    }

    /// Audits, again where that failed and the person wants it.
    fn audit(&self) -> Result<Exit, CliError> {
        let ui = self.context.ui;
        loop {
            ui.heading("\nComparing with Vault.");
            let audit = self.audit_words();
            match self.step(&audit) {
                Ok(exit) => return Ok(exit),
                Err(error) => {
                    ui.error(&error);
                    if !self.confirm("Try again?")? {
                        ui.status(&format!("Later: {}", self.command(&audit)));
                        return Ok(error.exit);
                    }
                }
            }
        }
    }

    fn audit_words(&self) -> Vec<&str> {
        [&["audit", self.name], &self.server[..]].concat()
    }
}
