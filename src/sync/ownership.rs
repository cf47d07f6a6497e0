//! Whose an entry in Vault is: what another environment, or another
//! repository, wrote is not replaced unseen.
//!
//! The note beside an entry names the environment and the repository that it is
//! from. An entry is another's where
//!
//! - its note names another environment; or
//! - its note names another repository, and this one does not have the commit
//!   that it was written from. A fork and a remote that was renamed have it, so
//!   their URL decides nothing; neither does it where a clone is shallow, or
//!   has no remote.
//!
//! An entry without such a note is from before, or from another program: it is
//! nobody's. Where all that is in the environment's place is another's, nothing
//! is added to it either.

use std::collections::BTreeMap;

use git2::Oid;
use serde::Serialize;
use thiserror::Error;

use super::{Event, Sync};
use crate::model::{ApplicationName, EnvironmentName};
use crate::plan::Plan;
use crate::provenance::{Provenance, without_notes};
use crate::repo::{GitRepository, is_same_remote};
use crate::vault::{CurrentSecrets, Entry};

/// In whose name a sync writes.
#[derive(Debug, Default)]
pub struct Owner {
    /// The URL of the repository's remote, if it has one.
    pub remote: Option<String>,
    /// The repository, if there is one.
    pub repository: Option<GitRepository>,
    /// Whether what is another's may be replaced.
    pub may_take_over: bool,
}

/// An entry that is another's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Foreign {
    /// The application.
    pub application: ApplicationName,
    /// The environment that its note names.
    pub environment: Option<String>,
    /// The repository that its note names.
    pub repository: Option<String>,
    /// Whether it is of another environment, and not only of another
    /// repository.
    #[serde(skip)]
    pub is_of_other_environment: bool,
}

/// A command that is refused for whose the entries are.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("entries in Vault are not {environment}'s: nothing was written")]
pub struct NotOurs {
    /// The environment.
    pub environment: EnvironmentName,
    /// The entries.
    pub entries: Vec<Foreign>,
}

impl Owner {
    /// The entries that are another's.
    #[must_use]
    pub fn foreign(&self, environment: &EnvironmentName, current: &CurrentSecrets) -> Vec<Foreign> {
        let mut asked: BTreeMap<String, bool> = BTreeMap::new();
        let mut shares =
            |commit: &str| *asked.entry(commit.to_owned()).or_insert_with(|| self.shares(commit));
        let entries = current.entries.iter();
        entries
            .filter_map(|(application, entry)| {
                judge(environment, self.remote.as_deref(), &mut shares, application, entry)
            })
            .collect()
    }

    /// Refuses to write some of the entries that are another's, or into a place
    /// that is another's as a whole.
    ///
    /// # Errors
    /// What is another's.
    pub fn refuse<'a>(
        &self,
        environment: &EnvironmentName,
        current: &CurrentSecrets,
        written: impl IntoIterator<Item = &'a ApplicationName>,
    ) -> Result<(), NotOurs> {
        if self.may_take_over {
            return Ok(());
        }
        refuse(environment, self.foreign(environment, current), current, written)
    }

    /// The notes that stay beside an entry that is written anew: those of
    /// others, with the environment.
    #[must_use]
    pub fn own_notes(environment: &EnvironmentName, entry: &Entry) -> BTreeMap<String, String> {
        let mut notes = without_notes(&entry.custom_metadata);
        notes.extend(Provenance::of_environment(environment).to_metadata());
        notes
    }

    /// Whether the repository has a commit, as far as can be told.
    fn shares(&self, commit: &str) -> bool {
        let Some(repository) = &self.repository else { return true };
        let git = repository.git();
        let has = |commit| git.find_commit(commit).is_ok();
        git.is_shallow() || Oid::from_str(commit).is_ok_and(has)
    }
}

