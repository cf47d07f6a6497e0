//! What is wrong with a store and with the specs around it, as far as can be
//! told without any key.
//!
//! Nothing is missing, nothing lies about that does not belong, every value is
//! sealed, in its own place, to exactly today's holders, and what the specs ask
//! for can be made of it. What a sealed file says of itself is taken at its
//! word: that nobody changed it is known to whoever opens it, which is done too
//! where identities are given.

mod advice;
mod alike;
mod attributes;
mod finding;
mod holders;
mod in_the_clear;
mod in_vault;
mod overlap;
mod place;
mod sealed;
mod size;
mod specs;
mod stored;
mod touched;

use std::collections::BTreeMap;

use jiff::Timestamp;
use rayon::prelude::*;

pub use finding::{Finding, FindingKind};
pub use in_vault::without_api_path;
pub use overlap::{Neighbours, Overlap, Shared, Sharing};
pub use touched::Touched;

use crate::layout::{Layout, LayoutError};
use crate::model::{Environment, EnvironmentName, HolderName, SecretId};
use crate::repo::{IgnoredFile, StagedChange};
use crate::store::{Holders, Identities, STORE_FILE, Store, StoreError, StoreSettings};
use crate::suggest::nearest;
use crate::tree::{Tree, TreeError};
use place::{Places, StoredFile};
use sealed::{Judgement, form, judge};
use specs::Lines;

/// What is looked at, and how.
#[derive(Debug, Clone, Copy)]
pub struct Check<'a> {
    /// The checkout.
    pub tree: &'a Tree,
    /// Its layout.
    pub layout: Layout,
    /// Its store. Without one, specs alone are looked at.
    pub store: Option<&'a Store>,
    /// The environments that are asked for; all of them where none is named.
    pub named: &'a [EnvironmentName],
    /// With what every value is opened too.
    pub identities: Option<&'a Identities>,
    /// The time that it is: no value is set later.
    pub now: Timestamp,
}

/// What was looked at, and found.
#[derive(Debug, Default)]
pub struct Report {
    /// All that is wrong, by kind, then by place.
    pub findings: Vec<Finding>,
    /// How many environments were looked at.
    pub environments: usize,
    /// How many sealed values were.
    pub values: usize,
    /// How many of them the identities at hand cannot open.
    pub unopened: usize,
    /// Environments that are served elsewhere, and whose specs have faults that
    /// are no findings as long as nobody asks for them by name.
    pub faulty_elsewhere: Vec<EnvironmentName>,
    /// How many of them are in order, and in the form of an earlier version.
    pub earlier: usize,
    /// Stored values that nothing asks for today, and some spec could.
    pub not_needed_now: Vec<SecretId>,
    /// Holders whose one key is all that opens some values, and how many.
    pub one_key_opens: BTreeMap<HolderName, usize>,
}

impl Report {
    /// Looks at a file that the next commit would hold, wherever it is: at a
    /// private key, or at static secrets in the clear.
    pub fn look_at_staged(&mut self, change: &StagedChange, store: Option<&Store>) {
        let finding = in_the_clear::judge(change, store.map(|store| &store.holders));
        self.findings.extend(finding);
        self.findings.sort_by_cached_key(Finding::order);
    }

    /// Looks whether git is told to leave sealed files alone, where there is any.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn look_at_attributes(&mut self, tree: &Tree) -> Result<(), TreeError> {
        if self.values > 0 {
            self.findings.extend(attributes::finding(tree)?);
            self.findings.sort_by_cached_key(Finding::order);
        }
        Ok(())
    }

    /// Adds files of the store that git ignores, each with the rule that says
    /// so.
    pub fn add_ignored(&mut self, ignored: Vec<IgnoredFile>) {
        let mut rules: BTreeMap<String, (String, usize)> = BTreeMap::new();
        for IgnoredFile { file, rule } in ignored {
            rules.entry(rule).or_insert((file, 0)).1 += 1;
        }
        for (rule, (file, count)) in rules {
            let more = match count {
                1 => String::new(),
                count => format!(", and {} more", count - 1),
            };
            let message = format!("{rule} has git ignore it{more}");
            self.findings.push(Finding::new(FindingKind::Ignored, message).in_file(file));
        }
        self.findings.sort_by_cached_key(Finding::order);
    }
}

/// A store that cannot be looked at.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// A file that cannot be read.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// The environments cannot be listed.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// The list of withdrawn access cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// An environment with what lies in its folder.
struct Looked<'a> {
    name: &'a EnvironmentName,
    stored: &'a [StoredFile],
    specs: Result<Environment, LayoutError>,
}

