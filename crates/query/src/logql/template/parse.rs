//! A template's text to a tree.

use std::rc::Rc;

use super::functions::Function;
use super::value::Value;
use crate::promql::quoted::unquote;

/// How deep a template may be nested.
const MAX_DEPTH: usize = 40;

/// A part of a template.
#[derive(Debug, Clone)]
pub(super) enum Node {
    Text(String),
    Print(Pipe),
    If { test: Pipe, then: Vec<Node>, or: Vec<Node> },
    With { test: Pipe, then: Vec<Node>, or: Vec<Node> },
    Range { over: Pipe, each: Vec<Node>, or: Vec<Node> },
    Break,
    Continue,
}

/// Commands, each of which gets the result of the one before as its last argument.
#[derive(Debug, Clone)]
pub(super) struct Pipe {
    /// Variables that get the result.
    pub names: Vec<String>,
    /// Whether they are new ones.
    pub declares: bool,
    pub commands: Vec<Vec<Arg>>,
}

/// A part of a command.
#[derive(Debug, Clone)]
pub(super) enum Arg {
    Dot,
    /// Fields of the dot.
    Field(Vec<String>),
    /// Fields of a variable.
    Variable(String, Vec<String>),
    Literal(Literal),
    /// Fields of what a pipe in brackets gives.
    Pipe(Box<Pipe>, Vec<String>),
    Function(Function),
}

/// A value that stands in the template.
#[derive(Debug, Clone)]
pub(super) enum Literal {
    Nil,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
}

impl Literal {
    pub(super) fn value(&self) -> Value {
        match self {
            Self::Nil => Value::Nil,
            Self::Bool(value) => Value::Bool(*value),
            Self::Int(value) => Value::Int(*value),
            Self::Float(value) => Value::Float(*value),
            Self::Text(text) => Value::Text(Rc::from(text.as_str())),
        }
    }
}

/// Texts and actions.
enum Piece<'a> {
    Text(&'a str),
    Action(&'a str),
}

/// Parses a template.
pub(super) fn parse(text: &str) -> Result<Vec<Node>, String> {
    let pieces = pieces(text)?;
    let mut parser = Parser { pieces, next: 0, depth: 0, loops: 0 };
    let (nodes, end) = parser.nodes()?;
    match end {
        None => Ok(nodes),
        Some(word) => Err(format!("unexpected {{{{{word}}}}}")),
    }
}

fn pieces(text: &str) -> Result<Vec<Piece<'_>>, String> {
    let mut found = Vec::new();
    let mut rest = text;
    let mut trim = false;
    while let Some(open) = rest.find("{{") {
        let mut before = &rest[..open];
        if trim {
            before = before.trim_start();
        }
        let mut inside = &rest[open + 2..];
        if inside.starts_with("- ") || inside.starts_with("-\n") || inside.starts_with("-\t") {
            inside = &inside[1..];
            before = before.trim_end();
        }
        if !before.is_empty() {
            found.push(Piece::Text(before));
        }
        let close = close(inside)?;
        let action = &inside[..close];
        rest = &inside[close + 2..];
        let trimmed =
            action.strip_suffix('-').filter(|left| left.ends_with([' ', '\t', '\n', '/']));
        trim = trimmed.is_some();
        found.push(Piece::Action(trimmed.unwrap_or(action)));
    }
    let after = if trim { rest.trim_start() } else { rest };
    if !after.is_empty() {
        found.push(Piece::Text(after));
    }
    Ok(found)
}

/// Where the action that a text begins with ends.
fn close(text: &str) -> Result<usize, String> {
    if let Some(comment) = text.trim_start().strip_prefix("/*") {
        let end = comment.find("*/").ok_or("unclosed comment")?;
        let start = text.len() - comment.len() + end + 2;
        let after = text[start..].find("}}").ok_or("unclosed comment")?;
        return Ok(start + after);
    }
    let mut at = 0;
    while let Some(one) = text[at..].chars().next() {
        if text[at..].starts_with("}}") {
            return Ok(at);
        }
        at += match one {
            '"' | '`' | '\'' => unquote(&text[at..])?.1,
            _ => one.len_utf8(),
        };
    }
    Err("unclosed action".to_owned())
}