fn judge(
    environment: &EnvironmentName,
    remote: Option<&str>,
    shares: &mut impl FnMut(&str) -> bool,
    application: &ApplicationName,
    entry: &Entry,
) -> Option<Foreign> {
    let noted = Provenance::of_metadata(&entry.custom_metadata);
    let is_other = |noted: &String| noted != environment.as_str();
    let is_of_other_environment = noted.environment.as_ref().is_some_and(is_other);
    let is_of_other_repository = match (&noted.repository, remote, &noted.commit) {
        (Some(theirs), Some(ours), Some(commit)) => {
            !is_same_remote(theirs, ours) && !shares(commit)
        }
        _ => false,
    };
    (is_of_other_environment || is_of_other_repository).then(|| Foreign {
        application: application.clone(),
        environment: noted.environment,
        repository: noted.repository,
        is_of_other_environment,
    })
}

fn refuse<'a>(
    environment: &EnvironmentName,
    foreign: Vec<Foreign>,
    current: &CurrentSecrets,
    written: impl IntoIterator<Item = &'a ApplicationName>,
) -> Result<(), NotOurs> {
    let is_foreign = |name: &ApplicationName| foreign.iter().any(|one| one.application == *name);
    let mut there = current.entries.iter().filter(|(_, entry)| entry.data.is_some());
    let is_all_foreign = !foreign.is_empty() && there.all(|(name, _)| is_foreign(name));
    let mut written = written.into_iter().peekable();
    let entries: Vec<Foreign> = if is_all_foreign && written.peek().is_some() {
        foreign
    } else {
        let written: Vec<&ApplicationName> = written.collect();
        foreign.into_iter().filter(|one| written.contains(&&one.application)).collect()
    };
    match entries.is_empty() {
        true => Ok(()),
        false => Err(NotOurs { environment: environment.clone(), entries }),
    }
}

