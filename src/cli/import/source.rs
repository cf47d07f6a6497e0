//! Where values can be imported from.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::value::RawValue;

use crate::cli::connection::{Credentials, ServerArgs, block_on};
use crate::cli::input::{read_all, read_file};
use crate::cli::offer::Offer;
use crate::cli::session::{parse_yaml, read_yaml};
use crate::cli::{CliError, Context, onepassword};
use crate::layout::{OIDC_CLIENTS, PULL_SECRET, RESERVED_APPLICATIONS};
use crate::model::{ApplicationName, Environment, SecretId};
use crate::static_values::{EntryValues, InvalidEntry, StaticValues};
use crate::suggest::nearest;
use crate::vault::{CurrentValue, VaultClient};

/// Where from.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub(super) struct SourceArgs {
    /// A static-secrets YAML file ("-" for standard input); or what vault
    /// export-secrets wrote: a folder, or the APPLICATION.json of one
    file: Option<PathBuf>,

    /// The environment's vault in 1Password, through the Connect server that
    /// the environment names; OP_CONNECT_TOKEN has the token
    #[arg(long)]
    from_onepassword: bool,

    /// What the environment's Vault holds for static secrets
    #[arg(long)]
    from_vault: bool,

    /// A static-secrets YAML file that sops encrypted, decrypted with your sops
    #[arg(long, value_name = "FILE")]
    from_sops: Option<PathBuf>,
}

impl SourceArgs {
    /// The file or folder, if it is one, that holds the values in the clear.
    pub(super) fn in_the_clear(&self) -> Option<&Path> {
        let streams = ["/dev/stdin", "/dev/fd", "/proc"];
        let is_stream = |path: &Path| streams.iter().any(|stream| path.starts_with(stream));
        let file = self.file.as_deref().filter(|path| !is_stream(path));
        file.filter(|path| path.is_file() || path.is_dir())
    }

    /// Whether that is 1Password.
    pub(super) fn is_onepassword(&self) -> bool {
        self.from_onepassword
    }

    /// Reads what there is.
    pub(super) fn read(
        &self,
        environment: &Environment,
        labels: Option<&Option<String>>,
        server: &ServerArgs,
        context: &Context<'_>,
    ) -> Result<Offer, CliError> {
        let progress = |text: &str| context.ui.progress(text.to_owned());
        if self.from_onepassword {
            let _progress = progress("Reading 1Password");
            return match labels {
                Some(named) => from_labels(environment, named.as_deref(), context),
                None => from_onepassword(environment, context),
            };
        }
        if self.from_vault {
            let _progress = progress("Reading Vault");
            return from_vault(environment, server, context);
        }
        if let Some(file) = &self.from_sops {
            return from_sops(file, context);
        }
        match &self.file {
            Some(path) => from_path(path, environment, context),
            None => Err(CliError::usage("there is nothing to import from")
                .hint("name a file; see: phalanx-secrets import --help")),
        }
    }
}

/// Reads a static-secrets file, or what `vault export-secrets` wrote.
pub(super) fn from_path(
    path: &Path,
    environment: &Environment,
    context: &Context<'_>,
) -> Result<Offer, CliError> {
    if path.is_dir() {
        return from_folder(path, environment, context);
    }
    if path.extension().is_none_or(|end| end != "json") {
        return Ok(Offer {
            values: read_yaml(path)?,
            unknown: None,
            missing: Vec::new(),
            place: "file",
        });
    }
    let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
    let is_entry = environment.applications.contains_key(name) || name == PULL_SECRET;
    if is_entry {
        let entries = BTreeMap::from([read_entry(path)?]);
        return of_entries(path, environment, &entries, context);
    }
    // JSON is YAML as well, so it may be a static-secrets file.
    let is_static = |object: &BTreeMap<String, &RawValue>| {
        object.keys().any(|key| key == "applications" || RESERVED_APPLICATIONS.contains(&&**key))
    };
    if serde_json::from_slice(read_file(path)?.expose()).is_ok_and(|object| is_static(&object)) {
        return Ok(Offer {
            values: read_yaml(path)?,
            unknown: None,
            missing: Vec::new(),
            place: "file",
        });
    }
    let names = environment.applications.keys().map(ApplicationName::as_str);
    Err(CliError::usage(format!(
        "{} is named after no application of {}",
        path.display(),
        environment.name
    ))
    .hint(nearest(name, names).map(|near| format!("did you mean {near}.json?")))
    .hint("of JSON, it takes what was written by: phalanx-secrets vault export-secrets"))
}

