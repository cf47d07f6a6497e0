//! Values from elsewhere: shown, decided about, and stored.
//!
//! Everything or nothing: all values are sealed in memory and put on disk
//! beside their places before the first file is replaced. Should the machine
//! stop between two files, the same offer does the rest.

mod sorted;

use std::collections::BTreeMap;

use super::commit::CommitArgs;
use super::input::YES;
use super::left_out::LeftOut;
use super::ui::Ui;
use super::{CliError, Context, Exit, ignored, onepassword, uncommitted};
use crate::layout::{OIDC_CLIENTS, RESERVED_APPLICATIONS};
use crate::model::{Environment, Kind, SecretId, SecretValue};
use crate::static_values::{OidcClient, RegistryCredentials, StaticValues, encrypted_by};
use crate::store::{Identities, Store};
use sorted::{Different, Sorted, name};

/// Values from elsewhere.
#[derive(Debug)]
pub(super) struct Offer {
    pub(super) values: StaticValues,
    /// What no static secret is, which is left out; `None` where it is among
    /// the values, and to be decided about.
    pub(super) unknown: Option<Vec<String>>,
    /// What has no value where they come from, though it should have one there;
    /// none where that is no fault.
    pub(super) missing: Vec<String>,
    /// What a value is in.
    pub(super) place: &'static str,
}

/// What is to happen to which values.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub(super) struct OfferArgs {
    /// Replace stored values that differ, without asking
    #[arg(short = 'y', long, visible_alias = "yes")]
    replace: bool,

    /// Store values of a YAML file too that no spec of the environment asks for
    /// (yet)
    #[arg(long, conflicts_with = "skip_unknown")]
    allow_unknown: bool,

    /// Leave out values that no spec of the environment asks for
    #[arg(long)]
    skip_unknown: bool,

    /// Store values too that are empty or white space alone
    #[arg(long)]
    allow_empty: bool,

    /// Show what would be done, and do nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
}

impl OfferArgs {
    pub(super) fn is_dry_run(self) -> bool {
        self.dry_run
    }

    /// For values that are stored already, so that all of them are in order.
    pub(super) fn of_stored(replace: bool, dry_run: bool) -> Self {
        Self { replace, dry_run, allow_empty: true, ..Self::default() }
    }
}

/// What became of an offer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It is stored, but for what was left out.
    Stored {
        /// The names of values that are not stored.
        left_out: Vec<String>,
        /// Those of them that nobody asked to leave out.
        unasked: Vec<String>,
    },
    /// Nothing was stored.
    NotStored {
        /// The names of what would be left out, though nobody asked for that.
        unasked: Vec<String>,
    },
}

impl Outcome {
    /// What the exit code says: whether anything was left out that nobody asked
    /// to leave out.
    pub(super) fn exit(self, more: Vec<String>, ui: &Ui) -> Exit {
        let (Self::Stored { unasked, .. } | Self::NotStored { unasked }) = self;
        let mut left_out = LeftOut::new(ui, "stored");
        left_out.extend(more);
        left_out.extend(unasked);
        left_out.exit()
    }
}

