//! `import`: store the values of a static-secrets YAML file.
//!
//! Everything or nothing: all values are sealed in memory and put on disk
//! beside their places before the first file is replaced. Should the machine
//! stop between two files, the same import does the rest.

use super::completion::environments;
use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::Timestamp;

use super::commit::CommitArgs;
use super::session::read_yaml;
use super::{CliError, Context, Exit};
use crate::layout::{OIDC_CLIENTS, RESERVED_APPLICATIONS};
use crate::model::{Environment, EnvironmentName, Kind, SecretId, SecretValue};
use crate::static_values::{OidcClient, RegistryCredentials, StaticValues};
use crate::store::{FileChange, Identities, LockedStore, Store, sealed_path};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Environment
    #[arg(add = environments())]
    environment: EnvironmentName,
    /// The file ("-" for standard input)
    file: PathBuf,

    /// Replace stored values that differ
    #[arg(long)]
    replace: bool,

    /// Store values too that no spec of the environment asks for (yet)
    #[arg(long, conflicts_with = "skip_unknown")]
    allow_unknown: bool,

    /// Leave out values that no spec of the environment asks for
    #[arg(long)]
    skip_unknown: bool,

    /// Show what would be done, and do nothing
    #[arg(short = 'n', long)]
    dry_run: bool,

    #[command(flatten)]
    commit: CommitArgs,
}

/// What is to become of each value in the file.
#[derive(Debug, Default)]
struct Sorted {
    new: Vec<(SecretId, SecretValue)>,
    different: Vec<(SecretId, SecretValue)>,
    equal: usize,
    /// Of secrets that are generated or copied: nothing would ever use them.
    not_static: Vec<SecretId>,
    unknown: Vec<SecretId>,
}

pub(super) fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CliError> {
    let (commit, locked) = match args.dry_run {
        true => (None, None),
        false => (Some(args.commit.begin(context)?), Some(context.store_to_change()?)),
    };
    let store: &Store = match &locked {
        Some(locked) => locked,
        None => context.checkout.store()?,
    };
    let environment = context.checkout.environment(&args.environment)?;
    let values = read_yaml(&args.file)?;
    refuse_misplaced(&values)?;
    let values = values.to_stored(&args.environment).map_err(|error| {
        CliError::new(Exit::Store, &error).hint("correct it in the file".to_owned())
    })?;
    let sorted = sort(args, context, store, &environment, values)?;
    refuse(args, &sorted)?;

    let ui = context.ui;
    for id in &sorted.not_static {
        ui.warn(&format!("{id} is not static, so its value in the file is left out"));
    }
    for id in &sorted.unknown {
        ui.warn(&match args.skip_unknown {
            true => format!("no spec asks for {id}, so its value in the file is left out"),
            false => format!("no spec asks for {id}; it is stored all the same"),
        });
    }
    if let Some(store) = &locked {
        put_all(store, sorted.new.iter().chain(&sorted.different))?;
    }
    let verb = if args.dry_run { "Would store" } else { "Stored" };
    ui.status(&format!(
        "{verb} {} new and {} different values; {} were stored already.",
        sorted.new.len(),
        sorted.different.len(),
        sorted.equal
    ));
    say_what_is_missing(args, context, store, &environment, &sorted)?;
    if let (Some(commit), Some(locked)) = (commit, locked) {
        let touched = locked.into_touched();
        let count = match touched.len() {
            1 => "1 value".to_owned(),
            count => format!("{count} values"),
        };
        let message = format!("secrets({}): import {count}", args.environment);
        commit.end(touched, &message, context.ui)?;
    }
    Ok(Exit::Done)
}

/// Stops at what the store would give back as something else.
fn refuse_misplaced(values: &StaticValues) -> Result<(), CliError> {
    for application in values.applications.keys() {
        if RESERVED_APPLICATIONS.contains(&application.as_str()) {
            let message = format!("the file has {application} among its applications");
            return Err(CliError::store(message).hint(format!(
                "that has a section of its own, {application}, beside applications"
            )));
        }
    }
    for (registry, credentials) in &values.pull_secret {
        let stored = RegistryCredentials::from_plaintext(&credentials.to_plaintext());
        if stored.as_ref() != Ok(credentials) {
            return Err(CliError::store(format!(
                "the credentials for registry {registry:?} are not usable: the username holds a \
                 colon, or the username or the password is empty"
            )));
        }
    }
    Ok(())
}

