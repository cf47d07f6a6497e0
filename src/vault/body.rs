//! The body of a write.

use std::collections::BTreeMap;

use bytes::Bytes;
use zeroize::Zeroizing;

use super::{CurrentValue, json_text};

/// The longest prelude, separators and closing braces, and then some.
const FRAME: usize = 64;

/// The JSON of a KV v2 write, in memory that is wiped when the last request
/// that holds it is gone.
///
/// # Errors
/// The key of the first value that is not UTF-8: JSON holds nothing else.
pub(super) fn write_body(data: &BTreeMap<String, CurrentValue>, cas: u64) -> Result<Bytes, &str> {
    let mut body = Zeroizing::new(Vec::with_capacity(FRAME + room_for(data)));

    body.extend_from_slice(b"{\"options\":{\"cas\":");
    body.extend_from_slice(cas.to_string().as_bytes());
    body.extend_from_slice(b"},\"data\":{");
    write_values(data, &mut body)?;
    body.extend_from_slice(b"}}");
    Ok(Bytes::from_owner(body))
}

/// The room that [`write_values`] takes at most, in bytes: reserved beforehand,
/// because a buffer that grows leaves copies.
pub(super) fn room_for(data: &BTreeMap<String, CurrentValue>) -> usize {
    let room = data.iter().map(|(key, value)| {
        let value = match value {
            CurrentValue::Text(value) => json_text::longest_escape(value.expose().len()),
            CurrentValue::Other(json) => json.expose().len(),
        };
        json_text::longest_escape(key.len()) + value + 2
    });
    room.sum()
}

/// How long the answer to a read of an entry is at most, in bytes, besides what
/// stands around the values.
pub(super) fn length_in_answers(data: &BTreeMap<String, CurrentValue>) -> usize {
    let length = |text: &[u8]| json_text::length_in_answers(text) + 3;
    data.iter()
        .map(|(key, value)| {
            let value = match value {
                CurrentValue::Text(value) => length(value.expose()),
                CurrentValue::Other(json) => length(json.expose().as_bytes()),
            };
            length(key.as_bytes()) + value
        })
        .sum()
}

/// Writes the members of a JSON object, without its braces.
///
/// # Errors
/// As [`write_body`].
pub(super) fn write_values<'a>(
    data: &'a BTreeMap<String, CurrentValue>,
    out: &mut Vec<u8>,
) -> Result<(), &'a str> {
    for (position, (key, value)) in data.iter().enumerate() {
        if position > 0 {
            out.push(b',');
        }
        json_text::escape(key, out);
        out.push(b':');
        match value {
            CurrentValue::Text(value) => {
                json_text::escape(value.expose_str().ok_or(key.as_str())?, out);
            }
            CurrentValue::Other(json) => out.extend_from_slice(json.expose().as_bytes()),
        }
    }
    Ok(())
}

/// A JSON object of texts, in memory that is wiped.
pub(super) fn fields(fields: &[(&str, &str)]) -> Bytes {
    let room = |text: &str| json_text::longest_escape(text.len()) + 1;
    let rooms = fields.iter().map(|(name, value)| room(name) + room(value));
    let mut body = Zeroizing::new(Vec::with_capacity(FRAME + rooms.sum::<usize>()));
    body.push(b'{');
    for (position, (name, value)) in fields.iter().enumerate() {
        if position > 0 {
            body.push(b',');
        }
        json_text::escape(name, &mut body);
        body.push(b':');
        json_text::escape(value, &mut body);
    }
    body.push(b'}');
    Bytes::from_owner(body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::SecretValue;

    #[test]
    fn a_body_is_json_with_other_values_to_the_letter() {
        let json = r#"{ "b": 1.0,"a":[123456789012345678901234567890]}"#;
        let data = BTreeMap::from([
            ("a\"key".to_owned(), CurrentValue::from(SecretValue::from("line\n\"é\""))),
            ("other".to_owned(), CurrentValue::from_json(json).unwrap()),
        ]);
        let body = write_body(&data, u64::MAX).unwrap();
        assert_eq!(
            std::str::from_utf8(&body).unwrap(),
            format!(
                r#"{{"options":{{"cas":18446744073709551615}},"data":{{"a\"key":"line\u000a\"é\"","other":{json}}}}}"#
            )
        );
        let empty = write_body(&BTreeMap::new(), 0).unwrap();
        assert_eq!(&empty[..], br#"{"options":{"cas":0},"data":{}}"#);
    }

    #[test]
    fn an_answer_is_no_longer_than_was_reckoned() {
        // As Go writes them.
        for (text, answer) in [
            ("plain", r#""plain""#),
            ("a\"b\\c\n", r#""a\"b\\c\n""#),
            ("<&>\u{1}", r#""\u003c\u0026\u003e\u0001""#),
            ("\u{2028}\u{e9}", r#""\u2028é""#),
        ] {
            let data =
                BTreeMap::from([("k".to_owned(), CurrentValue::from(SecretValue::from(text)))]);
            let answer = format!("\"k\":{answer},");
            assert!(length_in_answers(&data) >= answer.len(), "{text:?}");
            assert!(length_in_answers(&data) <= answer.len() + 6, "{text:?}");
        }
    }

    #[test]
    fn fields_are_json_too() {
        assert_eq!(&fields(&[])[..], b"{}");
        let two = fields(&[("a", "x\"y"), ("b", "\n")]);
        assert_eq!(&two[..], br#"{"a":"x\"y","b":"\u000a"}"#);
    }

    #[test]
    fn a_value_that_is_not_text_is_refused_by_key() {
        let binary = CurrentValue::from(SecretValue::from(vec![0xff]));
        let data = BTreeMap::from([("keytab".to_owned(), binary)]);
        assert_eq!(write_body(&data, 0), Err("keytab"));
    }
}
