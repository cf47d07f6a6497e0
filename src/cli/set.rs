//! `set`: store one value, in one environment or in several.

use std::ffi::OsString;
use std::path::PathBuf;
use std::str::FromStr;

use clap::ValueEnum;
use jiff::Timestamp;

use super::commit::CommitArgs;
use super::completion::{applications, environments, keys};
use super::input::{YES, read_file};
use super::new_value::{ValueArgs, check_new_id, check_value, readers, warn_of_oddities};
use super::{CliError, Context, Exit, ignored, oidc_client, uncommitted};
use crate::generate;
use crate::layout::{RESERVED_APPLICATIONS, VAULT_WRITE_TOKEN};
use crate::model::{
    ApplicationName, Environment, EnvironmentName, InvalidName, KeyName, SecretId, SecretValue,
};
use crate::static_values::WRITE_TOKEN_KEY;
use crate::store::is_backup;
use crate::suggest::nearest;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "The value is never an argument, where other users of the machine could see it. \
    Without --from-file or --generate it is asked for, hidden, or read from standard input when \
    that is not a terminal. It is stored to the byte: a line feed at its end is part of it \
    (printf leaves it out, echo adds one).\n\nBeyond applications' static secrets, three names \
    hold what the environment as a whole needs:\n  pull-secret REGISTRY       username:password\n  \
    oidc-clients CLIENT        {\"id\": …, \"secret\": …, \"return_uri\": …}\n  \
    vault-write-token token    a Vault token"
)]
pub(super) struct Args {
    /// Environment, or several: ENV,ENV
    #[arg(add = environments())]
    environments: Environments,
    /// Application, or pull-secret, oidc-clients or vault-write-token
    #[arg(add = applications())]
    application: ApplicationName,
    /// Key (of a pull secret, the registry; of oidc-clients, the client)
    #[arg(add = keys())]
    key: KeyName,

    /// Read the value from a file ("-" for standard input)
    #[arg(short, long, value_name = "FILE")]
    from_file: Option<PathBuf>,

    /// Make the value, as specs name it, rather than ask for it
    #[arg(long, value_name = "TYPE", conflicts_with_all = ["from_file", "strip_newline"])]
    generate: Option<Generated>,

    /// Where a generated OpenID Connect client has people sent after a login;
    /// asked for otherwise
    #[arg(long, value_name = "URL", requires = "generate")]
    return_uri: Option<String>,

    /// Replace stored values by a generated one without asking
    #[arg(short, long)]
    yes: bool,

    /// Leave out one line feed at the end of the value
    #[arg(long)]
    strip_newline: bool,

    #[command(flatten)]
    value: ValueArgs,

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

/// One environment or several, separated by commas.
#[derive(Debug, Clone)]
pub(super) struct Environments(pub(super) Vec<EnvironmentName>);

impl FromStr for Environments {
    type Err = InvalidName;

    fn from_str(names: &str) -> Result<Self, InvalidName> {
        let mut parsed: Vec<EnvironmentName> = Vec::new();
        for name in names.split(',') {
            let name = name.parse()?;
            if !parsed.contains(&name) {
                parsed.push(name);
            }
        }
        Ok(Self(parsed))
    }
}

impl std::fmt::Display for Environments {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<&str> = self.0.iter().map(EnvironmentName::as_str).collect();
        f.write_str(&names.join(","))
    }
}

/// The generators that need no other secret.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Generated {
    /// 64 hexadecimal digits
    Password,
    /// A Gafaelfawr token
    GafaelfawrToken,
    /// A Fernet key
    FernetKey,
    /// An RSA private key of 2048 bits, in PEM
    RsaPrivateKey,
    /// An OpenID Connect client, with a random id and secret
    OidcClient,
}

