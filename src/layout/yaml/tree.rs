//! A YAML document as a tree, each scalar as PyYAML takes it.
//!
//! No deserializer keeps both a scalar's text and its quoting, so this reads
//! the parser's events. Of two equal keys the last counts, and `<<` is merged.

use std::collections::HashMap;
use std::rc::Rc;

use indexmap::IndexMap;
use serde_saphyr::granit_parser::{BorrowedInput, Event, Parser, ScalarStyle, ScanError, Tag};

use super::scalar::Scalar;

/// Deeper nesting than any file has, and than the stack need bear.
const MAX_DEPTH: usize = 200;
/// The tags that YAML itself has.
pub(super) const NAMESPACE: &str = "tag:yaml.org,2002:";

/// A node of a document.
#[derive(Debug)]
pub(in crate::layout) struct Node {
    /// The line on which it begins, from 1.
    pub(super) line: u64,
    /// What it is.
    pub(in crate::layout) content: Content,
}

/// What a node is.
#[derive(Debug)]
pub(in crate::layout) enum Content {
    /// A scalar.
    Scalar(Scalar),
    /// A list. Shared, since aliases may repeat what is in it.
    Sequence(Vec<Rc<Node>>),
    /// A mapping.
    Mapping(Mapping),
}

/// A mapping.
#[derive(Debug, Default)]
pub(in crate::layout) struct Mapping {
    /// What has a key that is text, with the line of that.
    pub(in crate::layout) members: IndexMap<String, (u64, Rc<Node>)>,
    /// The line of a key that is no text, if there is one.
    pub(in crate::layout) other_key: Option<u64>,
}

/// How the names in a document are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::layout) enum Names {
    /// As Python takes them: of two equal ones the last counts.
    AsInPython,
    /// Each must be text, and there once: what is below a line that was lost
    /// belongs to the name above it then.
    Strictly,
    /// The same, but what is no text for YAML is taken as it is spelt: `on` is
    /// a name that an application may have.
    AsSpelt,
}

/// What is wrong with a document: the line, from 1, and what.
pub(in crate::layout) type Failure = (u64, String);

/// Reads a document. `None` where there is nothing in it.
///
/// # Errors
/// The line, from 1, and what is wrong there.
pub(in crate::layout) fn read(text: &str, names: Names) -> Result<Option<Rc<Node>>, Failure> {
    let parser = Parser::new_from_str(text);
    let mut reader = Reader { parser, names, anchors: HashMap::new(), line: 1 };
    let mut document = None;
    while let Some(event) = reader.next()? {
        match event {
            Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(..)
            | Event::DocumentEnd
            | Event::Comment(..) => {}
            _ if document.is_some() => {
                return Err((reader.line, "there is more than one document".to_owned()));
            }
            event => document = Some(reader.node(event, 0)?),
        }
    }
    Ok(document)
}

struct Reader<'a, I: BorrowedInput<'a>> {
    parser: Parser<'a, I>,
    names: Names,
    anchors: HashMap<usize, Rc<Node>>,
    line: u64,
}

