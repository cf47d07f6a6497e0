//! `static-template`: print an empty static-secrets YAML file.

use super::completion::environments;
use super::{CliError, Context, Exit};
use crate::model::EnvironmentName;
use crate::static_values::{StaticValues, Template};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Environment
    #[arg(add = environments())]
    environment: EnvironmentName,
}

pub(super) fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CliError> {
    let environment = context.checkout.environment(&args.environment)?;
    let nothing = StaticValues::default();
    let yaml = Template::empty(&environment, &nothing).to_yaml()?;
    context.ui.data(yaml.as_bytes())?;
    Ok(Exit::Done)
}
