//! From a tree to types, as the reference implementation validates them.
//!
//! What must be text is text for PyYAML too: `if: true` is none, since taken
//! for the setting called "true" it would drop the secret without a word. A
//! boolean may be what pydantic takes for one, such as `"yes"`, `t` or `1`.

use std::fmt;
use std::rc::Rc;

use serde::de::value::StringDeserializer;
use serde::de::{
    self, DeserializeSeed, Deserializer, Error as _, Expected, IntoDeserializer as _, MapAccess,
    SeqAccess, Unexpected, Visitor,
};
use serde::forward_to_deserialize_any;

use super::scalar::Scalar;
use super::tree::{Content, Mapping, Node};

/// What is wrong, in words that repeat names of a document alone.
#[derive(Debug)]
pub(in crate::layout) struct Problem {
    /// The line, from 1.
    pub(super) line: Option<u64>,
    /// What is wrong there.
    pub(super) message: String,
}

impl Problem {
    fn on(self, line: u64) -> Self {
        Self { line: self.line.or(Some(line)), ..self }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Problem {}

impl de::Error for Problem {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self { line: None, message: message.to_string() }
    }

    // What stands there is not repeated.
    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::custom(match expected.to_string().as_str() {
            "a map" => "expected a mapping".to_owned(),
            "a sequence" => "expected a list".to_owned(),
            expected => format!("expected {expected}"),
        })
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::custom(format_args!("expected {expected}"))
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        if let Some(meant) = crate::suggest::nearest(field, expected.iter().copied()) {
            return Self::custom(format_args!("unknown field `{field}`; did you mean {meant}?"));
        }
        let expected = expected.join(", ");
        Self::custom(format_args!("unknown field `{field}`, expected one of {expected}"))
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        let expected = expected.join(", ");
        Self::custom(format_args!("unknown variant `{variant}`, expected one of {expected}"))
    }
}

/// What a node is expected to be.
struct Text;

impl Expected for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text (in quotes, if it looks like something else)")
    }
}

impl<'de> Deserializer<'de> for &Node {
    type Error = Problem;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        let value = match &self.content {
            Content::Scalar(Scalar::Text(text)) => visitor.visit_str(text),
            Content::Scalar(Scalar::Null) => visitor.visit_unit(),
            Content::Scalar(Scalar::Bool(truth)) => visitor.visit_bool(*truth),
            Content::Scalar(Scalar::Number(number)) => visitor.visit_f64(*number),
            Content::Scalar(Scalar::Other | Scalar::Merge) => {
                Err(Problem::invalid_type(Unexpected::Other("something else"), &visitor))
            }
            Content::Sequence(items) => visitor.visit_seq(Items(items.iter())),
            Content::Mapping(mapping) => match mapping.other_key {
                None => visitor.visit_map(Members::of(mapping)),
                Some(line) => {
                    let what = "a name here is not text for YAML; put it in quotes";
                    Err(Problem::custom(what).on(line))
                }
            },
        };
        value.map_err(|problem| problem.on(self.line))
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        let boolean = match &self.content {
            Content::Scalar(scalar) => scalar.as_boolean(),
            _ => None,
        };
        match boolean {
            Some(boolean) => visitor.visit_bool(boolean),
            None => Err(Problem::custom("expected true or false").on(self.line)),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match &self.content {
            Content::Scalar(Scalar::Text(text)) => {
                visitor.visit_str(text).map_err(|problem: Problem| problem.on(self.line))
            }
            _ => Err(Problem::invalid_type(Unexpected::Other("no text"), &Text).on(self.line)),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match &self.content {
            Content::Scalar(Scalar::Null) => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Problem> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Problem> {
        match &self.content {
            Content::Scalar(Scalar::Text(text)) => {
                let variant: StringDeserializer<Problem> = text.clone().into_deserializer();
                visitor.visit_enum(variant).map_err(|problem| problem.on(self.line))
            }
            _ => Err(Problem::invalid_type(Unexpected::Other("no text"), &Text).on(self.line)),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf unit unit_struct seq
        tuple tuple_struct map struct identifier
    }
}

struct Items<'n>(std::slice::Iter<'n, Rc<Node>>);

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Problem;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Problem> {
        self.0.next().map(|node| seed.deserialize(&**node)).transpose()
    }
}

struct Members<'n> {
    left: indexmap::map::Iter<'n, String, (u64, Rc<Node>)>,
    value: Option<&'n Node>,
}

impl<'n> Members<'n> {
    fn of(mapping: &'n Mapping) -> Self {
        Self { left: mapping.members.iter(), value: None }
    }
}

impl<'de> MapAccess<'de> for Members<'_> {
    type Error = Problem;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Problem> {
        let Some((name, (line, value))) = self.left.next() else { return Ok(None) };
        self.value = Some(value);
        let name: StringDeserializer<Problem> = name.clone().into_deserializer();
        seed.deserialize(name).map(Some).map_err(|problem| problem.on(*line))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Problem> {
        match self.value.take() {
            Some(node) => seed.deserialize(node),
            None => Err(Problem::custom("a value was asked for before its name")),
        }
    }
}
