//! `run`: give a process one application's secrets.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io::ErrorKind;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::Command;

use super::completion::{applications, environments};
use super::connection::{Credentials, ServerArgs};
use super::private_folder::PrivateFolder;
use super::run_variables::{Passed, Prefix, Secrets, Variable, named, names, opens_more};
use super::signals::{Signals, end_like_child, run_child};
use super::{CliError, Context, Exit, RevisionArgs, checkout, terminal};
use crate::model::{ApplicationName, Environment, EnvironmentName, KeyName, Kind, SecretId};
use crate::store::file_stem;
use crate::vault::VaultClient;

/// The variable that names the folder with the files.
const FOLDER: &str = "PHALANX_SECRETS_FOLDER";

#[derive(Debug, clap::Args)]
#[command(
    after_help = "The process gets each secret as an environment variable APPLICATION_KEY, in \
    capitals and with _ for whatever else is in the names; or, with --files, as a file of its key \
    in a folder in memory that goes with the process and that $PHALANX_SECRETS_FOLDER names. What \
    sync generates is in Vault alone, so only --from-vault gives it. Variables that open more \
    than the application are not passed on: PHALANX_SECRETS_*, VAULT_*, BAO_*, SOPS_*, OP_*, \
    ACTIONS_*, SSH_AUTH_SOCK, and the tokens of GitHub and GitLab."
)]
pub(super) struct Args {
    /// Environment
    #[arg(add = environments())]
    environment: EnvironmentName,
    /// Application
    #[arg(add = applications())]
    application: ApplicationName,

    /// Give files rather than environment variables
    #[arg(long)]
    files: bool,

    /// What the names of environment variables begin with [default:
    /// APPLICATION_]
    #[arg(long, value_name = "TEXT", conflicts_with = "files")]
    prefix: Option<Prefix>,

    /// Give this key as a variable of this name, and no others than are named
    /// so; repeatable
    #[arg(long = "variable", value_name = "NAME=KEY", conflicts_with_all = ["files", "prefix"])]
    variables: Vec<Variable>,

    /// Pass on a variable that opens more than the application; repeatable
    #[arg(long, value_name = "NAME")]
    pass: Vec<Passed>,

    /// Take everything from Vault, generated secrets too
    #[arg(long)]
    from_vault: bool,

    /// Put files on a disk where no memory can be had
    #[arg(long, requires = "files")]
    allow_disk: bool,

    #[command(flatten)]
    server: ServerArgs,

    #[command(flatten)]
    pub(super) at: RevisionArgs,