impl Offer {
    /// Shows what would become of each value, and stores them.
    pub(super) fn store(
        self,
        environment: &Environment,
        args: OfferArgs,
        commit: CommitArgs,
        context: &Context<'_>,
    ) -> Result<Outcome, CliError> {
        let ui = context.ui;
        if args.allow_unknown && self.unknown.is_some() {
            let message = format!("what no spec asks for is never stored from an {}", self.place);
            return Err(CliError::usage(message)
                .hint("leave out --allow-unknown, and store it with: phalanx-secrets set"));
        }
        let commit = if args.dry_run { None } else { Some(commit.begin(context)?) };
        // While somebody thinks about a question, others may change the store:
        // it is compared again with what it held.
        let is_alone = !args.dry_run && !ui.can_ask();
        let locked = if is_alone { Some(context.store_to_change()?) } else { None };
        let store: &Store = match &locked {
            Some(locked) => locked,
            None => context.checkout.store()?,
        };
        let sorted = self.sort(args, store, environment, context)?;
        if !args.allow_empty {
            self.refuse_empty(&sorted)?;
        }
        self.refuse_encrypted(&sorted)?;
        let is_asked = !args.replace && !sorted.different.is_empty() && ui.can_ask();
        uncommitted::warn(sorted.different.iter().map(|one| &one.id), context);
        ignored::warn(sorted.to_store().map(|(id, _)| id), context);
        sorted.preview(self.unknown.as_deref().unwrap_or_default(), is_asked, context);
        if args.dry_run {
            for error in
                [self.refuse_missing(), sorted.refuse(args)].into_iter().filter_map(Result::err)
            {
                error.hints.iter().for_each(|hint| ui.hint(&format!("then {hint}")));
            }
        } else {
            self.refuse_missing()?;
            let replace = args.replace || is_asked;
            sorted.refuse(OfferArgs { replace, ..args })?;
            if is_asked && !ui.confirm(&sorted.question(), YES)? {
                ui.status("Nothing was stored.");
                return Ok(Outcome::NotStored { unasked: Vec::new() });
            }
        }
        sorted.warn_of_oddities(ui);
        let left_out = self.left_out(&sorted, args, context);
        let unasked = match args.skip_unknown {
            true => sorted.not_static.iter().map(name).collect(),
            false => left_out.clone(),
        };
        let verb = if args.dry_run { "Would store" } else { "Stored" };
        let locked = match (args.dry_run, locked) {
            (true, _) => None,
            (false, Some(locked)) => Some(locked),
            (false, None) => Some(context.store_to_change()?),
        };
        if let Some(store) = &locked {
            let _progress = ui.progress("Sealing".to_owned());
            sorted.put(store)?;
        }
        ui.status(&format!(
            "{verb} {} new and {} different values; {} were stored already.",
            sorted.new.len(),
            sorted.different.len(),
            sorted.equal.len()
        ));
        if !sorted.missing.is_empty() {
            let have = match sorted.missing.len() {
                1 => "1 static secret still has no value; give it".to_owned(),
                count => format!("{count} static secrets still have no value; give them"),
            };
            ui.status(&format!("{have} with: phalanx-secrets fill {}", environment.name));
        }
        let (Some(commit), Some(locked)) = (commit, locked) else {
            return Ok(Outcome::NotStored { unasked });
        };
        let touched = locked.into_touched();
        let count = match touched.len() {
            1 => "1 value".to_owned(),
            count => format!("{count} values"),
        };
        let message = format!("secrets({}): import {count}", environment.name);
        commit.end(touched, &message, ui)?;
        Ok(Outcome::Stored { left_out, unasked })
    }

    /// The names of what is not stored as it is now: neither these values nor
    /// what is left out.
    pub(super) fn not_stored(
        &self,
        environment: &Environment,
        context: &Context<'_>,
    ) -> Result<Vec<String>, CliError> {
        let store = context.checkout.store()?;
        let sorted = self.sort(OfferArgs::default(), store, environment, context)?;
        let ids = sorted.new.iter().map(|(id, _)| id);
        let ids = ids.chain(sorted.different.iter().map(|one| &one.id));
        let ids = ids.chain(&sorted.not_static).chain(&sorted.unknown);
        let names = ids.map(name).chain(self.unknown.iter().flatten().cloned());
        Ok(names.collect())
    }

    fn sort(
        &self,
        args: OfferArgs,
        store: &Store,
        environment: &Environment,
        context: &Context<'_>,
    ) -> Result<Sorted, CliError> {
        self.refuse_misplaced()?;
        let values = self.values.to_stored(&environment.name).map_err(|error| {
            CliError::new(Exit::Usage, &error).hint(format!("correct it in the {}", self.place))
        })?;
        self.refuse_unusable_clients()?;
        let contents = store.contents(&environment.name)?;
        let mut sorted = Sorted::default();
        let mut stored = BTreeMap::new();
        for (id, value) in values {
            let is_reserved = RESERVED_APPLICATIONS.contains(&id.application.as_str());
            match environment.spec(&id.application, &id.key).map(|spec| &spec.kind) {
                Some(Kind::Static) => {}
                _ if is_reserved => {}
                Some(_) => {
                    sorted.not_static.push(id);
                    continue;
                }
                None => {
                    sorted.unknown.push(id.clone());
                    if !args.allow_unknown {
                        continue;
                    }
                }
            }
            if contents.has(&id.application, &id.key) {
                let sealed = store.sealed(&id)?;
                stored.insert(id.clone(), Different { id, value, sealed });
            } else {
                sorted.new.push((id, value));
            }
        }
        let is_new = |id: &SecretId| sorted.new.iter().any(|(new, _)| new == id);
        sorted.missing = contents.missing(environment).filter(|id| !is_new(id)).collect();
        if stored.is_empty() {
            return Ok(sorted);
        }

        // What is stored already must be opened, to leave alone what is equal.
        let identities: Identities = context.identities()?;
        let (opened, failures) = contents.open_all(|id| stored.contains_key(id), &identities);
        if !failures.is_empty() && !args.replace {
            let error = CliError::open_failures(&failures, &store.holders, &identities);
            return Err(error.hint(
                "--replace stores the new values without comparing them with the stored ones",
            ));
        }
        for value in opened {
            let given = stored.get(&value.id).map(|one| &one.value);
            if given.is_some_and(|given| says_the_same(&value.id, given, &value.opened.value)) {
                let found = stored.remove(&value.id);
                sorted.equal.extend(found.map(|found| (found.id, found.sealed)));
            }
        }
        sorted.different = stored.into_values().collect();
        Ok(sorted)
    }

