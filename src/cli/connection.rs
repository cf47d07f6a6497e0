//! The way to an environment's Vault: which server, and in whose name.

use super::login_settings::LoginSettings;
use super::{CliError, Context, Exit, logins};
use crate::layout::VAULT_WRITE_TOKEN;
use crate::model::{Environment, EnvironmentName, SecretId, SecretValue, VaultLocation};
use crate::shell::quoted;
use crate::static_values::WRITE_TOKEN_KEY;
use crate::store::{Contents, Identities};
use crate::vault::{
    Login, Named, Proof, SetupError, VaultClient, VaultError, VaultToken, is_same_server,
    is_unprotected,
};

/// Which server.
#[derive(Debug, clap::Args)]
pub(super) struct ServerArgs {
    /// Use this Vault server instead of the environment's
    #[arg(long, value_name = "URL")]
    vault_url: Option<String>,
}

/// Whose token a command takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Credentials {
    /// An administrator's, which is never stored.
    Administrator,
    /// One that may read and write entries: the stored one will do.
    Entries,
}

impl ServerArgs {
    /// The same for another command.
    pub(super) fn as_arguments(&self) -> Vec<&str> {
        self.vault_url.iter().flat_map(|url| ["--vault-url", url]).collect()
    }

    /// A command with the same server, as a hint tells it.
    pub(super) fn told(&self, command: &str) -> String {
        match &self.vault_url {
            Some(url) => format!("{command} --vault-url {}", quoted(url)),
            None => command.to_owned(),
        }
    }

    /// Where an environment is.
    pub(super) fn location(&self, location: &VaultLocation) -> VaultLocation {
        let url = self.vault_url.clone().unwrap_or_else(|| location.url.clone());
        VaultLocation { url, ..location.clone() }
    }

    /// Does something in Vault, and gives back the token of a login.
    pub(super) fn with_vault<T>(
        &self,
        credentials: Credentials,
        environment: &Environment,
        context: &Context<'_>,
        work: impl AsyncFnOnce(&VaultClient) -> Result<T, CliError>,
    ) -> Result<T, CliError> {
        let name = &environment.name;
        let stored = || match (credentials, context.checkout.store_if_any()) {
            (Credentials::Entries, Some(store)) => {
                open_write_token(&store.contents(name)?, &context.identities()?, name, context)
            }
            _ => Ok(None),
        };
        block_on(async {
            let vault = self.connect(credentials, &environment.vault, stored, context).await?;
            let outcome = work(&vault).await;
            log_out(&vault, context).await;
            outcome
        })
    }

    /// Makes a client for an environment: with a login, where one is asked
    /// for; or with the token of the process's environment, the one that is
    /// stored, or the one that `vault login` left, in this order.
    pub(super) async fn connect(
        &self,
        credentials: Credentials,
        location: &VaultLocation,
        stored: impl FnOnce() -> Result<Option<SecretValue>, CliError>,
        context: &Context<'_>,
    ) -> Result<VaultClient, CliError> {
        let location = self.location(location);
        let mut settings = context.settings.vault()?;
        context.ui.detail(&format!(
            "Vault: {}, mount {}, path {}",
            location.url, location.mount, location.path
        ));
        settings.throttle.clone_from(&context.fleet.throttle);
        if is_unprotected(&location.url) {
            context.ui.warn(&format!(
                "{} is not encrypted: whoever is on the way reads the token and every secret",
                location.url
            ));
        }
        if context.fleet.has_several_servers && !names(context, &location.url)? {
            let token = stored()?.ok_or_else(|| no_token_of_its_own(&location.url))?;
            let token = read_token(of_store(token), Exit::Store)?;
            return VaultClient::new(&location, token, &settings)
                .map_err(|error| self.failed(error));
        }
        self.check_address(&location.url, context)?;
        match login(&location.url, context).await? {
            Some(login) => {
                context.ui.detail("Token: that of a login");
                let client = logins::log_in(&location, &login, &settings).await;
                client.map_err(|error| self.failed(error))
            }
            None => {
                let token = token(credentials, stored, &location.url, context)?;
                VaultClient::new(&location, token, &settings).map_err(|error| self.failed(error))
            }
        }
    }

    /// Why there is no client. A URL that was given is another's fault than the
    /// environment's.
    fn failed(&self, error: VaultError) -> CliError {
        let is_given =
            self.vault_url.is_some() && matches!(error, VaultError::Setup(SetupError::Url { .. }));
        let failed = CliError::from(error);
        if is_given { CliError { exit: Exit::Usage, ..failed } } else { failed }
    }

