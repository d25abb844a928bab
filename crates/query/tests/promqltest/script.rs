//! A scenario's text to commands.

use vigie_model::Labels;

use crate::notation::{Values, duration, series};

/// A query and what must come out.
#[derive(Debug, Default)]
pub struct Eval {
    pub query: String,
    /// Milliseconds.
    pub start: i64,
    /// End and step of a range query, in milliseconds.
    pub range: Option<(i64, i64)>,
    pub series: Vec<(Labels, Values)>,
    pub fails: Option<String>,
    pub warnings: Vec<String>,
    pub infos: Vec<String>,
    pub ordered: bool,
}

/// A command.
#[derive(Debug)]
pub enum Command {
    Clear,
    /// Milliseconds between samples, and series.
    Load(i64, Vec<(Labels, Values)>),
    Eval(Box<Eval>),
}

fn eval(line: &str) -> Eval {
    let mut eval = Eval::default();
    let rest = if let Some(rest) = line.strip_prefix("instant at ") {
        let (at, query) = rest.split_once(' ').unwrap();
        eval.start = duration(at);
        query
    } else {
        let rest = line.strip_prefix("range from ").unwrap_or_else(|| panic!("{line}"));
        let (start, rest) = rest.split_once(" to ").unwrap();
        let (end, rest) = rest.split_once(" step ").unwrap();
        let (step, query) = rest.split_once(' ').unwrap();
        eval.start = duration(start);
        eval.range = Some((duration(end), duration(step)));
        query
    };
    rest.trim().clone_into(&mut eval.query);
    eval
}

fn expect(eval: &mut Eval, what: &str) {
    let (kind, text) = what.split_once(" msg:").unwrap_or((what, ""));
    let text = text.trim().to_owned();
    match kind {
        "fail" => eval.fails = Some(text),
        "warn" => eval.warnings.push(text),
        "info" => eval.infos.push(text),
        "ordered" => eval.ordered = true,
        _ => panic!("expect {what}"),
    }
}

/// All commands, each with its line.
pub fn script(text: &str) -> Vec<(usize, Command)> {
    let mut commands: Vec<(usize, Command)> = Vec::new();
    for (place, line) in text.lines().enumerate() {
        let bare = line.trim();
        if bare.is_empty() || bare.starts_with('#') {
            continue;
        }
        let within = line.starts_with([' ', '\t']);
        match commands.last_mut().map(|(_, command)| command).filter(|_| within) {
            Some(Command::Load(_, all)) => all.push(series(bare)),
            Some(Command::Eval(eval)) => match bare.strip_prefix("expect ") {
                Some(what) => expect(eval, what),
                None => eval.series.push(series(bare)),
            },
            _ => commands.push((
                place + 1,
                if bare == "clear" {
                    Command::Clear
                } else if let Some(step) = bare.strip_prefix("load ") {
                    Command::Load(duration(step), Vec::new())
                } else {
                    let rest = bare.strip_prefix("eval ");
                    Command::Eval(Box::new(eval(rest.unwrap_or_else(|| panic!("{line}")))))
                },
            )),
        }
    }
    commands
}
