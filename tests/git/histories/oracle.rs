//! What may come of two histories: for each key, a value that one side set and
//! the other did not touch. Where there is no such value, a conflict must come
//! of them. A conflict may always.

use super::history::{KEYS, State, Value};

/// What may be at a key: each value that is allowed there.
pub(super) type Allowed = Vec<Option<Value>>;

/// Of one step from a base to their side, onto what ours may be.
pub(super) fn joined(base: Option<&Value>, ours: &Allowed, theirs: Option<&Value>) -> Allowed {
    let mut allowed = Allowed::new();
    for our in ours {
        for value in join(base, our.as_ref(), theirs) {
            if !allowed.contains(&value) {
                allowed.push(value);
            }
        }
    }
    allowed
}

fn join(base: Option<&Value>, ours: Option<&Value>, theirs: Option<&Value>) -> Allowed {
    let number = |value: Option<&Value>| value.map(|value| value.number);
    let text = |value: Option<&Value>| value.map(|value| value.text.clone());
    let is_same = |one, two| number(one) == number(two);
    let mut allowed = Allowed::new();
    if is_same(ours, base) || is_same(ours, theirs) {
        allowed.push(theirs.cloned());
    }
    if is_same(theirs, base) || is_same(ours, theirs) {
        allowed.push(ours.cloned());
    }
    // Values that were set apart, and are equal.
    if text(ours) == text(theirs) {
        allowed.extend([ours.cloned(), theirs.cloned()]);
    }
    // Without tags nobody can tell a value from the same one that was set
    // again. None is lost by that.
    let lacks_tag = |value: Option<&Value>| value.is_some_and(|value| !value.is_tagged);
    for (side, other) in [(ours, theirs), (theirs, ours)] {
        if side.is_some() && text(side) == text(base) && (lacks_tag(side) || lacks_tag(base)) {
            allowed.push(other.cloned());
        }
    }
    allowed
}

/// What may be at each key, where one side's states are replayed on another.
pub(super) fn replayed(onto: &State, states: &[State]) -> Vec<(&'static str, Allowed)> {
    let at = |key| {
        let mut allowed = vec![onto.get(key).cloned()];
        for pair in states.windows(2) {
            allowed = joined(pair[0].get(key), &allowed, pair[1].get(key));
        }
        (key, allowed)
    };
    KEYS.iter().map(|key| at(*key)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(number: u32, text: &str, is_tagged: bool) -> Option<Value> {
        Some(Value { number, text: text.to_owned(), is_tagged })
    }

    #[test]
    fn what_only_one_side_set_is_allowed() {
        let texts = |base: &Option<Value>, ours: &Option<Value>, theirs: &Option<Value>| {
            let allowed = joined(base.as_ref(), &vec![ours.clone()], theirs.as_ref());
            let mut texts: Vec<String> =
                allowed.into_iter().map(|value| value.map_or("-".into(), |one| one.text)).collect();
            texts.sort();
            texts.dedup();
            texts
        };
        let (old, one, two) = (value(1, "old", true), value(2, "one", true), value(3, "two", true));
        assert_eq!(texts(&old, &old, &old), ["old"]);
        assert_eq!(texts(&old, &one, &old), ["one"]);
        assert_eq!(texts(&old, &old, &None), ["-"]);
        assert_eq!(texts(&old, &one, &two), [""; 0]);
        assert_eq!(texts(&old, &one, &None), [""; 0]);
        assert_eq!(texts(&None, &one, &two), [""; 0]);
        assert_eq!(texts(&old, &one, &value(3, "one", true)), ["one"]);
        // Back to what it was is a change too, unless that does not show.
        assert_eq!(texts(&old, &value(2, "old", true), &two), [""; 0]);
        assert_eq!(texts(&old, &value(2, "old", false), &two), ["two"]);
    }
}
