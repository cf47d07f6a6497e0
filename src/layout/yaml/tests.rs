//! Each scalar as PyYAML takes it, and pydantic after it.

use std::collections::BTreeMap;

use super::*;
use crate::layout::conditions::Truth;

/// Plain scalars, and what PyYAML 6.0.3 and pydantic 2.13.4 make of them:
/// whether it is text (`s`), whether Python's `bool` of it is true (`T`, `F`),
/// and what it is where a boolean is needed (`T`, `F`, or `-` where it is
/// refused).
const PLAIN: &[(&str, &str)] = &[
    ("y", "sTT"),
    ("Y", "sTT"),
    ("n", "sTF"),
    ("N", "sTF"),
    ("yes", ".TT"),
    ("Yes", ".TT"),
    ("YES", ".TT"),
    ("yEs", "sTT"),
    ("no", ".FF"),
    ("No", ".FF"),
    ("NO", ".FF"),
    ("nO", "sTF"),
    ("true", ".TT"),
    ("True", ".TT"),
    ("TRUE", ".TT"),
    ("tRue", "sTT"),
    ("false", ".FF"),
    ("False", ".FF"),
    ("FALSE", ".FF"),
    ("fAlse", "sTF"),
    ("on", ".TT"),
    ("On", ".TT"),
    ("ON", ".TT"),
    ("oN", "sTT"),
    ("off", ".FF"),
    ("Off", ".FF"),
    ("OFF", ".FF"),
    ("oFF", "sTF"),
    ("t", "sTT"),
    ("f", "sTF"),
    ("T", "sTT"),
    ("F", "sTF"),
    ("~", ".F-"),
    ("null", ".F-"),
    ("Null", ".F-"),
    ("NULL", ".F-"),
    ("nUll", "sT-"),
    ("nil", "sT-"),
    ("none", "sT-"),
    ("None", "sT-"),
    ("0", ".FF"),
    ("1", ".TT"),
    ("-0", ".FF"),
    ("+0", ".FF"),
    ("-1", ".T-"),
    ("+1", ".TT"),
    ("2", ".T-"),
    ("00", ".FF"),
    ("01", ".TT"),
    ("007", ".T-"),
    ("008", "sT-"),
    ("08", "sT-"),
    ("09", "sT-"),
    ("017", ".T-"),
    ("018", "sT-"),
    ("0o0", "sT-"),
    ("0o17", "sT-"),
    ("0O17", "sT-"),
    ("0_0", ".FF"),
    ("1_", ".TT"),
    ("1_000", ".T-"),
    ("_1", "sT-"),
    ("1__0", ".T-"),
    ("0_1", ".TT"),
    ("+017", ".T-"),
    ("-08", "sT-"),
    ("0b0", ".FF"),
    ("0b1", ".TT"),
    ("0b10", ".T-"),
    ("0b", "sT-"),
    ("0b2", "sT-"),
    ("0B1", "sT-"),
    ("-0b1", ".T-"),
    ("0b1_0", ".T-"),
    ("0x0", ".FF"),
    ("0x1", ".TT"),
    ("0x1f", ".T-"),
    ("0X1f", "sT-"),
    ("0x", "sT-"),
    ("0xg", "sT-"),
    ("0x0e0", ".T-"),
    ("-0x1F", ".T-"),
    ("0x_1", ".TT"),
    ("1:0", ".T-"),
    ("1:30", ".T-"),
    ("1:60", "sT-"),
    ("1:5:09", ".T-"),
    ("12:30", ".T-"),
    ("12:30:45", ".T-"),
    ("190:20:30", ".T-"),
    ("0:0", "sT-"),
    ("0:30", "sT-"),
    ("01:30", "sT-"),
    ("-1:30", ".T-"),
    (":30", "sT-"),
    ("1:3a", "sT-"),
    ("59:59", ".T-"),
    ("1:00", ".T-"),
    ("0.0", ".FF"),
    ("1.0", ".TT"),
    ("-1.0", ".T-"),
    ("+1.0", ".TT"),
    ("0.", ".FF"),
    ("1.", ".TT"),
    (".0", ".FF"),
    (".5", ".T-"),
    ("-.5", "sT-"),
    ("+.5", "sT-"),
    ("-.0", "sT-"),
    ("1.5", ".T-"),
    ("1.5e3", "sT-"),
    ("1.5E3", "sT-"),
    ("1.5e+3", ".T-"),
    ("1.5E-3", ".T-"),
    ("1e3", "sT-"),
    ("1E3", "sT-"),
    ("1e+3", "sT-"),
    ("1e-3", "sT-"),
    ("0e0", "sT-"),
    ("0.0e0", "sT-"),
    ("0.0e+0", ".FF"),
    ("1.e+1", ".T-"),
    (".5e+3", ".T-"),
    (".5e3", "sT-"),
    ("1_0.5", ".T-"),
    ("1.0_0", ".TT"),
    ("1._", ".TT"),
    ("._", "sT-"),
    (".", "sT-"),
    ("..", "sT-"),
    ("1.2.3", "sT-"),
    ("0:00.0", ".FF"),
    ("1:30.5", ".T-"),
    ("1:60.5", "sT-"),
    ("0:01.0", ".TT"),
    ("1:30.5e+1", "sT-"),
    ("0:01.", ".TT"),
    (".inf", ".T-"),
    (".Inf", ".T-"),
    (".INF", ".T-"),
    (".iNf", "sT-"),
    ("-.inf", ".T-"),
    ("+.inf", ".T-"),
    (".nan", ".T-"),
    (".NaN", ".T-"),
    (".NAN", ".T-"),
    ("-.nan", "sT-"),
    (".Nan", "sT-"),
    ("inf", "sT-"),
    ("nan", "sT-"),
    ("Infinity", "sT-"),
    ("2020-01-01", ".T-"),
    ("2020-1-1", "sT-"),
    ("20-01-01", "sT-"),
    ("2020-01-1", "sT-"),
    ("2020-13", "sT-"),
    ("2001-12-14t21:59:43.10-05:00", ".T-"),
    ("2001-12-14T21:59:43Z", ".T-"),
    ("2001-12-14T21:59:43", ".T-"),
    ("2001-12-14T21:59", "sT-"),
    ("2001-12-14T1:59:43+5", ".T-"),
    ("2001-12-14T21:59:43.", ".T-"),
    ("2001-12-14T21:59:43.z", "sT-"),
    ("2020-01-01T", "sT-"),
    ("12020-01-01", "sT-"),
    ("2020-01-01x", "sT-"),
    ("a", "sT-"),
    ("text", "sT-"),
    ("-a", "sT-"),
    ("--", "sT-"),
    ("+", "sT-"),
    ("+a", "sT-"),
    ("e3", "sT-"),
    ("1a", "sT-"),
    ("1-2", "sT-"),
    ("1,000", "sT-"),
    ("$x", "sT-"),
    ("a=b", "sT-"),
    ("1/2", "sT-"),
    ("0/0", "sT-"),
    ("1%", "sT-"),
    ("x1", "sT-"),
    ("v1.2", "sT-"),
    ("1.2-3", "sT-"),
    ("2001-12-14 21:59:43.10 -5", ".T-"),
    ("2001-12-14  21:59:43 Z", ".T-"),
    ("2001-12-14 1:5:43", "sT-"),
    ("a b", "sT-"),
    ("1 2", "sT-"),
    ("12:30 h", "sT-"),
    ("2020-01-01 x", "sT-"),
    ("1", ".TT"),
    ("0 0", "sT-"),
];

