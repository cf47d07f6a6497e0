//! What keeps git from changing sealed files on their way in and out.

use super::finding::{Finding, FindingKind};
use crate::tree::{Tree, TreeError};

/// The file in which git is told so.
const FILE: &str = ".gitattributes";

/// Attributes that were taken away: whether a sealed file keeps its bytes then
/// hangs on everybody's own settings of git.
pub(super) fn finding(tree: &Tree) -> Result<Option<Finding>, TreeError> {
    let text = tree.read_text(FILE)?.unwrap_or_default();
    let keeps_bytes = |line: &str| {
        let mut words = line.split_whitespace();
        let pattern = words.next().unwrap_or_default();
        let covers = pattern.ends_with(".age") || ["*", "**", "secrets/**"].contains(&pattern);
        covers && words.any(|attribute| ["-text", "binary"].contains(&attribute))
    };
    let message = "no line of it keeps git from changing the line ends of sealed files";
    let is_missing = !text.lines().any(keeps_bytes);
    Ok(is_missing.then(|| Finding::new(FindingKind::Attributes, message).in_file(FILE)))
}
