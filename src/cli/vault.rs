//! What `audit` and `sync` share: everything read, from the store and from
//! Vault, at the same time.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::checkout::warn_of_seals;
use super::settings::{LoginSettings, is_stdin};
use super::trust::TrustArgs;
use super::ui::read_file;
use super::{CliError, Context, Exit};
use crate::layout::{OIDC_CLIENTS, PULL_SECRET, RESERVED_APPLICATIONS, VAULT_WRITE_TOKEN};
use crate::model::{
    ApplicationName, Environment, EnvironmentName, Generator, Kind, SecretId, SecretValue,
};
use crate::resolve::{Policy, Regenerate};
use crate::static_values::{StaticValues, WRITE_TOKEN_KEY};
use crate::store::{Contents, Identities, Store, StoredValue};
use crate::vault::{CurrentSecrets, Login, Proof, VaultClient, VaultToken, is_unprotected};

/// Options that say what is compared with what.
#[derive(Debug, clap::Args)]
pub(super) struct CompareArgs {
    /// Leave an application as it is; repeatable
    #[arg(short, long, value_name = "APPLICATION")]
    exclude: Vec<ApplicationName>,

    /// Take static values from a static-secrets YAML file instead of the store
    #[arg(long, value_name = "FILE")]
    secrets: Option<PathBuf>,

    /// Let a static secret that has no value here keep the one in Vault
    #[arg(long)]
    keep_vault_static: bool,

    /// Use this Vault server instead of the environment's
    #[arg(long, value_name = "URL")]
    vault_url: Option<String>,

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
        let name = &environment.name;
        let policy = Policy {
            exclude: self.exclude.iter().cloned().collect(),
            regenerate,
            keep_vault_static: self.keep_vault_static,
        };
        for application in &policy.exclude {
            if !environment.applications.contains_key(application)
                && !RESERVED_APPLICATIONS.contains(&application.as_str())
            {
                context.ui.warn(&format!(
                    "--exclude {application}: {name} enables no application of that name"
                ));
            }
        }

        let source = self.source(&environment, context)?;
        let mut location = environment.vault.clone();
        location.url = self.vault_url.clone().unwrap_or(location.url);
        self.check_address(&location.url, context)?;
        let settings = context.settings.vault()?;
        let vault = match login(&location.url, context).await? {
            Some(login) => VaultClient::log_in(&location, &login, &settings).await?,
            None => VaultClient::new(&location, source.token(context)?, &settings)?,
        };
        match self.read_all(environment, policy, unbound, source, vault.clone(), context).await {
            Ok(session) => Ok(session),
            Err(error) => {
                log_out(&vault, context).await;
                Err(error)
            }
        }
    }

    /// Refuses to take the credentials of one server to another.
    fn check_address(&self, url: &str, context: &Context<'_>) -> Result<(), CliError> {
        let plain = |url: &str| url.trim().trim_end_matches('/').to_ascii_lowercase();
        let named = context.settings.vault_address();
        if self.vault_url.is_none() && named.is_some_and(|named| plain(&named) != plain(url)) {
            return Err(CliError::usage(format!(
                "VAULT_ADDR names another server than the environment, which is at {url}"
            ))
            .hint("unset VAULT_ADDR; or choose with: --vault-url URL".to_owned()));
        }
        if is_unprotected(url) {
            context.ui.warn(&format!(
                "{url} is not encrypted: whoever is on the way reads the token and every secret"
            ));
        }
        Ok(())
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
        let reading = crate::sync::read(&vault, &environment);
        let (opened, current) = futures_util::future::join(opening, reading).await;
        let opened = opened.map_err(|error| CliError::new(Exit::Store, &error))?;
        let static_values = opened.check(unbound, context)?;
        let current = current.map_err(|error| CliError::sync(error, name))?;
        Ok(Session { environment, static_values, vault, current, policy })
    }

    /// Whether static values come from the store.
    pub(super) fn is_from_store(&self) -> bool {
        self.secrets.is_none()
    }

    fn source(&self, environment: &Environment, context: &Context<'_>) -> Result<Source, CliError> {
        if let Some(path) = &self.secrets {
            return Ok(Source::Values(read_yaml(path)?));
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

/// The login that the environment asks for.
async fn login(url: &str, context: &Context<'_>) -> Result<Option<Login>, CliError> {
    Ok(match context.settings.vault_login(url)? {
        None => None,
        Some(LoginSettings::Known(login)) => Some(login),
        Some(LoginSettings::CiJob { mount, role, request }) => {
            let jwt = request.send().await?;
            Some(Login { mount, proof: Proof::Jwt { role, jwt } })
        }
    })
}

/// Gives back the token of a login, if there was one. What was done is done,
/// so a failure is a warning.
pub(super) async fn log_out(vault: &VaultClient, context: &Context<'_>) {
    if let Err(error) = vault.log_out().await {
        context.ui.warn(&format!("{error}; it is good until it expires"));
    }
}

/// Reads a static-secrets YAML file.
pub(super) fn read_yaml(path: &std::path::Path) -> Result<StaticValues, CliError> {
    let name = match is_stdin(path) {
        true => "standard input".to_owned(),
        false => path.display().to_string(),
    };
    let bytes = read_file(path)?;
    let text =
        bytes.expose_str().ok_or_else(|| CliError::store(format!("{name} is not UTF-8 text")))?;
    StaticValues::from_yaml(text).map_err(|error| {
        let mut failed = CliError::from(error);
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
    /// The token for Vault: from the environment, from among the static
    /// values, or from `vault login`.
    fn token(&self, context: &Context<'_>) -> Result<VaultToken, CliError> {
        let from_values = || match self {
            Self::Values(values) => Ok(values.vault_write_token.clone()),
            Self::Store { contents, identities, environment } => {
                let id = SecretId::parse(environment.as_str(), VAULT_WRITE_TOKEN, WRITE_TOKEN_KEY)?;
                if !contents.has(&id.application, &id.key) {
                    return Ok(None);
                }
                let holders = &context.checkout.store()?.holders;
                match contents.open_one(id, identities) {
                    Ok(stored) => Ok(Some(stored.opened.value)),
                    Err(failure) => Err(CliError::open_failures(&[failure], holders, identities)),
                }
            }
        };
        let token: Option<SecretValue> = match context.settings.vault_token() {
            Some(token) => Some(token),
            None => match from_values()? {
                Some(token) => Some(token),
                None => context.settings.vault_token_file()?,
            },
        };
        match token {
            Some(token) => Ok(VaultToken::try_from(token)?),
            None => Err(CliError::new(Exit::Vault, &NoToken).hint(
                "set VAULT_TOKEN, log in with VAULT_AUTH_METHOD, run vault login (or bao login), \
                 or store a token: \
                 phalanx-secrets set ENVIRONMENT vault-write-token token"
                    .to_owned(),
            )),
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

#[derive(Debug, thiserror::Error)]
#[error("there is no token for Vault")]
struct NoToken;

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

/// Runs the one asynchronous part of a command.
pub(super) fn block_on<T>(work: impl Future<Output = Result<T, CliError>>) -> Result<T, CliError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(work)
}
