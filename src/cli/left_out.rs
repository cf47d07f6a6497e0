//! What a command does not carry from one place to another: each thing is
//! named, all are counted, and the exit code says that there were some.
//!
//! That is for what is there and ought to be carried. What somebody asked to
//! leave out, and what holds nothing any more, is named and is no finding.

use std::fmt::Display;

use super::Exit;
use super::ui::Ui;
use crate::vault::CurrentSecrets;

/// Names and counts what is left out.
#[derive(Debug)]
pub(super) struct LeftOut<'a> {
    ui: &'a Ui,
    /// What is not done with it: "backed up".
    done: &'static str,
    names: Vec<String>,
}

impl<'a> LeftOut<'a> {
    pub(super) fn new(ui: &'a Ui, done: &'static str) -> Self {
        Self { ui, done, names: Vec::new() }
    }

    /// Names something that is left out, and why.
    pub(super) fn add(&mut self, what: impl Display, why: &str) {
        self.ui.warn(&format!("not {}: {what}: {why}", self.done));
        self.names.push(what.to_string());
    }

    /// Warns of something by which nothing is left out.
    pub(super) fn warn(&self, text: &str) {
        self.ui.warn(text);
    }

    /// Counts things of which it was said already why.
    pub(super) fn extend(&mut self, names: impl IntoIterator<Item = String>) {
        self.names.extend(names);
    }

    /// Names what of an environment in Vault is no application's entry, and the
    /// entries that are deleted, of which there is nothing to carry.
    pub(super) fn beside_entries(&mut self, current: &CurrentSecrets) {
        for name in &current.unreadable_names {
            self.add(format!("{name:?}"), "no application can have that name");
        }
        for folder in &current.folders {
            self.add(folder, "what is in it belongs to no application");
        }
        for (name, entry) in &current.entries {
            if entry.data.is_none() && entry.version > 0 {
                let done = self.done;
                self.ui.status(&format!("{name} is deleted in Vault, so it is not {done}"));
            }
        }
    }

    /// Says once more what was left out, and how much: a finding, where it was something.
    pub(super) fn exit(self) -> Exit {
        let (done, names) = (self.done, self.names.join(", "));
        match self.names.len() {
            0 => return Exit::Done,
            1 => self.ui.warn(&format!("1 thing was not {done}: {names}")),
            count => self.ui.warn(&format!("{count} things were not {done}: {names}")),
        }
        Exit::Findings
    }
}
