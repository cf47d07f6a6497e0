//! What every change of a holder comes to: refused where it would do harm,
//! else one write of the holder's file and of all that is sealed again.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::listed;
use crate::cli::commit::CommitArgs;
use crate::cli::exposed::{Exposed, print_exposed};
use crate::cli::rekey::{record, rekey_error, seal_again, warn_of_late};
use crate::cli::{CliError, Context, Exit};
use crate::model::{ApplicationName, EnvironmentName, HolderName, SecretId};
use crate::store::{
    Access, FileChange, FormerHolders, Holder, Holders, Identities, LockedStore, Recipient,
    Withdrawal, Withdrawals,
};

/// Options of every change.
#[derive(Debug, clap::Args)]
pub(super) struct ChangeArgs {
    /// Leave sealing again to a later `rekey`
    #[arg(long)]
    no_rekey: bool,

    /// Do it even where it leaves an environment without a holder, or locks
    /// you out, or names what does not exist yet
    #[arg(long)]
    pub(super) force: bool,

    #[command(flatten)]
    commit: CommitArgs,
}

/// A change of one holder.
pub(super) struct Change {
    pub(super) name: HolderName,
    /// What they shall be; `None` to remove them.
    pub(super) after: Option<Holder>,
    /// The keys and the access that this withdraws.
    pub(super) withdrawn: Option<(Vec<Recipient>, Vec<Access>)>,
    /// What a commit says of it.
    pub(super) summary: String,
}

impl Change {
    /// Makes the change, and says what was done.
    pub(super) fn apply(
        self,
        store: LockedStore,
        args: &ChangeArgs,
        context: &Context<'_>,
    ) -> Result<Exit, CliError> {
        let commit = args.commit.begin(context)?;
        let tree = &context.checkout.tree;
        let before = &store.holders;
        let after = before.with(&self.name, self.after.clone());
        let ids = stored(&store)?;
        let identities = context.identities()?;
        if !args.force {
            self.refuse_harm(&store, &after, &ids, &identities, context)?;
        }

        // In the order in which an interruption does no harm: the record first,
        // then who may read, then what `rekey` can do again.
        let withdrawal = self.withdrawal(&store, &ids)?;
        let mut records: Vec<Withdrawal> = withdrawal.iter().cloned().collect();
        let (mut sealed, mut late) = (Vec::new(), Vec::new());
        if !args.no_rekey {
            let is_affected = |id: &SecretId| {
                let set =
                    |holders: &Holders| holders.recipients_for(&id.environment, &id.application);
                set(before) != set(&after)
            };
            let stale = store
                .stale(is_affected, &after)
                .map_err(|error| rekey_error(error, before, None))?;
            let former = context.checkout.former_holders();
            late = store.withdrawals()?.unrecorded(&stale, before, &former);
            records.extend(late.iter().cloned());
            sealed =
                seal_again(&store, stale, &after, &identities, context.ui).map_err(|error| {
                    rekey_error(error, before, Some(&identities)).hint(
                    "nothing was changed; with --no-rekey only recipients/ is, and someone who \
                     can open these values runs: phalanx-secrets rekey"
                        .to_owned(),
                )
                })?;
        }
        let count = sealed.len();
        let mut changes: Vec<FileChange> = record(tree, &records)?.into_iter().collect();
        changes.push(self.holder_file(context)?);
        changes.extend(sealed);
        store.write(&changes).map_err(|error| {
            CliError::from(error).hint(
                "run it again; if recipients/ has the change already, finish it with: \
                 phalanx-secrets rekey"
                    .to_owned(),
            )
        })?;
        warn_of_late(&late, context.ui);
        self.report(&store, count, args, context);
        if !commit.is_wanted() {
            context.ui.hint("commit secrets/ and recipients/ together");
        }
        let exposed = withdrawal.map(|withdrawal| {
            let only = Withdrawals::from_iter([withdrawal]);
            let former = FormerHolders::unknown();
            Exposed::find(&store, &after, &only, &former, &context.checkout, |_| true)
        });
        // What is written is committed, whatever the list below comes to.
        let touched = store.into_touched();
        let told = match &exposed {
            Some(Ok(exposed)) => print_exposed(exposed, context.ui),
            _ => Ok(()),
        };
        commit.end(touched, &format!("recipients: {}", self.summary), context.ui)?;
        told?;
        match exposed {
            Some(Err(error)) => Err(error
                .hint("the change is made; what is exposed is listed by: phalanx-secrets exposed")),
            _ => Ok(Exit::Done),
        }
    }

