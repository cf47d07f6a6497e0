//! What `audit` and `sync` share: everything read, from the store and from
//! Vault, at the same time.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::checkout::warn_of_seals;
use super::connection::{Credentials, ServerArgs, log_out, open_write_token};
use super::input::read_file;
use super::settings::is_stdin;
use super::trust::TrustArgs;
use super::{CliError, Context, Exit, onepassword};
use crate::encoding;
use crate::layout::{OIDC_CLIENTS, PULL_SECRET, RESERVED_APPLICATIONS};
use crate::model::{
    ApplicationName, Environment, EnvironmentName, Generator, Kind, SecretId, SecretValue,
};
use crate::onepassword::Missing;
use crate::resolve::{Policy, Regenerate};
use crate::static_values::StaticValues;
use crate::store::{Contents, Identities, STORE_FILE, Store, StoredValue, is_backup};
use crate::vault::{CurrentSecrets, VaultClient};

/// Options that say what is compared with what.
#[derive(Debug, clap::Args)]
pub(super) struct CompareArgs {
    /// Leave an application as it is; repeatable
    #[arg(short, long, value_name = "APPLICATION")]
    exclude: Vec<ApplicationName>,

    /// Take static values from a static-secrets YAML file instead of the store
    #[arg(long, value_name = "FILE")]
    secrets: Option<PathBuf>,

    /// Take static values from the environment's vault in 1Password instead of
    /// the store; OP_CONNECT_TOKEN holds the token of the Connect server
    #[arg(long, conflicts_with = "secrets")]
    from_onepassword: bool,

    /// Let a static secret that has no value here keep the one in Vault
    #[arg(long)]
    keep_vault_static: bool,

    #[command(flatten)]
    pub(super) server: ServerArgs,

    #[command(flatten)]
    pub(super) trust: TrustArgs,
}

/// Whether values that are bound to no secret may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unbound {
    /// They may; there is a warning.
    Allowed,
    /// They may not.
    Refused,
}

/// Everything that was read.
pub(super) struct Session {
    pub(super) environment: Environment,
    pub(super) static_values: StaticValues,
    /// What 1Password lacks, unless Vault's value stands in for it.
    pub(super) missing: Vec<Missing>,
    pub(super) vault: VaultClient,
    pub(super) current: CurrentSecrets,
    pub(super) policy: Policy,
}

impl CompareArgs {
    /// Reads an environment's static values and its Vault.
    pub(super) async fn read(
        &self,
        environment: Environment,
        regenerate: Regenerate,
        unbound: Unbound,
        context: &Context<'_>,
    ) -> Result<Session, CliError> {
        let policy = Policy {
            exclude: self.exclude.iter().cloned().collect(),
            regenerate,
            keep_vault_static: self.keeps_vault_static(&environment.name, context),
            ..Policy::default()
        };
        let (source, missing) = self.source(&environment, &policy, context).await?;
        let stored = || source.write_token(context);
        let vault =
            self.server.connect(Credentials::Entries, &environment.vault, stored, context).await?;
        match self.read_all(environment, policy, unbound, source, vault.clone(), context).await {
            Ok(session) => Ok(Session { missing, ..session }),
            Err(error) => {
                log_out(&vault, context).await;
                Err(error)
            }
        }
    }

    async fn read_all(
        &self,
        environment: Environment,
        policy: Policy,
        unbound: Unbound,
        source: Source,
        vault: VaultClient,
        context: &Context<'_>,
    ) -> Result<Session, CliError> {
        let name = &environment.name;

        // Opening is work for the processor, reading Vault is waiting: both at
        // once.
        let wanted = wanted(&environment, &policy.exclude);
        let opening = tokio::task::spawn_blocking(move || source.open(&wanted));
        let reading = crate::sync::read(&vault, &environment, &policy);
        let (opened, current) = futures_util::future::join(opening, reading).await;
        let opened = opened.map_err(|error| CliError::new(Exit::Store, &error))?;
        let static_values = opened.check(unbound, context)?;
        let current = current.map_err(|error| CliError::sync(error, name))?;
        refuse_unknown(&policy.exclude, &environment, &current)?;
        Ok(Session { environment, static_values, missing: Vec::new(), vault, current, policy })
    }

