//! What is to become of each value from elsewhere.

use jiff::Timestamp;

use super::OfferArgs;
use crate::cli::{CliError, Context, Ui};
use crate::model::{SecretId, SecretValue};
use crate::static_values::oddities;
use crate::store::{LockedStore, ValueChange};

/// What is to become of each value.
#[derive(Debug, Default)]
pub(super) struct Sorted {
    pub(super) new: Vec<(SecretId, SecretValue)>,
    pub(super) different: Vec<Different>,
    /// With the file that was found equal.
    pub(super) equal: Vec<(SecretId, Vec<u8>)>,
    /// Of secrets that are generated or copied: nothing would ever use them.
    pub(super) not_static: Vec<SecretId>,
    pub(super) unknown: Vec<SecretId>,
    pub(super) missing: Vec<SecretId>,
}

/// A value that differs from the stored one.
#[derive(Debug)]
pub(super) struct Different {
    pub(super) id: SecretId,
    pub(super) value: SecretValue,
    /// The file of the stored one.
    pub(super) sealed: Vec<u8>,
}

impl Sorted {
    /// The values that would be stored.
    pub(super) fn to_store(&self) -> impl Iterator<Item = (&SecretId, &SecretValue)> {
        let new = self.new.iter().map(|(id, value)| (id, value));
        new.chain(self.different.iter().map(|one| (&one.id, &one.value)))
    }

    /// Warns of what nobody sees of the values.
    pub(super) fn warn_of_oddities(&self, ui: &Ui) {
        for (id, value) in self.to_store() {
            for oddity in oddities(value) {
                ui.warn(&format!("the value of {} {oddity}, which is kept", name(id)));
            }
        }
    }

    /// Shows what would become of each value.
    pub(super) fn preview(&self, left_out: &[String], is_asked: bool, context: &Context<'_>) {
        let ui = context.ui;
        let line = |what: &str, name: &str| format!("  {what:<10} {name}");
        let show = |what, id: &SecretId| ui.status(&line(what, &name(id)));
        for (id, _) in &self.new {
            show("new", id);
        }
        for Different { id, .. } in &self.different {
            // Whoever is asked must know what about.
            match is_asked {
                true => ui.tell(&line("different", &name(id))),
                false => show("different", id),
            }
        }
        self.equal.iter().for_each(|(id, _)| show("equal", id));
        self.unknown.iter().for_each(|id| show("unknown", id));
        left_out.iter().for_each(|name| ui.status(&line("unknown", name)));
        self.missing.iter().for_each(|id| show("missing", id));
    }

    /// Stops where something must be decided first.
    pub(super) fn refuse(&self, args: OfferArgs) -> Result<(), CliError> {
        if !self.unknown.is_empty() && !args.allow_unknown && !args.skip_unknown {
            let message = "there are values that no spec of the environment asks for; nothing was \
                           stored";
            return Err(CliError::usage(message)
                .detail(self.unknown.iter().map(ToString::to_string))
                .hint(
                    "store them too with --allow-unknown, or leave them out with --skip-unknown",
                ));
        }
        if !self.different.is_empty() && !args.replace {
            let message = "other values are stored for some secrets; nothing was stored";
            return Err(CliError::usage(message)
                .detail(self.different.iter().map(|one| one.id.to_string()))
                .hint("replace them with --replace"));
        }
        Ok(())
    }

    pub(super) fn question(&self) -> String {
        match self.different.len() {
            1 => "Replace the stored value that differs?".to_owned(),
            count => format!("Replace the {count} stored values that differ?"),
        }
    }

    pub(super) fn put(&self, store: &LockedStore) -> Result<(), CliError> {
        for (id, sealed) in &self.equal {
            if !store.has(id) || store.sealed(id)? != *sealed {
                return Err(CliError::store(format!("{id} changed meanwhile; nothing was stored"))
                    .hint("run it again"));
            }
        }
        let new =
            self.new.iter().map(|(id, value)| ValueChange { id, before: None, after: Some(value) });
        let different = self.different.iter().map(|one| ValueChange {
            id: &one.id,
            before: Some(one.sealed.clone()),
            after: Some(&one.value),
        });
        Ok(store.change_together(new.chain(different), Timestamp::now())?)
    }
}

pub(super) fn name(id: &SecretId) -> String {
    format!("{} {}", id.application, id.key)
}
