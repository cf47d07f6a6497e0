//! `schema`: print the JSON schema of `secrets.yaml`.

use super::{CliError, Exit, Ui};
use crate::layout::schema;

#[derive(Debug, clap::Args)]
pub(super) struct Args {}

pub(super) fn run(_: &Args, ui: &Ui) -> Result<Exit, CliError> {
    ui.json(&schema::secrets())?;
    Ok(Exit::Done)
}
