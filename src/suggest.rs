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

/// A question whether `near` was meant. Where the two look alike and are not,
/// as names do whose letters and accents are composed or apart, both are
/// spelt out.
pub(crate) fn did_you_mean(name: &str, near: &str) -> String {
    let base = |name: &str| -> String {
        name.chars().filter(char::is_ascii).collect::<String>().to_lowercase()
    };
    let is_plain = name.is_ascii() && near.is_ascii();
    // Letters of which one is composed have fewer in ASCII.
    let looks_alike = !is_plain && base(name).len().abs_diff(base(near).len()) <= name.len() / 2;
    match looks_alike {
        true => format!(
            "did you mean {near}? It is spelt {}, and what was given {}",
            near.escape_default(),
            name.escape_default()
        ),
        false => format!("did you mean {near}?"),
    }
}

#[cfg(test)]
mod tests {
    use super::{did_you_mean, nearest};

    #[test]
    fn names_that_look_alike_are_spelt_out() {
        assert_eq!(did_you_mean("pasword", "password"), "did you mean password?");
        let question = did_you_mean("cafe\u{301}", "caf\u{e9}");
        assert!(question.contains("cafe\\u{301}") && question.contains("caf\\u{e9}"), "{question}");
    }

    #[test]
    fn only_what_could_have_been_meant() {
        assert_eq!(nearest("idfdve", ["idfdev", "summit"]), Some("idfdev"));
        assert_eq!(nearest("IDFDEV", ["summit", "idfdev"]), Some("idfdev"));
        assert_eq!(nearest("xyz", ["idfdev", "summit"]), None);
    }
}
