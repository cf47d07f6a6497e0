//! Where values can be imported from.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::Offer;
use crate::cli::connection::{Credentials, ServerArgs, block_on};
use crate::cli::input::read_file;
use crate::cli::session::{parse_yaml, read_yaml};
use crate::cli::settings::is_stdin;
use crate::cli::{CliError, Context, Exit};
use crate::model::{ApplicationName, Environment};
use crate::onepassword::{ConnectClient, OnepasswordError};
use crate::static_values::{EntryValues, InvalidEntry};
use crate::vault::{CurrentValue, VaultClient, is_unprotected};

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
        self.file.as_deref().filter(|path| !is_stdin(path))
    }

    /// Reads what there is.
    pub(super) fn read(
        &self,
        environment: &Environment,
        server: &ServerArgs,
        context: &Context<'_>,
    ) -> Result<Offer, CliError> {
        let progress = |text: &str| context.ui.progress(text.to_owned());
        if self.from_onepassword {
            let _progress = progress("Reading 1Password");
            return from_onepassword(environment, context);
        }
        if self.from_vault {
            let _progress = progress("Reading Vault");
            return from_vault(environment, server, context);
        }
        if let Some(file) = &self.from_sops {
            return from_sops(file, context);
        }
        match &self.file {
            Some(path) if path.is_dir() => from_folder(environment, path),
            Some(path) if path.extension().is_some_and(|end| end == "json") => {
                let entries = BTreeMap::from([read_entry(path)?]);
                Ok(of_entries(environment, &entries)?)
            }
            Some(path) => Ok(Offer { values: read_yaml(path)?, unknown: None, place: "file" }),
            None => Err(CliError::usage("there is nothing to import from")
                .hint("name a file; see: phalanx-secrets import --help")),
        }
    }
}

fn from_onepassword(environment: &Environment, context: &Context<'_>) -> Result<Offer, CliError> {
    let Some(location) = &environment.onepassword else {
        return Err(CliError::usage(format!("{} is not kept in 1Password", environment.name))
            .hint(
                "its file has no onepassword.connectUrl and onepassword.vaultTitle; see: \
                 phalanx-secrets import --help",
            ));
    };
    let Some(token) = context.settings.onepassword_token() else {
        return Err(CliError::usage("there is no token for 1Password Connect")
            .hint("set OP_CONNECT_TOKEN to a token of the Connect server"));
    };
    if is_unprotected(&location.connect_url) {
        context.ui.warn(&format!(
            "{} is not encrypted: whoever is on the way reads the token and every secret",
            location.connect_url
        ));
    }
    context.ui.detail(&format!(
        "1Password Connect at {}, vault {:?}",
        location.connect_url, location.vault_title
    ));
    let read =
        block_on(async { Ok(ConnectClient::new(location, &token)?.read(environment).await?) })?;
    Ok(Offer { values: read.values, unknown: Some(read.unknown), place: "item" })
}

fn from_vault(
    environment: &Environment,
    server: &ServerArgs,
    context: &Context<'_>,
) -> Result<Offer, CliError> {
    let read = async |vault: &VaultClient| {
        Ok(vault.read_environment(environment.applications.keys()).await?)
    };
    let current = server.with_vault(Credentials::Entries, environment, context, read)?;
    let entries = current.entries.into_iter();
    let entries = entries.filter_map(|(name, entry)| Some((name, entry.data?))).collect();
    Ok(of_entries(environment, &entries)?)
}

type Entries = BTreeMap<ApplicationName, BTreeMap<String, CurrentValue>>;

fn of_entries(environment: &Environment, entries: &Entries) -> Result<Offer, InvalidEntry> {
    let EntryValues { values, unknown } = EntryValues::pick(environment, entries)?;
    Ok(Offer { values, unknown: Some(unknown), place: "entry" })
}

/// What `vault export-secrets` wrote.
fn from_folder(environment: &Environment, folder: &Path) -> Result<Offer, CliError> {
    let mut entries = Entries::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|end| end == "json") {
            entries.extend([read_entry(&path)?]);
        }
    }
    if entries.is_empty() {
        return Err(CliError::usage(format!("{} holds no JSON files", folder.display()))
            .hint("they are written by: phalanx-secrets vault export-secrets ENVIRONMENT DIR"));
    }
    Ok(of_entries(environment, &entries)?)
}

/// Reads `APPLICATION.json`: an object with the application's secrets.
fn read_entry(path: &Path) -> Result<(ApplicationName, BTreeMap<String, CurrentValue>), CliError> {
    let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default().parse()?;
    let bytes = read_file(path)?;
    let malformed = || {
        CliError::store(format!("{} is not a JSON object of secrets", path.display()))
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
        failed.hint("does this work? sops --decrypt FILE (sops is at github.com/getsops/sops)")
    };
    if context.settings.program("sops").is_none() {
        return Err(fail("there is no program sops".to_owned()));
    }
    let output = Command::new("sops")
        .args(["--decrypt", "--output-type", "yaml"])
        .arg(file)
        .stdin(Stdio::inherit())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| fail(error.to_string()))?;
    let plain = Zeroizing::new(output.stdout);
    if !output.status.success() {
        return Err(fail(format!("it ended with {}", output.status)));
    }
    let name = format!("{} (decrypted)", file.display());
    let values = parse_yaml(&name, &plain.to_vec().into())?;
    Ok(Offer { values, unknown: None, place: "file" })
}

impl From<OnepasswordError> for CliError {
    fn from(error: OnepasswordError) -> Self {
        Self::new(Exit::Store, &error).hint(error.hint())
    }
}

impl From<InvalidEntry> for CliError {
    fn from(error: InvalidEntry) -> Self {
        Self::new(Exit::Store, &error).hint("leave it out, or correct it there; nothing was stored")
    }
}
