//! Several environments in one run: at once, and each by itself.

use std::collections::BTreeSet;
use std::num::{NonZeroU32, NonZeroUsize};
use std::rc::Rc;

use futures_util::{StreamExt as _, stream};
use serde::Serialize;

use super::connection::block_on;
use super::json::Failed;
use super::session::CompareArgs;
use super::ui::Ui;
use super::{CliError, Context, Exit};
use crate::model::EnvironmentName;
use crate::printable::printable;
use crate::store::STORE_FILE;
use crate::suggest::nearest;
use crate::vault::{Throttle, is_same_server};

/// How many requests are under way at the same time, to all servers together.
const REQUESTS_UNDER_WAY: usize = 32;

/// Which environments.
#[derive(Debug, clap::Args)]
pub(super) struct FleetArgs {
    /// Environments
    #[arg(value_name = "ENVIRONMENT", required_unless_present = "all")]
    environments: Vec<EnvironmentName>,

    /// All environments but those that store.toml has as not-served
    #[arg(long, conflicts_with = "environments")]
    all: bool,

    /// How many environments are worked on at once
    #[arg(long, value_name = "COUNT", default_value = "4")]
    jobs: NonZeroUsize,

    /// The most requests to Vault in a second [default: no limit]
    #[arg(long, value_name = "COUNT")]
    rate: Option<NonZeroU32>,
}

/// What the environments of one run share.
#[derive(Debug, Clone, Default)]
pub(super) struct Fleet {
    /// Whether they are in several Vault servers, so that no token may go to
    /// all of them.
    pub(super) has_several_servers: bool,
    /// Whether they are in several 1Password Connect servers, for one of which
    /// the token is.
    pub(super) has_several_connect_servers: bool,
    /// What holds their requests back.
    pub(super) throttle: Option<Throttle>,
}

/// What came of one environment.
pub(super) struct Outcome {
    /// Done, or with findings.
    pub(super) exit: Exit,
    /// What it was.
    pub(super) document: Option<serde_json::Value>,
    /// What it was, in a few words.
    pub(super) summary: String,
}

#[derive(Serialize)]
struct Document {
    environments: Vec<serde_json::Value>,
}