    /// Whether static values come from the store.
    pub(super) fn is_from_store(&self) -> bool {
        self.secrets.is_none() && !self.from_onepassword
    }

    /// Whether Vault's value stands in for one that is not here. Where
    /// `store.toml` decides that, it is said.
    fn keeps_vault_static(&self, name: &EnvironmentName, context: &Context<'_>) -> bool {
        let store = context.checkout.store_if_any();
        let is_set = store.is_some_and(|store| store.settings.keeps_vault_static(name));
        if is_set && !self.keep_vault_static {
            context.ui.status(&format!(
                "Static secrets of {name} that have no value here keep the one in Vault \
                 (keep-vault-static in {STORE_FILE})"
            ));
        }
        is_set || self.keep_vault_static
    }

    /// Where static values come from, and what 1Password lacks of them.
    async fn source(
        &self,
        environment: &Environment,
        policy: &Policy,
        context: &Context<'_>,
    ) -> Result<(Source, Vec<Missing>), CliError> {
        if self.from_onepassword {
            let read = onepassword::read(environment, context).await?;
            onepassword::tell_unused(&read, context);
            let mut missing = read.missing;
            missing.retain(|one| !policy.exclude.contains(&one.application));
            if policy.keep_vault_static {
                missing.clear();
            }
            let values = usable(read.values, "1Password", context)?;
            return Ok((Source::Values(values), missing));
        }
        Ok((self.source_at_hand(environment, context)?, Vec::new()))
    }

    fn source_at_hand(
        &self,
        environment: &Environment,
        context: &Context<'_>,
    ) -> Result<Source, CliError> {
        if let Some(path) = &self.secrets {
            return Ok(Source::Values(usable(read_yaml(path)?, &file_name(path), context)?));
        }
        if self.keep_vault_static && context.checkout.store_if_any().is_none() {
            return Ok(Source::Values(StaticValues::default()));
        }
        Ok(Source::Store {
            contents: context.checkout.store()?.contents(&environment.name)?,
            identities: context.identities()?,
            environment: environment.name.clone(),
        })
    }
}

/// Takes values as they count where nobody looked them over: what is white
/// space is none, which is worth a word.
fn usable(
    mut values: StaticValues,
    place: &str,
    context: &Context<'_>,
) -> Result<StaticValues, CliError> {
    values.refuse_blank_parts().map_err(|error| {
        CliError::usage(format!("{place}: {error}"))
            .hint("correct it there, or leave it out; nothing was written")
    })?;
    for (application, key) in values.take_white_space() {
        context.ui.warn(&format!(
            "{place}: the value of {application} {key} is white space alone, which counts as none \
             (if it should be so, store it: phalanx-secrets set --allow-empty)"
        ));
    }
    values.vault_write_token = values.vault_write_token.filter(|token| !token.is_blank());
    Ok(values)
}

/// Reads a static-secrets YAML file.
pub(super) fn read_yaml(path: &Path) -> Result<StaticValues, CliError> {
    parse_yaml(&file_name(path), &read_file(path)?)
}

fn file_name(path: &Path) -> String {
    match is_stdin(path) {
        true => "standard input".to_owned(),
        false => path.display().to_string(),
    }
}

/// Reads static-secrets YAML that has a name.
pub(super) fn parse_yaml(name: &str, bytes: &SecretValue) -> Result<StaticValues, CliError> {
    if encoding::is_utf16(bytes.expose()) {
        return Err(CliError::usage(format!("{name} is in UTF-16, not UTF-8"))
            .hint("save it as UTF-8: iconv -f UTF-16 -t UTF-8"));
    }
    let text = bytes.expose_str().ok_or_else(|| {
        CliError::usage(format!("{name} is not UTF-8 text"))
            .hint("is it a static-secrets YAML file? One that is encrypted must be opened first")
    })?;
    StaticValues::from_yaml(text).map_err(|error| {
        let mut failed = CliError { exit: Exit::Usage, ..CliError::from(error) };
        failed.message = format!("{name}: {}", failed.message);
        failed.hint("its form is that of: phalanx-secrets static-template ENVIRONMENT".to_owned())
    })
}

