//! `set`: store one value.

use std::ffi::OsString;
use std::path::PathBuf;

use jiff::Timestamp;

use super::commit::CommitArgs;
use super::ui::read_file;
use super::{CliError, Context, Exit, checkout};
use crate::layout::{OIDC_CLIENTS, PULL_SECRET, VAULT_WRITE_TOKEN};
use crate::model::{
    ApplicationName, EnvironmentName, HolderName, KeyName, Kind, SecretId, SecretValue,
};
use crate::static_values::{OidcClient, RegistryCredentials, WRITE_TOKEN_KEY};
use crate::store::is_backup;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "The value is never an argument, where other users of the machine could see \
it. Without\n--from-file it is asked for, hidden, or read from standard input when that is not a \
terminal.\nIt is stored to the byte: a line feed at its end is part of it (printf leaves it out, \
echo\nadds one).\n\nBeyond applications' static secrets, three names hold what the environment as \
a whole needs:\n  pull-secret REGISTRY       username:password\n  oidc-clients CLIENT        \
{\"id\": …, \"secret\": …, \"return_uri\": …}\n  vault-write-token token    a Vault token"
)]
pub(super) struct Args {
    /// Environment
    environment: EnvironmentName,
    /// Application, or pull-secret, oidc-clients or vault-write-token
    application: ApplicationName,
    /// Key (of a pull secret, the registry; of oidc-clients, the client)
    key: KeyName,

    /// Read the value from a file ("-" for standard input)
    #[arg(short, long, value_name = "FILE")]
    from_file: Option<PathBuf>,

    /// Leave out one line feed at the end of the value
    #[arg(long)]
    strip_newline: bool,

    /// Store an empty value
    #[arg(long)]
    allow_empty: bool,

    /// Store bytes that are not UTF-8, which sync cannot push into Vault
    #[arg(long)]
    allow_binary: bool,

    /// Store a value that no spec of the environment asks for (yet)
    #[arg(long)]
    allow_unknown: bool,

    #[command(flatten)]
    commit: CommitArgs,

    /// The value, where it must not be: taken only to be refused, since the
    /// parser's own refusal would repeat it
    #[arg(hide = true, value_name = "VALUE", num_args = 0..)]
    misplaced: Vec<OsString>,
}

pub(super) fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CliError> {
    if !args.misplaced.is_empty() {
        return Err(CliError::usage(
            "the value must not be an argument, where other users of this machine can see it",
        )
        .hint("pass it on standard input, or with --from-file FILE".to_owned())
        .hint(
            "if that was the real value, it is in your shell's history too: take it out there, \
             and consider changing it"
                .to_owned(),
        ));
    }
    let store = context.checkout.store()?;
    let commit = args.commit.begin(context)?;
    let id = SecretId::new(args.environment.clone(), args.application.clone(), args.key.clone());
    check_id(args, context, &id)?;
    // Before the value is asked for: whether anybody could read it.
    let readers: Vec<&str> = store.holders.who_can_read(&id).map(HolderName::as_str).collect();
    if readers.is_empty() {
        return Err(crate::store::StoreError::NoHolder { id }.into());
    }

    let value = read(args, context, &id)?;
    check_value(args, context, &id, &value)?;
    // Only now: a prompt may take its time.
    let store = context.store_to_change()?;
    let now = store.time_of_change(Timestamp::now())?;
    store.put(&id, &value, store.time_of_change_of(&id, now)?)?;
    let touched = store.into_touched();
    context.ui.status(&format!("Stored {id}, sealed to: {}", readers.join(", ")));
    let SecretId { environment, application, key } = &id;
    commit.end(touched, &format!("secrets({environment}): set {application} {key}"), context.ui)?;
    Ok(Exit::Done)
}

fn check_id(args: &Args, context: &Context<'_>, id: &SecretId) -> Result<(), CliError> {
    let environment = context.checkout.environment(&id.environment)?;
    if is_backup(id) {
        return Err(CliError::usage(format!("{id} is where a backup is kept"))
            .hint(format!("it is made with: phalanx-secrets backup {}", id.environment)));
    }
    match id.application.as_str() {
        PULL_SECRET | OIDC_CLIENTS => return Ok(()),
        VAULT_WRITE_TOKEN if id.key.as_str() == WRITE_TOKEN_KEY => return Ok(()),
        VAULT_WRITE_TOKEN => {
            return Err(CliError::usage(format!(
                "the key of {VAULT_WRITE_TOKEN} is {WRITE_TOKEN_KEY}, not {}",
                id.key
            )));
        }
        _ => {}
    }
    match environment.spec(&id.application, &id.key).map(|spec| &spec.kind) {
        Some(Kind::Static) => Ok(()),
        _ if args.allow_unknown => Ok(()),
        Some(kind) => {
            let hint = match kind {
                Kind::Copy(source) => format!("it is always equal to {source}; set that instead"),
                Kind::Generate(_) => format!(
                    "it is made by sync; for a new one: phalanx-secrets sync {} --regenerate={}/{}",
                    id.environment, id.application, id.key
                ),
                _ => "change it in the spec".to_owned(),
            };
            let message = format!("{id} is of kind {}, not static", kind.name());
            Err(CliError::usage(message).hint(hint))
        }
        None => Err(checkout::unknown_secret(&environment, &id.application, &id.key).hint(
            "to store it all the same, for a spec that is yet to come, pass --allow-unknown"
                .to_owned(),
        )),
    }
}

fn read(args: &Args, context: &Context<'_>, id: &SecretId) -> Result<SecretValue, CliError> {
    let value = match &args.from_file {
        Some(path) => read_file(path)?,
        None => context.ui.read_value(&id.to_string())?,
    };
    if args.strip_newline {
        let bytes = value.expose();
        let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        return Ok(bytes.to_vec().into());
    }
    Ok(value)
}

fn check_value(
    args: &Args,
    context: &Context<'_>,
    id: &SecretId,
    value: &SecretValue,
) -> Result<(), CliError> {
    let refuse = |reason: String, hint: &str| {
        Err(CliError::usage(format!("{id} was not stored: {reason}")).hint(hint.to_owned()))
    };
    if value.is_empty() && !args.allow_empty {
        return refuse("the value is empty".to_owned(), "pass --allow-empty if it should be");
    }
    let document = match id.application.as_str() {
        PULL_SECRET => RegistryCredentials::from_plaintext(value).err(),
        OIDC_CLIENTS => OidcClient::from_plaintext(value).err(),
        _ => None,
    };
    if let Some(error) = document {
        return refuse(error.to_string(), "see: phalanx-secrets set --help");
    }
    if value.expose_str().is_none() && !args.allow_binary {
        return refuse(
            "the value is not UTF-8 text, and Vault holds nothing else".to_owned(),
            "store a text form that the application understands, such as base64; or pass \
             --allow-binary to store the bytes, which sync will not push",
        );
    }
    let is_one_line = value.expose().iter().filter(|byte| **byte == b'\n').count() == 1;
    if is_one_line && value.expose().ends_with(b"\n") {
        context.ui.warn(
            "the value is one line and ends with a line feed, which is kept (use --strip-newline \
             to leave it out)",
        );
    }
    Ok(())
}
