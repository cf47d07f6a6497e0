//! `vault create-write-token`.

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use jiff::{Span, SpanTotal, Timestamp, Unit};
use zeroize::Zeroizing;

use super::{Credentials, Target, text_of, yaml_text};
use crate::cli::commit::{Commit, CommitArgs};
use crate::cli::{CliError, Context, Exit};
use crate::layout::VAULT_WRITE_TOKEN;
use crate::model::{ApplicationName, SecretId, VaultLocation};
use crate::static_values::WRITE_TOKEN_KEY;
use crate::store::StoreError;
use crate::vault::{
    CreatedToken, TokenDescription, VaultClient, VaultError, VaultSettings, VaultToken,
    write_policy,
};

/// How many tokens are looked up at once.
const CONCURRENT_LOOKUPS: usize = 16;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "It takes a token that may write policies, make tokens and list their accessors. \
    The older write\ntokens are revoked once the new one has been seen to work."
)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    target: Target,

    /// How long the token lives, as Vault writes it: 3650d, 12h, 3600
    #[arg(long, value_name = "DURATION", default_value = "3650d")]
    lifetime: String,

    /// Seal the token into the store, where sync finds it, instead of printing
    /// it
    #[arg(long)]
    store: bool,

    #[command(flatten)]
    commit: CommitArgs,
}

pub(super) fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CliError> {
    let environment = args.target.environment(context)?;
    let location = args.target.location(&environment);
    let settings = context.settings.vault()?;
    let name = environment.name.as_str();
    let place = match args.store {
        true => Some(Place {
            id: SecretId::parse(name, VAULT_WRITE_TOKEN, WRITE_TOKEN_KEY)?,
            commit: args.commit.begin(context)?,
        }),
        false => None,
    };
    if let Some(Place { id, .. }) = &place
        && context.checkout.store()?.holders.who_can_read(id).next().is_none()
    {
        return Err(StoreError::NoHolder { id: id.clone() }.into());
    }
    args.target.server.with_vault(
        Credentials::Administrator,
        &environment,
        context,
        async |vault| create(args, vault, &location, &settings, place, context).await,
    )
}

/// Where the token is stored.
struct Place {
    id: SecretId,
    commit: Commit,
}

impl Place {
    fn store(self, token: &CreatedToken, context: &Context<'_>) -> Result<(), CliError> {
        let Self { id, commit } = self;
        let store = context.store_to_change()?;
        let now = store.time_of_change(Timestamp::now())?;
        store.put(&id, &token.token, store.time_of_change_of(&id, now)?)?;
        let touched = store.into_touched();
        context.ui.status(&format!("Stored {id}."));
        let message = format!("secrets({}): set {VAULT_WRITE_TOKEN}", id.environment);
        commit.end(touched, &message, context.ui)
    }
}

async fn create(
    args: &Args,
    vault: &VaultClient,
    location: &VaultLocation,
    settings: &VaultSettings,
    place: Option<Place>,
    context: &Context<'_>,
) -> Result<Exit, CliError> {
    let policy = location.write_policy();
    let older: Vec<TokenDescription> = find(vault, location)
        .await?
        .into_iter()
        // Another environment may be called the same at the end of its path.
        .filter(|token| token.policies.contains(&policy))
        .collect();
    vault.write_policy(&policy, &write_policy(location)).await?;
    let token = vault.create_token(location.read_approle(), &policy, &args.lifetime).await?;
    let proven = async {
        let description = prove(&token, vault, location, settings).await?;
        match place {
            Some(place) => place.store(&token, context)?,
            None => print(&token, &description, context)?,
        }
        Ok::<_, CliError>(description)
    };
    let description = match proven.await {
        Ok(description) => description,
        Err(mut failed) => {
            // What nobody has or what does not work must not stay behind.
            failed.causes.insert(0, failed.message.clone());
            failed.message =
                "the new write token is of no use; it is revoked, and older ones are kept".into();
            if let Err(error) = vault.revoke_token(&token.accessor).await {
                context.ui.warn(&format!("it could not be revoked: {error}"));
            }
            return Err(failed);
        }
    };
    let mut left = Vec::new();
    for old in &older {
        if let Err(error) = vault.revoke_token(&old.accessor).await {
            left.push(format!("{}: {error}", old.accessor));
        }
    }
    if !left.is_empty() {
        let message = "the new write token works, but older ones could not be revoked";
        let mut failed = CliError::store(message).detail(left);
        failed.exit = Exit::Vault;
        return Err(failed);
    }
    let name = &description.display_name;
    context.ui.status(&match older.len() {
        0 => format!("Made the write token {name}."),
        1 => format!("Made the write token {name}, and revoked the older one."),
        count => format!("Made the write token {name}, and revoked {count} older ones."),
    });
    warn_of_lifetime(&args.lifetime, &description, context);
    Ok(Exit::Done)
}

/// The write tokens of an environment, by their display name.
pub(super) async fn find(
    vault: &VaultClient,
    location: &VaultLocation,
) -> Result<Vec<TokenDescription>, VaultError> {
    let name = display_name(&location.write_token());
    let accessors = vault.token_accessors().await?;
    let tokens = stream::iter(accessors)
        .map(|accessor| async move { vault.token(&accessor).await })
        .buffered(CONCURRENT_LOOKUPS);
    let found: Vec<Option<TokenDescription>> = tokens.try_collect().await?;
    let has_name = |token: &TokenDescription| display_name(&token.display_name) == name;
    let mut found: Vec<TokenDescription> = found.into_iter().flatten().filter(has_name).collect();
    // The first to expire comes first.
    found.sort_by(|one, two| (one.expires, &one.accessor).cmp(&(two.expires, &two.accessor)));
    Ok(found)
}

/// A display name as Vault keeps it.
fn display_name(name: &str) -> String {
    let kept = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    name.chars().map(kept).collect()
}

/// Uses it: whether it is known, may list the entries, and may do with one what
/// a sync does.
async fn prove(
    token: &CreatedToken,
    administrator: &VaultClient,
    location: &VaultLocation,
    settings: &VaultSettings,
) -> Result<TokenDescription, CliError> {
    let vault = VaultClient::new(location, VaultToken::try_from(token.token.clone())?, settings)?;
    vault.read_environment([]).await?;
    let entry: ApplicationName = VAULT_WRITE_TOKEN.parse()?;
    let needed = ["create", "read", "update", "delete"].map(|capability| (&entry, capability));
    let lacking = vault.lacking(needed).await?;
    if !lacking.is_empty() {
        let mut failed = CliError::store("the token may not do what a sync takes")
            .detail(lacking.iter().map(|one| format!("{} on {}", one.capability, one.path)));
        failed.exit = Exit::Vault;
        return Err(failed);
    }
    administrator.token(&token.accessor).await?.ok_or_else(|| {
        let mut failed = CliError::store("Vault does not know the token that it just made");
        failed.exit = Exit::Vault;
        failed
    })
}

fn print(
    token: &CreatedToken,
    description: &TokenDescription,
    context: &Context<'_>,
) -> Result<(), CliError> {
    let policies: String =
        description.policies.iter().map(|policy| format!("- {}\n", yaml_text(policy))).collect();
    let expires = description.expires.map(|time| time.to_string());
    let text = Zeroizing::new(format!(
        "accessor: {}\ndisplay_name: {}\nexpires: {}\npolicies:\n{policies}token: {}\n",
        yaml_text(&token.accessor),
        yaml_text(&description.display_name),
        expires.as_deref().map_or("null".to_owned(), yaml_text),
        yaml_text(text_of(&token.token)?),
    ));
    context.ui.data(text.as_bytes())
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