/// Which stored values a sync needs: static secrets of applications that are
/// not excluded, registries, and clients where a secret is made of them.
fn wanted(
    environment: &Environment,
    exclude: &BTreeSet<ApplicationName>,
) -> impl Fn(&SecretId) -> bool + Send + use<> {
    let mut ids = BTreeSet::new();
    let mut folders = BTreeSet::new();
    if !exclude.iter().any(|name| name.as_str() == PULL_SECRET) {
        folders.insert(PULL_SECRET);
    }
    for (application, key, spec) in environment.secrets() {
        if exclude.contains(application) {
            continue;
        }
        match &spec.kind {
            Kind::Static => {
                ids.insert((application.clone(), key.clone()));
            }
            Kind::Generate(Generator::OidcClients) => {
                folders.insert(OIDC_CLIENTS);
            }
            _ => {}
        }
    }
    move |id| {
        if is_backup(id) {
            return false;
        }
        folders.contains(id.application.as_str())
            || ids.contains(&(id.application.clone(), id.key.clone()))
    }
}

/// Where static values come from.
enum Source {
    Values(StaticValues),
    Store { contents: Contents, identities: Identities, environment: EnvironmentName },
}

impl Source {
    /// The token for Vault that is among the static values.
    fn write_token(&self, context: &Context<'_>) -> Result<Option<SecretValue>, CliError> {
        match self {
            Self::Values(values) => Ok(values.vault_write_token.clone()),
            Self::Store { contents, identities, environment } => {
                open_write_token(contents, identities, environment, context)
            }
        }
    }

    fn open(self, wanted: &impl Fn(&SecretId) -> bool) -> OpenedSource {
        match self {
            Self::Values(values) => OpenedSource::Values(values),
            Self::Store { contents, identities, .. } => {
                let (values, failures) = contents.open_all(wanted, &identities);
                OpenedSource::Store { values, failures, identities }
            }
        }
    }
}

enum OpenedSource {
    Values(StaticValues),
    Store {
        values: Vec<StoredValue>,
        failures: Vec<crate::store::OpenFailure>,
        identities: Identities,
    },
}

impl OpenedSource {
    fn check(self, unbound: Unbound, context: &Context<'_>) -> Result<StaticValues, CliError> {
        let (values, failures, identities) = match self {
            Self::Values(values) => return Ok(values),
            Self::Store { values, failures, identities } => (values, failures, identities),
        };
        let store: &Store = context.checkout.store()?;
        if !failures.is_empty() {
            return Err(CliError::open_failures(&failures, &store.holders, &identities));
        }
        let loose: Vec<String> = values
            .iter()
            .filter(|value| value.opened.header.seal.is_none())
            .map(|value| crate::store::sealed_path(&value.id))
            .collect();
        if unbound == Unbound::Refused && !loose.is_empty() {
            let message =
                "values were not sealed by this tool, so nothing shows that they belong there";
            return Err(CliError::store(message).detail(loose).hint(
                "store them again (phalanx-secrets get … | phalanx-secrets set …), or pass \
                 --allow-unbound"
                    .to_owned(),
            ));
        }
        warn_of_seals(context.ui, store, &values);
        Ok(StaticValues::from_stored(values)?)
    }
}

/// Refuses an `--exclude` of what is neither in the checkout nor in Vault. One
/// that is misspelt would leave nothing as it is.
fn refuse_unknown(
    exclude: &BTreeSet<ApplicationName>,
    environment: &Environment,
    current: &CurrentSecrets,
) -> Result<(), CliError> {
    let known: BTreeSet<&str> = environment
        .applications
        .keys()
        .chain(&environment.not_enabled)
        .chain(current.entries.keys())
        .chain(&current.left_alone)
        .map(ApplicationName::as_str)
        .chain(RESERVED_APPLICATIONS)
        .collect();
    let Some(unknown) = exclude.iter().find(|name| !known.contains(name.as_str())) else {
        return Ok(());
    };
    let name = &environment.name;
    let error = CliError::usage(format!(
        "--exclude {unknown}: neither the checkout nor {name} in Vault has an application of that \
         name; nothing was written"
    ));
    Err(match crate::suggest::nearest(unknown.as_str(), known) {
        Some(nearest) => error.hint(format!("did you mean {nearest}?")),
        None => error.hint(format!("see them with: phalanx-secrets list {name}")),
    })
}
