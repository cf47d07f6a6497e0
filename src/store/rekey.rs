//! Sealing values again, to today's holders.
//!
//! What a file says of itself tells which values need it, without any key.
//! Every one of them is opened and sealed anew in memory before the first file
//! is replaced: what cannot be opened leaves everything as it was.

use rayon::prelude::*;

use super::Store;
use super::contents::OpenFailure;
use super::error::StoreError;
use super::header::{Header, SealFault};
use super::holders::Holders;
use super::identities::Identities;
use super::paths::sealed_path;
use super::sealing::{OpenError, inspect, open};
use super::write::FileChange;
use crate::model::SecretId;

/// A value that is not sealed to exactly those who may read it, or in the form
/// of an earlier version.
#[derive(Debug)]
pub struct StaleValue {
    /// The secret.
    pub id: SecretId,
    /// What is wrong with its seal.
    pub fault: SealFault,
    pub(super) header: Header,
    file: Vec<u8>,
}

/// Values that could not be sealed again.
#[derive(Debug)]
pub enum RekeyError {
    /// Some could not be opened.
    Open(Vec<OpenFailure>),
    /// One could not be sealed.
    Seal(StoreError),
}

impl Store {
    /// Finds the values in a scope that are not sealed to exactly the holders
    /// who may read them, in the present form. It needs no key.
    ///
    /// Values that no holder may read are left out: they can be sealed to
    /// nobody.
    ///
    /// # Errors
    /// Files that cannot be read, or are no sealed files of their place.
    pub fn stale(
        &self,
        scope: impl Fn(&SecretId) -> bool + Sync,
        holders: &Holders,
    ) -> Result<Vec<StaleValue>, RekeyError> {
        let (mut stale, mut failures) = (Vec::new(), Vec::new());
        for environment in self.environments().map_err(RekeyError::Seal)? {
            let contents = self.contents(&environment).map_err(RekeyError::Seal)?;
            let ids: Vec<SecretId> = contents.ids().filter(&scope).collect();
            let judged: Vec<_> = ids
                .into_par_iter()
                .map(|id| {
                    let file = contents.read(&id)?;
                    let header = inspect(&file).map_err(|error| OpenFailure::new(&id, error))?;
                    let fault = header.judge(&id, holders).err();
                    Ok(fault.map(|fault| StaleValue { id, fault, header, file }))
                })
                .collect();
            for judged in judged {
                match judged {
                    Ok(value) => stale.extend(value),
                    Err(failure) => failures.push(failure),
                }
            }
        }
        if !failures.is_empty() {
            return Err(RekeyError::Open(failures));
        }
        stale.retain(|value| {
            let SecretId { environment, application, .. } = &value.id;
            !holders.recipients_for(environment, application).is_empty()
        });
        Ok(stale)
    }

    /// Opens values and seals them again to `holders`, in memory, on all
    /// cores. `done` is called after each.
    ///
    /// A value keeps what stands for it, and the time at which it was set. One
    /// whose only fault is its form is left out where it cannot be opened.
    ///
    /// # Errors
    /// All that cannot be opened, or one that cannot be sealed.
    pub fn seal_again(
        &self,
        stale: Vec<StaleValue>,
        holders: &Holders,
        identities: &Identities,
        done: impl Fn() + Sync,
    ) -> Result<Vec<FileChange>, RekeyError> {
        let sealed: Vec<_> = stale
            .into_par_iter()
            .map(|StaleValue { id, file, fault, .. }| {
                let opened = match open(&file, &id, identities) {
                    Err(error) if fault == SealFault::Earlier && is_somebody_elses(&error) => {
                        done();
                        return Ok(None);
                    }
                    opened => opened
                        .map_err(|error| RekeyError::Open(vec![OpenFailure::new(&id, error)]))?,
                };
                let sealed = super::seal_to(holders, &id, &opened.value, &opened.note);
                done();
                Ok(Some(FileChange {
                    file: sealed_path(&id),
                    before: Some(file),
                    after: Some(sealed.map_err(RekeyError::Seal)?),
                }))
            })
            .collect();
        let (mut changes, mut failures) = (Vec::new(), Vec::new());
        for sealed in sealed {
            match sealed {
                Ok(change) => changes.extend(change),
                Err(RekeyError::Open(failed)) => failures.extend(failed),
                Err(error) => return Err(error),
            }
        }
        if failures.is_empty() { Ok(changes) } else { Err(RekeyError::Open(failures)) }
    }
}

/// Whether somebody else may be able to open what could not be opened.
fn is_somebody_elses(error: &OpenError) -> bool {
    matches!(error, OpenError::NoMatchingIdentity | OpenError::Locked | OpenError::Identity(_))
}
