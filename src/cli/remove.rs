//! `remove`: remove a stored value, or all that an application or a retired
//! environment leaves, in Vault too if that is wanted.

use std::collections::BTreeSet;

use super::checkout::not_stored;
use super::commit::CommitArgs;
use super::completion::{applications, environments, keys};
use super::connection::{Credentials, ServerArgs};
use super::input::YES;
use super::ownership::{self, TakeOverArgs};
use super::provenance::Origin;
use super::sync::shortened;
use super::{CliError, Context, Exit, one_place, uncommitted};
use crate::layout::LayoutError;
use crate::model::{ApplicationName, Environment, EnvironmentName, KeyName, Kind, SecretId};
use crate::printable::printable_name;
use crate::store::{Contents, is_backup, sealed_path};
use crate::vault::{CurrentSecrets, VaultClient};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Without KEY, all that is stored for the application goes, its backup too; \
    without APPLICATION, all that is stored for the environment. --from-vault deletes their \
    entries in Vault as well, before anything else, so that what stopped in between is done by \
    running it again. What the environment enables is not deleted there: switch it off first. To \
    retire an environment, run remove ENV --from-vault, and then remove its file. Vault keeps \
    what was deleted until it is destroyed: bao kv undelete, or vault kv undelete, brings it back."
)]
pub(super) struct Args {
    /// Environment
    #[arg(add = environments())]
    environment: EnvironmentName,
    /// Application, or pull-secret, oidc-clients or vault-write-token; without
    /// one, the whole environment
    #[arg(add = applications())]
    application: Option<ApplicationName>,
    /// Key (of a pull secret, the registry; of oidc-clients, the client);
    /// without one, the whole application
    #[arg(add = keys())]
    key: Option<KeyName>,

    /// Delete the entries in Vault as well
    #[arg(long, conflicts_with = "key")]
    from_vault: bool,

    #[command(flatten)]
    server: ServerArgs,

    #[command(flatten)]
    take_over: TakeOverArgs,

    /// Do not ask
    #[arg(short, long)]
    yes: bool,

    #[command(flatten)]
    commit: CommitArgs,
}

pub(super) fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CliError> {
    if !args.from_vault && (args.take_over.take_over || !args.server.as_arguments().is_empty()) {
        return Err(CliError::usage("--vault-url and --take-over are for --from-vault alone"));
    }
    let commit = args.commit.begin(context)?;
    let (ids, files) = {
        let store = context.checkout.store()?;
        let contents = store.contents(&args.environment)?;
        let ids = args.ids(&contents, context)?;
        let files: Vec<Vec<u8>> =
            ids.iter().map(|id| store.sealed(id)).collect::<Result<_, _>>()?;
        (ids, files)
    };
    uncommitted::warn(&ids, context);
    args.warn_of_needed(&ids, context);
    let agreed = match args.from_vault {
        true => args.delete_in_vault(&ids, context)?,
        false => args.asks(&ids, &[], context)?,
    };
    if !agreed {
        context.ui.status("Nothing was removed.");
        return Ok(Exit::Done);
    }
    let store = context.store_to_change()?;
    for (id, sealed) in ids.iter().zip(&files) {
        if store.has(id) && store.sealed(id)? != *sealed {
            let file = sealed_path(id);
            return Err(CliError::store(format!("{file} changed meanwhile; it was not removed"))
                .hint("look who changed it, and run this again"));
        }
    }
    for id in &ids {
        store.remove(id)?;
    }
    let touched = store.into_touched();
    if !ids.is_empty() {
        let in_vault = if args.from_vault { "" } else { ", and what was synced, in Vault" };
        context.ui.status(&format!(
            "Removed {}. What was committed of it remains in git's history{in_vault}.",
            args.what(&ids)
        ));
    }
    commit.end(touched, &args.message(), context.ui)?;
    Ok(Exit::Done)
}

impl Args {
    /// What a commit says.
    fn message(&self) -> String {
        let Self { environment, application, key, .. } = self;
        match (application, key) {
            (Some(application), Some(key)) => {
                format!("secrets({environment}): remove {application} {key}")
            }
            (Some(application), None) => format!("secrets({environment}): remove {application}"),
            (None, _) => format!("secrets({environment}): remove all of it"),
        }
    }

    /// What is stored of what is named, which must be something.
    fn ids(&self, contents: &Contents, context: &Context<'_>) -> Result<Vec<SecretId>, CliError> {
        let Self { environment, application, key, .. } = self;
        let ids: Vec<SecretId> = contents
            .ids()
            .filter(|id| {
                application.as_ref().is_none_or(|application| id.application == *application)
            })
            .filter(|id| key.as_ref().is_none_or(|key| id.key == *key))
            .collect();
        if !ids.is_empty() || self.from_vault {
            return Ok(ids);
        }
        if contents.ids().next().is_none() {
            // Values may outlive the environment that they are for.
            context.checkout.environment(environment)?;
        }
        Err(match (application, key) {
            (Some(application), Some(key)) => {
                let id = SecretId::new(environment.clone(), application.clone(), key.clone());
                not_stored(contents, id)
            }
            (Some(application), None) => {
                let names: BTreeSet<ApplicationName> =
                    contents.ids().map(|id| id.application).collect();
                let names = names.iter().map(ApplicationName::as_str);
                let near = crate::suggest::nearest(application.as_str(), names);
                CliError::store(format!("nothing is stored for {application} in {environment}"))
                    .hint(near.map(|near| format!("did you mean {near}?")))
                    .hint(format!("see what there is with: phalanx-secrets list {environment}"))
            }
            (None, _) => CliError::store(format!("nothing is stored for {environment}"))
                .hint("--from-vault deletes what Vault has of it"),
        })
    }