fn scalar(text: &str) -> scalar::Scalar {
    let document = read(&format!("key: {text}\n"), Names::AsInPython).unwrap().unwrap();
    let Content::Mapping(mapping) = &document.content else { panic!("{text:?}") };
    let Content::Scalar(scalar) = &mapping.members["key"].1.content else { panic!("{text:?}") };
    scalar.clone()
}

#[test]
fn plain_scalars_are_what_python_takes_them_for() {
    let mut wrong = Vec::new();
    for (text, expected) in PLAIN {
        let scalar = scalar(text);
        let kind = if scalar == scalar::Scalar::Text((*text).to_owned()) { 's' } else { '.' };
        let truth = if scalar.truth() != Truth::False { 'T' } else { 'F' };
        let boolean = match scalar.as_boolean() {
            Some(true) => 'T',
            Some(false) => 'F',
            None => '-',
        };
        let found = String::from_iter([kind, truth, boolean]);
        if found != *expected {
            wrong.push(format!("{text:?}: {found}, not {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn text_is_what_is_text_for_python_and_a_boolean_what_pydantic_takes() {
    for (text, expected) in PLAIN {
        let yaml = format!("key: {text}\n");
        let read = parse::<BTreeMap<String, String>>(&yaml, Names::Strictly);
        match expected.starts_with('s') {
            true => assert_eq!(read.unwrap()["key"], *text),
            false => assert!(read.unwrap_err().message.starts_with("expected text"), "{text:?}"),
        }
        let read =
            parse::<BTreeMap<String, bool>>(&yaml, Names::Strictly).map(|read| read["key"]).ok();
        let boolean = match expected.chars().last() {
            Some('T') => Some(true),
            Some('F') => Some(false),
            _ => None,
        };
        assert_eq!(read, boolean, "{text:?}");
        // In quotes, or said to be so, anything is text.
        for quoted in [format!("key: '{text}'\n"), format!("key: !!str {text}\n")] {
            assert_eq!(
                parse::<BTreeMap<String, String>>(&quoted, Names::Strictly).unwrap()["key"],
                *text
            );
        }
    }
}

#[test]
fn tags_of_yaml_itself_are_followed() {
    use scalar::Scalar;
    for (text, expected) in [
        ("!!binary aGk=", Scalar::Text("hi".to_owned())),
        ("!!binary \"aGk=\\n\"", Scalar::Text("hi".to_owned())),
        ("!!binary /w==", Scalar::Other),
        ("!!timestamp 2020-01-01", Scalar::Other),
        ("!!timestamp '2001-12-14 21:59:43'", Scalar::Other),
        ("!!int '7'", Scalar::Number(7.0)),
        ("!!float 1", Scalar::Number(1.0)),
        ("!!float 1e3", Scalar::Number(1000.0)),
        ("!!bool tRue", Scalar::Bool(true)),
        ("!!null x", Scalar::Null),
        ("!!str", Scalar::Text(String::new())),
        ("!<tag:yaml.org,2002:str> 1", Scalar::Text("1".to_owned())),
    ] {
        assert_eq!(scalar(text), expected, "{text}");
    }
    for text in
        ["!!timestamp soon", "!!binary ?", "!!int x", "!!bool y", "!mine x", "!!python/name:x y"]
    {
        assert_eq!(
            read(&format!("\nkey: {text}\n"), Names::AsInPython).unwrap_err().0,
            2,
            "{text}"
        );
    }
    for text in ["!!seq [1]", "!!omap [a: 1]", "!!pairs [a: 1]", "!!map {a: 1}", "!!set {a}"] {
        assert!(read(&format!("key: {text}\n"), Names::AsInPython).is_ok(), "{text}");
    }
    assert!(read("key: !mine {a: 1}\n", Names::AsInPython).is_err());
}

#[test]
fn names_are_text_and_the_last_of_equal_ones_counts_for_python() {
    type Texts = BTreeMap<String, String>;
    for name in ["1", "on", "2020-01-01", "~", "017", "? [a]\n"] {
        let problem = parse::<Texts>(&format!("a: b\n{name}: c\n"), Names::Strictly).unwrap_err();
        assert_eq!(problem.line, Some(2), "{name}: {problem:?}");
    }
    let text = "x: &x {a: '1', b: '1'}\ny: {<<: *x, b: '2', c: '3', c: '4'}\n";
    let read = parse::<BTreeMap<String, Texts>>(text, Names::AsInPython).unwrap();
    let y: Vec<_> = read["y"].iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    assert_eq!(y, [("a", "1"), ("b", "2"), ("c", "4")]);
    assert_eq!(parse::<Texts>("y: a\nn: b\n", Names::Strictly).unwrap().len(), 2);
    assert_eq!(parse::<BTreeMap<String, Texts>>(text, Names::Strictly).unwrap_err().line, Some(2));
    let spelt = parse::<Texts>("on: a\n1_0: b\n", Names::AsSpelt).unwrap();
    assert_eq!(spelt.keys().collect::<Vec<_>>(), ["1_0", "on"]);
}

#[test]
fn a_problem_names_its_line_and_no_value() {
    type Document = BTreeMap<String, Vec<bool>>;
    for (text, line, message) in [
        ("a: [true]\nb: hunter2\n", 2, "expected a list"),
        ("\na: [t,\n hunter2]\n", 3, "expected true or false"),
        ("hunter2\n", 1, "expected a mapping"),
        ("a: ['hunter2\n", 1, ""),
        ("a: []\n---\nhunter2\n", 3, "there is more than one document"),
        ("a: [\n  *hunter2 ]\n", 2, ""),
    ] {
        let problem = parse::<Document>(text, Names::Strictly).unwrap_err();
        assert_eq!(problem.line, Some(line), "{text}: {problem:?}");
        assert!(problem.message.starts_with(message), "{text}: {problem:?}");
        assert!(!problem.message.contains("hunter2"), "{problem:?}");
    }
    for nothing in ["", "# nothing\n", "---\n", "~\n", "{}\n"] {
        assert!(parse::<Document>(nothing, Names::Strictly).unwrap().is_empty(), "{nothing:?}");
    }
}
