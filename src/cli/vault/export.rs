//! `vault export-secrets`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::{Credentials, Target};
use crate::cli::left_out::LeftOut;
use crate::cli::{CliError, Context, Exit, private_file};
use crate::model::ApplicationName;
use crate::python_json::{self, Writer};
use crate::vault::{CurrentValue, VaultClient};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "One file an application, DIR/APPLICATION.json, which only you may read. They \
    hold every secret\nin the clear: choose a folder in memory, and remove it when you are done.\nEntries in folders are \
    not exported; they are named, and the exit code is 1."
)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    target: Target,

    /// Where the files go; made where it is missing
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

pub(super) fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CliError> {
    let environment = args.target.environment(context)?;
    let read = async |vault: &VaultClient| Ok(vault.read_environment([], &BTreeSet::new()).await?);
    let current =
        args.target.server.with_vault(Credentials::Entries, &environment, context, read)?;
    let mut left_out = LeftOut::new(context.ui, "exported");
    left_out.beside_entries(&current);
    make_folder(&args.folder)?;
    let mut count = 0;
    for (name, entry) in &current.entries {
        let Some(data) = &entry.data else { continue };
        let json = to_json(name, data)?;
        private_file::write(&args.folder, &format!("{name}.json"), &json).map_err(|error| {
            let mut failed = CliError::store(format!("cannot write {name}.json"));
            failed.causes.push(error.to_string());
            failed
        })?;
        count += 1;
    }
    context
        .ui
        .status(&format!("Wrote {count} files, in the clear, into {}.", args.folder.display()));
    Ok(left_out.exit())
}

/// The values of an entry as Python's `json.dump` writes them, two spaces deep.
fn to_json(
    name: &ApplicationName,
    data: &std::collections::BTreeMap<String, CurrentValue>,
) -> Result<Zeroizing<Vec<u8>>, CliError> {
    let room = data.iter().map(|(key, value)| {
        let value = match value {
            CurrentValue::Text(value) => value.expose_str().map_or(0, python_json::string_capacity),
            CurrentValue::Other(json) => json.expose().len(),
        };
        python_json::string_capacity(key) + value + 8
    });
    let mut json = Writer::with_capacity(room.sum::<usize>() + 8);
    json.raw("{");
    for (position, (key, value)) in data.iter().enumerate() {
        json.raw(if position == 0 { "\n  " } else { ",\n  " });
        json.string(key);
        json.raw(": ");
        match value {
            CurrentValue::Text(value) => json.string(value.expose_str().ok_or_else(|| {
                CliError::store(format!("{name} {key} is not text, which JSON cannot hold"))
            })?),
            CurrentValue::Other(other) => json.raw(other.expose()),
        }
    }
    json.raw(if data.is_empty() { "}" } else { "\n}" });
    Ok(json.finish())
}

fn make_folder(folder: &Path) -> Result<(), CliError> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    Ok(builder.create(folder)?)
}
