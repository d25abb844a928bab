//! Runs a template.

use super::functions::Function;
use super::parse::{Arg, Node, Pipe};
use super::value::Value;
use super::{MAX_OUTPUT, MAX_STEPS, Scene};

/// How a list of nodes ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Done,
    Break,
    Continue,
}

pub(super) struct Run<'a> {
    scene: &'a Scene<'a>,
    out: String,
    variables: Vec<(String, Value)>,
    steps: usize,
}

impl<'a> Run<'a> {
    pub(super) fn new(scene: &'a Scene<'a>) -> Self {
        let variables = vec![(String::new(), Value::Labels)];
        Self { scene, out: String::new(), variables, steps: 0 }
    }

    pub(super) fn whole(mut self, nodes: &[Node]) -> Result<String, String> {
        self.nodes(nodes, &Value::Labels)?;
        Ok(self.out)
    }

    fn step(&mut self) -> Result<(), String> {
        self.steps += 1;
        if self.steps > MAX_STEPS {
            return Err(format!("too much work: more than {MAX_STEPS} steps for one line"));
        }
        Ok(())
    }

    fn write(&mut self, text: &str) -> Result<(), String> {
        if self.out.len() + text.len() > MAX_OUTPUT {
            return Err(too_long());
        }
        self.out.push_str(text);
        Ok(())
    }

    fn nodes(&mut self, nodes: &[Node], dot: &Value) -> Result<End, String> {
        for node in nodes {
            self.step()?;
            let end = self.node(node, dot)?;
            if end != End::Done {
                return Ok(end);
            }
        }
        Ok(End::Done)
    }

    fn node(&mut self, node: &Node, dot: &Value) -> Result<End, String> {
        let depth = self.variables.len();
        match node {
            Node::Text(text) => self.write(text)?,
            Node::Print(pipe) => {
                let value = self.pipe(pipe, dot)?;
                if pipe.names.is_empty() {
                    let text = match value {
                        Value::Labels => self.labels(),
                        value => value.printed(),
                    };
                    self.write(&text)?;
                }
            }
            Node::If { test, then, or } => {
                let truth = self.pipe(test, dot)?.truth();
                let end = self.nodes(if truth { then } else { or }, dot)?;
                self.variables.truncate(depth);
                return Ok(end);
            }
            Node::With { test, then, or } => {
                let value = self.pipe(test, dot)?;
                let end =
                    if value.truth() { self.nodes(then, &value)? } else { self.nodes(or, dot)? };
                self.variables.truncate(depth);
                return Ok(end);
            }
            Node::Range { over, each, or } => {
                let end = self.range(over, each, or, dot)?;
                self.variables.truncate(depth);
                return Ok(end);
            }
            Node::Break => return Ok(End::Break),
            Node::Continue => return Ok(End::Continue),
        }
        Ok(End::Done)
    }

    fn labels(&self) -> String {
        let mut pairs = Vec::new();
        self.scene.labels.each(|label, _| pairs.push(format!("{}:{}", label.name, label.value)));
        pairs.sort();
        format!("map[{}]", pairs.join(" "))
    }

    fn range(
        &mut self,
        over: &Pipe,
        each: &[Node],
        or: &[Node],
        dot: &Value,
    ) -> Result<End, String> {
        let bare = Pipe { names: Vec::new(), declares: false, commands: over.commands.clone() };
        let items: Vec<(Value, Value)> = match self.pipe(&bare, dot)? {
            Value::List(list) => {
                let items = list.iter().enumerate();
                items.map(|(place, value)| (Value::Int(place as i64), value.clone())).collect()
            }
            Value::Map(map) => {
                let items = map.iter();
                items.map(|(key, value)| (Value::text(key.as_str()), value.clone())).collect()
            }
            Value::Labels => {
                let mut items = Vec::new();
                self.scene
                    .labels
                    .each(|label, _| items.push((label.name.clone(), label.value.clone())));
                items.sort();
                let value = |text: &str| Value::text(text);
                items.iter().map(|(name, text)| (value(name), value(text))).collect()
            }
            Value::Nil => Vec::new(),
            Value::Int(count) => (0..count.clamp(0, MAX_STEPS as i64))
                .map(|place| (Value::Int(place), Value::Int(place)))
                .collect(),
            other => return Err(format!("range can't iterate over {}", other.printed())),
        };
        if items.is_empty() {
            return self.nodes(or, dot);
        }
        let depth = self.variables.len();
        for (key, value) in items {
            self.step()?;
            match over.names.as_slice() {
                [one] => self.variables.push((one.clone(), value.clone())),
                [first, second] => {
                    self.variables.push((first.clone(), key));
                    self.variables.push((second.clone(), value.clone()));
                }
                _ => {}
            }
            let end = self.nodes(each, &value)?;
            self.variables.truncate(depth);
            if end == End::Break {
                break;
            }
        }
        Ok(End::Done)
    }