fn from_onepassword(environment: &Environment, context: &Context<'_>) -> Result<Offer, CliError> {
    let read = block_on(onepassword::read(environment, context))?;
    onepassword::tell_empty(&read, context);
    Ok(Offer {
        values: read.values,
        unknown: Some([read.passed_over, read.unknown].concat()),
        missing: onepassword::names(&read.missing),
        place: "item",
    })
}

/// What the old installer would have taken from 1Password. It wrote that to
/// Vault as it is, so it is read as Vault's entries are.
fn from_labels(
    environment: &Environment,
    named: Option<&str>,
    context: &Context<'_>,
) -> Result<Offer, CliError> {
    let read = block_on(onepassword::read_labelled(environment, named, context))?;
    let missing = read.missing(environment);
    let EntryValues { mut values, unknown, generated, empty } =
        EntryValues::pick(environment, &read.entries)
            .map_err(|error| invalid("1Password", &error))?;
    tell_empty(&empty, context);
    let generated = generated.into_iter().map(|name| format!("{name} (generated)"));
    let unknown = read.unknown.into_iter().chain(unknown).chain(generated).collect();
    name_as_stored(&mut values, environment, context)?;
    Ok(Offer { values, unknown: Some(unknown), missing, place: "item" })
}

fn from_vault(
    environment: &Environment,
    server: &ServerArgs,
    context: &Context<'_>,
) -> Result<Offer, CliError> {
    let read = async |vault: &VaultClient| {
        Ok(vault.read_environment(environment.applications.keys(), &BTreeSet::new()).await?)
    };
    let current = server.with_vault(Credentials::Entries, environment, context, read)?;
    let folders = current.folders.iter().map(|folder| format!("{folder} (a folder)"));
    let unreadable = current.unreadable_names.iter();
    let unreadable = unreadable.map(|name| format!("{name:?} (no application's name)"));
    let beside: Vec<String> = folders.chain(unreadable).collect();
    let entries = current.entries.into_iter();
    let entries: Entries = entries.filter_map(|(name, entry)| Some((name, entry.data?))).collect();
    let EntryValues { mut values, mut unknown, empty, .. } =
        EntryValues::pick(environment, &entries).map_err(|error| invalid("Vault", &error))?;
    unknown.extend(beside);
    tell_empty(&empty, context);
    name_as_stored(&mut values, environment, context)?;
    Ok(Offer { values, unknown: Some(unknown), missing: Vec::new(), place: "entry" })
}

type Entries = BTreeMap<ApplicationName, BTreeMap<String, CurrentValue>>;

/// What entries have that came from files: of what is generated, Vault may have
/// nothing any more.
fn of_entries(
    path: &Path,
    environment: &Environment,
    entries: &Entries,
    context: &Context<'_>,
) -> Result<Offer, CliError> {
    let EntryValues { mut values, mut unknown, generated, empty } =
        EntryValues::pick(environment, entries).map_err(|error| invalid(path.display(), &error))?;
    tell_empty(&empty, context);
    if !generated.is_empty() {
        context.ui.warn(&format!(
            "values of secrets that are generated are left out ({}): where Vault has none of its \
             own, write these there before a sync makes new ones",
            generated.join(", ")
        ));
        unknown.extend(generated.into_iter().map(|name| format!("{name} (generated)")));
    }
    name_as_stored(&mut values, environment, context)?;
    Ok(Offer { values, unknown: Some(unknown), missing: Vec::new(), place: "entry" })
}

/// Says which secrets have an empty value, which counts as none.
fn tell_empty(empty: &[String], context: &Context<'_>) {
    for name in empty {
        context.ui.status(&format!("{name} is empty there, so it is left out"));
    }
}

