//! What a template computes with.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::clock;

/// A value.
#[derive(Debug, Clone)]
pub(super) enum Value {
    /// Nothing.
    Nil,
    /// True or false.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A number.
    Float(f64),
    /// A text.
    Text(Rc<str>),
    /// A time, in nanoseconds since the Unix epoch.
    Time(i64),
    /// A list of `fromJson`.
    List(Rc<Vec<Value>>),
    /// An object of `fromJson`.
    Map(Rc<BTreeMap<String, Value>>),
    /// The labels of the line.
    Labels,
}

impl Value {
    pub(super) fn text(text: impl Into<Rc<str>>) -> Self {
        Self::Text(text.into())
    }

    /// What Go calls it.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Nil => "nil",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Float(_) => "float64",
            Self::Text(_) => "string",
            Self::Time(_) => "time.Time",
            Self::List(_) => "[]interface {}",
            Self::Map(_) => "map[string]interface {}",
            Self::Labels => "map[string]string",
        }
    }

    /// Whether `if` takes it for true.
    pub(super) fn truth(&self) -> bool {
        match self {
            Self::Nil => false,
            Self::Bool(value) => *value,
            Self::Int(value) => *value != 0,
            Self::Float(value) => *value != 0.0,
            Self::Text(text) => !text.is_empty(),
            Self::List(list) => !list.is_empty(),
            Self::Map(map) => !map.is_empty(),
            Self::Time(_) | Self::Labels => true,
        }
    }

    /// As it is printed.
    pub(super) fn write(&self, out: &mut String) {
        match self {
            Self::Nil => out.push_str("<no value>"),
            Self::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Self::Int(value) => out.push_str(&value.to_string()),
            Self::Float(value) => out.push_str(&float(*value)),
            Self::Text(text) => out.push_str(text),
            Self::Time(nanos) => {
                out.push_str(&clock::format("2006-01-02 15:04:05.999999999 -0700 MST", *nanos))
            }
            Self::List(list) => {
                out.push('[');
                for (place, value) in list.iter().enumerate() {
                    out.push_str(if place > 0 { " " } else { "" });
                    value.write_inner(out);
                }
                out.push(']');
            }
            Self::Map(map) => {
                out.push_str("map[");
                for (place, (key, value)) in map.iter().enumerate() {
                    out.push_str(if place > 0 { " " } else { "" });
                    out.push_str(key);
                    out.push(':');
                    value.write_inner(out);
                }
                out.push(']');
            }
            Self::Labels => out.push_str("map[]"),
        }
    }

    fn write_inner(&self, out: &mut String) {
        match self {
            Self::Nil => out.push_str("<nil>"),
            value => value.write(out),
        }
    }

    /// As it is printed.
    pub(super) fn printed(&self) -> String {
        let mut out = String::new();
        self.write(&mut out);
        out
    }

    /// As an integer, as sprig's functions cast: 0 for what is none.
    pub(super) fn integer(&self) -> i64 {
        match self {
            Self::Bool(value) => i64::from(*value),
            Self::Int(value) => *value,
            Self::Float(value) => *value as i64,
            Self::Text(text) => {
                let digits = text.trim_start_matches('0');
                let digits = if digits.is_empty() && !text.is_empty() { "0" } else { digits };
                digits.parse().unwrap_or(0)
            }
            _ => 0,
        }
    }

    /// As a number: 0 for what is none.
    pub(super) fn number(&self) -> f64 {
        match self {
            Self::Bool(value) => f64::from(u8::from(*value)),
            Self::Int(value) => *value as f64,
            Self::Float(value) => *value,
            Self::Text(text) => text.parse().unwrap_or(0.0),
            _ => 0.0,
        }
    }

    /// The value of JSON; nothing for what is none.
    pub(super) fn from_json(text: &str) -> Self {
        serde_json::from_str::<serde_json::Value>(text).map_or(Self::Nil, Self::of_json)
    }

    fn of_json(value: serde_json::Value) -> Self {
        match value {
            serde_json::Value::Null => Self::Nil,
            serde_json::Value::Bool(value) => Self::Bool(value),
            serde_json::Value::Number(value) => Self::Float(value.as_f64().unwrap_or(f64::NAN)),
            serde_json::Value::String(text) => Self::text(text),
            serde_json::Value::Array(list) => {
                Self::List(Rc::new(list.into_iter().map(Self::of_json).collect()))
            }
            serde_json::Value::Object(map) => Self::Map(Rc::new(
                map.into_iter().map(|(key, value)| (key, Self::of_json(value))).collect(),
            )),
        }
    }
}

/// A number as Go prints it: the shortest digits, with an exponent below 1e-4 and from 1e6 on.
pub(super) fn float(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    if value == 0.0 || (1e-4..1e6).contains(&value.abs()) {
        return format!("{value}");
    }
    exponent(&format!("{value:e}"))
}

/// `1e-7` as `1e-07`, and `1e21` as `1e+21`.
pub(super) fn exponent(text: &str) -> String {
    let Some((digits, exponent)) = text.split_once('e') else { return text.to_owned() };
    let (sign, number) = match exponent.strip_prefix('-') {
        Some(number) => ('-', number),
        None => ('+', exponent),
    };
    format!("{digits}e{sign}{number:0>2}")
}