    /// The command, after "--"
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

pub(super) fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CliError> {
    let environment = context.checkout.environment(&args.environment)?;
    if !environment.applications.contains_key(&args.application) {
        return Err(checkout::unknown_application(&environment, &args.application));
    }
    let secrets = match args.from_vault {
        true => from_vault(args, &environment, context)?,
        false => from_store(args, &environment, context)?,
    };
    let Some((program, arguments)) = args.command.split_first() else {
        return Err(CliError::usage("there is no command to run").hint("put it after \"--\""));
    };
    let mut command = Command::new(program);
    command.args(arguments);
    let is_kept_back =
        |name: &String| opens_more(name) && !args.pass.contains(&Passed(name.clone()));
    for name in context.settings.names().into_iter().filter(is_kept_back) {
        command.env_remove(name);
    }
    if args.files {
        return with_files(command, &secrets, args, context);
    }
    let names = match args.variables.as_slice() {
        [] => names(&args.application, args.prefix.as_ref(), &secrets)?,
        variables => named(variables, &secrets)?,
    };
    for (name, key) in names {
        let Some(value) = secrets.get(key) else { continue };
        let text = value.expose_str().filter(|text| !text.contains('\0'));
        let text = text.ok_or_else(|| {
            CliError::usage(format!("{key} is no text that an environment variable can hold"))
                .hint("give files instead: --files")
        })?;
        command.env(name, text);
    }
    // This process becomes that one, with its signals and its exit code.
    Err(not_started(program, &command.exec()))
}

/// A program that cannot be started, with the exit code that shells give then.
fn not_started(program: &std::ffi::OsStr, error: &std::io::Error) -> CliError {
    let mut failed = CliError::usage(format!("{} cannot be started", program.display()));
    failed.causes.push(error.to_string());
    failed.exit = Exit::OfProcess(if error.kind() == ErrorKind::NotFound { 127 } else { 126 });
    failed.hint(match error.kind() {
        ErrorKind::ArgumentListTooLong => {
            "environment variables hold no such large values: --files"
        }
        _ => "name a program, and its arguments after it; for a shell: -- sh -c '…'",
    })
}

fn with_files(
    mut command: Command,
    secrets: &Secrets,
    args: &Args,
    context: &Context<'_>,
) -> Result<Exit, CliError> {
    let folder = PrivateFolder::create(context.settings, args.allow_disk)?;
    for (key, value) in secrets {
        folder.write(&file_stem(key), value)?;
    }
    command.env(FOLDER, folder.path());
    let modes = context.ui.stdout_is_terminal.then(terminal::keep_modes).flatten();
    let status = run_child(&mut command, Signals::PassedOn)
        .map_err(|error| not_started(command.get_program(), &error))?;
    if let Some(signal) = status.signal() {
        drop(folder);
        drop(modes);
        // So that whoever started this one sees what ended that one.
        end_like_child(signal);
    }
    let signal = || status.signal().map(|signal| 128 + signal);
    let code = status.code().or_else(signal).and_then(|code| u8::try_from(code).ok());
    Ok(Exit::OfProcess(code.unwrap_or(u8::MAX)))
}

/// The values that the store and the specs have, as far as they have them.
fn from_store(
    args: &Args,
    environment: &Environment,
    context: &Context<'_>,
) -> Result<Secrets, CliError> {
    let store = context.checkout.store()?;
    let contents = store.contents(&environment.name)?;
    let declared = environment.applications.get(&args.application);
    let mut secrets = Secrets::new();
    let mut wanted: BTreeMap<SecretId, Vec<KeyName>> = BTreeMap::new();
    let (mut without_value, mut generated) = (Vec::new(), Vec::new());
    for (key, spec) in declared.into_iter().flat_map(|declared| &declared.secrets) {
        let mut place = (&args.application, key, &spec.kind);
        let mut seen = BTreeSet::new();
        // A copy of a copy, however long that goes on.
        while let Kind::Copy(source) = place.2
            && seen.insert(source)
            && let Some(spec) = environment.spec(&source.application, &source.key)
        {
            place = (&source.application, &source.key, &spec.kind);
        }
        match place {
            (_, _, Kind::Value(value)) => {
                secrets.insert(key.clone(), value.clone());
            }
            (application, source, Kind::Static) if contents.has(application, source) => {
                let id =
                    SecretId::new(environment.name.clone(), application.clone(), source.clone());
                wanted.entry(id).or_default().push(key.clone());
            }
            (_, _, Kind::Static) => without_value.push(key.to_string()),
            _ => generated.push(key.to_string()),
        }
    }
    if !wanted.is_empty() {
        for stored in context.open(&contents, |id| wanted.contains_key(id))? {
            for key in wanted.remove(&stored.id).into_iter().flatten() {
                secrets.insert(key, stored.opened.value.clone());
            }
        }
    }
    if !without_value.is_empty() {
        let without_value = without_value.join(", ");
        context.ui.warn(&format!("left out, since no value is stored: {without_value}"));
    }
    if !generated.is_empty() {
        let generated = generated.join(", ");
        context.ui.detail(&format!("In Vault alone (--from-vault): {generated}"));
    }
    Ok(secrets)
}

fn from_vault(
    args: &Args,
    environment: &Environment,
    context: &Context<'_>,
) -> Result<Secrets, CliError> {
    // Whoever may read one application may not read the others.
    let read = async |vault: &VaultClient| {
        vault.check_mount().await?;
        Ok(vault.read_entry(&args.application).await?)
    };
    let entry = args.server.with_vault(Credentials::Entries, environment, context, read)?;
    let Some(data) = &entry.data else {
        return Err(CliError::store(format!("Vault holds nothing for {}", args.application))
            .hint(format!("fill it with: phalanx-secrets sync {}", environment.name)));
    };
    let mut secrets = Secrets::new();
    for (key, value) in data {
        match (key.parse::<KeyName>(), value.text()) {
            (Ok(key), Some(value)) => {
                secrets.insert(key, value.clone());
            }
            _ => context.ui.warn(&format!("{key:?} is left out: it is no text in Vault")),
        }
    }
    Ok(secrets)
}
