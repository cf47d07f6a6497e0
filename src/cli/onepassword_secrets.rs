//! `onepassword-secrets`: print what 1Password has as a static-secrets YAML
//! file.

use std::path::PathBuf;

use super::completion::environments;
use super::connection::block_on;
use super::left_out::LeftOut;
use super::{CliError, Context, Exit, export, onepassword, private_file};
use crate::model::EnvironmentName;
use crate::static_values::Template;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "It needs no store. The file holds every value in the clear: it is the form that \
    --secrets and import take. OP_CONNECT_TOKEN holds the token of the Connect server. \
    What no spec asks for is left out and named, and the exit code is 1."
)]
pub(super) struct Args {
    /// Environment
    #[arg(add = environments())]
    environment: EnvironmentName,

    /// Write it to this file, which only you may read, instead of standard
    /// output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(super) fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CliError> {
    let environment = context.checkout.environment(&args.environment)?;
    // Before anything is read.
    let place = args.output.as_deref().map(private_file::place_in_the_clear).transpose()?;
    let read = {
        let _progress = context.ui.progress("Reading 1Password".to_owned());
        block_on(onepassword::read(&environment, context))?
    };
    let mut left_out = LeftOut::new(context.ui, "printed");
    for item in &read.passed_over {
        left_out.add(item, "nothing is taken from it");
    }
    for name in &read.unknown {
        left_out.add(name, "no spec asks for it");
    }
    onepassword::tell_empty(&read, context);
    if !read.missing.is_empty() {
        return Err(onepassword::missing(&read.missing, "nothing was written"));
    }
    let mut values = read.values;
    export::encode(&mut values, &environment);
    let yaml = Template::of_values_alone(&environment, &values).to_yaml()?;
    match place {
        None => context.ui.data(yaml.as_bytes())?,
        Some((folder, name)) => {
            let path = folder.join(&name);
            private_file::write(&folder, &name, yaml.as_bytes()).map_err(|error| {
                let mut failed = CliError::store(format!("cannot write {}", path.display()));
                failed.causes.push(error.to_string());
                failed.hint("may you write there, and is there space?")
            })?;
            context.ui.status(&format!(
                "Wrote {}, in the clear; delete it when you are done",
                path.display()
            ));
        }
    }
    Ok(left_out.exit())
}
