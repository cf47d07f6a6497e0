//! A stored value that no commit has: once it is replaced or removed, it is
//! nowhere else.

use super::Context;
use crate::model::SecretId;
use crate::store::{Sameness, ValueIdentity, inspect, sealed_path};
use crate::tree::Tree;

/// How many are named.
const SHOWN: usize = 5;

/// Says so of values that are about to be replaced or removed.
pub(super) fn warn<'a>(ids: impl IntoIterator<Item = &'a SecretId>, context: &Context<'_>) {
    let found = of(ids, context);
    let (it, is) = if found.len() == 1 { ("it", "is") } else { ("they", "are") };
    if let [first, ..] = found.as_slice() {
        let names = match found.len() {
            1 => first.to_string(),
            count => {
                let names: Vec<String> =
                    found.iter().take(SHOWN).map(|id| id.to_string()).collect();
                let more = if count > SHOWN { ", …" } else { "" };
                format!("{count} values ({}{more})", names.join(", "))
            }
        };
        context.ui.warn(&format!(
            "what is stored of {names} {is} in no commit: replaced or removed, {it} {is} nowhere \
             else"
        ));
    }
}

/// Those of some secrets whose stored value differs from that of the last
/// commit. Outside a repository nobody expects one.
fn of<'a>(ids: impl IntoIterator<Item = &'a SecretId>, context: &Context<'_>) -> Vec<&'a SecretId> {
    let checkout = &context.checkout;
    let Ok(repository) = checkout.repository() else { return Vec::new() };
    // There may be no commit yet, or none that has the store.
    let head = repository.resolve("HEAD").and_then(|head| repository.tree_at(head)).ok();
    let is_uncommitted = |id: &&SecretId| {
        let file = sealed_path(id);
        let Ok(Some(now)) = checkout.tree.read(&file) else { return false };
        !is_same(&now, head.as_ref(), &file)
    };
    ids.into_iter().filter(is_uncommitted).collect()
}

/// Whether a commit has the value of a file, sealed to whomever.
fn is_same(now: &[u8], head: Option<&Tree>, file: &str) -> bool {
    let Some(Ok(Some(then))) = head.map(|head| head.read(file)) else { return false };
    let identity = |file: &[u8]| ValueIdentity::of(file, inspect(file).ok().as_ref());
    *now == *then || identity(now).compare(identity(&then)) == Sameness::Same
}