impl Sync<'_> {
    /// The entries that are another's. Where they may be taken over, they are
    /// from now on as if nobody had written them.
    pub fn take_over(&self, current: &mut CurrentSecrets) -> Vec<Foreign> {
        let Some(owner) = self.owner else { return Vec::new() };
        let environment = &self.environment.name;
        let foreign = owner.foreign(environment, current);
        if owner.may_take_over {
            for Foreign { application, .. } in &foreign {
                if let Some(entry) = current.entries.get_mut(application) {
                    entry.custom_metadata = Owner::own_notes(environment, entry);
                }
            }
        }
        foreign
    }

    /// Refuses a plan that writes what is another's.
    ///
    /// # Errors
    /// What is another's.
    pub fn refuse_foreign(
        &self,
        foreign: &[Foreign],
        plan: &Plan,
        current: &CurrentSecrets,
    ) -> Result<(), NotOurs> {
        if self.owner.is_none_or(|owner| owner.may_take_over) {
            return Ok(());
        }
        refuse(&self.environment.name, foreign.to_vec(), current, plan.changes.keys())
    }

    /// What is taken over without being written: entries that the environment
    /// needs, and that hold what they should.
    #[must_use]
    pub fn taken_over<'f>(&self, foreign: &'f [Foreign], plan: &Plan) -> Vec<&'f ApplicationName> {
        if !self.owner.is_some_and(|owner| owner.may_take_over) {
            return Vec::new();
        }
        let needs = |name: &ApplicationName| {
            let needs = self.environment.applications.get(name);
            needs.is_some_and(|needs| !needs.secrets.is_empty())
                && !self.policy.exclude.contains(name)
        };
        let names = foreign.iter().map(|one| &one.application);
        names.filter(|name| needs(name) && !plan.changes.contains_key(*name)).collect()
    }

    /// Notes that what was taken over without being written is this
    /// environment's.
    pub(super) async fn note_taken_over(
        &self,
        foreign: &[Foreign],
        plan: &Plan,
        current: &CurrentSecrets,
        observe: &mut impl FnMut(Event<'_>),
    ) {
        for application in self.taken_over(foreign, plan) {
            let Some(entry) = current.entries.get(application) else { continue };
            if let Err(error) = self.note(application, entry.version, current).await {
                observe(Event::NotNoted(application, error));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> ApplicationName {
        text.parse().unwrap()
    }

    fn noted(environment: Option<&str>, repository: Option<&str>) -> Entry {
        let note = Provenance {
            environment: environment.map(str::to_owned),
            repository: repository.map(str::to_owned),
            commit: Some("07".repeat(20)),
            ..Provenance::default()
        };
        let custom_metadata = note.to_metadata();
        Entry { version: 1, data: Some(BTreeMap::new()), custom_metadata, ..Entry::default() }
    }

    fn current(entries: &[(&str, Entry)]) -> CurrentSecrets {
        let entries = entries.iter().map(|(one, entry)| (name(one), entry.clone())).collect();
        CurrentSecrets { entries, ..CurrentSecrets::default() }
    }

    fn foreign(current: &CurrentSecrets, remote: Option<&str>, has_commit: bool) -> Vec<Foreign> {
        let demo: EnvironmentName = "demo".parse().unwrap();
        let mut shares = |_: &str| has_commit;
        let entries = current.entries.iter();
        entries.filter_map(|(name, entry)| judge(&demo, remote, &mut shares, name, entry)).collect()
    }

    #[test]
    fn an_entry_is_whose_its_note_says() {
        let here = Some("https://host/here");
        let cases = [
            (noted(None, None), here, false, false),
            (noted(Some("demo"), None), here, false, false),
            (noted(Some("Demo"), None), here, true, true),
            (noted(Some("other"), here), here, true, true),
            // The repository counts where both are known and share nothing.
            (noted(Some("demo"), Some("https://host/there")), here, false, true),
            (noted(Some("demo"), Some("https://host/there")), here, true, false),
            (noted(Some("demo"), Some("https://host/there")), None, false, false),
            (noted(Some("demo"), Some("git@HOST:here.git")), here, false, false),
            (noted(None, Some("https://host/there")), here, false, true),
        ];
        for (entry, remote, has_commit, is_foreign) in cases {
            let found = foreign(&current(&[("app", entry.clone())]), remote, has_commit);
            assert_eq!(!found.is_empty(), is_foreign, "{entry:?}");
        }
    }

    #[test]
    fn what_is_written_counts_and_a_place_as_a_whole() {
        let demo: EnvironmentName = "demo".parse().unwrap();
        let names = ["app", "new"].map(name);
        let refused = |entries: &[(&str, Entry)], written: &[ApplicationName]| {
            let current = current(entries);
            let refused = refuse(&demo, foreign(&current, None, true), &current, written);
            refused.err().map_or(0, |error| error.entries.len())
        };
        let other = || noted(Some("other"), None);
        let mixed = [("app", other()), ("ours", noted(Some("demo"), None)), ("third", other())];
        assert_eq!(refused(&mixed, &names), 1);
        assert_eq!(refused(&mixed, &names[1..]), 0);
        // Somebody without a note is not another.
        let beside = [("app", other()), ("third", noted(None, None))];
        assert_eq!(refused(&beside, &names[1..]), 0);
        // All of it is another's: not even a new entry goes there.
        let all = [("app", other()), ("third", other())];
        assert_eq!(refused(&all, &names[1..]), 2);
        assert_eq!(refused(&all, &[]), 0);
        assert_eq!(refused(&[], &names), 0);
        // What is deleted makes no place another's, but is still theirs.
        let gone = [("app", Entry { data: None, ..other() }), ("ours", noted(Some("demo"), None))];
        assert_eq!(refused(&gone, &names), 1);
        assert_eq!(refused(&gone, &names[1..]), 0);
    }

    #[test]
    fn notes_of_others_stay() {
        let mut entry = noted(Some("other"), Some("https://host/x"));
        entry.custom_metadata.insert("owner".into(), "somebody".into());
        let demo: EnvironmentName = "demo".parse().unwrap();
        let expected = [("owner", "somebody"), ("phalanx-secrets-environment", "demo")];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(Owner::own_notes(&demo, &entry), expected.into());
    }
}
