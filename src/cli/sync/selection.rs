//! Which secrets an option names.

use std::collections::BTreeSet;

use super::EVERYTHING;
use crate::cli::CliError;
use crate::model::{ApplicationName, Environment, KeyName, Kind};
use crate::resolve::Regenerate;
use crate::suggest::nearest;

/// Reads the values of `--regenerate`, each of which must name something that
/// is generated.
pub(super) fn regenerate(
    values: &[String],
    environment: &Environment,
) -> Result<Regenerate, CliError> {
    let is_generated = |kind: &Kind| matches!(kind, Kind::Generate(_));
    selection("--regenerate", "generated secret", is_generated, values, environment)
}

/// Reads the values of `--overwrite`, each of which must name a secret.
pub(super) fn overwrite(
    values: &[String],
    environment: &Environment,
) -> Result<Regenerate, CliError> {
    selection("--overwrite", "secret", |_| true, values, environment)
}

/// Reads the values of an option that names secrets of a kind.
fn selection(
    option: &str,
    what: &str,
    is_meant: impl Fn(&Kind) -> bool,
    values: &[String],
    environment: &Environment,
) -> Result<Regenerate, CliError> {
    if values.is_empty() {
        return Ok(Regenerate::Nothing);
    }
    if values.iter().any(|value| value == EVERYTHING) {
        return Ok(Regenerate::Everything);
    }
    let mut targets = Vec::new();
    for value in values {
        let (application, key) = match value.split_once('/') {
            Some((application, key)) => (application.parse()?, Some(key.parse::<KeyName>()?)),
            None => (value.parse::<ApplicationName>()?, None),
        };
        let target = Regenerate::Only(vec![(application, key)]);
        let names_something = environment
            .secrets()
            .any(|(application, key, spec)| is_meant(&spec.kind) && target.names(application, key));
        if !names_something {
            let meant = environment.secrets().filter(|(_, _, spec)| is_meant(&spec.kind));
            let names: BTreeSet<String> = meant
                .flat_map(|(name, key, _)| [name.to_string(), format!("{name}/{key}")])
                .collect();
            let near = nearest(value, names.iter().map(String::as_str));
            return Err(CliError::usage(format!(
                "{option}={value} names no {what} of {}",
                environment.name
            ))
            .hint(near.map(|near| format!("did you mean {near}?")))
            .hint(format!("see them with: phalanx-secrets list {} --json", environment.name)));
        }
        if let Regenerate::Only(target) = target {
            targets.extend(target);
        }
    }
    Ok(Regenerate::Only(targets))
}
