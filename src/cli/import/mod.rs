//! `import`: store the values that are kept elsewhere today.
//!
//! Everything or nothing: all values are sealed in memory and put on disk
//! beside their places before the first file is replaced. Should the machine
//! stop between two files, the same import does the rest.

mod source;

use std::collections::BTreeMap;

use jiff::Timestamp;

use self::source::SourceArgs;
use super::commit::CommitArgs;
use super::completion::environments;
use super::connection::ServerArgs;
use super::{CliError, Context, Exit};
use crate::layout::{OIDC_CLIENTS, RESERVED_APPLICATIONS};
use crate::model::{Environment, EnvironmentName, Kind, SecretId, SecretValue};
use crate::static_values::{OidcClient, RegistryCredentials, StaticValues};
use crate::store::{Identities, LockedStore, Store};

#[derive(Debug, clap::Args)]
#[command(
    override_usage = "phalanx-secrets import [OPTIONS] <ENVIRONMENT> <FILE>\n       \
    phalanx-secrets import [OPTIONS] <ENVIRONMENT> <--from-onepassword|--from-vault|--from-sops \
    <FILE>>",
    after_help = "First it shows what would become of each value; nothing is stored unless all of \
    it can be."
)]
pub(super) struct Args {
    /// Environment
    #[arg(add = environments())]
    environment: EnvironmentName,

    #[command(flatten)]
    source: SourceArgs,

    #[command(flatten)]
    options: Options,

    #[command(flatten)]
    server: ServerArgs,

    #[command(flatten)]
    commit: CommitArgs,
}

/// What is to happen to which values.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub(super) struct Options {
    /// Replace stored values that differ, without asking
    #[arg(short = 'y', long, visible_alias = "yes")]
    replace: bool,

    /// Store values too that no spec of the environment asks for (yet)
    #[arg(long, conflicts_with = "skip_unknown")]
    allow_unknown: bool,

    /// Leave out values that no spec of the environment asks for
    #[arg(long)]
    skip_unknown: bool,

    /// Store empty values too
    #[arg(long)]
    allow_empty: bool,

    /// Show what would be done, and do nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
}

impl Options {
    /// For values that are stored already, so that all of them are in order.
    pub(super) fn of_stored(replace: bool, dry_run: bool) -> Self {
        Self { replace, dry_run, allow_empty: true, ..Self::default() }
    }
}

/// Values from elsewhere.
#[derive(Debug)]
pub(super) struct Offer {
    pub(super) values: StaticValues,
    /// What no spec asks for, which is left out; `None` where it is among the
    /// values, and to be decided about.
    pub(super) unknown: Option<Vec<String>>,
    /// What a value is in.
    pub(super) place: &'static str,
}

/// What is to become of each value.
#[derive(Debug, Default)]
struct Sorted {
    new: Vec<(SecretId, SecretValue)>,
    different: Vec<(SecretId, SecretValue)>,
    equal: Vec<SecretId>,
    /// Of secrets that are generated or copied: nothing would ever use them.
    not_static: Vec<SecretId>,
    unknown: Vec<SecretId>,
    missing: Vec<SecretId>,
}

pub(super) fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CliError> {
    context.checkout.store()?;
    let environment = context.checkout.environment(&args.environment)?;
    // Before anything is asked for.
    let _ = args.commit.begin(context)?;
    let offer = args.source.read(&environment, &args.server, context)?;
    let exit = bring(&environment, offer, args.options, args.commit, context)?;
    if let (Some(path), false) = (args.source.in_the_clear(), args.options.dry_run) {
        let path = path.display();
        context.ui.hint(&format!("{path} still has the values in the clear; delete it in the end"));
    }
    Ok(exit)
}

/// Shows what would become of values, and stores them.
pub(super) fn bring(
    environment: &Environment,
    offer: Offer,
    options: Options,
    commit: CommitArgs,
    context: &Context<'_>,
) -> Result<Exit, CliError> {
    let (commit, locked) = match options.dry_run {
        true => (None, None),
        false => (Some(commit.begin(context)?), Some(context.store_to_change()?)),
    };
    let store: &Store = match &locked {
        Some(locked) => locked,
        None => context.checkout.store()?,
    };
    refuse_misplaced(&offer.values)?;
    let values = offer.values.to_stored(&environment.name).map_err(|error| {
        CliError::new(Exit::Store, &error).hint(format!("correct it in the {}", offer.place))
    })?;
    if !options.allow_empty {
        refuse_empty(&values, &offer)?;
    }
    let sorted = sort(options, context, store, environment, values)?;
    preview(&sorted, offer.unknown.as_deref().unwrap_or_default(), context);
    let is_decided = decide(options, &sorted, context)?;
    let ui = context.ui;
    for id in &sorted.not_static {
        let place = offer.place;
        ui.warn(&format!("{id} is not static, so its value in the {place} is left out"));
    }
    for id in &sorted.unknown {
        match (options.skip_unknown, options.allow_unknown) {
            (true, _) => {
                ui.warn(&format!("no spec asks for {id}, so its value in the file is left out"));
            }
            (_, true) => ui.warn(&format!("no spec asks for {id}; it is stored all the same")),
            // A dry run has said what is to be decided.
            _ => {}
        }
    }
    if !is_decided {
        ui.status("Nothing was stored.");
        return Ok(Exit::Done);
    }
    if let Some(store) = &locked {
        let _progress = ui.progress("Sealing".to_owned());
        let values = sorted.new.iter().chain(&sorted.different);
        put(store, values)?;
    }
    let verb = if options.dry_run { "Would store" } else { "Stored" };
    ui.status(&format!(
        "{verb} {} new and {} different values; {} were stored already.",
        sorted.new.len(),
        sorted.different.len(),
        sorted.equal.len()
    ));
    if !sorted.missing.is_empty() {
        let have = match sorted.missing.len() {
            1 => "1 static secret still has no value".to_owned(),
            count => format!("{count} static secrets still have no value"),
        };
        ui.status(&format!("{have}; give them with: phalanx-secrets fill {}", environment.name));
    }
    if let (Some(commit), Some(locked)) = (commit, locked) {
        let touched = locked.into_touched();
        let count = match touched.len() {
            1 => "1 value".to_owned(),
            count => format!("{count} values"),
        };
        let message = format!("secrets({}): import {count}", environment.name);
        commit.end(touched, &message, context.ui)?;
    }
    Ok(Exit::Done)
}