struct Parser<'a> {
    pieces: Vec<Piece<'a>>,
    next: usize,
    depth: usize,
    loops: usize,
}

/// Nodes, and the `else` or `end` that they end with.
type Block<'a> = (Vec<Node>, Option<&'a str>);

impl<'a> Parser<'a> {
    fn nodes(&mut self) -> Result<Block<'a>, String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(format!("the template is nested deeper than {MAX_DEPTH} levels"));
        }
        let mut nodes = Vec::new();
        while let Some(piece) = self.pieces.get(self.next) {
            self.next += 1;
            let action = match piece {
                Piece::Text(text) => {
                    nodes.push(Node::Text((*text).to_owned()));
                    continue;
                }
                Piece::Action(action) => action.trim(),
            };
            if action.starts_with("/*") {
                continue;
            }
            let (word, rest) = split_word(action);
            match word {
                "else" | "end" => {
                    self.depth -= 1;
                    return Ok((nodes, Some(action)));
                }
                "if" | "with" | "range" => nodes.push(self.branch(word, rest)?),
                "break" | "continue" if self.loops == 0 => {
                    return Err(format!("{{{{{word}}}}} outside {{{{range}}}}"));
                }
                "break" => nodes.push(Node::Break),
                "continue" => nodes.push(Node::Continue),
                "define" | "template" | "block" => {
                    return Err(format!("{{{{{word}}}}} is not supported"));
                }
                _ => nodes.push(Node::Print(Pipe::parse(action)?)),
            }
        }
        self.depth -= 1;
        Ok((nodes, None))
    }

    fn branch(&mut self, word: &str, rest: &str) -> Result<Node, String> {
        let test = Pipe::parse(rest)?;
        self.loops += usize::from(word == "range");
        let (then, end) = self.nodes()?;
        self.loops -= usize::from(word == "range");
        let or = match end {
            None => return Err("unexpected EOF".to_owned()),
            Some("end") => Vec::new(),
            Some("else") => match self.nodes()? {
                (or, Some("end")) => or,
                _ => return Err("expected {{end}}".to_owned()),
            },
            Some(other) => {
                // `else if`: a branch of its own, with which it shares its end.
                let (inner, rest) =
                    split_word(other.strip_prefix("else").unwrap_or_default().trim());
                if inner != word || word == "range" {
                    return Err(format!("unexpected {{{{{other}}}}}"));
                }
                self.depth += 1;
                if self.depth > MAX_DEPTH {
                    return Err(format!("the template is nested deeper than {MAX_DEPTH} levels"));
                }
                let inner = self.branch(inner, rest)?;
                self.depth -= 1;
                vec![inner]
            }
        };
        Ok(match word {
            "if" => Node::If { test, then, or },
            "with" => Node::With { test, then, or },
            _ => Node::Range { over: test, each: then, or },
        })
    }
}

fn split_word(text: &str) -> (&str, &str) {
    let end = text.find(|one: char| !one.is_ascii_alphanumeric()).unwrap_or(text.len());
    (&text[..end], text[end..].trim_start())
}

impl Pipe {
    fn parse(text: &str) -> Result<Self, String> {
        let mut reader = Reader { rest: text, depth: 0 };
        let pipe = reader.pipe()?;
        if reader.rest.trim().is_empty() {
            return Ok(pipe);
        }
        Err(format!("unexpected {:?} in {{{{{text}}}}}", reader.rest.trim()))
    }
}

struct Reader<'a> {
    rest: &'a str,
    depth: usize,
}

