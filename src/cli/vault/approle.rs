//! `vault create-read-approle`.

use std::collections::BTreeSet;

use zeroize::Zeroizing;

use super::kubernetes::SecretName;
use super::python::{yaml_policies, yaml_text};
use super::{Credentials, Target, clash, not_revoked, text_of};
use crate::cli::logins::{self, Unproven};
use crate::cli::{CliError, Context, Exit};
use crate::model::{SecretValue, VaultLocation};
use crate::vault::{
    AppRole, AppRoleSecret, Login, Proof, VaultClient, VaultError, VaultSettings, read_policy,
};

/// Where the auth method is mounted that has the role.
const MOUNT: &str = "approle";

#[derive(Debug, clap::Args)]
#[command(
    after_help = "It takes an administrator's token; docs/vault.md has the policy for it. The older \
    SecretIDs are\nrevoked once the new one has been seen to work. To have the operator in the cluster use \
    it:\n  phalanx-secrets vault create-read-approle ENV --as-secret vault-credentials | \
    kubectl apply -f -"
)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    target: Target,

    /// Print a Kubernetes Secret of this name, for the Vault Secrets Operator
    #[arg(long, value_name = "NAME")]
    as_secret: Option<SecretName>,

    /// How many seconds the role's tokens live at most. Without it (or with
    /// 0), an existing role keeps its lifetime and a new one gets Vault's
    /// default
    #[arg(long, value_name = "SECONDS")]
    token_lifetime: Option<u64>,

    /// Name the AppRole like this [default: the last part of the environment's
    /// path in Vault]
    #[arg(long, value_name = "NAME", value_parser = role_name)]
    role: Option<String>,

    /// Take an AppRole or a policy of that name even if it is about another
    /// path, such as the one that the environment had before
    #[arg(long)]
    take_over: bool,
}

/// Reads the name of an AppRole, which is part of paths.
fn role_name(text: &str) -> Result<String, &'static str> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    let begins = text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
    let ends = text.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
    match begins && ends && text.chars().all(is_plain) {
        true => Ok(text.to_owned()),
        false => Err("only letters, digits and -._ are allowed, and none of -. at either end"),
    }
}

pub(super) fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CliError> {
    let environment = args.target.environment_to_write(context)?;
    let location = args.target.location(&environment);
    let settings = context.settings.vault()?;
    args.target.server.with_vault(
        Credentials::Administrator,
        &environment,
        context,
        async |vault| create(args, vault, &location, &settings, context).await,
    )
}

async fn create(
    args: &Args,
    vault: &VaultClient,
    location: &VaultLocation,
    settings: &VaultSettings,
    context: &Context<'_>,
) -> Result<Exit, CliError> {
    let name = args.role.as_deref().unwrap_or(location.read_approle());
    let policy = location.read_policy();
    let before = vault.approle(name).await?;
    if !args.take_over {
        before.as_ref().map_or(Ok(()), |role| clash::refuse_role(name, role, location))?;
        clash::refuse_policy(vault, &policy, location).await?;
    }
    vault.write_policy(&policy, &read_policy(location)).await?;
    let older = match before {
        Some(_) => vault.secret_id_accessors(name).await?,
        None => Vec::new(),
    };
    let lifetime = args.token_lifetime.filter(|seconds| *seconds > 0);
    vault.write_approle(name, &policy, lifetime).await?;
    let role_id = vault.role_id(name).await?;
    let gone = || CliError::vault(format!("the AppRole {name} is gone again"));
    let role = vault.approle(name).await?.ok_or_else(gone)?;
    let secret = vault.create_secret_id(name).await?;
    let unproven = Unproven::SecretId { role: name.to_owned(), accessor: secret.accessor.clone() };
    let keeper = unproven.keep(vault, settings);
    let proven = match prove(&role_id, &secret, location, settings).await {
        Ok(()) => print(args, &role_id, &role, &secret, context),
        Err(error) => Err(error.into()),
    };
    if let Err(mut failed) = proven {
        // What nobody has or what does not work must not stay behind.
        let revoked = vault.revoke_secret_id(name, &secret.accessor).await;
        let kept = "the older ones are kept, and it is revoked";
        failed.causes.insert(0, failed.message.clone());
        failed.message = format!("the new SecretID of the AppRole {name} is of no use; {kept}");
        if let Err(error) = revoked {
            context.ui.warn(&format!("it could not be revoked: {error}"));
        }
        return Err(failed);
    }
    drop(keeper);
    let mut left = Vec::new();
    for accessor in &older {
        if let Err(error) = vault.revoke_secret_id(name, accessor).await {
            left.push(format!("{accessor}: {error}"));
        }
    }
    not_revoked("SecretID", left)?;
    context.ui.status(&match older.len() {
        0 => format!("Made a SecretID of the AppRole {name}."),
        1 => format!("Made a SecretID of the AppRole {name}, and revoked the older one."),
        count => format!("Made a SecretID of the AppRole {name}, and revoked {count} older ones."),
    });
    Ok(Exit::Done)
}

/// Logs in with it, and reads what there is to read.
async fn prove(
    role_id: &str,
    secret: &AppRoleSecret,
    location: &VaultLocation,
    settings: &VaultSettings,
) -> Result<(), VaultError> {
    let role_id = SecretValue::from(role_id.to_owned());
    let secret_id = Some(secret.secret_id.clone());
    let login = Login { mount: MOUNT.to_owned(), proof: Proof::AppRole { role_id, secret_id } };
    let vault = logins::log_in(location, &login, settings).await?;
    let read = vault.read_environment([], &BTreeSet::new()).await;
    let ended = logins::log_out(&vault).await;
    read?;
    ended
}

fn print(
    args: &Args,
    role_id: &str,
    role: &AppRole,
    secret: &AppRoleSecret,
    context: &Context<'_>,
) -> Result<(), CliError> {
    let secret_id = text_of(&secret.secret_id)?;
    let text = match &args.as_secret {
        Some(name) => name.manifest(&[("VAULT_ROLE_ID", role_id), ("VAULT_SECRET_ID", secret_id)]),
        None => Zeroizing::new(format!(
            "{}role_id: {}\nsecret_id: {}\nsecret_id_accessor: {}\ntoken_max_ttl: \
             {}\ntoken_ttl: {}\n",
            yaml_policies(&role.policies),
            yaml_text(role_id),
            Zeroizing::new(yaml_text(secret_id)).as_str(),
            yaml_text(&secret.accessor),
            role.token_max_ttl,
            role.token_ttl,
        )),
    };
    context.ui.data(text.as_bytes())
}