fn put<'a>(
    store: &LockedStore,
    values: impl Iterator<Item = &'a (SecretId, SecretValue)>,
) -> Result<(), CliError> {
    Ok(store.put_together(values.map(|(id, value)| (id, value)), Timestamp::now())?)
}

/// Shows what would become of each value, those aside that are stored already.
fn preview(sorted: &Sorted, left_out: &[String], context: &Context<'_>) {
    let ui = context.ui;
    let show = |what: &str, name: &str| ui.status(&format!("  {what:<10} {name}"));
    let name = |id: &SecretId| format!("{} {}", id.application, id.key);
    for (id, _) in &sorted.new {
        show("new", &name(id));
    }
    for (id, _) in &sorted.different {
        show("different", &name(id));
    }
    for id in &sorted.equal {
        ui.detail(&format!("  {:<10} {}", "equal", name(id)));
    }
    for id in &sorted.unknown {
        show("unknown", &name(id));
    }
    for name in left_out {
        show("unknown", name);
    }
    for id in &sorted.missing {
        show("missing", &name(id));
    }
}

/// Stops where something must be decided first, or asks.
fn decide(options: Options, sorted: &Sorted, context: &Context<'_>) -> Result<bool, CliError> {
    let is_asked = !options.replace
        && !options.dry_run
        && !sorted.different.is_empty()
        && context.ui.can_ask();
    let options = Options { replace: options.replace || is_asked, ..options };
    if options.dry_run {
        if let Err(error) = refuse(options, sorted) {
            error.hints.iter().for_each(|hint| context.ui.hint(&format!("then {hint}")));
        }
        return Ok(true);
    }
    refuse(options, sorted)?;
    if !is_asked {
        return Ok(true);
    }
    context.ui.confirm(&match sorted.different.len() {
        1 => "Replace the stored value that differs?".to_owned(),
        count => format!("Replace the {count} stored values that differ?"),
    })
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

/// Stops at values that are empty: mostly they were forgotten.
fn refuse_empty(values: &[(SecretId, SecretValue)], offer: &Offer) -> Result<(), CliError> {
    let empty: Vec<String> =
        values.iter().filter(|(_, value)| value.is_empty()).map(|(id, _)| id.to_string()).collect();
    if empty.is_empty() {
        return Ok(());
    }
    Err(CliError::store(format!("the {} has empty values; nothing was stored", offer.place))
        .detail(empty)
        .hint("null stands for a value that is missing; if they should be empty: --allow-empty"))
}

fn sort(
    options: Options,
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
                if !options.allow_unknown {
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
    let is_new = |id: &SecretId| sorted.new.iter().any(|(new, _)| new == id);
    sorted.missing = contents.missing(environment).filter(|id| !is_new(id)).collect();
    if stored.is_empty() {
        return Ok(sorted);
    }

    // What is stored already must be opened, to leave alone what is equal.
    let identities: Identities = context.identities()?;
    let (opened, failures) = contents.open_all(|id| stored.contains_key(id), &identities);
    if !failures.is_empty() && !options.replace {
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
            sorted.equal.push(value.id);
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
fn refuse(options: Options, sorted: &Sorted) -> Result<(), CliError> {
    let list = |ids: Vec<&SecretId>| ids.into_iter().map(ToString::to_string).collect::<Vec<_>>();
    if !sorted.unknown.is_empty() && !options.allow_unknown && !options.skip_unknown {
        let message = "the file holds values that no spec of the environment asks for; nothing \
                       was stored";
        return Err(CliError::store(message).detail(list(sorted.unknown.iter().collect())).hint(
            "store them too with --allow-unknown, or leave them out with --skip-unknown".to_owned(),
        ));
    }
    if !sorted.different.is_empty() && !options.replace {
        let message = "other values are stored for some secrets; nothing was stored";
        let ids = list(sorted.different.iter().map(|(id, _)| id).collect());
        return Err(CliError::store(message)
            .detail(ids)
            .hint("replace them with --replace".to_owned()));
    }
    Ok(())
}
