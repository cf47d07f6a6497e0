//! Text in commits.

use encoding_rs::{Encoding, UTF_8};
use git2::Commit;

/// Text of a commit, in the encoding that its header names; without one, or
/// with one that nobody knows, it is UTF-8. What cannot be decoded is replaced.
pub(crate) fn text_of(commit: &Commit<'_>, bytes: &[u8]) -> String {
    let name = commit.message_encoding().ok().flatten();
    let encoding = name.and_then(|name| Encoding::for_label(name.as_bytes())).unwrap_or(UTF_8);
    encoding.decode_without_bom_handling(bytes).0.into_owned()
}
