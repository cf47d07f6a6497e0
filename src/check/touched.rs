//! Which findings are a commit's business: those about what it touches.

use std::collections::BTreeSet;

use super::finding::{Finding, FindingKind};
use super::place::NOT_UTF8;
use crate::layout::Layout;
use crate::store::{RECIPIENTS, SECRETS, STORE_FILE};

/// The files that a commit adds, changes or deletes, relative to the root.
#[derive(Debug, Default)]
pub struct Touched(BTreeSet<String>);

impl Touched {
    /// Adds a file.
    pub fn add(&mut self, path: String) {
        self.0.insert(path);
    }

    /// Whether there is no such file.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a finding is about something that the commit touches.
    #[must_use]
    pub fn concerns(&self, layout: Layout, finding: &Finding) -> bool {
        let Finding { kind, environment, id, file, message, .. } = finding;
        // Git writes such a name in another way than a finding does.
        if matches!(kind, FindingKind::PrivateKey | FindingKind::StaticFile) || message == NOT_UTF8
        {
            return true;
        }
        let by_file = file.as_ref().is_some_and(|file| self.has(file) || self.has_below(file));
        let by_environment = environment.as_ref().is_some_and(|name| {
            self.has_below(&format!("{SECRETS}/{name}"))
                || layout.files_of(name).iter().any(|file| self.has(file))
        });
        let by_application = id.as_ref().is_some_and(|id| {
            let place = layout.place_of_specs(&id.application);
            self.has(&place) || self.has_below(&place)
        });
        // What every environment hangs on.
        let by_all = match kind {
            FindingKind::Stale
            | FindingKind::Recipients
            | FindingKind::Unreadable
            | FindingKind::Holder => self.has_below(RECIPIENTS),
            FindingKind::Setting | FindingKind::Empty | FindingKind::Missing => {
                self.has(STORE_FILE)
            }
            // It may be the source of a copy that went.
            FindingKind::Unresolvable => self.0.iter().any(|file| layout.is_spec(file)),
            _ => environment.is_none() && file.is_none(),
        };
        by_file || by_environment || by_application || by_all
    }

    fn has(&self, file: &str) -> bool {
        self.0.contains(file)
    }

    fn has_below(&self, folder: &str) -> bool {
        let folder = format!("{}/", folder.trim_end_matches('/'));
        self.0.range(folder.clone()..).next().is_some_and(|file| file.starts_with(&folder))
    }
}
