//! `man`: manual pages.

use std::path::PathBuf;

use super::{Cli, CliError, Exit, Ui};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Without a folder, it prints the first page: phalanx-secrets man | man -l -"
)]
pub(super) struct Args {
    /// Where the pages go, one a command; made where it is missing
    folder: Option<PathBuf>,
}

pub(super) fn run(args: &Args, ui: &Ui) -> Result<Exit, CliError> {
    let Some(folder) = &args.folder else {
        let mut page = Vec::new();
        clap_mangen::Man::new(Cli::definition()).render(&mut page)?;
        ui.data(&page)?;
        return Ok(Exit::Done);
    };
    let command = Cli::definition();
    if let Some(name) = folder.to_str().filter(|name| command.find_subcommand(name).is_some()) {
        return Err(CliError::usage(format!("pages go to a folder, and {name} is a command"))
            .hint(format!("its page is shown by: phalanx-secrets help {name}")));
    }
    let fail = |error: std::io::Error| {
        let mut failed = CliError::store(format!("cannot write to {}", folder.display()));
        failed.causes.push(error.to_string());
        failed.hint("name a folder that you may write to")
    };
    std::fs::create_dir_all(folder).map_err(fail)?;
    clap_mangen::generate_to(command, folder).map_err(fail)?;
    ui.status(&format!("Wrote the manual pages into {}.", folder.display()));
    Ok(Exit::Done)
}
