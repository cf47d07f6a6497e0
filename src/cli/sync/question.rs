//! What cannot be taken back is asked about, where somebody is there to answer.

use std::collections::BTreeSet;

use super::{Args, EVERYTHING};
use crate::cli::input::YES;
use crate::cli::ui::Ui;
use crate::cli::{CliError, Exit};
use crate::model::{KeyName, Kind};
use crate::plan::{Deletion, EntryChange, KeyChange, Plan};
use crate::printable::printable_name;
use crate::resolve::{Minted, Regenerate};
use crate::sync::{Judgement, Sync};
use crate::vault::CurrentSecrets;

/// How many names each line has.
const SHOWN: usize = 10;

/// What was answered.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    Yes,
    No,
    NotAsked,
}

/// What a sync is about to do.
pub(super) struct Deed<'a> {
    pub(super) sync: &'a Sync<'a>,
    pub(super) plan: &'a Plan,
    pub(super) judgement: &'a Judgement,
    /// The entries of others that it writes, or takes over as they are.
    pub(super) taken_over: BTreeSet<&'a str>,
}

impl Args {
    /// Whether something is asked for that cannot be taken back, and somebody
    /// is there who can be asked.
    pub(super) fn may_ask(&self, ui: &Ui) -> bool {
        let is_all = |values: &[String]| values.iter().any(|value| value == EVERYTHING);
        let is_grave = self.deletion() != Deletion::Nothing
            || is_all(&self.regenerate)
            || is_all(&self.overwrite)
            || self.take_over.take_over
            || self.compare.trust.may_go_back();
        is_grave && !self.yes && !self.dry_run && ui.can_ask()
    }
}

impl Deed<'_> {
    /// Asks, where something of it cannot be taken back.
    pub(super) fn answer(&self, args: &Args, ui: &Ui) -> Result<Answer, CliError> {
        let grave = self.grave(args);
        match grave.is_empty() {
            true => Ok(Answer::NotAsked),
            false if self.ask(&grave, ui)? => Ok(Answer::Yes),
            false => Ok(Answer::No),
        }
    }

    /// Reads Vault anew: it may have taken hours to answer. What comes to
    /// something else by now was not agreed to.
    pub(super) async fn read_again(&self) -> Result<CurrentSecrets, CliError> {
        let name = &self.sync.environment.name;
        let now = self.sync.read().await.map_err(|error| CliError::sync(error, name))?;
        let mut current = now.clone();
        self.sync.take_over(&mut current);
        let again = self.sync.decide(&current, &Minted::default());
        if again.is_ok_and(|again| again.plan == *self.plan) {
            return Ok(now);
        }
        let mut error = CliError::store("Vault changed while this was asked; nothing was written");
        error.exit = Exit::Changed;
        Err(error.hint("run it again, to see what it comes to now".to_owned()))
    }

    /// What of it cannot be taken back, a line each.
    fn grave(&self, args: &Args) -> Vec<String> {
        let mut lines = Vec::new();
        let mut line = |what: &str, names: Vec<String>| {
            if !names.is_empty() {
                lines.push(format!("{what}: {}", shortened(&names)));
            }
        };
        if args.deletion() != Deletion::Nothing {
            line("deletes entries as a whole", self.deleted_entries());
            line("deletes keys", self.keys(|_, change| change == KeyChange::Delete));
        }
        if self.sync.policy.regenerate == Regenerate::Everything {
            let is_made_anew = |spec: Option<&Kind>, change| {
                change == KeyChange::Update && matches!(spec, Some(Kind::Generate(_)))
            };
            line("generates secrets anew that are in use", self.keys(is_made_anew));
        }
        if self.sync.policy.overwrite == Regenerate::Everything {
            let drift = self.judgement.drift.iter();
            let names = drift.map(|one| match &one.key {
                Some(key) => format!("{} {}", one.application, printable_name(key)),
                None => one.application.to_string(),
            });
            line("replaces what was changed in Vault", names.collect());
        }
        let taken_over = self.taken_over.iter().map(|name| (*name).to_owned());
        line("takes over entries of others", taken_over.collect());
        if args.compare.trust.may_go_back() && !self.plan.is_empty() {
            lines.push("may go back to an older state, or to one beside (--allow-rollback)".into());
        }
        lines
    }

    /// Shows it, and asks.
    fn ask(&self, grave: &[String], ui: &Ui) -> Result<bool, CliError> {
        let name = &self.sync.environment.name;
        let count = |is_one: fn(&EntryChange) -> bool| {
            self.plan.changes.values().filter(|change| is_one(change)).count()
        };
        let mut text = format!(
            "This sync of {name} creates {}, changes {} and deletes {}. It",
            entries(count(|change| matches!(change, EntryChange::Create { .. }))),
            count(|change| matches!(change, EntryChange::Update { .. })),
            count(|change| matches!(change, EntryChange::Delete)),
        );
        for line in grave {
            text.push_str(&format!("\n  • {line}"));
        }
        ui.tell_alone(&text);
        ui.confirm(&format!("Write this to {name} in Vault?"), YES)
    }

    fn deleted_entries(&self) -> Vec<String> {
        let deleted = self.plan.changes.iter().filter(|(_, one)| **one == EntryChange::Delete);
        deleted.map(|(name, _)| name.to_string()).collect()
    }

    /// The keys whose change is of a kind; that of the pull secret, whose form
    /// is the program's own, is none.
    fn keys(&self, is_one: impl Fn(Option<&Kind>, KeyChange) -> bool) -> Vec<String> {
        let mut names = Vec::new();
        for (application, change) in &self.plan.changes {
            let EntryChange::Update { keys } = change else { continue };
            for (key, change) in keys {
                let spec = key.parse::<KeyName>().ok();
                let spec = spec.and_then(|key| self.sync.environment.spec(application, &key));
                if is_one(spec.map(|spec| &spec.kind), *change) {
                    names.push(format!("{application} {}", printable_name(key)));
                }
            }
        }
        names
    }
}

fn entries(count: usize) -> String {
    match count {
        1 => "1 entry".to_owned(),
        count => format!("{count} entries"),
    }
}

/// How many there are, and the first of them.
pub(in crate::cli) fn shortened(names: &[String]) -> String {
    let shown: Vec<&str> = names.iter().take(SHOWN).map(String::as_str).collect();
    let more = match names.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{} ({}{more})", names.len(), shown.join(", "))
}