    fn pipe(&mut self, pipe: &Pipe, dot: &Value) -> Result<Value, String> {
        let mut last = None;
        for command in &pipe.commands {
            self.step()?;
            last = Some(self.command(command, dot, last)?);
        }
        let value = last.unwrap_or(Value::Nil);
        for name in &pipe.names {
            if pipe.declares {
                self.variables.push((name.clone(), value.clone()));
            } else {
                let found = self.variables.iter_mut().rev().find(|(known, _)| known == name);
                found.ok_or_else(|| format!("undefined variable \"${name}\""))?.1 = value.clone();
            }
        }
        Ok(value)
    }

    fn command(
        &mut self,
        command: &[Arg],
        dot: &Value,
        last: Option<Value>,
    ) -> Result<Value, String> {
        let Some((first, rest)) = command.split_first() else { return Ok(Value::Nil) };
        let Arg::Function(function) = first else { return self.arg(first, dot) };
        // `and` and `or` stop at what decides.
        if matches!(function, Function::And | Function::Or) && last.is_none() && !rest.is_empty() {
            let stops = *function == Function::Or;
            let mut value = Value::Nil;
            for arg in rest {
                value = self.arg(arg, dot)?;
                if value.truth() == stops {
                    break;
                }
            }
            return Ok(value);
        }
        let mut args = Vec::with_capacity(rest.len() + 1);
        for arg in rest {
            args.push(self.arg(arg, dot)?);
        }
        args.extend(last);
        let value = function.call(&args, self.scene)?;
        match &value {
            Value::Text(text) if text.len() > MAX_OUTPUT => Err(too_long()),
            _ => Ok(value),
        }
    }

    fn arg(&mut self, arg: &Arg, dot: &Value) -> Result<Value, String> {
        match arg {
            Arg::Dot => Ok(dot.clone()),
            Arg::Field(fields) => self.fields(dot.clone(), fields),
            Arg::Variable(name, fields) => {
                let found = self.variables.iter().rev().find(|(known, _)| known == name);
                let value = found.map(|(_, value)| value.clone());
                let value = value.ok_or_else(|| format!("undefined variable \"${name}\""))?;
                self.fields(value, fields)
            }
            Arg::Literal(literal) => Ok(literal.value()),
            Arg::Pipe(pipe, fields) => {
                let value = self.pipe(pipe, dot)?;
                self.fields(value, fields)
            }
            Arg::Function(function) => function.call(&[], self.scene),
        }
    }

    fn fields(&self, value: Value, fields: &[String]) -> Result<Value, String> {
        fields.iter().try_fold(value, |value, field| match &value {
            Value::Labels => Ok(Value::text(self.scene.labels.get(field).unwrap_or_default())),
            Value::Map(map) => Ok(map.get(field).cloned().unwrap_or(Value::Nil)),
            Value::Nil => Err(format!("nil data; no entry for key {field:?}")),
            other => Err(format!("can't evaluate field {field} in type {}", other.kind())),
        })
    }
}

pub(super) fn too_long() -> String {
    format!("the text is longer than {MAX_OUTPUT} bytes")
}