impl Check<'_> {
    /// Looks at everything.
    ///
    /// # Errors
    /// Files that cannot be read, or a list of environments that cannot.
    pub fn run(&self) -> Result<Report, CheckError> {
        let known = self.layout.environments(self.tree)?;
        let mut report = Report::default();
        let places = match self.store {
            Some(store) => {
                report.findings.extend(unreadable_settings(self.tree));
                // Whatever changes a value reads it, so it must be readable.
                let unreadable = store.withdrawals().err();
                report
                    .findings
                    .extend(unreadable.map(|error| of_file(FindingKind::Holder, &error)));
                report.findings.extend(unknown_settings(store, &known));
                report.findings.extend(wrong_layout(store, self.tree));
                report.findings.extend(alike::holders(&store.holders));
                report.findings.extend(holders::unreadable(self.tree)?);
                report.findings.extend(holders::keys(&store.holders));
                Places::of(self.tree, self.layout, &known)?
            }
            None => Places::default(),
        };
        report.findings.extend(places.strays);
        report.findings.extend(alike::environments(&known));
        for (file, error) in self.layout.misnamed(self.tree)? {
            let finding = Finding::new(FindingKind::Specs, error.to_string());
            report.findings.push(finding.in_file(file));
        }

        let looked: Vec<Looked<'_>> = known
            .par_iter()
            .map(|name| Looked {
                name,
                stored: places.values.get(name).map(Vec::as_slice).unwrap_or_default(),
                specs: self.layout.load(self.tree, name),
            })
            .collect();
        // What all share and cannot be read is a finding of each environment.
        let neighbours = Neighbours::read(self.tree, self.layout, self.store, None);
        let neighbours = neighbours.unwrap_or_default();
        self.look_at_specs(&looked, &neighbours, &mut report);
        if let Some(store) = self.store {
            let specs_of = |name: &EnvironmentName| {
                looked.iter().find(|one| one.name == name).map(|one| &one.specs)
            };
            let access = holders::access(&store.holders, self.tree, self.layout, specs_of, &known);
            report.findings.extend(access);
            let lengths = self.look_at_values(store, &places.values, &mut report)?;
            for specs in looked.iter().filter_map(|one| one.specs.as_ref().ok()) {
                report.findings.extend(size::findings(specs, &lengths));
            }
            // While a holder cannot be read, it is not known who should.
            if !Holders::faulty(self.tree)?.is_empty() {
                let is_of_readers =
                    |kind| matches!(kind, FindingKind::Stale | FindingKind::Unreadable);
                report.findings.retain(|finding| !is_of_readers(finding.kind));
            }
            // Nor, while the settings cannot be read, what is kept elsewhere.
            if unreadable_settings(self.tree).is_some() {
                let is_of_what_is_there =
                    |kind| matches!(kind, FindingKind::Missing | FindingKind::Empty);
                report.findings.retain(|finding| !is_of_what_is_there(finding.kind));
            }
        }
        // What is in no secret's place is sealed, or it is in the clear.
        for path in places.misplaced {
            let bytes = self.tree.read(&path)?.unwrap_or_default();
            if let Err((kind, message)) = form(&bytes) {
                report.findings.push(Finding::new(kind, message).in_file(path));
            }
        }

        let is_wanted = |finding: &Finding| {
            finding.environment.as_ref().is_none_or(|name| self.is_wanted(name))
        };
        report.findings.retain(is_wanted);
        report.findings.sort_by_cached_key(Finding::order);
        Ok(report)
    }

    fn is_wanted(&self, name: &EnvironmentName) -> bool {
        self.named.is_empty() || self.named.contains(name)
    }

    fn is_served(&self, name: &EnvironmentName) -> bool {
        self.store.is_none_or(|store| store.settings.serves(name))
    }

    /// Looks at the specs of each environment that is wanted, and at what is
    /// stored for it.
    fn look_at_specs(&self, looked: &[Looked<'_>], neighbours: &Neighbours, report: &mut Report) {
        let wanted = looked.par_iter().filter(|one| self.is_wanted(one.name));
        let found: Vec<_> = wanted.map(|one| (one, self.look_at(one, neighbours))).collect();
        for (one, Faults { of_specs, of_values, not_needed_now }) in found {
            report.not_needed_now.extend(not_needed_now);
            // Somebody else's specs, unless they are asked for by name.
            if self.is_served(one.name) || self.named.contains(one.name) {
                report.environments += 1;
                report.findings.extend(of_specs);
            } else {
                report.environments += usize::from(!one.stored.is_empty());
                if !of_specs.is_empty() {
                    report.faulty_elsewhere.push(one.name.clone());
                }
            }
            report.findings.extend(of_values);
        }
    }

    fn look_at(&self, one: &Looked<'_>, neighbours: &Neighbours) -> Faults {
        let Looked { name, stored, specs } = one;
        let specs = match specs {
            Ok(specs) => specs,
            Err(error) => {
                let finding = Finding::new(FindingKind::Specs, with_causes(error));
                let finding = finding.in_environment(Some(name));
                // Without them, nothing is known of what is stored.
                return match stored.is_empty() {
                    true => Faults { of_specs: vec![finding], ..Faults::default() },
                    false => Faults { of_values: vec![finding], ..Faults::default() },
                };
            }
        };
        let lines = &mut Lines::new(self.tree);
        let (of_values, not_needed_now) =
            stored::unwanted(self.tree, self.layout, lines, specs, stored);
        let of_specs = specs::findings(self.tree, self.layout, lines, specs);
        let mut faults = Faults { of_specs, of_values, not_needed_now };
        faults.of_specs.extend(in_vault::findings(self.layout, lines, specs, neighbours));
        faults.of_values.extend(alike::keys(self.layout, lines, specs, stored));
        // Where Vault's value is kept, none has to be here.
        let asks_for_all = |store: &Store| !store.settings.keeps_vault_static(name);
        if self.store.is_some_and(asks_for_all) && self.is_served(name) {
            faults.of_values.extend(stored::missing(specs, stored));
        }
        faults
    }

    /// Looks at each sealed file, and gives the lengths of the values.
    fn look_at_values(
        &self,
        store: &Store,
        values: &BTreeMap<EnvironmentName, Vec<StoredFile>>,
        report: &mut Report,
    ) -> Result<BTreeMap<SecretId, u64>, TreeError> {
        let wanted = values.iter().filter(|(name, _)| self.is_wanted(name));
        let files: Vec<&StoredFile> = wanted.flat_map(|(_, files)| files).collect();
        report.values = files.len();
        report.findings.extend(stored::unreadable(store, &files));
        report.one_key_opens = stored::opened_by_one_key(store, &files);
        let judged: Vec<Judgement> = files
            .par_iter()
            .map(|StoredFile { id, path }| {
                let bytes = self.tree.read(path)?.unwrap_or_default();
                Ok(judge(&bytes, store, id, path, self.identities, self.now))
            })
            .collect::<Result<_, TreeError>>()?;
        let clients = files.iter().zip(&judged).filter_map(|(file, judgement)| {
            Some((&file.id, file.path.as_str(), judgement.client.as_deref()?.as_str()))
        });
        report.findings.extend(sealed::same_clients(clients));
        let mut lengths = BTreeMap::new();
        for (file, judgement) in files.iter().zip(judged) {
            report.findings.extend(judgement.finding);
            report.unopened += usize::from(judgement.is_unopened);
            report.earlier += usize::from(judgement.is_earlier);
            lengths.insert(file.id.clone(), judgement.length);
        }
        Ok(lengths)
    }
}

