//! `--only`: some of the values, and not all of them.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use crate::cli::CliError;
use crate::cli::offer::Offer;
use crate::suggest::nearest;

/// An application, or one of its keys.
#[derive(Debug, Clone)]
pub(super) struct Only {
    application: String,
    key: Option<String>,
}

impl Only {
    fn names(&self, application: &str, key: &str) -> bool {
        self.application == application && self.key.as_deref().is_none_or(|own| own == key)
    }
}

impl FromStr for Only {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text.split_once('/') {
            Some((application, key)) => {
                Self { application: application.to_owned(), key: Some(key.to_owned()) }
            }
            None => Self { application: text.to_owned(), key: None },
        })
    }
}

impl fmt::Display for Only {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.application)?;
        self.key.as_deref().map_or(Ok(()), |key| write!(f, "/{key}"))
    }
}

/// Leaves only the values that are named, where any are. Of the others nothing
/// is said, nor of what is missing or unknown among them.
///
/// # Errors
/// A name of which there is no value.
pub(super) fn pick(offer: &mut Offer, only: &[Only]) -> Result<(), CliError> {
    if only.is_empty() {
        return Ok(());
    }
    let mut names: Vec<String> = Vec::new();
    for (application, key) in offer.values.names() {
        names.push(format!("{application}/{key}"));
        names.push(application.to_owned());
    }
    for one in only {
        let name = one.to_string();
        if !names.contains(&name) {
            let nearest = nearest(&name, names.iter().map(String::as_str));
            return Err(CliError::usage(format!(
                "--only {name}: there is no value of that name to take; nothing was stored"
            ))
            .hint(nearest.map(|near| format!("did you mean {near}?"))));
        }
    }
    offer.values.retain(|application, key| only.iter().any(|one| one.names(application, key)));
    offer.missing.clear();
    if let Some(unknown) = &mut offer.unknown {
        unknown.clear();
    }
    Ok(())
}
