//! Names that differ in case alone.
//!
//! On a file system that does not tell them apart, as those of macOS and
//! Windows, a checkout has one file of the two, and git shows no fault.

use std::collections::{BTreeMap, BTreeSet};

use super::finding::{Finding, FindingKind};
use super::place::StoredFile;
use super::specs::Lines;
use crate::layout::Layout;
use crate::model::{ApplicationName, Environment, EnvironmentName, KeyName, Kind, SecretId};
use crate::store::{Holder, Holders, SECRETS, file_stem, sealed_path};

/// Names that lie beside each other, by what is left of them without case.
struct Names<'a, N>(BTreeMap<String, BTreeSet<&'a N>>);

impl<'a, N: Ord> Names<'a, N> {
    fn of(names: impl IntoIterator<Item = &'a N>, as_file: impl Fn(&N) -> String) -> Self {
        let mut groups: BTreeMap<String, BTreeSet<&N>> = BTreeMap::new();
        for name in names {
            groups.entry(as_file(name).to_ascii_lowercase()).or_default().insert(name);
        }
        Self(groups)
    }

    /// Each name that another one comes before, with that one.
    fn alike(&self) -> impl Iterator<Item = (&'a N, &'a N)> {
        self.0.values().flat_map(|names| {
            let first = names.first().copied();
            names.iter().skip(1).filter_map(move |name| Some((first?, *name)))
        })
    }
}

fn found(one: impl std::fmt::Display, other: impl std::fmt::Display) -> Finding {
    let message =
        format!("{one} and {other} differ in case alone, and are one file on macOS and Windows");
    Finding::new(FindingKind::Case, message)
}

/// Static secrets of an application whose files would be one.
pub(super) fn keys(
    layout: Layout,
    lines: &mut Lines<'_>,
    specs: &Environment,
    stored: &[StoredFile],
) -> Vec<Finding> {
    let mut keys: BTreeMap<&ApplicationName, BTreeSet<&KeyName>> = BTreeMap::new();
    for (application, key, spec) in specs.secrets() {
        if spec.kind == Kind::Static {
            keys.entry(application).or_default().insert(key);
        }
    }
    for StoredFile { id, .. } in stored {
        keys.entry(&id.application).or_default().insert(&id.key);
    }
    let mut findings = Vec::new();
    for (application, keys) in &keys {
        for (one, other) in Names::of(keys.iter().copied(), file_stem).alike() {
            let id = SecretId::new(specs.name.clone(), (*application).clone(), other.clone());
            let finding = found(format_args!("the keys {one}"), other);
            findings.push(match specs.spec(application, other) {
                Some(spec) => {
                    let line = lines.of(&spec.origin, &layout.path_of_spec(other));
                    finding.in_file(&spec.origin).on_line(line).of_secret(id)
                }
                None => finding.in_file(sealed_path(&id)).of_secret(id),
            });
        }
    }
    for (one, other) in Names::of(keys.keys().copied(), ToString::to_string).alike() {
        let folder = format!("{SECRETS}/{}/{other}", specs.name);
        let finding = found(format_args!("the applications {one}"), other);
        findings.push(finding.in_file(folder).in_environment(Some(&specs.name)));
    }
    findings
}

/// Environments whose folders would be one.
pub(super) fn environments(known: &[EnvironmentName]) -> Vec<Finding> {
    let names = Names::of(known, ToString::to_string);
    let findings = names.alike().map(|(one, other)| {
        let finding = found(format_args!("the environments {one}"), other);
        finding.in_file(format!("{SECRETS}/{other}")).in_environment(Some(other))
    });
    findings.collect()
}

/// Holders whose files would be one.
pub(super) fn holders(holders: &Holders) -> Vec<Finding> {
    let names = Names::of(holders.iter().map(|(name, _)| name), ToString::to_string);
    let findings = names.alike().map(|(one, other)| {
        found(format_args!("the holders {one}"), other).in_file(Holder::path(other))
    });
    findings.collect()
}
