//! Who could read a secret on either side of a merge, and who may after it.

use jiff::Timestamp;

use super::super::StoreError;
use super::super::header::Header;
use super::super::holders::Holders;
use super::super::recipient::{Recipient, RecipientSet};
use super::super::withdrawn::{Withdrawal, Withdrawals};
use super::MergeConflict;
use crate::model::SecretId;
use crate::tree::Tree;

/// The holders of both sides, and those that their merge results in.
#[derive(Debug, Clone, Default)]
pub struct MergedHolders {
    merged: Holders,
    sides: Vec<Holders>,
    withdrawals: Vec<Withdrawal>,
    /// Whether nothing is known of the other side.
    is_one_sided: bool,
}

impl MergedHolders {
    /// Merges the holders of two commits, as far as they concern a secret.
    /// Where the commits come from several others that count the same, each of
    /// these must lead to the same holders; `None` is one without a store.
    ///
    /// # Errors
    /// Holders that somebody has to decide about first, or a file of theirs
    /// that is wrong.
    pub fn merge(
        id: &SecretId,
        bases: &[Option<Tree>],
        ours: &Tree,
        theirs: &Tree,
    ) -> Result<Self, MergeConflict> {
        let mut withdrawals = Vec::new();
        for side in [ours, theirs] {
            for withdrawal in Withdrawals::read(side)?.iter() {
                if !withdrawals.contains(withdrawal) {
                    withdrawals.push(withdrawal.clone());
                }
            }
        }
        let sides = vec![Holders::read(ours)?, Holders::read(theirs)?];
        let bases: Vec<Holders> = match bases {
            [] => vec![Holders::default()],
            bases => {
                let read = |base: &Option<Tree>| {
                    base.as_ref().map_or_else(|| Ok(Holders::default()), Holders::read)
                };
                bases.iter().map(read).collect::<Result<_, StoreError>>()?
            }
        };
        let [ours, theirs] = sides.as_slice() else { return Ok(Self::default()) };
        let undecided = |holder| MergeConflict::Holder { id: id.clone(), holder };
        let mut merged: Option<Holders> = None;
        for base in &bases {
            let next = Holders::merge(id, base, ours, theirs).map_err(undecided)?;
            let readers = |holders: &Holders| {
                holders.recipients_for(&id.environment, &id.application).digest()
            };
            match &merged {
                Some(merged) if readers(merged) != readers(&next) => {
                    return Err(MergeConflict::Bases { id: id.clone() });
                }
                _ => merged = Some(next),
            }
        }
        let merged = merged.unwrap_or_default();
        Ok(Self { merged, sides, withdrawals, is_one_sided: false })
    }

    /// The holders of one side, where nothing is known of the other. What is
    /// sealed to these can be taken, and nothing can be sealed.
    #[must_use]
    pub fn of_one_side(holders: Holders) -> Self {
        Self { merged: holders, is_one_sided: true, ..Self::default() }
    }

    /// Those that a merge results in, which nobody changed.
    #[cfg(test)]
    pub(super) fn known(holders: Holders) -> Self {
        Self { merged: holders, ..Self::default() }
    }

    /// Whether they are known, so that a value can be sealed to them.
    pub(super) fn are_known(&self) -> bool {
        !self.is_one_sided
    }

    /// Those that the merge results in.
    #[must_use]
    pub fn merged(&self) -> &Holders {
        &self.merged
    }

    /// When access ended that one side took away, while the other sealed the
    /// value to it later all the same; the first such time. Once it is sealed
    /// anew, the file does not show to whom it was sealed, so that only its
    /// time can tell that it is exposed.
    pub(super) fn exposed_at(
        &self,
        id: &SecretId,
        header: &Header,
        set_at: Timestamp,
    ) -> Option<Timestamp> {
        let after = self.merged.recipients_for(&id.environment, &id.application);
        let mut of_sides =
            self.sides.iter().map(|side| side.recipients_for(&id.environment, &id.application));
        let digest = header.seal.as_ref().map(|seal| seal.recipients.clone());
        let before: Option<RecipientSet> =
            of_sides.find(|readers| Some(readers.digest()) == digest);
        let was_sealed_to = |keys: &[Recipient]| match &before {
            Some(before) => keys.iter().any(|key| before.contains(key) && !after.contains(key)),
            None => header.is_sealed_to(keys, &after),
        };
        let exposing = self.withdrawals.iter().filter(|withdrawal| {
            withdrawal.exposes(id, withdrawal.at, None, &after) && was_sealed_to(&withdrawal.keys)
        });
        exposing.map(|withdrawal| withdrawal.at).filter(|at| *at < set_at).min()
    }
}
