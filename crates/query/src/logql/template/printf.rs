//! Go's `printf`.

use super::MAX_OUTPUT;
use super::run::too_long;
use super::value::{Value, exponent, float};
use crate::promql::quoted::quote;

/// Flags, width and precision of a verb.
#[derive(Default)]
struct Form {
    minus: bool,
    plus: bool,
    zero: bool,
    sharp: bool,
    blank: bool,
    width: usize,
    precision: Option<usize>,
}

/// The text that a format and its arguments make.
pub(super) fn printf(format: &str, args: &[Value]) -> Result<String, String> {
    let mut out = String::new();
    let mut args = args.iter();
    let mut chars = format.chars().peekable();
    while let Some(one) = chars.next() {
        if one != '%' {
            out.push(one);
            continue;
        }
        let mut form = Form::default();
        loop {
            match chars.peek() {
                Some('-') => form.minus = true,
                Some('+') => form.plus = true,
                Some('0') => form.zero = true,
                Some('#') => form.sharp = true,
                Some(' ') => form.blank = true,
                _ => break,
            }
            chars.next();
        }
        let number = |chars: &mut std::iter::Peekable<std::str::Chars<'_>>| {
            let mut value = 0_usize;
            while let Some(digit) = chars.peek().and_then(|one| one.to_digit(10)) {
                value = value.saturating_mul(10).saturating_add(digit as usize);
                chars.next();
            }
            value
        };
        form.width = number(&mut chars);
        if chars.peek() == Some(&'.') {
            chars.next();
            form.precision = Some(number(&mut chars));
        }
        if form.width > MAX_OUTPUT || form.precision.is_some_and(|digits| digits > 1_000) {
            return Err(too_long());
        }
        match chars.next() {
            None => out.push_str("%!(NOVERB)"),
            Some('%') => out.push('%'),
            Some(verb) => match args.next() {
                None => out.push_str(&format!("%!{verb}(MISSING)")),
                Some(value) => form.write(&mut out, verb, value),
            },
        }
        if out.len() > MAX_OUTPUT {
            return Err(too_long());
        }
    }
    let left: Vec<String> =
        args.map(|value| format!("{}={}", value.kind(), value.printed())).collect();
    if !left.is_empty() {
        out.push_str(&format!("%!(EXTRA {})", left.join(", ")));
    }
    Ok(out)
}

impl Form {
    fn write(&self, out: &mut String, verb: char, value: &Value) {
        let wrong = || format!("%!{verb}({}={})", value.kind(), value.printed());
        let text = match (verb, value) {
            ('v', Value::Text(text)) if self.sharp => quote(text),
            ('v' | 's', Value::Text(text)) => self.cut(text),
            ('v', Value::Float(number)) => self.signed(float(*number), *number >= 0.0),
            ('v' | 'd', Value::Int(number)) => self.signed(number.to_string(), *number >= 0),
            ('v', _) | ('s', Value::Time(_) | Value::List(_) | Value::Map(_)) => value.printed(),
            ('q', Value::Text(text)) => quote(&self.cut(text)),
            ('t', Value::Bool(truth)) => truth.to_string(),
            ('x', Value::Int(number)) => format!("{number:x}"),
            ('X', Value::Int(number)) => format!("{number:X}"),
            ('o', Value::Int(number)) => format!("{number:o}"),
            ('b', Value::Int(number)) => format!("{number:b}"),
            ('c', Value::Int(number)) => u32::try_from(*number)
                .ok()
                .and_then(char::from_u32)
                .unwrap_or('\u{fffd}')
                .to_string(),
            ('x', Value::Text(text)) => text.bytes().map(|byte| format!("{byte:02x}")).collect(),
            ('f' | 'F', Value::Float(number)) => {
                self.signed(format!("{number:.*}", self.precision.unwrap_or(6)), *number >= 0.0)
            }
            ('e', Value::Float(number)) => {
                let text = format!("{number:.*e}", self.precision.unwrap_or(6));
                self.signed(exponent(&text), *number >= 0.0)
            }
            ('g', Value::Float(number)) => self.signed(float(*number), *number >= 0.0),
            ('T', _) => value.kind().to_owned(),
            _ => wrong(),
        };
        let length = text.chars().count();
        let padding = self.width.saturating_sub(length);
        if self.minus {
            out.push_str(&text);
            out.extend(std::iter::repeat_n(' ', padding));
        } else if self.zero {
            let (sign, digits) = match text.strip_prefix(['-', '+']) {
                Some(digits) => text.split_at(text.len() - digits.len()),
                None => ("", text.as_str()),
            };
            out.push_str(sign);
            out.extend(std::iter::repeat_n('0', padding));
            out.push_str(digits);
        } else {
            out.extend(std::iter::repeat_n(' ', padding));
            out.push_str(&text);
        }
    }

    fn cut(&self, text: &str) -> String {
        match self.precision {
            Some(most) => text.chars().take(most).collect(),
            None => text.to_owned(),
        }
    }

    fn signed(&self, text: String, positive: bool) -> String {
        match (positive, self.plus, self.blank) {
            (true, true, _) => format!("+{text}"),
            (true, false, true) => format!(" {text}"),
            _ => text,
        }
    }
}