    /// Refuses to take the credentials of one server to another.
    fn check_address(&self, url: &str, context: &Context<'_>) -> Result<(), CliError> {
        let Some(Named { name, .. }) = context.settings.vault_address()? else { return Ok(()) };
        if self.vault_url.is_none() && !names(context, url)? {
            return Err(CliError::usage(format!(
                "{name} names another server than the environment, which is at {url}"
            ))
            .hint(format!("unset {name}; or choose with: --vault-url URL")));
        }
        Ok(())
    }
}

/// Whether `VAULT_ADDR` names a server.
fn names(context: &Context<'_>, url: &str) -> Result<bool, CliError> {
    let named = context.settings.vault_address()?;
    Ok(named.is_some_and(|named| is_same_server(&named.value, url)))
}

/// Why there is no token for one of several servers.
fn no_token_of_its_own(url: &str) -> CliError {
    CliError::new(Exit::Usage, &NoToken)
        .hint(format!(
            "the environments are in several Vault servers, and a token of one is not sent to the \
             others: VAULT_TOKEN and logins are for the server in VAULT_ADDR, which is not {url}"
        ))
        .hint(
            "store a token of its own: phalanx-secrets vault create-write-token ENVIRONMENT --store"
                .to_owned(),
        )
}

/// The token for Vault: from the environment, from the store, or from `vault
/// login`.
fn token(
    credentials: Credentials,
    stored: impl FnOnce() -> Result<Option<SecretValue>, CliError>,
    server: &str,
    context: &Context<'_>,
) -> Result<VaultToken, CliError> {
    let token = match context.settings.vault_token()? {
        Some(token) => Some((token, Exit::Usage)),
        None => match stored()? {
            Some(token) => Some((of_store(token), Exit::Store)),
            None => context.settings.vault_token_file(server)?.map(|token| (token, Exit::Usage)),
        },
    };
    match token {
        Some((token, exit)) => {
            context.ui.detail(&format!("Token: {}", token.name));
            read_token(token, exit)
        }
        None => Err(CliError::new(Exit::Usage, &NoToken).hint(match credentials {
            Credentials::Administrator => {
                "set VAULT_TOKEN to an administrator's, log in with VAULT_AUTH_METHOD, or \
                         run vault login (or bao login)"
            }
            Credentials::Entries => {
                "set VAULT_TOKEN, log in with VAULT_AUTH_METHOD, run vault login (or bao \
                          login), or store a token: phalanx-secrets set ENVIRONMENT \
                          vault-write-token token"
            }
        })),
    }
}

fn of_store(value: SecretValue) -> Named<SecretValue> {
    Named { value, name: format!("the stored {VAULT_WRITE_TOKEN} {WRITE_TOKEN_KEY}") }
}

/// A token, where it is one; otherwise it is said where it is from, and whose
/// fault that is.
fn read_token(token: Named<SecretValue>, exit: Exit) -> Result<VaultToken, CliError> {
    let Named { value, name } = token;
    VaultToken::try_from(value).map_err(|error| {
        let message = format!("{name} is not a Vault token: {}", error.reason());
        CliError { exit, ..CliError::usage(message) }
            .hint("correct it there; or set VAULT_TOKEN, which goes before".to_owned())
    })
}

#[derive(Debug, thiserror::Error)]
#[error("there is no token for Vault")]
struct NoToken;

/// Opens the write token that is stored for an environment, if there is one.
pub(super) fn open_write_token(
    contents: &Contents,
    identities: &Identities,
    environment: &EnvironmentName,
    context: &Context<'_>,
) -> Result<Option<SecretValue>, CliError> {
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

/// The login that the environment asks for.
async fn login(url: &str, context: &Context<'_>) -> Result<Option<Login>, CliError> {
    Ok(match context.settings.vault_login(url)? {
        None => None,
        Some(LoginSettings::Known(login)) => Some(login),
        Some(LoginSettings::CiJob { mount, role, request }) => {
            let jwt = request.send(&context.settings.proxies()?).await?;
            Some(Login { mount, proof: Proof::Jwt { role, jwt } })
        }
    })
}

/// Gives back the token of a login, if there was one. What was done is done,
/// so a failure is a warning.
pub(super) async fn log_out(vault: &VaultClient, context: &Context<'_>) {
    if let Err(error) = logins::log_out(vault).await {
        context.ui.warn(&format!("{error}; it is good until it expires"));
    }
}

/// Runs the one asynchronous part of a command.
pub(super) fn block_on<T>(work: impl Future<Output = Result<T, CliError>>) -> Result<T, CliError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(work)
}