impl<'a, I: BorrowedInput<'a>> Reader<'a, I> {
    fn next(&mut self) -> Result<Option<Event<'a>>, Failure> {
        match self.parser.next_event() {
            None => Ok(None),
            Some(Ok((event, span))) => {
                self.line = span.start.line() as u64;
                Ok(Some(event))
            }
            Some(Err(error)) => Err(failure(&error)),
        }
    }

    fn inside(&mut self) -> Result<Event<'a>, Failure> {
        loop {
            match self.next()? {
                Some(Event::Comment(..)) => {}
                Some(event) => return Ok(event),
                None => return self.fail("the document ends too early"),
            }
        }
    }

    fn fail<T>(&self, what: &str) -> Result<T, Failure> {
        Err((self.line, what.to_owned()))
    }

    fn node(&mut self, event: Event<'a>, depth: usize) -> Result<Rc<Node>, Failure> {
        if depth > MAX_DEPTH {
            return self.fail("it is nested too deeply");
        }
        let line = self.line;
        let (content, anchor) = match event {
            Event::Alias(anchor) => {
                let node = self.anchors.get(&anchor).cloned();
                return node.ok_or_else(|| (line, "an alias refers to itself".to_owned()));
            }
            Event::Scalar(text, style, anchor, tag) => {
                (Content::Scalar(self.scalar(&text, style, tag.as_deref())?), anchor)
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.check_tag(tag.as_deref(), &["seq", "omap", "pairs"])?;
                (Content::Sequence(self.sequence(depth)?), anchor)
            }
            Event::MappingStart(_, anchor, tag) => {
                self.check_tag(tag.as_deref(), &["map", "set"])?;
                (Content::Mapping(self.mapping(depth)?), anchor)
            }
            _ => return self.fail("something other than a value stands here"),
        };
        let node = Rc::new(Node { line, content });
        if anchor != 0 {
            self.anchors.insert(anchor, Rc::clone(&node));
        }
        Ok(node)
    }

    fn scalar(&self, text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Result<Scalar, Failure> {
        let Some(tag) = tag else {
            return Ok(match style {
                ScalarStyle::Plain => Scalar::resolve(text),
                _ => Scalar::Text(text.to_owned()),
            });
        };
        match tag.suffix_in_namespace(NAMESPACE) {
            Some(name) => match Scalar::tagged(&name, text) {
                Some(scalar) => Ok(scalar),
                None => self.fail("this is not what its tag says"),
            },
            None => self.fail("this tag is not supported"),
        }
    }

    fn check_tag(&self, tag: Option<&Tag>, allowed: &[&str]) -> Result<(), Failure> {
        let name = tag.map(|tag| tag.suffix_in_namespace(NAMESPACE));
        match name {
            None => Ok(()),
            Some(Some(name)) if allowed.contains(&&*name) => Ok(()),
            Some(_) => self.fail("this tag is not supported"),
        }
    }

    fn sequence(&mut self, depth: usize) -> Result<Vec<Rc<Node>>, Failure> {
        let mut items = Vec::new();
        loop {
            match self.inside()? {
                Event::SequenceEnd => return Ok(items),
                event => items.push(self.node(event, depth + 1)?),
            }
        }
    }

    fn mapping(&mut self, depth: usize) -> Result<Mapping, Failure> {
        let mut own = Mapping::default();
        let mut merged = Mapping::default();
        loop {
            let key = self.inside()?;
            let spelt = match &key {
                Event::MappingEnd => break,
                Event::Scalar(text, ..) => Some(text.to_string()),
                _ => None,
            };
            let key = self.node(key, depth + 1)?;
            let event = self.inside()?;
            let value = self.node(event, depth + 1)?;
            let name = match (&key.content, spelt) {
                (Content::Scalar(Scalar::Text(name)), _) => name.clone(),
                (Content::Scalar(Scalar::Merge), _) => {
                    self.merge(&mut merged, &value)?;
                    continue;
                }
                (_, Some(spelt)) if self.names == Names::AsSpelt => spelt,
                _ => {
                    own.other_key = own.other_key.or(Some(key.line));
                    continue;
                }
            };
            if self.names != Names::AsInPython && own.members.contains_key(&name) {
                return Err((key.line, format!("{name:?} is there for the second time")));
            }
            own.members.insert(name, (key.line, value));
        }
        merged.members.extend(own.members);
        merged.other_key = own.other_key.or(merged.other_key);
        Ok(merged)
    }

    /// Merges a mapping, or a list of mappings of which the first counts most.
    fn merge(&self, into: &mut Mapping, value: &Node) -> Result<(), Failure> {
        let sources: Vec<&Node> = match &value.content {
            Content::Sequence(items) => items.iter().rev().map(Rc::as_ref).collect(),
            _ => vec![value],
        };
        for source in sources {
            let Content::Mapping(source) = &source.content else {
                return self.fail("only mappings can be merged with <<");
            };
            let members = source.members.iter();
            into.members.extend(members.map(|(name, member)| (name.clone(), member.clone())));
            into.other_key = into.other_key.or(source.other_key);
        }
        Ok(())
    }
}

fn failure(error: &ScanError) -> Failure {
    (error.marker().line() as u64, error.info().to_owned())
}
