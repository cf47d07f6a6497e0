//! Makes a token. It is used before anybody gets it, and only once it is
//! handed out are the older ones revoked. What does not work or cannot be
//! handed out is revoked itself.

use std::collections::BTreeSet;

use jiff::{Span, SpanTotal, Timestamp, Unit};
use zeroize::Zeroizing;

use super::python::{yaml_policies, yaml_text, yaml_time};
use super::{clash, not_revoked, text_of, tokens};
use crate::cli::logins::Unproven;
use crate::cli::{CliError, Context, Exit};
use crate::layout::VAULT_WRITE_TOKEN;
use crate::model::{ApplicationName, VaultLocation};
use crate::vault::{
    CreatedToken, NewToken, TokenDescription, VaultClient, VaultError, VaultSettings, VaultToken,
};

/// How a token is made.
#[derive(Debug, clap::Args)]
pub(super) struct TokenArgs {
    /// How long the token lives, as Vault writes it: 3650d, 12h, 3600
    #[arg(long, value_name = "DURATION", default_value = "3650d")]
    lifetime: String,

    /// Also revoke tokens of the same name that have another policy, such as
    /// those from before the Vault path changed
    #[arg(long)]
    revoke_others: bool,

    /// Replace the policy even if it is about another path, such as the one
    /// that the environment had before
    #[arg(long)]
    take_over: bool,
}

/// What a token is for.
pub(super) struct Purpose {
    /// What messages call it.
    pub(super) title: &'static str,
    /// Its display name.
    pub(super) name: String,
    /// Its policy.
    pub(super) policy: String,
    /// The text of the policy.
    pub(super) rules: String,
    /// The capabilities that it takes on an entry.
    pub(super) capabilities: &'static [&'static str],
}

/// Where a token is made.
pub(super) struct Workshop<'a> {
    pub(super) vault: &'a VaultClient,
    pub(super) location: &'a VaultLocation,
    pub(super) settings: &'a VaultSettings,
    pub(super) context: &'a Context<'a>,
}

/// Makes a token, and gives it to `hand_out`.
pub(super) async fn issue(
    purpose: &Purpose,
    args: &TokenArgs,
    workshop: &Workshop<'_>,
    hand_out: impl FnOnce(&CreatedToken, &TokenDescription) -> Result<(), CliError>,
) -> Result<Exit, CliError> {
    let Workshop { vault, context, .. } = workshop;
    // It may not be allowed to look at itself.
    let maker = vault.own_token().await.ok();
    let (mut older, mut others) = older_and_others(purpose, maker.as_ref(), workshop).await?;
    if !args.take_over {
        clash::refuse_policy(vault, &purpose.policy, workshop.location).await?;
    }
    vault.write_policy(&purpose.policy, &purpose.rules).await?;
    let new = NewToken {
        name: purpose.name.strip_prefix("token-").unwrap_or(&purpose.name),
        policy: &purpose.policy,
        lifetime: &args.lifetime,
    };
    let token = vault.create_token(&new).await.map_err(|error| not_made(error, vault))?;
    let unproven = Unproven::Token { accessor: token.accessor.clone() };
    let keeper = unproven.keep(vault, workshop.settings);
    let proven = async {
        let description = prove(&token, purpose, workshop).await?;
        hand_out(&token, &description)?;
        Ok::<_, CliError>(description)
    };
    let description = match proven.await {
        Ok(description) => description,
        Err(failed) => return Err(take_back(failed, &token, purpose, workshop).await),
    };
    drop(keeper);
    if args.revoke_others {
        older.append(&mut others);
    }
    revoke(&older, purpose, workshop).await?;
    let (title, name) = (purpose.title, &description.display_name);
    context.ui.status(&match older.len() {
        0 => format!("Made the {title} {name}."),
        1 => format!("Made the {title} {name}, and revoked the older one."),
        count => format!("Made the {title} {name}, and revoked {count} older ones."),
    });
    list_others(&others, purpose, context);
    if token.has_parent {
        warn_of_parent(maker.as_ref(), context);
    }
    warn_of_lifetime(&args.lifetime, &description, context);
    Ok(Exit::Done)
}

/// The tokens of that name: those with the policy, and those without. The
/// token in use is in neither list, since it must not be revoked.
async fn older_and_others(
    purpose: &Purpose,
    maker: Option<&TokenDescription>,
    workshop: &Workshop<'_>,
) -> Result<(Vec<TokenDescription>, Vec<TokenDescription>), CliError> {
    let Workshop { vault, context, .. } = workshop;
    let mut named = tokens::named(tokens::all(vault, context.ui).await?, &purpose.name);
    let count = named.len();
    named.retain(|token| maker.is_none_or(|maker| maker.accessor != token.accessor));
    if named.len() < count {
        let name = &purpose.name;
        context.ui.warn(&format!("the token in use is itself named {name}; it is kept"));
    }
    Ok(named.into_iter().partition(|token| token.policies.contains(&purpose.policy)))
}

