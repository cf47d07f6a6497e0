//! The tokens of an environment: those that have its display name.

use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use crate::printable::printable;
use crate::vault::{TokenDescription, VaultClient, VaultError};

/// How many tokens are looked up at once.
const CONCURRENT_LOOKUPS: usize = 16;

/// All tokens, those first that expire first.
pub(super) async fn all(vault: &VaultClient) -> Result<Vec<TokenDescription>, VaultError> {
    let accessors = vault.token_accessors().await?;
    let tokens = stream::iter(accessors)
        .map(|accessor| async move { vault.token(&accessor).await })
        .buffered(CONCURRENT_LOOKUPS);
    let found: Vec<Option<TokenDescription>> = tokens.try_collect().await?;
    let mut found: Vec<TokenDescription> = found.into_iter().flatten().collect();
    found.sort_by(|one, two| (one.expires, &one.accessor).cmp(&(two.expires, &two.accessor)));
    Ok(found)
}

/// Those that have a display name.
pub(super) fn named(tokens: Vec<TokenDescription>, name: &str) -> Vec<TokenDescription> {
    let name = as_kept(name);
    tokens.into_iter().filter(|token| as_kept(&token.display_name) == name).collect()
}

/// A display name as Vault keeps it.
fn as_kept(name: &str) -> String {
    let kept = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    let name: String = name.chars().map(kept).collect();
    name.strip_suffix('-').unwrap_or(&name).to_owned()
}

/// A token in a list of them.
pub(super) fn described(token: &TokenDescription) -> String {
    let expires = match token.expires {
        Some(time) => format!("expires {}", time.strftime("%Y-%m-%d")),
        None => "never expires".to_owned(),
    };
    let policies = printable(&token.policies.join(", "));
    format!("accessor {}: {policies}; {expires}", printable(&token.accessor))
}