impl FleetArgs {
    /// Does something for each environment. One that fails does not keep the
    /// others from being done. Where somebody is asked, it is one at a time, so
    /// that nothing waits for an answer. The exit code is the highest of them all.
    pub(super) fn run(
        &self,
        compare: &CompareArgs,
        is_json: bool,
        one_by_one: bool,
        context: Context<'_>,
        work: impl AsyncFn(&EnvironmentName, Context<'_>) -> Result<Outcome, CliError>,
    ) -> Result<Exit, CliError> {
        let throttle = Some(Throttle::new(REQUESTS_UNDER_WAY, self.rate));
        if let ([name], false) = (self.environments.as_slice(), self.all) {
            let fleet = Fleet { throttle, ..Fleet::default() };
            let ui = context.ui;
            let outcome = block_on(work(name, Context { fleet, ..context }))
                .map_err(|error| error.of_environment(name))?;
            if let (true, Some(document)) = (is_json, &outcome.document) {
                ui.json(document)?;
            }
            return Ok(outcome.exit);
        }
        let names = self.names(&context)?;
        let environments = names.iter().filter_map(|name| context.checkout.environment(name).ok());
        let (mut servers, mut connect_servers) = (Vec::new(), BTreeSet::new());
        for environment in environments {
            let url = compare.server.location(&environment.vault).url;
            if !servers.iter().any(|known: &String| is_same_server(known, &url)) {
                servers.push(url);
            }
            connect_servers.extend(environment.onepassword.map(|onepassword| {
                onepassword.connect_url.trim_end_matches('/').to_ascii_lowercase()
            }));
        }
        let fleet = Fleet {
            throttle,
            has_several_servers: servers.len() > 1,
            has_several_connect_servers: connect_servers.len() > 1,
        };
        if compare.is_from_store() && context.checkout.store_if_any().is_some() {
            // What is unlocked once is unlocked for all.
            context.identities()?;
        }
        let progress = context.ui.progress_bar("Environments", names.len());
        let uis: Vec<Ui> =
            names.iter().map(|name| context.ui.for_environment(name, &progress)).collect();
        let each = stream::iter(names.iter().zip(&uis).enumerate());
        let each = each.map(|(position, (name, ui))| {
            let context = Context {
                checkout: context.checkout.clone(),
                identities: Rc::clone(&context.identities),
                fleet: fleet.clone(),
                ui,
                ..context
            };
            let work = &work;
            async move { (position, work(name, context).await) }
        });
        let outcomes = block_on(async {
            let mut outcomes = Vec::new();
            let mut each = each.buffer_unordered(if one_by_one { 1 } else { self.jobs.get() });
            while let Some((position, outcome)) = each.next().await {
                if let (Err(error), Some(ui)) = (&outcome, uis.get(position)) {
                    ui.error(error);
                }
                progress.advance();
                let of = |error: CliError| match names.get(position) {
                    Some(name) => error.of_environment(name),
                    None => error,
                };
                outcomes.push((position, outcome.map_err(of)));
            }
            outcomes.sort_by_key(|(position, _)| *position);
            Ok(outcomes.into_iter().map(|(_, outcome)| outcome).collect::<Vec<_>>())
        })?;
        drop(progress);
        report(&names, &outcomes, is_json, context.ui)
    }

    /// Whether an environment is among them, or may be.
    pub(super) fn may_include(&self, name: &EnvironmentName) -> bool {
        self.all || self.environments.contains(name)
    }

    /// Whether there may be more than one.
    pub(super) fn may_be_several(&self) -> bool {
        self.all || self.environments.len() > 1
    }

    /// The environments, each once, in the order in which they were named.
    fn names(&self, context: &Context<'_>) -> Result<Vec<EnvironmentName>, CliError> {
        if self.all {
            let checkout = &context.checkout;
            let mut names = checkout.layout.environments(&checkout.tree)?;
            if let Some(store) = checkout.store_if_any() {
                refuse_unknown(&store.settings.not_served, &names)?;
                names.retain(|name| store.settings.serves(name));
            }
            return Ok(names);
        }
        let known = context.checkout.layout.environments(&context.checkout.tree)?;
        let mut names: Vec<EnvironmentName> = Vec::new();
        for name in &self.environments {
            if !known.contains(name) {
                // Before anything is done for another.
                context.checkout.environment(name)?;
            }
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
        Ok(names)
    }
}

/// Refuses a misspelt name among those that are not served: the environment
/// that was meant would be synced.
fn refuse_unknown(not_served: &[String], known: &[EnvironmentName]) -> Result<(), CliError> {
    let is_known = |name: &&String| known.iter().any(|one| one.as_str() == **name);
    let Some(unknown) = not_served.iter().find(|name| !is_known(name)) else { return Ok(()) };
    let near = nearest(unknown, known.iter().map(EnvironmentName::as_str));
    Err(CliError::store(format!(
        "{STORE_FILE}: not-served names {}, which is no environment",
        printable(unknown)
    ))
    .hint(near.map(|near| format!("did you mean {near}?")))
    .hint("correct it, or take it out: --all is all that is not named there".to_owned()))
}

/// Says at the end what came of each.
fn report(
    names: &[EnvironmentName],
    outcomes: &[Result<Outcome, CliError>],
    is_json: bool,
    ui: &Ui,
) -> Result<Exit, CliError> {
    let mut exit = Exit::Done;
    let mut documents = Vec::new();
    let width = names.iter().map(|name| name.as_str().len()).max().unwrap_or(0);
    for (name, outcome) in names.iter().zip(outcomes) {
        let (code, summary) = match outcome {
            Ok(Outcome { exit, summary, document }) => {
                documents.extend(document.clone());
                (*exit, summary.as_str())
            }
            Err(error) => {
                documents.extend(serde_json::to_value(Failed::of(error)).ok());
                (error.exit, "failed, see above")
            }
        };
        if code.code() > exit.code() {
            exit = code;
        }
        ui.status(&format!("{name:width$}  {summary}", name = name.as_str()));
    }
    if is_json {
        ui.json(&Document { environments: documents })?;
    }
    Ok(exit)
}
