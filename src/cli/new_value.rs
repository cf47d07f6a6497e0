//! What may be stored, whichever command brings it.

use super::{CliError, Ui, checkout};
use crate::layout::{OIDC_CLIENTS, PULL_SECRET, VAULT_WRITE_TOKEN};
use crate::model::{Environment, HolderName, Kind, SecretId, SecretValue};
use crate::static_values::{
    OidcClient, RegistryCredentials, WRITE_TOKEN_KEY, encrypted_by, oddities,
};
use crate::store::{Store, StoreError, is_backup};

/// What may be stored beyond the usual.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub(super) struct ValueArgs {
    /// Store a value that is empty or white space alone
    #[arg(long)]
    allow_empty: bool,

    /// Store bytes that are not UTF-8, which sync cannot push into Vault
    #[arg(long)]
    allow_binary: bool,
}

/// Refuses a secret that a value is no use for; `allow_unknown` lets one pass
/// that no spec asks for.
pub(super) fn check_id(
    id: &SecretId,
    environment: &Environment,
    allow_unknown: bool,
) -> Result<(), CliError> {
    if is_backup(id) {
        return Err(CliError::usage(format!("{id} is where a backup is kept"))
            .hint(format!("it is made with: phalanx-secrets backup {}", id.environment)));
    }
    match id.application.as_str() {
        PULL_SECRET | OIDC_CLIENTS => return Ok(()),
        VAULT_WRITE_TOKEN if id.key.as_str() == WRITE_TOKEN_KEY => return Ok(()),
        VAULT_WRITE_TOKEN => {
            return Err(CliError::usage(format!(
                "the key of {VAULT_WRITE_TOKEN} is {WRITE_TOKEN_KEY}, not {}",
                id.key
            ))
            .hint(format!(
                "store it with: phalanx-secrets set {} {VAULT_WRITE_TOKEN} {WRITE_TOKEN_KEY}",
                id.environment
            )));
        }
        _ => {}
    }
    match environment.spec(&id.application, &id.key).map(|spec| &spec.kind) {
        Some(Kind::Static) => Ok(()),
        None if allow_unknown => Ok(()),
        Some(kind) => {
            let hint = match kind {
                Kind::Copy(source) => format!("it is always equal to {source}; set that instead"),
                Kind::Generate(_) => format!(
                    "it is made by sync; for a new one: phalanx-secrets sync {} --regenerate={}/{}",
                    id.environment, id.application, id.key
                ),
                _ => "change it in the spec".to_owned(),
            };
            let message = format!("{id} is of kind {}, not static", kind.name());
            Err(CliError::usage(message).hint(hint))
        }
        None => Err(checkout::unknown_secret(environment, &id.application, &id.key)),
    }
}

/// The same, for a command that has the option to let one pass.
pub(super) fn check_new_id(
    id: &SecretId,
    environment: &Environment,
    allow_unknown: bool,
) -> Result<(), CliError> {
    check_id(id, environment, allow_unknown).map_err(|error| {
        let would_pass = check_id(id, environment, true).is_ok();
        let hint = "to store it all the same, for a spec that is yet to come, pass --allow-unknown";
        error.hint(would_pass.then(|| hint.to_owned()))
    })
}

/// The names of those who will be able to read a value.
pub(super) fn readers<'a>(store: &'a Store, id: &SecretId) -> Result<Vec<&'a str>, CliError> {
    let readers: Vec<&str> = store.holders.who_can_read(id).map(HolderName::as_str).collect();
    match readers.is_empty() {
        true => Err(StoreError::NoHolder { id: id.clone() }.into()),
        false => Ok(readers),
    }
}

/// Refuses a value that would be no use.
pub(super) fn check_value(
    id: &SecretId,
    value: &SecretValue,
    environment: &Environment,
    args: ValueArgs,
) -> Result<(), CliError> {
    let refuse = |reason: String, hint: &str| {
        Err(CliError::usage(format!("{id} was not stored: {reason}")).hint(hint))
    };
    if value.is_blank() && !args.allow_empty {
        let what = if value.is_empty() { "empty" } else { "white space alone" };
        return refuse(format!("the value is {what}"), "pass --allow-empty if it should be");
    }
    let document = match id.application.as_str() {
        PULL_SECRET => RegistryCredentials::from_plaintext(value).err(),
        OIDC_CLIENTS => OidcClient::from_plaintext(value).err(),
        _ => None,
    };
    if let Some(error) = document {
        return refuse(error.to_string(), "see: phalanx-secrets set --help");
    }
    if id.application.as_str() == PULL_SECRET
        && value.expose_str().is_some_and(|text| text.contains(char::is_control))
    {
        return refuse(
            "its username or password has a line feed or another control character".to_owned(),
            "leave it out; --strip-newline takes away one line feed at the end",
        );
    }
    // Of such a secret, Vault gets the base64.
    let spec = environment.spec(&id.application, &id.key);
    let is_encoded = spec.is_some_and(|spec| spec.onepassword_encoded);
    if value.expose_str().is_none() && !args.allow_binary && !is_encoded {
        return refuse(
            "the value is not UTF-8 text, and Vault holds nothing else".to_owned(),
            "store a text form that the application understands, such as base64; or pass \
             --allow-binary to store the bytes, which sync will not push",
        );
    }
    Ok(())
}

/// Warns of what nobody sees of a value and is stored with it, such as a line
/// feed at the end of its one line.
pub(super) fn warn_of_oddities(value: &SecretValue, remedy: &str, ui: &Ui) {
    for oddity in oddities(value) {
        let remedy = match oddity.ends_with("line feed") {
            true => format!(" ({remedy})"),
            false => String::new(),
        };
        ui.warn(&format!("the value {oddity}, which is kept{remedy}"));
    }
    if let Some(tool) = encrypted_by(value) {
        ui.warn(&format!("the value looks as if {tool} had encrypted it: it is stored as it is"));
    }
}

/// What a value looks like, as far as may be shown.
pub(super) fn measure(value: &SecretValue) -> String {
    let bytes = value.expose();
    let Some(text) = value.expose_str() else { return format!("{} bytes", bytes.len()) };
    let count = |count: usize, what: &str| match count {
        1 => format!("1 {what}"),
        count => format!("{count} {what}s"),
    };
    let characters = count(text.chars().count(), "character");
    match text.lines().count() {
        0 | 1 if !text.ends_with('\n') => characters,
        lines => format!("{}, {characters}", count(lines, "line")),
    }
}
