//! `list`: every secret that an environment needs.

use super::completion::environments;
use serde::Serialize;

use super::{CliError, Context, Exit, RevisionArgs};
use crate::model::{ApplicationName, EnvironmentName, KeyName, Kind, Spec};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Environment
    #[arg(add = environments())]
    environment: EnvironmentName,

    /// Print a JSON list with each secret's kind, origin and state
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    pub(super) at: RevisionArgs,
}

/// A secret in the JSON list.
#[derive(Serialize)]
struct Row<'a> {
    application: &'a ApplicationName,
    key: &'a KeyName,
    kind: &'static str,
    /// The generator, of a generated secret.
    #[serde(skip_serializing_if = "Option::is_none", rename = "type")]
    generator: Option<&'static str>,
    /// The key that the generator starts from.
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'a KeyName>,
    /// The secret that a copy equals.
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    /// The file that declares it.
    origin: &'a str,
    /// Of a static secret, whether its value is stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'static str>,
}

pub(super) fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CliError> {
    let environment = context.checkout.environment(&args.environment)?;
    if !args.json {
        let mut text = String::new();
        for (application, key, _) in environment.secrets() {
            text.push_str(&format!("{application} {key}\n"));
        }
        context.ui.data(text.as_bytes())?;
        return Ok(Exit::Done);
    }
    let stored = match context.checkout.store_if_any() {
        Some(store) => Some(store.contents(&args.environment)?),
        None => None,
    };
    let is_stored = |application: &ApplicationName, key: &KeyName| {
        stored.as_ref().is_some_and(|stored| stored.has(application, key))
    };
    let rows: Vec<Row<'_>> = environment
        .secrets()
        .map(|(application, key, spec)| row(application, key, spec, is_stored(application, key)))
        .collect();
    context.ui.json(&rows)?;
    Ok(Exit::Done)
}

fn row<'a>(
    application: &'a ApplicationName,
    key: &'a KeyName,
    spec: &'a Spec,
    is_stored: bool,
) -> Row<'a> {
    let (generator, from) = match &spec.kind {
        Kind::Generate(generator) => (Some(generator), None),
        Kind::Copy(source) => (None, Some(source.to_string())),
        Kind::Static | Kind::Value(_) => (None, None),
    };
    let state = if is_stored { "stored" } else { "missing" };
    Row {
        application,
        key,
        kind: spec.kind.name(),
        generator: generator.map(|generator| generator.name()),
        source: generator.and_then(|generator| generator.source()),
        from,
        origin: &spec.origin,
        state: (spec.kind == Kind::Static).then_some(state),
    }
}
