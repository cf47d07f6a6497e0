//! `move-in`: a walk from wherever an environment's values are kept today to
//! a store and a Vault that agree.
//!
//! Each step is one of the other commands, and could be taken without this
//! one. Whatever ends the walk leaves what was done; the next one goes on.

use super::checkout::Checkout;
use super::commit::CommitArgs;
use super::completion::environments;
use super::{CliError, Context, Exit, settings::is_stdin};
use crate::model::EnvironmentName;
use crate::shell::quoted;

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
            Self::Vault => "in Vault alone",
            Self::Exported => "in files of vault export-secrets",
            Self::Nowhere => "nowhere, or none of these",
        }
    }
}

pub(super) fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CliError> {
    let name = args.environment.as_str();
    context.ui.need_terminal(&format!(
        "without one, take the steps apart: phalanx-secrets init, import {name} …, sync {name}, \
         audit {name}"
    ))?;
    let commit = match args.commit.as_arguments() {
        [] if may_commit(name, context)? => &["--commit"],
        decided => decided,
    };
    // Whatever it is called wrongly with, now rather than later.
    let environment = context.checkout.environment(&args.environment)?;
    if context.checkout.store_if_any().is_none() {
        context.ui.heading("There is no store here yet.");
        if !context.ui.confirm("Make one, with you as its first key-holder?")? {
            return Ok(stopped(context));
        }
        context.again(&[&["init"], commit].concat())?;
    }
    let mut plaintext = Vec::new();
    if !bring_in(name, commit, environment.onepassword.is_some(), &mut plaintext, context)? {
        return Ok(stopped(context));
    }
    let exit = compare(name, context)?;
    tidy_up(name, commit.contains(&"--commit"), &plaintext, exit, context);
    Ok(exit)
}

/// Asks whether each step shall be committed, where there will be one, it can
/// be and nobody has said so yet.
fn may_commit(name: &str, context: &Context<'_>) -> Result<bool, CliError> {
    let store = context.checkout.store_if_any();
    let is_rule = store.is_some_and(|store| store.settings.commit);
    let is_done = store.is_some() && count_missing(name, context)? == 0;
    if is_rule || is_done || context.checkout.repository().is_err() {
        return Ok(false);
    }
    context.ui.confirm("Commit each step, so that Vault remembers from which commit it is?")
}

fn stopped(context: &Context<'_>) -> Exit {
    context.ui.status("Stopped here. What was stored is stored; move-in goes on from there.");
    Exit::Findings
}

/// The secrets without a value, as the store is by now.
fn count_missing(name: &str, context: &Context<'_>) -> Result<usize, CliError> {
    let checkout = Checkout::find(context.global.config.as_deref(), context.settings)?;
    let environment = checkout.environment(&name.parse()?)?;
    Ok(checkout.store()?.contents(&environment.name)?.missing(&environment).count())
}

/// Imports and asks, until every value is there or the person wants to go on.
fn bring_in(
    name: &str,
    commit: &[&str],
    is_in_onepassword: bool,
    plaintext: &mut Vec<String>,
    context: &Context<'_>,
) -> Result<bool, CliError> {
    let ui = context.ui;
    let mut sources = vec![Source::Yaml, Source::Sops, Source::Vault, Source::Exported];
    if is_in_onepassword {
        sources.insert(0, Source::Onepassword);
    }
    sources.push(Source::Nowhere);
    loop {
        let count = count_missing(name, context)?;
        if count == 0 {
            ui.heading(&format!("\nEvery static secret of {name} has a value."));
            return Ok(true);
        }
        let have = if count == 1 { "secret has" } else { "secrets have" };
        ui.heading(&format!(
            "\n{count} static {have} no value. Where are the values of {name} kept?"
        ));
        let texts: Vec<&str> = sources.iter().map(|source| source.text()).collect();
        let Some(source) = ui.choose(&texts)?.and_then(|index| sources.get(index)) else {
            return Ok(false);
        };
        let mut in_the_clear = None;
        let import: Vec<String> = match source {
            Source::Onepassword => vec!["--from-onepassword".to_owned()],
            Source::Vault => vec!["--from-vault".to_owned()],
            Source::Nowhere => match without_source(name, commit, context)? {
                Some(goes_on) => return Ok(goes_on),
                None => continue,
            },
            Source::Yaml | Source::Sops | Source::Exported => {
                let what = if *source == Source::Exported { "Folder" } else { "File" };
                let path = match ui.ask_line(&format!("{what}: "))? {
                    None => return Ok(false),
                    Some(path) if path.is_empty() || is_stdin(path.as_ref()) => continue,
                    Some(path) => context.settings.typed_path(&path).display().to_string(),
                };
                if *source != Source::Sops {
                    in_the_clear = Some(path.clone());
                }
                match source {
                    Source::Sops => vec!["--from-sops".to_owned(), path],
                    _ if path.starts_with('-') => vec!["--".to_owned(), path],
                    _ => vec![path],
                }
            }
        };
        let skip: &[&str] = match source {
            Source::Yaml | Source::Sops => &["--skip-unknown"],
            _ => &[],
        };
        let import: Vec<&str> = import.iter().map(String::as_str).collect();
        match step(&[&["import", name], skip, commit, &import].concat(), context) {
            Ok(_) => plaintext.extend(in_the_clear),
            Err(error) => ui.error(&error),
        }
    }
}