/// Revokes tokens, all that can be.
async fn revoke(
    older: &[TokenDescription],
    purpose: &Purpose,
    workshop: &Workshop<'_>,
) -> Result<(), CliError> {
    let mut left = Vec::new();
    for token in older {
        if let Err(error) = workshop.vault.revoke_token(&token.accessor).await {
            left.push(format!("{}: {error}", token.accessor));
        }
    }
    not_revoked(purpose.title, left)
}

/// Why there is no token.
fn not_made(error: VaultError, vault: &VaultClient) -> CliError {
    let is_denied = error.is_forbidden();
    let error = CliError::from(error);
    match (is_denied, vault.is_from_login()) {
        (true, true) => error.hint(
            "a token that has a parent would end with the login of this command: allow sudo on \
             auth/token/create-orphan or on auth/token/create, or set VAULT_TOKEN",
        ),
        (true, false) => error.hint("sudo on auth/token/create will do as well"),
        _ => error,
    }
}

/// Uses it: whether it is known, may list the entries, and may do with one what
/// it is for.
async fn prove(
    token: &CreatedToken,
    purpose: &Purpose,
    workshop: &Workshop<'_>,
) -> Result<TokenDescription, CliError> {
    let Workshop { vault: administrator, location, settings, .. } = workshop;
    let vault = VaultClient::new(location, VaultToken::try_from(token.token.clone())?, settings)?;
    vault.read_environment([], &BTreeSet::new()).await?;
    let entry: ApplicationName = VAULT_WRITE_TOKEN.parse()?;
    let needed = purpose.capabilities.iter().map(|capability| (&entry, *capability));
    let lacking = vault.lacking(needed).await?;
    if !lacking.is_empty() {
        return Err(CliError::vault("the token may not do what it is for")
            .detail(lacking.iter().map(|one| format!("{} on {}", one.capability, one.path))));
    }
    let description = administrator.token(&token.accessor).await?;
    description.ok_or_else(|| CliError::vault("Vault does not know the token that it just made"))
}

/// Revokes what nobody has or what does not work, and says why.
async fn take_back(
    mut failed: CliError,
    token: &CreatedToken,
    purpose: &Purpose,
    workshop: &Workshop<'_>,
) -> CliError {
    let title = purpose.title;
    failed.causes.insert(0, failed.message.clone());
    failed.message =
        format!("the new {title} is of no use; it is revoked, and older ones are kept");
    if let Err(error) = workshop.vault.revoke_token(&token.accessor).await {
        workshop.context.ui.warn(&format!("it could not be revoked: {error}"));
    }
    failed
}

/// Lists tokens of the same name with another policy, which may be those of
/// another environment whose path ends alike.
fn list_others(others: &[TokenDescription], purpose: &Purpose, context: &Context<'_>) {
    if others.is_empty() {
        return;
    }
    let Purpose { title, name, policy, .. } = purpose;
    let ui = context.ui;
    ui.warn(&format!("other tokens are named {name}, without the policy {policy}; they are kept:"));
    for token in others {
        ui.tell(&format!("  • {}", tokens::described(token)));
    }
    ui.hint(&format!(
        "where no other environment needs them, run this again with --revoke-others: it makes \
         another {title} and revokes all these"
    ));
}

/// Warns that the token ends with the one that made it.
fn warn_of_parent(maker: Option<&TokenDescription>, context: &Context<'_>) {
    let end = match maker.and_then(|maker| maker.expires) {
        Some(time) => format!(", at {} at the latest", time.strftime("%Y-%m-%d %H:%M:%S")),
        None => String::new(),
    };
    context.ui.warn(&format!("the token ends with the token in use, which is its parent{end}"));
    context.ui.hint(
        "for one that does not, use a token with sudo on auth/token/create-orphan or on \
         auth/token/create",
    );
}

/// Warns where Vault gave less than was asked for.
fn warn_of_lifetime(asked: &str, token: &TokenDescription, context: &Context<'_>) {
    let seconds = match asked.parse::<f64>() {
        Ok(seconds) => Some(seconds),
        Err(_) => asked
            .parse::<Span>()
            .ok()
            .and_then(|span| span.total(SpanTotal::from(Unit::Second).days_are_24_hours()).ok()),
    };
    let (Some(seconds), Some(expires)) = (seconds, token.expires) else { return };
    let given = expires.duration_since(Timestamp::now()).as_secs_f64();
    // Some of it has passed already.
    if given + 60.0 < seconds {
        context.ui.warn(&format!(
            "Vault limits it: the token expires at {}, before its {asked} are over (see \
             max_lease_ttl of the server, and of the auth method token)",
            expires.strftime("%Y-%m-%d")
        ));
    }
}

/// Prints a token as YAML.
pub(super) fn print(
    token: &CreatedToken,
    description: &TokenDescription,
    context: &Context<'_>,
) -> Result<(), CliError> {
    let expires = description.expires.map_or_else(|| "null".to_owned(), yaml_time);
    let secret = Zeroizing::new(yaml_text(text_of(&token.token)?));
    let text = Zeroizing::new(format!(
        "accessor: {}\ndisplay_name: {}\nexpires: {expires}\n{}token: {}\n",
        yaml_text(&token.accessor),
        yaml_text(&description.display_name),
        yaml_policies(&description.policies),
        secret.as_str(),
    ));
    context.ui.data(text.as_bytes())
}