/// Gives clients the names that they are stored under: where they come from
/// they have none but their ids.
fn name_as_stored(
    values: &mut StaticValues,
    environment: &Environment,
    context: &Context<'_>,
) -> Result<(), CliError> {
    let contents = context.checkout.store()?.contents(&environment.name)?;
    let is_client = |id: &SecretId| id.application.as_str() == OIDC_CLIENTS;
    if values.oidc_clients.is_empty() || !contents.ids().any(|id| is_client(&id)) {
        return Ok(());
    }
    let stored = StaticValues::from_stored(context.open(&contents, is_client)?)?.oidc_clients;
    for (id, client) in std::mem::take(&mut values.oidc_clients) {
        let named = stored.iter().find(|(_, stored)| stored.id == client.id);
        let name = named.map_or(id, |(name, _)| name.clone());
        if values.oidc_clients.insert(name.clone(), client).is_some() {
            return Err(CliError::usage(format!("two clients would be stored as {name}")).hint(
                format!(
                    "rename the stored one: phalanx-secrets rename {} {OIDC_CLIENTS} \
                               {name} NEW",
                    environment.name
                ),
            ));
        }
    }
    Ok(())
}

/// What `vault export-secrets` wrote.
fn from_folder(
    folder: &Path,
    environment: &Environment,
    context: &Context<'_>,
) -> Result<Offer, CliError> {
    let mut entries = Entries::new();
    let cannot = |error: std::io::Error| {
        let mut failed = CliError::usage(format!("{} cannot be read", folder.display()));
        failed.causes.push(error.to_string());
        failed.hint("may you list what is in it?")
    };
    for entry in std::fs::read_dir(folder).map_err(cannot)? {
        let path = entry.map_err(cannot)?.path();
        if path.extension().is_some_and(|end| end == "json") {
            entries.extend([read_entry(&path)?]);
        }
    }
    if entries.is_empty() {
        return Err(CliError::usage(format!("{} holds no JSON files", folder.display()))
            .hint("they are written by: phalanx-secrets vault export-secrets ENVIRONMENT DIR"));
    }
    of_entries(folder, environment, &entries, context)
}

/// Reads `APPLICATION.json`: an object with the application's secrets.
fn read_entry(path: &Path) -> Result<(ApplicationName, BTreeMap<String, CurrentValue>), CliError> {
    let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default().parse()?;
    let bytes = read_file(path)?;
    let malformed = || {
        CliError::usage(format!("{} is not a JSON object of secrets", path.display()))
            .hint("its form is that of: phalanx-secrets vault export-secrets ENVIRONMENT DIR")
    };
    let object: BTreeMap<String, &RawValue> =
        serde_json::from_slice(bytes.expose()).map_err(|_| malformed())?;
    let mut entry = BTreeMap::new();
    for (key, raw) in object {
        // The Python CLI writes null where nothing is known.
        if raw.get() != "null" {
            entry.insert(key, CurrentValue::from_json(raw.get()).ok_or_else(malformed)?);
        }
    }
    Ok((name, entry))
}

fn from_sops(file: &Path, context: &Context<'_>) -> Result<Offer, CliError> {
    let fail = |cause: String| {
        let mut failed = CliError::store(format!("sops cannot decrypt {}", file.display()));
        failed.causes.push(cause);
        failed
            .hint("does this work? sops --decrypt FILE (sops is at github.com/getsops/sops)")
            .hint("a YAML file needs a name that ends in .yaml, or sops takes it for JSON")
    };
    if context.settings.program("sops").is_none() {
        return Err(fail("there is no program sops".to_owned()));
    }
    // A name that begins with a dash would be an option.
    let path = if file.is_relative() { Path::new(".").join(file) } else { file.to_owned() };
    let mut sops = Command::new("sops")
        .args(["--decrypt", "--output-type", "yaml"])
        .arg(path)
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| fail(error.to_string()))?;
    let plain = sops.stdout.take().map(read_all).transpose()?.unwrap_or_else(|| "".into());
    let status = sops.wait().map_err(|error| fail(error.to_string()))?;
    if !status.success() {
        return Err(fail(format!("it ended with {status}")));
    }
    let name = format!("{} (decrypted)", file.display());
    let values = parse_yaml(&name, &plain)?;
    Ok(Offer { values, unknown: None, missing: Vec::new(), place: "file" })
}

/// A value that is not what it should be, with where it is.
fn invalid(place: impl std::fmt::Display, error: &InvalidEntry) -> CliError {
    CliError::usage(format!("{place}: {error}")).hint("correct it there; nothing was stored")
}