/// Takes a step, and says by which command it could be taken alone.
fn step(words: &[&str], context: &Context<'_>) -> Result<Exit, CliError> {
    let shown: Vec<String> = words.iter().map(|word| quoted(word)).collect();
    context.ui.status(&format!("$ phalanx-secrets {}", shown.join(" ")));
    context.again(words)
}

/// Asks what is to become of values that are nowhere: `None` leads back to the
/// question where they are, `false` ends the walk.
fn without_source(
    name: &str,
    commit: &[&str],
    context: &Context<'_>,
) -> Result<Option<bool>, CliError> {
    let choices = ["give them now, one by one", "leave them for later", "look for another place"];
    match context.ui.choose(&choices)? {
        None => Ok(Some(false)),
        Some(0) => {
            context.again(&[&["fill", name], commit].concat())?;
            Ok(None)
        }
        Some(1) => Ok(Some(true)),
        Some(_) => Ok(None),
    }
}

/// Compares with Vault, and brings that in line where the person wants it.
fn compare(name: &str, context: &Context<'_>) -> Result<Exit, CliError> {
    let ui = context.ui;
    // What a sync does not change by itself is what no spec names.
    let syncs: [(&[&str], &str); 2] = [
        (&[], "Bring Vault in line now?"),
        (&["--delete"], "Remove from Vault what no spec names, as well?"),
    ];
    let mut exit = audit(name, context)?;
    for (options, question) in syncs {
        if exit != Exit::Findings {
            break;
        }
        ui.heading("\nWhat a sync would do:");
        let sync = [&["sync", name], options].concat();
        if let Err(error) = step(&[&sync[..], &["--dry-run"]].concat(), context) {
            ui.error(&error);
            return Ok(exit);
        }
        if !ui.confirm(question)? {
            ui.status(&format!("Later: phalanx-secrets {}", sync.join(" ")));
            return Ok(exit);
        }
        if let Err(error) = step(&sync, context) {
            ui.error(&error);
            return Ok(error.exit);
        }
        exit = audit(name, context)?;
    }
    if exit == Exit::Done {
        ui.heading(&format!("Vault holds what {name} needs."));
    }
    Ok(exit)
}

/// Audits, again where that failed and the person wants it.
fn audit(name: &str, context: &Context<'_>) -> Result<Exit, CliError> {
    let ui = context.ui;
    loop {
        ui.heading("\nComparing with Vault.");
        match step(&["audit", name], context) {
            Ok(exit) => return Ok(exit),
            Err(error) => {
                ui.error(&error);
                if !ui.confirm("Try again?")? {
                    ui.status(&format!("Later: phalanx-secrets audit {name}"));
                    return Ok(error.exit);
                }
            }
        }
    }
}

/// Says what to commit and what to remove.
fn tidy_up(
    name: &str,
    is_committed: bool,
    plaintext: &[String],
    exit: Exit,
    context: &Context<'_>,
) {
    let ui = context.ui;
    ui.heading("\nWhat remains to be done:");
    if is_committed {
        ui.status("  • push the commits, or open a pull request");
    } else {
        ui.status("  • commit the sealed values and key-holders, and push them:");
        ui.status("      git add secrets recipients .gitattributes");
        ui.status(&format!("      git commit -m 'secrets({name}): move in'"));
    }
    for path in plaintext {
        ui.status("  • once that is pushed, delete the values in the clear, and copies of them:");
        ui.status(&format!("      shred --remove {}", quoted(path)));
    }
    if exit != Exit::Done {
        ui.status(&format!("  • come to a clean: phalanx-secrets audit {name}"));
    }
    ui.status("  • give others access: phalanx-secrets recipients add --help");
}
