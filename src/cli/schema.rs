//! `schema`: print the JSON schema of `secrets.yaml`, or write it to a file.

use std::path::{Path, PathBuf};

use super::{CliError, Exit, Ui};
use crate::layout::schema;
use crate::store::write_file;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Write it to this file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(super) fn run(args: &Args, ui: &Ui) -> Result<Exit, CliError> {
    let schema = schema::secrets();
    match &args.output {
        None => ui.data(schema.as_bytes())?,
        Some(file) => write(file, &schema)?,
    }
    Ok(Exit::Done)
}

/// Replaces a file; of a link, what it leads to.
fn write(file: &Path, schema: &str) -> Result<(), CliError> {
    let target = if file.is_symlink() { std::fs::canonicalize(file)? } else { file.to_owned() };
    let Some(name) = target.to_str() else {
        return Err(CliError::usage("the name of the file is not UTF-8"));
    };
    Ok(write_file(Path::new("."), name, schema.as_bytes())?)
}
