//! A script's text to commands.

use std::collections::BTreeMap;

use regex::Regex;
use vigie_model::Labels;

use crate::nhcb;
use crate::notation;
use crate::notation::{Result, Value, Values, duration, number, series};
use crate::outcome::When;

/// What an error, a warning or an info must be like.
#[derive(Debug)]
pub enum Text {
    Any,
    Exactly(String),
    Like(Regex),
}

impl Text {
    pub fn fits(&self, text: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Exactly(wanted) => wanted == text.trim_end(),
            Self::Like(wanted) => wanted.is_match(text),
        }
    }
}

/// What a query must answer.
#[derive(Debug, Default)]
pub enum Wanted {
    #[default]
    Nothing,
    Scalar(f64),
    Text(String),
    Series(Vec<(Labels, Values)>),
}

/// A query and what must come out.
#[derive(Debug, Default)]
pub struct Eval {
    pub query: String,
    /// Milliseconds.
    pub start: i64,
    /// End and step of a range query, in milliseconds.
    pub range: Option<(i64, i64)>,
    /// First time and step of the samples of a range vector, in milliseconds.
    pub vector: Option<(i64, i64)>,
    pub wanted: Wanted,
    pub fails: Option<Text>,
    pub warnings: Vec<Text>,
    pub no_warnings: bool,
    pub infos: Vec<Text>,
    pub no_infos: bool,
    pub ordered: bool,
}

impl Eval {
    /// When it is asked.
    pub fn when(&self) -> When {
        match self.range {
            None => When::Instant(self.start),
            Some((end, step)) => When::Range { start: self.start, end, step },
        }
    }
}

/// A command.
#[derive(Debug)]
pub enum Command {
    Clear,
    /// Milliseconds between samples, and series.
    Load(i64, Vec<(Labels, Values)>),
    Eval(Box<Eval>),
}

/// A command and where it is; or what of it is not understood.
#[derive(Debug)]
pub struct Placed {
    /// From 1.
    pub line: usize,
    /// How many lines it has.
    pub lines: usize,
    pub command: Result<Command>,
}

/// All commands.
pub fn script(text: &str) -> Vec<Placed> {
    let bare = |line: &str| {
        let line = line.trim();
        if line.starts_with('#') { String::new() } else { line.to_owned() }
    };
    let lines: Vec<String> = text.lines().map(bare).collect();
    let mut commands = Vec::new();
    let mut place = 0;
    while let Some(first) = lines.get(place) {
        let word = first.split_whitespace().next().unwrap_or_default();
        let has_block = word.starts_with("load") || word.starts_with("eval");
        let mut end = place + 1;
        while has_block && lines.get(end).is_some_and(|line| !line.is_empty()) {
            end += 1;
        }
        if word.starts_with("load") {
            // The samples below such a line are loaded nevertheless: much does not depend on when they began.
            let begins = |line: &usize| notation::is_start(&lines[*line]);
            commands.extend((place + 1..end).filter(begins).map(|at| Placed {
                line: at + 1,
                lines: 1,
                command: Err("a start timestamp".to_owned()),
            }));
        }
        if !word.is_empty() {
            let command = match word {
                "clear" => Ok(Command::Clear),
                word if word.starts_with("load") => load(first, &lines[place + 1..end]),
                word if word.starts_with("eval") => {
                    eval(first, &lines[place + 1..end]).map(|one| Command::Eval(Box::new(one)))
                }
                _ => Err(format!("{word:?} is no command")),
            };
            commands.push(Placed { line: place + 1, lines: end - place, command });
        }
        place = end;
    }
    commands
}

fn load(line: &str, block: &[String]) -> Result<Command> {
    let (word, step) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    // A series that is written twice is the second one.
    let mut all: BTreeMap<Labels, Values> = BTreeMap::new();
    for line in block.iter().filter(|line| !notation::is_start(line)) {
        let (labels, values) = series(line)?;
        all.insert(labels, values);
    }
    let mut all: Vec<_> = all.into_iter().collect();
    match word {
        "load" => {}
        "load_with_nhcb" => all.extend(nhcb::converted(&all)?),
        _ => return Err(format!("{word:?} is no command")),
    }
    Ok(Command::Load(duration(step.trim())?, all))
}

fn eval(line: &str, block: &[String]) -> Result<Eval> {
    let wrong = || format!("{line:?} is no eval");
    let (word, rest) = line.split_once(char::is_whitespace).ok_or_else(wrong)?;
    let mut eval = Eval::default();
    when(&mut eval, rest.trim_start()).ok_or_else(wrong)??;
    match word {
        "eval" => {}
        "eval_fail" => eval.fails = Some(Text::Any),
        "eval_warn" => eval.warnings.push(Text::Any),
        "eval_info" => eval.infos.push(Text::Any),
        "eval_ordered" => eval.ordered = true,
        _ => return Err(wrong()),
    }
    let mut found = Vec::new();
    for line in block {
        if let Some(what) = line.strip_prefix("expect ") {
            expect(&mut eval, what.trim())?;
        } else if let Some(text) = line.strip_prefix("expected_fail_message ") {
            eval.fails = Some(Text::Exactly(text.trim().to_owned()));
        } else if let Some(text) = line.strip_prefix("expected_fail_regexp ") {
            eval.fails = Some(like(text)?);
        } else if let Ok(value) = number(line) {
            eval.wanted = Wanted::Scalar(value);
        } else {
            found.push(series(line)?);
        }
    }
    if !found.is_empty() {
        eval.wanted = Wanted::Series(found);
    }
    Ok(eval)
}