/// What is wrong with one environment.
#[derive(Default)]
struct Faults {
    /// Whatever is stored.
    of_specs: Vec<Finding>,
    /// With what is stored.
    of_values: Vec<Finding>,
    /// What is stored and only not needed today.
    not_needed_now: Vec<SecretId>,
}

/// A layout that is not that of the files: `store.toml` was copied from another
/// store, and no environment is found.
fn wrong_layout(store: &Store, tree: &Tree) -> Option<Finding> {
    let message = match (store.settings.layout, Layout::detect(tree)) {
        (Layout::Standalone, Some(Layout::Phalanx)) if !tree.has_folder("secrets/environments") => {
            "layout is \"standalone\", but this is a Phalanx checkout: no environment of it is \
             found; write \"phalanx\""
        }
        (Layout::Phalanx, Some(Layout::Standalone)) => {
            "layout is \"phalanx\", but this is no Phalanx checkout: the environments in \
             secrets/environments are not found; write \"standalone\""
        }
        _ => return None,
    };
    Some(Finding::new(FindingKind::Setting, message).in_file(STORE_FILE))
}

/// Settings of the store that cannot be read.
fn unreadable_settings(tree: &Tree) -> Option<Finding> {
    StoreSettings::read(tree).err().map(|error| of_file(FindingKind::Setting, &error))
}

/// A file of the store that cannot be read.
fn of_file(kind: FindingKind, error: &StoreError) -> Finding {
    match error {
        StoreError::Malformed { file, line, message } => {
            Finding::new(kind, message.clone()).in_file(file).on_line(*line)
        }
        error => Finding::new(kind, with_causes(error)),
    }
}

/// Names in lists of environments in the settings that are no environment.
fn unknown_settings(store: &Store, known: &[EnvironmentName]) -> Vec<Finding> {
    let settings = &store.settings;
    let listed =
        [("not-served", &settings.not_served), ("keep-vault-static", &settings.keep_vault_static)];
    let named = listed.iter().flat_map(|(list, names)| names.iter().map(move |name| (list, name)));
    let unknown = named.filter(|(_, name)| !known.iter().any(|one| one.as_str() == *name));
    unknown
        .map(|(list, name)| {
            let mut message = format!("{list} names {name:?}, which is no environment");
            if let Some(near) = nearest(name, known.iter().map(EnvironmentName::as_str)) {
                message.push_str(&format!("; did you mean {near}?"));
            }
            Finding::new(FindingKind::Setting, message).in_file(STORE_FILE)
        })
        .collect()
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text
}
