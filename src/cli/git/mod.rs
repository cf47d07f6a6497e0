//! `git`: what makes git know of sealed values.

mod merge_driver;
mod setup;
mod textconv;

use std::path::Path;

use clap::Subcommand;

use super::checkout::Checkout;
use super::{CliError, Context, Exit, Settings, Ui};

/// The name under which git has our drivers.
const DRIVER: &str = "phalanx-secrets";
/// The setting of git by which diffs show values.
const SHOW_VALUES: &str = "phalanx-secrets.showValues";

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Have git show, merge and check sealed values in this clone
    Setup(setup::Args),
    /// Print what a sealed file shows, for git's diffs (git runs this)
    Textconv(textconv::Args),
    /// Merge two versions of a sealed file (git runs this)
    MergeDriver(merge_driver::Args),
}

impl Command {
    /// Runs it. What shows a diff needs no checkout, and must not fail for
    /// lack of one.
    pub(super) fn run<'a>(
        &self,
        context: impl FnOnce(Result<Checkout, CliError>) -> Result<Context<'a>, CliError>,
        root: Option<&Path>,
        settings: &Settings,
        ui: &Ui,
        named: &[std::path::PathBuf],
    ) -> Result<Exit, CliError> {
        match self {
            Self::Setup(args) => setup::run(args, &context(Checkout::find(root, settings))?),
            Self::Textconv(args) => textconv::run(args, settings, named, ui),
            Self::MergeDriver(args) => {
                merge_driver::run(args, &context(Checkout::find(root, settings))?)
            }
        }
    }
}
