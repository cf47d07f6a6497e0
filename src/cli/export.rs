//! `export`: print all stored values as a static-secrets YAML file.

use super::completion::environments;
use super::{CliError, Context, Exit, RevisionArgs};
use crate::model::{Environment, EnvironmentName};
use crate::static_values::{StaticValues, Template};
use crate::store::is_backup;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "The file holds every value in the clear. To pass it on without writing it \
to a disk:\n  phalanx secrets sync --secrets <(phalanx-secrets export ENV) ENV"
)]
pub(super) struct Args {
    /// Environment
    #[arg(add = environments())]
    environment: EnvironmentName,

    #[command(flatten)]
    pub(super) at: RevisionArgs,
}

/// Gives bytes as Vault gets them, where the spec says that they may be
/// encoded: the file holds text alone.
pub(super) fn encode(values: &mut StaticValues, environment: &Environment) {
    for (application, values) in &mut values.applications {
        for (key, value) in values {
            let spec = environment.spec(application, key);
            if value.expose_str().is_none() && spec.is_some_and(|spec| spec.onepassword_encoded) {
                *value = value.to_base64();
            }
        }
    }
}

pub(super) fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CliError> {
    let store = context.checkout.store()?;
    let environment = context.checkout.environment(&args.environment)?;
    let contents = store.contents(&args.environment)?;
    let values = context.open(&contents, |id| !is_backup(id))?;
    let mut values = StaticValues::from_stored(values)?;
    encode(&mut values, &environment);
    let yaml = Template::filled(&environment, &values).to_yaml()?;
    context.ui.data(yaml.as_bytes())?;
    match contents.backups().count() {
        0 => {}
        1 => context.ui.status("1 backup of an entry in Vault is no value, and is not in it."),
        count => context
            .ui
            .status(&format!("{count} backups of entries in Vault are no values, and not in it.")),
    }
    Ok(Exit::Done)
}