impl<'a> Reader<'a> {
    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn takes(&mut self, text: &str) -> bool {
        self.skip_blanks();
        match self.rest.strip_prefix(text) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn word(&mut self) -> &'a str {
        let part = |one: char| one.is_alphanumeric() || one == '_';
        let end = self.rest.find(|one| !part(one)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word
    }

    fn pipe(&mut self) -> Result<Pipe, String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(format!("an action is nested deeper than {MAX_DEPTH} levels"));
        }
        let (names, declares) = self.declared();
        let mut commands = Vec::new();
        loop {
            let command = self.command()?;
            if command.is_empty() {
                return Err("missing value for command".to_owned());
            }
            let callable = matches!(command[0], Arg::Function(_));
            if !callable && (command.len() > 1 || !commands.is_empty()) {
                return Err("only a function takes arguments".to_owned());
            }
            commands.push(command);
            if !self.takes("|") {
                break;
            }
        }
        self.depth -= 1;
        Ok(Pipe { names, declares, commands })
    }

    /// `$name :=`, `$name =` or `$key, $value :=`.
    fn declared(&mut self) -> (Vec<String>, bool) {
        let before = self.rest;
        let mut names = Vec::new();
        while names.len() < 2 && self.takes("$") {
            names.push(self.word().to_owned());
            if !self.takes(",") {
                break;
            }
        }
        if !names.is_empty() {
            if self.takes(":=") {
                return (names, true);
            }
            let assigns = self.rest.starts_with('=') && !self.rest.starts_with("==");
            if assigns && names.len() == 1 {
                self.takes("=");
                return (names, false);
            }
        }
        self.rest = before;
        (Vec::new(), false)
    }

    fn command(&mut self) -> Result<Vec<Arg>, String> {
        let mut args = Vec::new();
        loop {
            self.skip_blanks();
            match self.rest.chars().next() {
                None | Some('|' | ')') => return Ok(args),
                Some(_) => args.push(self.arg()?),
            }
        }
    }

    /// `.a.b`, as far as fields follow without a blank.
    fn fields(&mut self) -> Vec<String> {
        let mut fields = Vec::new();
        while let Some(rest) = self.rest.strip_prefix('.') {
            if !rest.starts_with(|one: char| one.is_alphabetic() || one == '_') {
                break;
            }
            self.rest = rest;
            fields.push(self.word().to_owned());
        }
        fields
    }

    fn arg(&mut self) -> Result<Arg, String> {
        let first = self.rest.chars().next().unwrap_or(' ');
        match first {
            '(' => {
                self.rest = &self.rest[1..];
                let pipe = self.pipe()?;
                if !self.takes(")") {
                    return Err("unclosed left paren".to_owned());
                }
                Ok(Arg::Pipe(Box::new(pipe), self.fields()))
            }
            '$' => {
                self.rest = &self.rest[1..];
                let name = self.word().to_owned();
                Ok(Arg::Variable(name, self.fields()))
            }
            '"' | '`' => {
                let (text, length) = unquote(self.rest)?;
                self.rest = &self.rest[length..];
                Ok(Arg::Literal(Literal::Text(text)))
            }
            '\'' => {
                let (text, length) = unquote(self.rest)?;
                self.rest = &self.rest[length..];
                let one = text.chars().next().ok_or("a character is empty")?;
                Ok(Arg::Literal(Literal::Int(i64::from(one as u32))))
            }
            '.' if !self.rest[1..].starts_with(|one: char| one.is_ascii_digit()) => {
                let fields = self.fields();
                if fields.is_empty() {
                    self.rest = &self.rest[1..];
                    return Ok(Arg::Dot);
                }
                Ok(Arg::Field(fields))
            }
            _ if first.is_ascii_digit() || matches!(first, '-' | '+' | '.') => self.number(),
            _ if first.is_alphabetic() || first == '_' => {
                let word = self.word();
                Ok(match word {
                    "true" | "false" => Arg::Literal(Literal::Bool(word == "true")),
                    "nil" => Arg::Literal(Literal::Nil),
                    _ => Arg::Function(
                        Function::of(word)
                            .ok_or_else(|| format!("function {word:?} not defined"))?,
                    ),
                })
            }
            _ => Err(format!("unexpected {first:?} in command")),
        }
    }

    fn number(&mut self) -> Result<Arg, String> {
        let mut last = ' ';
        let part = |one: char| {
            let sign = matches!(one, '+' | '-') && matches!(last, ' ' | 'e' | 'E');
            let found = one.is_ascii_alphanumeric() || matches!(one, '.' | '_') || sign;
            last = one;
            found
        };
        let end = self.rest.chars().map_while({
            let mut part = part;
            move |one| part(one).then(|| one.len_utf8())
        });
        let end: usize = end.sum();
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        let plain = word.replace('_', "");
        if let Ok(value) = plain.parse::<i64>() {
            return Ok(Arg::Literal(Literal::Int(value)));
        }
        match plain.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(Arg::Literal(Literal::Float(value))),
            _ => Err(format!("bad number syntax: {word:?}")),
        }
    }
}