fn sort(
    args: &Args,
    context: &Context<'_>,
    store: &Store,
    environment: &Environment,
    values: Vec<(SecretId, SecretValue)>,
) -> Result<Sorted, CliError> {
    let contents = store.contents(&environment.name)?;
    let mut sorted = Sorted::default();
    let mut stored = BTreeMap::new();
    for (id, value) in values {
        let is_reserved = RESERVED_APPLICATIONS.contains(&id.application.as_str());
        match environment.spec(&id.application, &id.key).map(|spec| &spec.kind) {
            Some(Kind::Static) => {}
            _ if is_reserved => {}
            Some(_) => {
                sorted.not_static.push(id);
                continue;
            }
            None => {
                sorted.unknown.push(id.clone());
                if !args.allow_unknown {
                    continue;
                }
            }
        }
        if contents.has(&id.application, &id.key) {
            stored.insert(id, value);
        } else {
            sorted.new.push((id, value));
        }
    }
    if stored.is_empty() {
        return Ok(sorted);
    }

    // What is stored already must be opened, to leave alone what is equal.
    let identities: Identities = context.identities()?;
    let (opened, failures) = contents.open_all(|id| stored.contains_key(id), &identities);
    if !failures.is_empty() && !args.replace {
        let error = CliError::open_failures(&failures, &store.holders, &identities);
        return Err(error.hint(
            "--replace stores the file's values without comparing them with the stored ones"
                .to_owned(),
        ));
    }
    for value in opened {
        let given = stored.get(&value.id);
        if given.is_some_and(|given| says_the_same(&value.id, given, &value.opened.value)) {
            stored.remove(&value.id);
            sorted.equal += 1;
        }
    }
    sorted.different = stored.into_iter().collect();
    Ok(sorted)
}

/// Whether two values of a secret are equal. A client is a JSON document, which
/// `set` keeps as it was written.
fn says_the_same(id: &SecretId, one: &SecretValue, other: &SecretValue) -> bool {
    let is_same_client =
        || match (OidcClient::from_plaintext(one), OidcClient::from_plaintext(other)) {
            (Ok(one), Ok(other)) => one == other,
            _ => false,
        };
    one == other || (id.application.as_str() == OIDC_CLIENTS && is_same_client())
}

/// Stops where the file holds what must be decided first.
fn refuse(args: &Args, sorted: &Sorted) -> Result<(), CliError> {
    let list = |ids: Vec<&SecretId>| ids.into_iter().map(ToString::to_string).collect::<Vec<_>>();
    if !sorted.unknown.is_empty() && !args.allow_unknown && !args.skip_unknown {
        let message = "the file holds values that no spec of the environment asks for; nothing \
                       was stored";
        return Err(CliError::store(message).detail(list(sorted.unknown.iter().collect())).hint(
            "store them too with --allow-unknown, or leave them out with --skip-unknown".to_owned(),
        ));
    }
    if !sorted.different.is_empty() && !args.replace {
        let message = "other values are stored for some secrets; nothing was stored";
        let ids = list(sorted.different.iter().map(|(id, _)| id).collect());
        return Err(CliError::store(message)
            .detail(ids)
            .hint("replace them with --replace".to_owned()));
    }
    Ok(())
}

/// Seals everything, then writes everything.
fn put_all<'a>(
    store: &LockedStore,
    values: impl Iterator<Item = &'a (SecretId, SecretValue)>,
) -> Result<(), CliError> {
    let set_at = store.time_of_change(Timestamp::now())?;
    let mut changes = Vec::new();
    for (id, value) in values {
        let file = sealed_path(id);
        let before = if store.has(id) { Some(store.sealed(id)?) } else { None };
        let set_at = store.time_of_change_of(id, set_at)?;
        let after = Some(store.seal(id, value, set_at)?);
        changes.push(FileChange { file, before, after });
    }
    Ok(store.write(&changes)?)
}

fn say_what_is_missing(
    args: &Args,
    context: &Context<'_>,
    store: &Store,
    environment: &Environment,
    sorted: &Sorted,
) -> Result<(), CliError> {
    let contents = store.contents(&environment.name)?;
    let is_new = |id: &SecretId| args.dry_run && sorted.new.iter().any(|(new, _)| new == id);
    let missing: Vec<SecretId> = environment
        .secrets()
        .filter(|(application, key, spec)| {
            spec.kind == Kind::Static && !contents.has(application, key)
        })
        .map(|(application, key, _)| {
            SecretId::new(environment.name.clone(), application.clone(), key.clone())
        })
        .filter(|id| !is_new(id))
        .collect();
    if !missing.is_empty() {
        context.ui.status(&match missing.len() {
            1 => "1 static secret still has no value:".to_owned(),
            count => format!("{count} static secrets still have no value:"),
        });
        for id in missing {
            context.ui.status(&format!("  • {id}"));
        }
    }
    Ok(())
}