pub(super) fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CliError> {
    // `key=VALUE` is as much of an argument.
    if !args.misplaced.is_empty() || args.key.as_str().contains('=') {
        return Err(CliError::usage(
            "the value must not be an argument, where other users of this machine can see it",
        )
        .hint("pass it on standard input, or with --from-file FILE")
        .hint(
            "if that was the real value, it is in your shell's history too: take it out there, \
             and consider changing it",
        ));
    }
    check_generated(args, context)?;
    let store = context.checkout.store()?;
    let commit = args.commit.begin(context)?;
    let mut targets: Vec<(SecretId, Environment)> = Vec::new();
    for name in &args.environments.0 {
        let id = SecretId::new(name.clone(), args.application.clone(), args.key.clone());
        let environment = context.checkout.environment(name)?;
        refuse_strange(&id, &environment, args.allow_unknown)?;
        check_new_id(&id, &environment, args.allow_unknown)?;
        // Before the value is asked for: whether anybody could read it, and
        // whether it has a place of its own.
        readers(store, &id)?;
        store.refuse_alike(&id)?;
        targets.push((id, environment));
    }

    uncommitted::warn(targets.iter().map(|(id, _)| id), context);
    ignored::warn(targets.iter().map(|(id, _)| id), context);
    if args.generate.is_some() && !args.yes {
        let stored = targets.iter().filter(|(id, _)| store.has(id));
        let stored: Vec<String> = stored.map(|(id, _)| id.to_string()).collect();
        let question = format!("Replace the stored value of {}?", stored.join(", "));
        if !stored.is_empty() && !context.ui.confirm(&question, YES)? {
            context.ui.status("Nothing was stored.");
            return Ok(Exit::Done);
        }
    }
    let value = read(args, &targets, context)?;
    for (id, environment) in &targets {
        check_value(id, &value, environment, args.value)?;
    }
    warn_of_oddities(&value, "use --strip-newline to leave it out", context.ui);
    // Only now: a prompt may take its time.
    let store = context.store_to_change()?;
    store.put_together(targets.iter().map(|(id, _)| (id, &value)), Timestamp::now())?;
    for (id, _) in &targets {
        context.ui.status(&format!("Stored {id}, sealed to: {}", readers(&store, id)?.join(", ")));
    }
    if let Some(Generated::OidcClient) = args.generate {
        context.ui.hint(&format!(
            "who runs the client needs its id and secret: phalanx-secrets get {} {} {}",
            args.environments, args.application, args.key
        ));
    }
    let touched = store.into_touched();
    let Args { environments, application, key, .. } = args;
    commit.end(
        touched,
        &format!("secrets({environments}): set {application} {key}"),
        context.ui,
    )?;
    Ok(Exit::Done)
}

/// Refuses what cannot be generated, before anything is asked.
fn check_generated(args: &Args, context: &Context<'_>) -> Result<(), CliError> {
    let Args { environments, application, return_uri, .. } = args;
    match args.generate {
        Some(Generated::OidcClient) => {
            let count = environments.0.len();
            oidc_client::check(application, count, return_uri.as_deref(), context)
        }
        _ if return_uri.is_some() => Err(CliError::usage("--return-uri is for a client")
            .hint("generate one with: --generate oidc-client")),
        _ => Ok(()),
    }
}

/// Refuses a key that is like none that the application has, without repeating
/// it: somebody may have left out the key and given the value.
fn refuse_strange(
    id: &SecretId,
    environment: &Environment,
    allow_unknown: bool,
) -> Result<(), CliError> {
    let known: Vec<&str> = match id.application.as_str() {
        VAULT_WRITE_TOKEN => vec![WRITE_TOKEN_KEY],
        name if RESERVED_APPLICATIONS.contains(&name) => return Ok(()),
        _ => match environment.applications.get(&id.application) {
            Some(application) => application.secrets.keys().map(KeyName::as_str).collect(),
            None => return Ok(()),
        },
    };
    let key = id.key.as_str();
    if allow_unknown || is_backup(id) || known.contains(&key) || nearest(key, known).is_some() {
        return Ok(());
    }
    let (application, name) = (&id.application, &id.environment);
    Err(CliError::usage(format!(
        "{application} needs no secret of that name in {name} (it is not repeated: it could be a \
         value)"
    ))
    .hint(format!("see what it needs with: phalanx-secrets list {name}"))
    .hint("to store it all the same, for a spec that is yet to come, pass --allow-unknown"))
}

fn read(
    args: &Args,
    targets: &[(SecretId, Environment)],
    context: &Context<'_>,
) -> Result<SecretValue, CliError> {
    let value = match (&args.from_file, args.generate) {
        (_, Some(generator)) => return make(generator, args, targets, context),
        (Some(path), _) => read_file(path)?,
        _ => {
            let Args { environments, application, key, .. } = args;
            context.ui.read_value(&format!("{environments}/{application}/{key}"))?
        }
    };
    if args.strip_newline {
        let bytes = value.expose();
        let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        return Ok(bytes.to_vec().into());
    }
    Ok(value)
}

fn make(
    generator: Generated,
    args: &Args,
    targets: &[(SecretId, Environment)],
    context: &Context<'_>,
) -> Result<SecretValue, CliError> {
    let mut random = rand::rng();
    Ok(match generator {
        Generated::Password => generate::password(&mut random),
        Generated::GafaelfawrToken => generate::gafaelfawr_token(&mut random),
        Generated::FernetKey => generate::fernet_key(&mut random),
        Generated::RsaPrivateKey => generate::rsa_private_key(&mut random)
            .map_err(|error| CliError::new(Exit::Store, &error))?,
        Generated::OidcClient => match targets {
            [(_, environment)] => {
                return oidc_client::make(environment, args.return_uri.as_deref(), context);
            }
            _ => return Err(CliError::usage("a client belongs to one environment")),
        },
    })
}