    /// Says what is not stored, and gives its names.
    fn left_out(&self, sorted: &Sorted, args: OfferArgs, context: &Context<'_>) -> Vec<String> {
        let (ui, place) = (context.ui, self.place);
        for id in &sorted.not_static {
            ui.warn(&format!("{id} is not static, so its value in the {place} is left out"));
        }
        for id in &sorted.unknown {
            match (args.skip_unknown, args.allow_unknown) {
                (true, _) => ui.warn(&format!(
                    "no spec asks for {id}, so its value in the {place} is left out"
                )),
                (_, true) => ui.warn(&format!("no spec asks for {id}; it is stored all the same")),
                // A dry run has said what is to be decided.
                _ => {}
            }
        }
        let unknown = sorted.unknown.iter().filter(|_| !args.allow_unknown);
        let names = sorted.not_static.iter().chain(unknown).map(name);
        names.chain(self.unknown.iter().flatten().cloned()).collect()
    }

    /// Stops at what the store would give back as something else.
    fn refuse_misplaced(&self) -> Result<(), CliError> {
        let place = self.place;
        for application in self.values.applications.keys() {
            if RESERVED_APPLICATIONS.contains(&application.as_str()) {
                let message = format!("the {place} has {application} among its applications");
                return Err(CliError::usage(message).hint(format!(
                    "that has a section of its own, {application}, beside applications"
                )));
            }
        }
        for (registry, credentials) in &self.values.pull_secret {
            let stored = RegistryCredentials::from_plaintext(&credentials.to_plaintext());
            if stored.as_ref() != Ok(credentials) {
                return Err(CliError::usage(format!(
                    "the credentials for registry {registry:?} are not usable: the username holds \
                     a colon, or the username or the password is empty"
                ))
                .hint(format!("correct them in the {place}; nothing was stored")));
            }
        }
        Ok(())
    }

    /// Stops at clients that would be no use.
    fn refuse_unusable_clients(&self) -> Result<(), CliError> {
        let hint = format!("correct it in the {}; nothing was stored", self.place);
        if let Err(error) = self.values.refuse_blank_parts() {
            return Err(CliError::usage(error.to_string()).hint(hint));
        }
        if let Some([one, other]) = self.values.clients_of_one_id() {
            let message =
                format!("the OpenID Connect clients {one:?} and {other:?} have the same id");
            return Err(CliError::usage(message).hint(hint));
        }
        Ok(())
    }

    /// Stops where 1Password lacks what specs ask for.
    fn refuse_missing(&self) -> Result<(), CliError> {
        if self.missing.is_empty() {
            return Ok(());
        }
        Err(onepassword::missing(&self.missing, "nothing was stored")
            .hint("store what there is all the same with --allow-missing"))
    }

    /// Stops at values that another tool encrypted: they are no secrets yet.
    fn refuse_encrypted(&self, sorted: &Sorted) -> Result<(), CliError> {
        let encrypted: Vec<String> = sorted
            .to_store()
            .filter_map(|(id, value)| Some(format!("{id} (by {})", encrypted_by(value)?)))
            .collect();
        if encrypted.is_empty() {
            return Ok(());
        }
        let place = self.place;
        let message =
            format!("the {place} has values that are encrypted already; nothing was stored");
        Err(CliError::usage(message).detail(encrypted).hint(
            "decrypt them first; a file of sops is read with: phalanx-secrets import ENVIRONMENT \
             --from-sops FILE",
        ))
    }

    /// Stops at values that are empty or white space: mostly they were forgotten.
    fn refuse_empty(&self, sorted: &Sorted) -> Result<(), CliError> {
        let blank: Vec<_> = sorted.to_store().filter(|(_, value)| value.is_blank()).collect();
        if blank.is_empty() {
            return Ok(());
        }
        let place = self.place;
        let what = match blank.iter().all(|(_, value)| value.is_empty()) {
            true => "empty values",
            false => "values that are empty or white space alone",
        };
        let error = CliError::usage(format!("the {place} has {what}; nothing was stored"));
        let hint = match self.unknown {
            None => "null stands for a value that is missing; ",
            Some(_) => "",
        };
        let names = blank.iter().map(|(id, _)| id.to_string());
        Err(error.detail(names).hint(format!("{hint}if they should be empty: --allow-empty")))
    }
}

/// Whether a value from elsewhere is the stored one. A client is a JSON
/// document, which `set` keeps as it was written; bytes are base64 wherever
/// only text can be.
fn says_the_same(id: &SecretId, given: &SecretValue, stored: &SecretValue) -> bool {
    let is_same_client =
        || match (OidcClient::from_plaintext(given), OidcClient::from_plaintext(stored)) {
            (Ok(given), Ok(stored)) => given == stored,
            _ => false,
        };
    given == stored
        || (id.application.as_str() == OIDC_CLIENTS && is_same_client())
        || (stored.expose_str().is_none() && *given == stored.to_base64())
}
