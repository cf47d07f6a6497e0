//! Reading an environment's vault in 1Password, for each command that does.

use super::{CliError, Context, Exit};
use crate::model::Environment;
use crate::onepassword::{
    ConnectClient, LabelledValues, Missing, OnepasswordError, OnepasswordValues,
};
use crate::vault::is_unprotected;

/// Reads what 1Password has for an environment, through the Connect server
/// that the environment names.
pub(super) async fn read(
    environment: &Environment,
    context: &Context<'_>,
) -> Result<OnepasswordValues, CliError> {
    Ok(client(environment, context)?.read(environment).await?)
}

/// Says what there is that is not used, for commands that list nothing: items
/// that may be meant, and to those who look closely, fields.
pub(super) fn tell_unused(read: &OnepasswordValues, context: &Context<'_>) {
    for item in &read.passed_over {
        context.ui.warn(&format!("1Password: nothing is taken from {item}"));
    }
    for name in &read.unknown {
        context.ui.detail(&format!("Left out, because no spec asks for it: {name}"));
    }
}

/// Says which fields have no value, so that nothing can be taken from them.
pub(super) fn tell_empty(read: &OnepasswordValues, context: &Context<'_>) {
    for name in &read.empty {
        context.ui.status(&format!("1Password: {name} has no value, so it is left out"));
    }
}

/// Reads items as the old installer had them. Its name for the environment is
/// `named`, or one of those that it may have had.
pub(super) async fn read_labelled(
    environment: &Environment,
    named: Option<&str>,
    context: &Context<'_>,
) -> Result<LabelledValues, CliError> {
    let names = match named {
        Some(name) => vec![name.to_owned()],
        None => {
            let own = [environment.name.as_str(), environment.vault.read_approle()];
            let own = own.into_iter().chain(environment.fqdn.as_deref());
            own.map(str::to_owned).collect()
        }
    };
    context.ui.detail(&format!("Items without an environment, or of: {}", names.join(", ")));
    Ok(client(environment, context)?.read_labelled(&names).await?)
}

fn client(environment: &Environment, context: &Context<'_>) -> Result<ConnectClient, CliError> {
    let Some(location) = &environment.onepassword else {
        return Err(CliError::usage(format!("{} is not kept in 1Password", environment.name))
            .hint(
                "its file has no onepassword.connectUrl and onepassword.vaultTitle; see: \
                 phalanx-secrets import --help",
            ));
    };
    if context.fleet.has_several_connect_servers {
        return Err(CliError::usage(
            "these environments are in several 1Password Connect servers, and OP_CONNECT_TOKEN \
             is for one of them",
        )
        .hint("name only the environments of one server at a time"));
    }
    let Some(token) = context.settings.onepassword_token()? else {
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
    Ok(ConnectClient::new(location, &token, &context.settings.proxies()?)?)
}

/// The error where 1Password does not have all that specs ask for. `undone`
/// says what did not happen because of it.
pub(super) fn missing(missing: &[impl ToString], undone: &str) -> CliError {
    CliError::store(format!("static secrets are missing from 1Password; {undone}"))
        .detail(missing.iter().map(ToString::to_string))
        .hint(
            "add them in 1Password: an item named after the application, with a field named after \
             each key",
        )
}

/// What is missing, as bullets are.
pub(super) fn names(missing: &[Missing]) -> Vec<String> {
    missing.iter().map(ToString::to_string).collect()
}

impl From<OnepasswordError> for CliError {
    fn from(error: OnepasswordError) -> Self {
        let exit = match error {
            OnepasswordError::Token => Exit::Usage,
            // That of the environment.
            OnepasswordError::Setup(_) => Exit::Store,
            _ => Exit::Vault,
        };
        Self::new(exit, &error).hint(error.hint())
    }
}