    /// What is removed, for a person.
    fn what(&self, ids: &[SecretId]) -> String {
        let place = match &self.application {
            Some(application) => format!("{}/{application}", self.environment),
            None => self.environment.to_string(),
        };
        match (ids, &self.key) {
            ([id], Some(_)) => id.to_string(),
            ([], _) => place,
            ([_], None) => format!("1 value of {place}"),
            (ids, _) => format!("{} values of {place}", ids.len()),
        }
    }

    /// Says which of the values the specs ask for.
    fn warn_of_needed(&self, ids: &[SecretId], context: &Context<'_>) {
        if self.key.is_some() {
            return;
        }
        let Ok(specs) = context.checkout.environment(&self.environment) else { return };
        let is_needed = |id: &&SecretId| {
            let spec = specs.spec(&id.application, &id.key);
            spec.is_some_and(|spec| matches!(spec.kind, Kind::Static))
        };
        let needed = ids.iter().filter(is_needed).count();
        if needed > 0 {
            let these = match needed == ids.len() {
                true => "these values".to_owned(),
                false => format!("{needed} of these values"),
            };
            context.ui.warn(&format!(
                "{} still needs {these}; without them, it cannot be synced",
                self.environment
            ));
        }
    }

    /// Asks, unless it was said before. `entries` are deleted in Vault.
    fn asks(
        &self,
        ids: &[SecretId],
        entries: &[&ApplicationName],
        context: &Context<'_>,
    ) -> Result<bool, CliError> {
        if self.yes {
            return Ok(true);
        }
        if let ([id], Some(_)) = (ids, &self.key) {
            return context.ui.confirm(&format!("Remove {}?", sealed_path(id)), YES);
        }
        let mut text = String::from("This removes");
        if !ids.is_empty() {
            let names = ids.iter().map(|id| format!("{} {}", id.application, id.key));
            let names: Vec<String> = names.collect();
            text.push_str(&format!("\n  • from the store: {}", shortened(&names)));
        }
        if !entries.is_empty() {
            let names: Vec<String> = entries.iter().map(|name| name.to_string()).collect();
            text.push_str(&format!("\n  • from Vault, entries as a whole: {}", shortened(&names)));
            text.push_str("\nWhat is generated is nowhere else");
            text.push_str(match ids.iter().any(is_backup) {
                true => ", but in the backup, which is removed as well.",
                false => ".",
            });
        }
        context.ui.tell_alone(&text);
        context.ui.confirm(&format!("Remove this of {}?", self.environment), YES)
    }

    /// Deletes the entries in Vault, after a question; `false` where it was
    /// answered by no.
    fn delete_in_vault(&self, ids: &[SecretId], context: &Context<'_>) -> Result<bool, CliError> {
        let specs = self.specs(context)?;
        if let Some(application) = &self.application
            && specs.applications.contains_key(application)
        {
            let files = context.checkout.layout.files_of(&specs.name).join(" or ");
            return Err(CliError::store(format!(
                "{} enables {application}, so the next sync would make what is generated anew; \
                 nothing was removed",
                specs.name
            ))
            .hint(format!("switch it off first, in {files}")));
        }
        one_place::refuse(&specs, &self.server, |_| false, context)?;
        self.server.with_vault(Credentials::Entries, &specs, context, async |vault| {
            let current = self.read(vault).await?;
            let entries: Vec<&ApplicationName> = current
                .entries
                .iter()
                .filter(|(_, entry)| entry.data.is_some())
                .map(|(name, _)| name)
                .collect();
            if entries.is_empty() && ids.is_empty() {
                context.ui.status("Neither the store nor Vault has anything of it.");
                return Ok(true);
            }
            let owner = self.take_over.owner(Origin::find(context).as_ref(), context);
            owner
                .refuse(&specs.name, &current, entries.iter().copied())
                .map_err(ownership::refused)?;
            if !self.asks(ids, &entries, context)? {
                return Ok(false);
            }
            for name in entries {
                vault.delete_entry(name).await?;
                context.ui.line(&format!("Deleted Vault secret for {name}"))?;
            }
            for left in current.folders.iter().chain(&current.unreadable_names) {
                context.ui.warn(&format!("left in Vault: {}", printable_name(left)));
            }
            Ok(true)
        })
    }

    /// The environment, whose file says where its place in Vault is.
    fn specs(&self, context: &Context<'_>) -> Result<Environment, CliError> {
        let layout = context.checkout.layout;
        layout.load(&context.checkout.tree, &self.environment).map_err(|error| {
            let is_gone = matches!(error, LayoutError::UnknownEnvironment { .. });
            let file = layout.files_of(&self.environment).into_iter().next().unwrap_or_default();
            CliError::from(error).hint(is_gone.then(|| {
                format!(
                    "the file of an environment says where it is in Vault: bring it back from \
                     git (git log -- {file}), run this, and remove it again"
                )
            }))
        })
    }

    async fn read(&self, vault: &VaultClient) -> Result<CurrentSecrets, CliError> {
        let Some(application) = &self.application else {
            return Ok(vault.read_environment([], &BTreeSet::new()).await?);
        };
        vault.check_mount().await?;
        let entry = vault.read_entry(application).await?;
        let mut current = CurrentSecrets::default();
        current.entries.insert(application.clone(), entry);
        Ok(current)
    }
}
