//! The tokens of an environment: those that have its display name.

use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use crate::cli::Ui;
use crate::printable::printable;
use crate::vault::{TokenDescription, VaultClient, VaultError};

/// How many tokens are looked up at once.
const CONCURRENT_LOOKUPS: usize = 16;

/// All tokens, those first that expire first.
///
/// A server may refuse to describe a few of them to everybody. These are left
/// out with a warning; a refusal of each is one of the path.
pub(super) async fn all(vault: &VaultClient, ui: &Ui) -> Result<Vec<TokenDescription>, VaultError> {
    let accessors = vault.token_accessors().await?;
    let lookups = stream::iter(accessors)
        .map(|accessor| async move {
            match vault.token(&accessor).await {
                Err(error) if error.is_forbidden() => Ok(Err(error)),
                outcome => outcome.map(Ok),
            }
        })
        .buffered(CONCURRENT_LOOKUPS);
    let outcomes: Vec<Result<Option<TokenDescription>, VaultError>> = lookups.try_collect().await?;
    let (mut found, mut refused) = (Vec::new(), Vec::new());
    for outcome in outcomes {
        match outcome {
            Ok(token) => found.extend(token),
            Err(error) => refused.push(error),
        }
    }
    let count = refused.len();
    match refused.into_iter().next() {
        Some(error) if found.is_empty() => return Err(error),
        Some(_) => ui.warn(&format!(
            "Vault does not describe all of its tokens to the token in use: {count} of them are \
             left out here"
        )),
        None => {}
    }
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
