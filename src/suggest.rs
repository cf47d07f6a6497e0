//! The nearest name to one that does not exist.

/// The candidate most like `name`, if any is alike enough to be what was
/// meant.
pub(crate) fn nearest<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| {
            let (name, lower) = (name.to_lowercase(), candidate.to_lowercase());
            (strsim::jaro_winkler(&name, &lower), candidate)
        })
        .filter(|(similarity, _)| *similarity > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn only_what_could_have_been_meant() {
        assert_eq!(nearest("idfdve", ["idfdev", "summit"]), Some("idfdev"));
        assert_eq!(nearest("IDFDEV", ["summit", "idfdev"]), Some("idfdev"));
        assert_eq!(nearest("xyz", ["idfdev", "summit"]), None);
    }
}
