//! What holds of every value and all recipients.

use std::sync::LazyLock;

use jiff::Timestamp;
use phalanx_secrets::model::{KeyName, SecretValue};
use phalanx_secrets::store::{OpenError, RecipientSet, ValueNote, inspect, open, seal};
use proptest::prelude::*;

use super::{Person, id, recipients};

static PEOPLE: LazyLock<Vec<Person>> = LazyLock::new(|| (0..4).map(|_| Person::new()).collect());

fn some_people() -> impl Strategy<Value = Vec<&'static Person>> {
    proptest::sample::subsequence((0..4).collect::<Vec<_>>(), 1..=4)
        .prop_map(|chosen| chosen.into_iter().map(|number| &PEOPLE[number]).collect())
}

fn some_value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..200),
        // Around the end of age's first chunk.
        (65_530_usize..65_545).prop_map(|length| vec![b'x'; length]),
    ]
}

fn some_time() -> impl Strategy<Value = Timestamp> {
    (0_i64..4_000_000_000).prop_map(|second| Timestamp::from_second(second).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn what_was_sealed_comes_back(
        value in some_value(),
        people in some_people(),
        set_at in some_time(),
        expires in proptest::option::of(some_time()),
        key in "\\PC{1,40}",
    ) {
        prop_assume!(key.parse::<KeyName>().is_ok());
        let (value, recipients) = (SecretValue::from(value), recipients(people.iter().copied()));
        let note = ValueNote { expires, ..ValueNote::of_new_value(set_at) };
        let file = seal(&value, &id(&key), &note, &recipients).unwrap();

        let seen = inspect(&file).unwrap().seal.expect("a stanza of ours");
        prop_assert_eq!((seen.set_at, seen.expires), (set_at, expires));
        prop_assert_eq!(seen.tag, Some(note.tag));
        prop_assert_eq!(&seen.recipients, &recipients.digest());
        prop_assert!(seen.path.starts_with("demo/app/"));
        for person in PEOPLE.iter() {
            let is_recipient = people.iter().any(|one| std::ptr::eq(*one, person));
            match open(&file, &id(&key), &person.identities) {
                Ok(opened) => {
                    prop_assert!(is_recipient);
                    prop_assert!(opened.value == value);
                    prop_assert_eq!(&opened.note, &note);
                    prop_assert_eq!(opened.header.seal.as_ref(), Some(&seen));
                }
                Err(OpenError::NoMatchingIdentity) => prop_assert!(!is_recipient),
                Err(error) => prop_assert!(false, "{error:?}"),
            }
        }
    }

    #[test]
    fn another_secrets_file_is_refused(key in "[a-z.%/ ]{1,12}", other in "[a-z.%/ ]{1,12}") {
        prop_assume!(key.trim() == key && other.trim() == other && key != other);
        let person = &PEOPLE[0];
        let note = ValueNote::of_new_value(Timestamp::UNIX_EPOCH);
        let file = seal(&"x".into(), &id(&key), &note, &recipients([person]));
        let refused = open(&file.unwrap(), &id(&other), &person.identities);
        prop_assert!(matches!(refused, Err(OpenError::Moved { .. })), "{refused:?}");
    }

    #[test]
    fn no_two_files_are_alike(value in some_value()) {
        let value = SecretValue::from(value);
        let note = ValueNote::of_new_value(Timestamp::UNIX_EPOCH);
        let seal = || seal(&value, &id("key"), &note, &recipients(&PEOPLE[..1]));
        prop_assert!(seal().unwrap() != seal().unwrap());
    }

    #[test]
    fn the_digest_ignores_order_and_repetition(
        order in Just(vec![0, 1, 2, 3]).prop_shuffle(),
        repeated in proptest::collection::vec(0_usize..4, 0..6),
        left_out in 0_usize..4,
    ) {
        let one = recipients(PEOPLE.iter());
        let two = recipients(order.iter().chain(&repeated).map(|number| &PEOPLE[*number]));
        prop_assert_eq!(one.digest(), two.digest());
        let fewer = order.iter().filter(|number| **number != left_out);
        let fewer: RecipientSet = recipients(fewer.map(|number| &PEOPLE[*number]));
        prop_assert_ne!(one.digest(), fewer.digest());
    }

    /// Whatever a file holds, reading it is an answer and no crash.
    #[test]
    fn nonsense_is_refused(file in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(open(&file, &id("key"), &PEOPLE[0].identities).is_err());
        let armored = [super::BEGIN.as_bytes(), &file, b"\n", super::END.as_bytes()].concat();
        prop_assert!(open(&armored, &id("key"), &PEOPLE[0].identities).is_err());
        prop_assert!(inspect(&file).is_err());
    }
}
