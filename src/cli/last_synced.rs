//! From which commits an environment was last synced, and what changed since.

use std::collections::{BTreeMap, BTreeSet};

use git2::Oid;
use jiff::Timestamp;
use serde::Serialize;

use super::Context;
use super::log::word;
use super::session::Session;
use super::ui::Ui;
use crate::history::{Scope, ValueChangeKind, compare};
use crate::model::{ApplicationName, EnvironmentName};
use crate::printable::printable;
use crate::provenance::Provenance;
use crate::repo::{GitRepository, RepositoryError, short};
use crate::tree::Tree;

/// The applications that were last synced from one commit.
#[derive(Debug, Serialize)]
pub(super) struct LastSynced {
    /// The commit; `None` where Vault knows of none.
    commit: Option<String>,
    /// Whether the work tree differed from it.
    modified: bool,
    /// When the commit was made; `None` where it is not in this clone.
    time: Option<String>,
    /// How many commits have come since; `None` where it is not in this clone.
    commits_since: Option<usize>,
    applications: Vec<ApplicationName>,
    /// Each an application's secret, or its specs, and what became of it.
    changed_since: Vec<String>,
}

/// Groups what Vault holds by the commit that it is from.
pub(super) fn last_synced(session: &Session, context: &Context<'_>) -> Vec<LastSynced> {
    let mut groups: BTreeMap<(Option<String>, bool), Vec<ApplicationName>> = BTreeMap::new();
    for (application, entry) in &session.current.entries {
        if entry.data.is_some() {
            let noted = Provenance::of_metadata(&entry.custom_metadata);
            let group = groups.entry((noted.commit, noted.is_modified)).or_default();
            group.push(application.clone());
        }
    }
    if groups.keys().all(|(commit, _)| commit.is_none()) {
        return Vec::new();
    }
    let repository = context.checkout.repository().ok();
    let groups = groups.into_iter().map(|((commit, modified), applications)| {
        let known = repository.as_ref().zip(commit.as_deref());
        let since = known.and_then(|(repository, commit)| {
            Since::of(repository, commit, session, context, &applications).ok()
        });
        LastSynced {
            commit,
            modified,
            time: since.as_ref().map(|since| since.time.to_string()),
            commits_since: since.as_ref().map(|since| since.commits),
            applications,
            changed_since: since.map(|since| since.changed).unwrap_or_default(),
        }
    });
    let mut groups: Vec<LastSynced> = groups.collect();
    groups.sort_by_key(|group| (group.commits_since.unwrap_or(usize::MAX), group.modified));
    groups
}

/// What happened since a commit.
struct Since {
    time: Timestamp,
    commits: usize,
    changed: Vec<String>,
}

impl Since {
    fn of(
        repository: &GitRepository,
        commit: &str,
        session: &Session,
        context: &Context<'_>,
        applications: &[ApplicationName],
    ) -> Result<Self, RepositoryError> {
        let id = Oid::from_str(commit)?;
        let time = repository.git().find_commit(id)?.time().seconds();
        let then = repository.tree_at(id)?;
        let now = match context.checkout.commit {
            Some(commit) => commit,
            None => repository.resolve("HEAD")?,
        };
        let (commits, _) = repository.git().graph_ahead_behind(now, id)?;
        Ok(Self {
            time: Timestamp::from_second(time).unwrap_or_default(),
            commits,
            changed: changed(&then, session, context, applications),
        })
    }
}

fn changed(
    then: &Tree,
    session: &Session,
    context: &Context<'_>,
    applications: &[ApplicationName],
) -> Vec<String> {
    let now = &session.environment;
    let name: &EnvironmentName = &now.name;
    let scope = Scope { environment: Some(name.clone()), ..Scope::default() };
    let mut changed = Vec::new();
    if let Ok(changes) = compare(Some(then), Some(&context.checkout.tree), &scope) {
        for change in changes.values {
            let is_here = applications.contains(&change.id.application);
            // That it was sealed again is nothing to Vault.
            if is_here && change.kind != ValueChangeKind::SealedAgain {
                let id = &change.id;
                changed.push(format!("{} {} ({})", id.application, id.key, word(&change.kind)));
            }
        }
    }
    let Ok(before) = context.checkout.layout.load(then, name) else { return changed };
    let names: BTreeSet<&ApplicationName> =
        before.applications.keys().chain(now.applications.keys()).collect();
    for application in names.into_iter().filter(|name| applications.contains(name)) {
        if before.applications.get(application) != now.applications.get(application) {
            changed.push(format!("{application} (specs)"));
        }
    }
    changed
}

/// Says it, for people.
pub(super) fn print_last_synced(groups: &[LastSynced], ui: &Ui) {
    if groups.is_empty() {
        return;
    }
    ui.status("Last synced from:");
    for LastSynced { commit, modified, time, commits_since, applications, changed_since } in groups
    {
        let from = match (commit, time) {
            (None, _) => "no commit that is known".to_owned(),
            (Some(commit), None) => format!("{}, which is not in this clone", printable(commit)),
            (Some(commit), Some(time)) => {
                let name = Oid::from_str(commit).map_or_else(|_| commit.clone(), short);
                let beside = if *modified { " and what was not committed" } else { "" };
                let day = time.split('T').next().unwrap_or_default();
                let since = match commits_since {
                    None | Some(0) => String::new(),
                    Some(1) => ", 1 commit since".to_owned(),
                    Some(count) => format!(", {count} commits since"),
                };
                format!("{name}{beside} ({day}{since})")
            }
        };
        let names: Vec<&str> = applications.iter().map(ApplicationName::as_str).collect();
        ui.status(&format!("  {from}: {}", names.join(", ")));
        if !changed_since.is_empty() {
            ui.status(&format!("    changed since: {}", changed_since.join(", ")));
        }
    }
}
