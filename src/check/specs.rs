//! What is wrong with the specs of an environment, whatever is stored.

use std::collections::BTreeMap;

use super::finding::{Finding, FindingKind};
use crate::kubernetes::{nearest_key, why_no_key, why_no_name};
use crate::layout::{KeyLines, Layout};
use crate::model::{ApplicationName, Environment, KeyName, SecretId, Spec};
use crate::resolve::{Problem, Reason, unresolvable};
use crate::tree::Tree;

/// On which lines keys stand, in files that are read when one of their lines
/// is asked for.
pub(super) struct Lines<'t> {
    tree: &'t Tree,
    read: BTreeMap<String, KeyLines>,
}

impl<'t> Lines<'t> {
    pub(super) fn new(tree: &'t Tree) -> Self {
        Self { tree, read: BTreeMap::new() }
    }

    /// The line of a key of a file.
    pub(super) fn of(&mut self, file: &str, path: &[&str]) -> Option<u64> {
        let tree = self.tree;
        let lines = self.read.entry(file.to_owned()).or_insert_with(|| {
            let text = tree.read_text(file).ok().flatten().unwrap_or_default();
            KeyLines::of(file, &text)
        });
        lines.of_key(path)
    }

    /// The first of some files that has a key, and its line there.
    pub(super) fn of_first(&mut self, files: &[String], path: &[&str]) -> (String, Option<u64>) {
        let found = files.iter().find_map(|file| Some((file, self.of(file, path)?)));
        match (found, files.first()) {
            (Some((file, line)), _) => (file.clone(), Some(line)),
            (None, first) => (first.cloned().unwrap_or_default(), None),
        }
    }
}

/// What is wrong with the specs of an environment.
pub(super) fn findings(
    tree: &Tree,
    layout: Layout,
    lines: &mut Lines<'_>,
    specs: &Environment,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for problem in unresolvable(specs) {
        let Problem { application, key, origin, .. } = &problem;
        let message = why_unresolvable(tree, layout, specs, &problem);
        let finding = Finding::new(FindingKind::Unresolvable, message);
        findings.push(of_spec(finding, layout, lines, specs, (application, key, origin)));
    }
    for (application, key, spec) in specs.secrets() {
        let place = (application, key, spec.origin.as_str());
        if !is_described(spec) {
            let message = "it has no description, which says what it is for and where it is from";
            let finding = Finding::new(FindingKind::Undescribed, message);
            findings.push(of_spec(finding, layout, lines, specs, place));
        }
        if let Some(reason) = why_no_key(key.as_str()) {
            let message = format!(
                "Kubernetes would refuse this key, and all of {application}'s Secret with it: \
                 {reason}; rename it to {}",
                nearest_key(key.as_str())
            );
            let finding = Finding::new(FindingKind::Name, message);
            findings.push(of_spec(finding, layout, lines, specs, place));
        }
    }
    for (application, needs) in &specs.applications {
        for setting in &needs.says_no_in_text {
            let mut places =
                layout.places_of_setting(&specs.name, application, setting).into_iter();
            let found = places.find_map(|(file, path)| Some((lines.of(&file, &path)?, file)));
            let message = format!(
                "secrets of {application} hang on {setting}, which is text that says no, and text \
                 counts as true; write false, without quotes"
            );
            let mut finding = Finding::new(FindingKind::Condition, message);
            if let Some((line, file)) = found {
                finding = finding.in_file(file).on_line(Some(line));
            }
            findings.push(finding.in_environment(Some(&specs.name)));
        }
        if let Some(reason) =
            why_no_name(application.as_str()).filter(|_| !needs.secrets.is_empty())
        {
            let files = layout.files_of(&specs.name);
            let (file, line) = lines.of_first(&files, &layout.path_of_application(application));
            let message =
                format!("Kubernetes would refuse the name of application {application}: {reason}");
            let finding = Finding::new(FindingKind::Name, message).in_file(file).on_line(line);
            findings.push(finding.in_environment(Some(&specs.name)));
        }
    }
    findings
}

fn of_spec(
    finding: Finding,
    layout: Layout,
    lines: &mut Lines<'_>,
    specs: &Environment,
    (application, key, origin): (&ApplicationName, &KeyName, &str),
) -> Finding {
    let line = lines.of(origin, &layout.path_of_spec(key));
    let id = SecretId::new(specs.name.clone(), application.clone(), key.clone());
    finding.of_secret(id).in_file(origin).on_line(line)
}

fn is_described(spec: &Spec) -> bool {
    spec.description.as_ref().is_some_and(|text| !text.trim().is_empty())
}

/// The reason, and the name that was perhaps meant.
fn why_unresolvable(tree: &Tree, layout: Layout, specs: &Environment, problem: &Problem) -> String {
    let mut message = problem.reason.to_string();
    let is_misspelt = match &problem.reason {
        Reason::SourceNotEnabled(source) => !layout.has_application(tree, &source.application),
        _ => true,
    };
    if let Some(near) = problem.nearest(specs).filter(|_| is_misspelt) {
        message.push_str(&format!("; did you mean {near}?"));
    }
    message
}