/// `instant at TIME QUERY` or `range from TIME to TIME step DURATION QUERY`.
fn when(eval: &mut Eval, rest: &str) -> Option<Result<()>> {
    fn word(text: &str) -> Option<(&str, &str)> {
        let (word, rest) = text.split_once(char::is_whitespace)?;
        Some((word, rest.trim_start()))
    }
    let (kind, rest) = word(rest)?;
    let mut times = Vec::new();
    let mut rest = rest;
    let names: &[&str] = if kind == "instant" { &["at"] } else { &["from", "to", "step"] };
    for name in names {
        let (found, behind) = word(rest)?;
        let (time, behind) = word(behind)?;
        if found != *name {
            return None;
        }
        times.push(duration(time));
        rest = behind;
    }
    rest.trim().clone_into(&mut eval.query);
    let times: Result<Vec<i64>> = times.into_iter().collect();
    Some(times.map(|times| {
        eval.start = times[0];
        eval.range = (kind == "range").then(|| (times[1], times[2]));
    }))
}

fn like(text: &str) -> Result<Text> {
    Regex::new(text.trim()).map(Text::Like).map_err(|error| error.to_string())
}

fn expect(eval: &mut Eval, what: &str) -> Result<()> {
    if let Some(text) = what.strip_prefix("string ") {
        eval.wanted = Wanted::Text(unquoted(text)?);
        return Ok(());
    }
    if let Some(times) = what.strip_prefix("range vector") {
        let words: Vec<&str> = times.split_whitespace().collect();
        let ["from", start, "to", _, "step", step] = words[..] else {
            return Err(format!("expect {what}"));
        };
        eval.vector = Some((duration(start)?, duration(step)?));
        return Ok(());
    }
    let (kind, text) = match what.split_once(char::is_whitespace) {
        None => (what, Text::Any),
        Some((kind, text)) => match text.trim().split_once(':') {
            Some(("msg", text)) => (kind, Text::Exactly(text.trim().to_owned())),
            Some(("regex", text)) => (kind, like(text)?),
            _ => return Err(format!("expect {what}")),
        },
    };
    match kind {
        "fail" => eval.fails = Some(text),
        "warn" => eval.warnings.push(text),
        "no_warn" => eval.no_warnings = true,
        "info" => eval.infos.push(text),
        "no_info" => eval.no_infos = true,
        "ordered" => eval.ordered = true,
        _ => return Err(format!("expect {what}")),
    }
    Ok(())
}

/// A text between quotes, as PromQL reads it.
fn unquoted(text: &str) -> Result<String> {
    let matchers = vigie_query::promql::parse_selector(&format!("x{{y={text},z=\"\"}}"));
    let matchers = matchers.map_err(|error| format!("{text}: {error}"))?;
    let found = matchers.iter().find(|one| one.name() == "y");
    Ok(found.map(|one| one.value().to_owned()).unwrap_or_default())
}

/// A value that stands for itself in an answer.
pub fn expected(values: &Values) -> impl Iterator<Item = (usize, &Value)> {
    values.iter().enumerate().filter_map(|(place, value)| Some((place, value.as_ref()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Result<Command> {
        script(text).remove(0).command
    }

    #[test]
    fn all_forms_of_eval_are_read() {
        let text = "# nothing\neval instant at 1m 1\n 1\neval_fail instant at 0s x\n\nclear\n";
        // A block ends with an empty line only.
        assert!(script(text)[0].command.is_err());
        let Ok(Command::Eval(eval)) = one(
            "eval range from 1m to 2m step 30s up\n  expect warn regex: a.c\n  expect no_info\n  up 1 2 3",
        ) else {
            panic!()
        };
        assert_eq!((eval.start, eval.range), (60_000, Some((120_000, 30_000))));
        assert!(eval.no_infos && eval.warnings[0].fits("abc") && !eval.warnings[0].fits("b"));
        assert!(matches!(&eval.wanted, Wanted::Series(all) if all[0].1.len() == 3));
        let Ok(Command::Eval(eval)) = one("eval_fail instant at 0m x\n  expected_fail_message y")
        else {
            panic!()
        };
        assert!(eval.fails.unwrap().fits("y"));
        let Ok(Command::Eval(eval)) = one("eval instant at 0m \"a\"\n  expect string `a\\n`")
        else {
            panic!()
        };
        assert!(matches!(&eval.wanted, Wanted::Text(text) if text == "a\\n"));
    }

    #[test]
    fn what_is_not_understood_is_named() {
        for wrong in [
            "wait 1m",
            "eval instant 1m x",
            "eval instant at 1q x",
            "eval instant at 1m x\n  expect luck",
            "eval instant at 1m x\n  expect fail mesg: y",
            "loads 1m",
        ] {
            assert!(one(wrong).is_err(), "{wrong}");
        }
    }
}