    /// Refuses to leave an environment without a holder, and to lock the
    /// caller out.
    fn refuse_harm(
        &self,
        store: &LockedStore,
        after: &Holders,
        ids: &[SecretId],
        identities: &Identities,
        context: &Context<'_>,
    ) -> Result<(), CliError> {
        if self.withdrawn.is_none() {
            return Ok(());
        }
        let before = &store.holders;
        if identities.recipients().next().is_none() {
            identities.unlock_unknown();
        }
        let own: BTreeSet<&Recipient> = identities.recipients().collect();
        let (mut orphaned, mut locked) = (BTreeSet::new(), BTreeSet::new());
        let mut compare = |environment: &EnvironmentName, application: Option<&ApplicationName>| {
            let old = before.readers_of(environment, application);
            let new = after.readers_of(environment, application);
            let name = match application {
                Some(application) => format!("{environment}/{application}"),
                None => environment.to_string(),
            };
            if !old.is_empty() && new.is_empty() {
                orphaned.insert(name);
            } else if old.iter().any(|key| own.contains(key))
                && !new.iter().any(|key| own.contains(key))
            {
                locked.insert(name);
            }
        };
        let mut environments: BTreeSet<EnvironmentName> =
            context.checkout.layout.environments(&context.checkout.tree)?.into_iter().collect();
        environments.extend(ids.iter().map(|id| id.environment.clone()));
        for environment in &environments {
            compare(environment, None);
        }
        for id in ids {
            compare(&id.environment, Some(&id.application));
        }
        let refuse = |what: &str, names: &BTreeSet<String>| {
            let message = format!("this would leave {what} {}", listed(names));
            Err(CliError::store(message).hint(
                "give someone else access first, with: phalanx-secrets recipients add or grant; \
                 --force does it all the same"
                    .to_owned(),
            ))
        };
        if !orphaned.is_empty() {
            return refuse("nobody who can read", &orphaned);
        }
        if !locked.is_empty() {
            return refuse("you unable to read", &locked);
        }
        Ok(())
    }

    /// The record of what this withdraws.
    fn withdrawal(
        &self,
        store: &LockedStore,
        ids: &[SecretId],
    ) -> Result<Option<Withdrawal>, CliError> {
        let Some((keys, access)) = &self.withdrawn else { return Ok(None) };
        if keys.is_empty() || access.is_empty() {
            return Ok(None);
        }
        // Clocks differ: never before anything that they could read was set.
        let now = Timestamp::now();
        let mut at = Timestamp::from_second(now.as_second()).unwrap_or(now);
        for id in ids.iter().filter(|id| access.iter().any(|access| access.covers_secret(id))) {
            if let Some(set_at) = store.set_at(id)? {
                at = at.max(set_at);
            }
        }
        let (holder, keys, access) = (self.name.clone(), keys.clone(), access.clone());
        Ok(Some(Withdrawal { holder, keys, access, at }))
    }

    fn holder_file(&self, context: &Context<'_>) -> Result<FileChange, CliError> {
        let file = Holder::path(&self.name);
        let text = context.checkout.tree.read_text(&file)?;
        let after = match (&self.after, &text) {
            (None, _) => None,
            (Some(holder), None) => Some(holder.to_toml()?),
            (Some(holder), Some(text)) => Some(Holder::edit_toml(text, holder)?),
        };
        let (before, after) = (text.map(String::into_bytes), after.map(String::into_bytes));
        Ok(FileChange { file, before, after })
    }

    fn report(&self, store: &LockedStore, count: usize, args: &ChangeArgs, context: &Context<'_>) {
        let name = &self.name;
        let ui = context.ui;
        match (&self.after, store.holders.get(name)) {
            (None, _) => ui.status(&format!("Removed {name}.")),
            (Some(holder), None) => {
                ui.status(&format!("Added {name}, who can read: {}.", listed(&holder.access)))
            }
            (Some(holder), Some(_)) => ui.status(&format!(
                "{name} has {}{} and can read: {}.",
                match holder.keys.len() {
                    1 => "1 key".to_owned(),
                    count => format!("{count} keys"),
                },
                match holder.signing_keys.len() {
                    0 => String::new(),
                    1 => ", 1 signing key".to_owned(),
                    count => format!(", {count} signing keys"),
                },
                listed(&holder.access)
            )),
        }
        if args.no_rekey {
            ui.hint("values are sealed as before, until someone runs: phalanx-secrets rekey");
        } else if count > 0 {
            let values = if count == 1 { "1 value".to_owned() } else { format!("{count} values") };
            ui.status(&format!("Sealed {values} again."));
        }
    }
}

/// The ids of all that is stored, whatever the environment.
fn stored(store: &LockedStore) -> Result<Vec<SecretId>, CliError> {
    let mut ids = Vec::new();
    for environment in store.environments()? {
        ids.extend(store.contents(&environment)?.ids());
    }
    Ok(ids)
}

/// Refuses an access to what does not exist, unless that is forced.
pub(super) fn check_access(
    access: &[Access],
    args: &ChangeArgs,
    context: &Context<'_>,
) -> Result<(), CliError> {
    if args.force {
        return Ok(());
    }
    let checkout = &context.checkout;
    for access in access {
        let (environment, application) = match access {
            Access::Everything => continue,
            Access::Environment(environment) => (environment, None),
            Access::Application(environment, application) => (environment, Some(application)),
        };
        let known = checkout.layout.environments(&checkout.tree)?;
        if !known.contains(environment) {
            let near = crate::suggest::nearest(
                environment.as_str(),
                known.iter().map(EnvironmentName::as_str),
            );
            return Err(CliError::usage(format!("there is no environment named {environment}"))
                .hint(near.map(|near| format!("did you mean {near}?")))
                .hint("--force gives access to what does not exist yet".to_owned()));
        }
        let Some(application) = application else { continue };
        let environment = checkout.environment(environment)?;
        let reserved = crate::layout::RESERVED_APPLICATIONS.contains(&application.as_str());
        if !reserved && !environment.applications.contains_key(application) {
            let name = &environment.name;
            let near = crate::suggest::nearest(
                application.as_str(),
                environment.applications.keys().map(ApplicationName::as_str),
            );
            let message = format!("{name} does not enable an application named {application}");
            return Err(CliError::usage(message)
                .hint(near.map(|near| format!("did you mean {near}?")))
                .hint("--force gives access to what does not exist yet".to_owned()));
        }
    }
    Ok(())
}
