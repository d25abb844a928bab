//! The functions of templates: Go's own, those of sprig that Loki has, and Loki's.

use std::cell::RefCell;
use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use regex::Regex;

use super::clock;
use super::printf::printf;
use super::run::too_long;
use super::value::Value;
use super::{MAX_OUTPUT, Scene};
use crate::logql::pipeline::regex::compile;
use crate::logql::units;

/// As many expressions are kept.
const CACHED: usize = 32;

/// Expressions that templates use, by their text.
#[derive(Debug, Default)]
pub(crate) struct RegexCache(RefCell<HashMap<String, Regex>>);

impl RegexCache {
    fn get(&self, text: &str) -> Result<Regex, String> {
        if let Some(found) = self.0.borrow().get(text) {
            return Ok(found.clone());
        }
        let regex = compile(text)?;
        let mut known = self.0.borrow_mut();
        if known.len() >= CACHED {
            known.clear();
        }
        known.insert(text.to_owned(), regex.clone());
        Ok(regex)
    }
}

macro_rules! functions {
    ($($variant:ident = $name:literal $least:literal..$most:literal),+ $(,)?) => {
        /// A function.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Function { $($variant),+ }

        impl Function {
            /// The function of a name.
            pub(super) fn of(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$variant),)+
                    _ => None,
                }
            }

            /// Its name, and how many arguments it takes at least and at most.
            fn shape(self) -> (&'static str, usize, usize) {
                match self {
                    $(Self::$variant => ($name, $least, $most)),+
                }
            }
        }
    };
}

functions! {
    And = "and" 1..99, Or = "or" 1..99, Not = "not" 1..1,
    Eq = "eq" 2..99, Ne = "ne" 2..2, Lt = "lt" 2..2, Le = "le" 2..2, Gt = "gt" 2..2, Ge = "ge" 2..2,
    Len = "len" 1..1, Index = "index" 1..99, Slice = "slice" 1..3,
    Print = "print" 0..99, Println = "println" 0..99, Printf = "printf" 1..99, Urlquery = "urlquery" 1..1,
    Line = "__line__" 0..0, Timestamp = "__timestamp__" 0..0,
    OldLower = "ToLower" 1..1, OldUpper = "ToUpper" 1..1, OldReplace = "Replace" 4..4, OldTrim = "Trim" 2..2,
    OldTrimLeft = "TrimLeft" 2..2, OldTrimRight = "TrimRight" 2..2, OldTrimPrefix = "TrimPrefix" 2..2,
    OldTrimSuffix = "TrimSuffix" 2..2, OldTrimSpace = "TrimSpace" 1..1,
    RegexReplace = "regexReplaceAll" 3..3, RegexLiteral = "regexReplaceAllLiteral" 3..3, Count = "count" 2..2,
    Urldecode = "urldecode" 1..1, Urlencode = "urlencode" 1..1,
    Bytes = "bytes" 1..1, Duration = "duration" 1..1, DurationSeconds = "duration_seconds" 1..1,
    EpochMillis = "unixEpochMillis" 1..1, EpochNanos = "unixEpochNanos" 1..1, Epoch = "unixEpoch" 1..1,
    ToDateInZone = "toDateInZone" 3..3, UnixToTime = "unixToTime" 1..1, Date = "date" 2..2, ToDate = "toDate" 2..2,
    Now = "now" 0..0, AlignLeft = "alignLeft" 2..2, AlignRight = "alignRight" 2..2,
    Encode = "b64enc" 1..1, Decode = "b64dec" 1..1, Lower = "lower" 1..1, Upper = "upper" 1..1, Title = "title" 1..1,
    Trunc = "trunc" 2..2, Substr = "substr" 3..3, Contains = "contains" 2..2, HasPrefix = "hasPrefix" 2..2,
    HasSuffix = "hasSuffix" 2..2, Indent = "indent" 2..2, Nindent = "nindent" 2..2, Replace = "replace" 3..3,
    Repeat = "repeat" 2..2, Trim = "trim" 1..1, TrimAll = "trimAll" 2..2, TrimSuffix = "trimSuffix" 2..2,
    TrimPrefix = "trimPrefix" 2..2, Int = "int" 1..1, Float64 = "float64" 1..1,
    Add = "add" 0..99, Sub = "sub" 2..2, Mul = "mul" 1..99, Div = "div" 2..2, Mod = "mod" 2..2,
    Addf = "addf" 0..99, Subf = "subf" 1..99, Mulf = "mulf" 1..99, Divf = "divf" 1..99,
    Max = "max" 1..99, Min = "min" 1..99, Maxf = "maxf" 1..99, Minf = "minf" 1..99,
    Ceil = "ceil" 1..1, Floor = "floor" 1..1, Round = "round" 2..3, FromJson = "fromJson" 1..1, Default = "default" 1..2,
}

/// Arguments of a function, and how they are read.
struct Args<'a> {
    name: &'static str,
    all: &'a [Value],
}

impl<'a> Args<'a> {
    fn at(&self, place: usize) -> &'a Value {
        self.all.get(place).unwrap_or(&Value::Nil)
    }

    fn wrong(&self, wanted: &str, value: &Value) -> String {
        format!(
            "error calling {}: wrong type for value; expected {wanted}; got {}",
            self.name,
            value.kind()
        )
    }

    fn text(&self, place: usize) -> Result<&'a str, String> {
        match self.at(place) {
            Value::Text(text) => Ok(text),
            other => Err(self.wrong("string", other)),
        }
    }

    fn int(&self, place: usize) -> Result<i64, String> {
        match self.at(place) {
            Value::Int(value) => Ok(*value),
            other => Err(self.wrong("int", other)),
        }
    }

    fn time(&self, place: usize) -> Result<i64, String> {
        match self.at(place) {
            Value::Time(nanos) => Ok(*nanos),
            // Sprig takes seconds, too.
            Value::Int(seconds) => Ok(seconds.saturating_mul(1_000_000_000)),
            other => Err(self.wrong("time.Time", other)),
        }
    }

    fn fold(&self, join: impl Fn(f64, f64) -> f64) -> Value {
        Value::Float(self.all.iter().map(Value::number).reduce(join).unwrap_or(0.0))
    }

    fn fold_integers(&self, join: impl Fn(i64, i64) -> i64) -> Value {
        Value::Int(self.all.iter().map(Value::integer).reduce(join).unwrap_or(0))
    }
}

impl Function {
    /// Calls it; or what went wrong.
    pub(super) fn call(self, args: &[Value], scene: &Scene<'_>) -> Result<Value, String> {
        let (name, least, most) = self.shape();
        if args.len() < least || args.len() > most {
            return Err(format!(
                "wrong number of args for {name}: want {least} got {}",
                args.len()
            ));
        }
        let args = Args { name, all: args };
        let found = self.logic(&args).or_else(|| self.numbers(&args));
        let found = found.or_else(|| self.texts(&args));
        found.unwrap_or_else(|| self.others(&args, scene))
    }

    fn logic(self, args: &Args<'_>) -> Option<Result<Value, String>> {
        Some(Ok(Value::Bool(match self {
            Self::And | Self::Or => {
                let stops = self == Self::Or;
                let found = args.all.iter().find(|value| value.truth() == stops);
                return Some(Ok(found.or(args.all.last()).cloned().unwrap_or(Value::Nil)));
            }
            Self::Not => !args.at(0).truth(),
            Self::Eq => {
                let mut equal = false;
                for other in args.all.iter().skip(1) {
                    match ordering(args.at(0), other, args.name) {
                        Ok(found) => equal |= found == Some(std::cmp::Ordering::Equal),
                        Err(error) => return Some(Err(error)),
                    }
                }
                equal
            }
            Self::Ne | Self::Lt | Self::Le | Self::Gt | Self::Ge => {
                match ordering(args.at(0), args.at(1), args.name) {
                    Ok(found) => match self {
                        Self::Ne => found != Some(std::cmp::Ordering::Equal),
                        Self::Lt => found.is_some_and(std::cmp::Ordering::is_lt),
                        Self::Le => found.is_some_and(std::cmp::Ordering::is_le),
                        Self::Gt => found.is_some_and(std::cmp::Ordering::is_gt),
                        _ => found.is_some_and(std::cmp::Ordering::is_ge),
                    },
                    Err(error) => return Some(Err(error)),
                }
            }
            _ => return None,
        })))
    }

    fn numbers(self, args: &Args<'_>) -> Option<Result<Value, String>> {
        let zero = || format!("error calling {}: runtime error: integer divide by zero", args.name);
        let (left, right) = (args.at(0).integer(), args.at(1).integer());
        Some(Ok(match self {
            Self::Int => Value::Int(left),
            Self::Float64 => Value::Float(args.at(0).number()),
            Self::Add => args.fold_integers(i64::wrapping_add),
            Self::Sub => Value::Int(left.wrapping_sub(right)),
            Self::Mul => args.fold_integers(i64::wrapping_mul),
            Self::Div | Self::Mod if right == 0 => return Some(Err(zero())),
            Self::Div => Value::Int(left.wrapping_div(right)),
            Self::Mod => Value::Int(left.wrapping_rem(right)),
            Self::Addf => args.fold(|left, right| left + right),
            Self::Subf => args.fold(|left, right| left - right),
            Self::Mulf => args.fold(|left, right| left * right),
            Self::Divf => args.fold(|left, right| left / right),
            Self::Max => args.fold_integers(i64::max),
            Self::Min => args.fold_integers(i64::min),
            Self::Maxf => args.fold(f64::max),
            Self::Minf => args.fold(f64::min),
            Self::Ceil => Value::Float(args.at(0).number().ceil()),
            Self::Floor => Value::Float(args.at(0).number().floor()),
            Self::Round => {
                let on = if args.all.len() > 2 { args.at(2).number() } else { 0.5 };
                let power = 10_f64.powi(right.clamp(-300, 300) as i32);
                let digits = args.at(0).number() * power;
                let part = (digits - digits.trunc()).abs();
                let rounded = if part >= on { digits.ceil() } else { digits.floor() };
                Value::Float(rounded / power)
            }
            _ => return None,
        }))
    }

    fn texts(self, args: &Args<'_>) -> Option<Result<Value, String>> {
        self.changed(args)
            .map(|changed| {
                changed.and_then(|text| {
                    if text.len() > MAX_OUTPUT { Err(too_long()) } else { Ok(Value::text(text)) }
                })
            })
            .or_else(|| {
                let test: fn(&str, &str) -> bool = match self {
                    Self::Contains => |part, text| text.contains(part),
                    Self::HasPrefix => |part, text| text.starts_with(part),
                    Self::HasSuffix => |part, text| text.ends_with(part),
                    _ => return None,
                };
                let both = args.text(0).and_then(|part| Ok((part, args.text(1)?)));
                Some(both.map(|(part, text)| Value::Bool(test(part, text))))
            })
    }

    /// Texts made of texts.
    fn changed(self, args: &Args<'_>) -> Option<Result<String, String>> {
        let one = |change: fn(&str) -> String| Some(args.text(0).map(change));
        let two = |change: fn(&str, &str) -> String| {
            Some(args.text(0).and_then(|first| Ok(change(first, args.text(1)?))))
        };
        match self {
            Self::OldLower | Self::Lower => one(str::to_lowercase),
            Self::OldUpper | Self::Upper => one(str::to_uppercase),
            Self::OldTrimSpace | Self::Trim => one(|text| text.trim().to_owned()),
            Self::Title => one(title),
            Self::Urlencode | Self::Urlquery => one(url_encode),
            Self::Encode => one(|text| STANDARD.encode(text)),
            Self::Decode => one(|text| match STANDARD.decode(text) {
                Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
                Err(error) => error.to_string(),
            }),
            Self::OldTrim => two(|text, set| text.trim_matches(|one| set.contains(one)).to_owned()),
            Self::OldTrimLeft => {
                two(|text, set| text.trim_start_matches(|one| set.contains(one)).to_owned())
            }
            Self::OldTrimRight => {
                two(|text, set| text.trim_end_matches(|one| set.contains(one)).to_owned())
            }
            Self::OldTrimPrefix => {
                two(|text, part| text.strip_prefix(part).unwrap_or(text).to_owned())
            }
            Self::OldTrimSuffix => {
                two(|text, part| text.strip_suffix(part).unwrap_or(text).to_owned())
            }
            Self::TrimAll => two(|set, text| text.trim_matches(|one| set.contains(one)).to_owned()),
            Self::TrimPrefix => {
                two(|part, text| text.strip_prefix(part).unwrap_or(text).to_owned())
            }
            Self::TrimSuffix => {
                two(|part, text| text.strip_suffix(part).unwrap_or(text).to_owned())
            }
            Self::OldReplace | Self::Replace | Self::Repeat | Self::Indent | Self::Nindent => {
                Some(self.grown(args))
            }
            Self::Trunc | Self::Substr | Self::AlignLeft | Self::AlignRight => Some(self.cut(args)),
            _ => None,
        }
    }

    /// Texts that may become much longer.
    fn grown(self, args: &Args<'_>) -> Result<String, String> {
        let within = |length: usize| if length > MAX_OUTPUT { Err(too_long()) } else { Ok(()) };
        match self {
            Self::OldReplace => {
                let (text, old, new) = (args.text(0)?, args.text(1)?, args.text(2)?);
                let most = usize::try_from(args.int(3)?).unwrap_or(usize::MAX);
                within(text.len() + text.matches(old).count().min(most) * new.len())?;
                Ok(text.replacen(old, new, most))
            }
            Self::Replace => {
                let (old, new, text) = (args.text(0)?, args.text(1)?, args.text(2)?);
                within(text.len() + text.matches(old).count() * new.len())?;
                Ok(text.replace(old, new))
            }
            Self::Repeat => {
                let (count, text) = (args.int(0)?, args.text(1)?);
                let count =
                    usize::try_from(count).map_err(|_| "negative Repeat count".to_owned())?;
                within(text.len().saturating_mul(count))?;
                Ok(text.repeat(count))
            }
            _ => {
                let (count, text) = (args.int(0)?.max(0), args.text(1)?);
                let count = usize::try_from(count).unwrap_or(usize::MAX);
                within(count.saturating_mul(text.matches('\n').count() + 1))?;
                let padding = " ".repeat(count);
                let start = if self == Self::Nindent { "\n" } else { "" };
                Ok(format!("{start}{padding}{}", text.replace('\n', &format!("\n{padding}"))))
            }
        }
    }

    /// Parts of texts.
    fn cut(self, args: &Args<'_>) -> Result<String, String> {
        if self == Self::Substr {
            let (start, end, text) = (args.int(0)?, args.int(1)?, args.text(2)?);
            let length = text.len() as i64;
            let end = if start >= 0 && (end < 0 || end > length) { length } else { end };
            let start = start.max(0);
            if start > end || end > length {
                return Err("error calling substr: slice bounds out of range".to_owned());
            }
            let place = |index: i64| floor(text, usize::try_from(index).unwrap_or(0));
            return Ok(text.get(place(start)..place(end)).unwrap_or_default().to_owned());
        }
        let (count, text) = (args.int(0)?, args.text(1)?);
        let length = text.len() as i64;
        if self == Self::Trunc {
            return Ok(match count {
                0.. if length > count => text[..floor(text, count as usize)].to_owned(),
                ..0 if length + count > 0 => {
                    text[floor(text, (length + count) as usize)..].to_owned()
                }
                _ => text.to_owned(),
            });
        }
        let Ok(count) = usize::try_from(count) else { return Ok(text.to_owned()) };
        if count > MAX_OUTPUT {
            return Err(too_long());
        }
        let length = text.chars().count();
        let padding = " ".repeat(count.saturating_sub(length));
        Ok(if self == Self::AlignLeft {
            let kept: String = text.chars().take(count).collect();
            kept + &padding
        } else {
            padding + &text.chars().skip(length.saturating_sub(count)).collect::<String>()
        })
    }

    fn others(self, args: &Args<'_>, scene: &Scene<'_>) -> Result<Value, String> {
        let failed = |why: String| format!("error calling {}: {why}", args.name);
        Ok(match self {
            Self::Line => Value::text(scene.line),
            Self::Timestamp => Value::Time(scene.time),
            Self::Now => Value::Time(scene.now),
            Self::FromJson => Value::from_json(args.text(0)?),
            Self::Default => match args.all.get(1) {
                Some(given) if given.truth() => given.clone(),
                _ => args.at(0).clone(),
            },
            Self::Len => Value::Int(match args.at(0) {
                Value::Text(text) => text.len() as i64,
                Value::List(list) => list.len() as i64,
                Value::Map(map) => map.len() as i64,
                other => return Err(failed(format!("len of type {}", other.kind()))),
            }),
            Self::Index => args.all.iter().skip(1).try_fold(args.at(0).clone(), |value, key| {
                index(&value, key, scene).map_err(failed)
            })?,
            Self::Slice => {
                let text = args.text(0)?;
                let start = if args.all.len() > 1 { args.int(1)? } else { 0 };
                let end = if args.all.len() > 2 { args.int(2)? } else { text.len() as i64 };
                let range = usize::try_from(start).ok().zip(usize::try_from(end).ok());
                let part = range.and_then(|(start, end)| text.get(start..end));
                Value::text(part.ok_or_else(|| failed("index out of range".to_owned()))?)
            }
            Self::Print | Self::Println => {
                let texts: Vec<String> = args.all.iter().map(Value::printed).collect();
                let line = self == Self::Println;
                Value::text(texts.join(if line { " " } else { "" }) + if line { "\n" } else { "" })
            }
            Self::Printf => Value::text(printf(args.text(0)?, &args.all[1..])?),
            Self::RegexReplace | Self::RegexLiteral => {
                let regex = scene.regexes.get(args.text(0)?).map_err(failed)?;
                let (text, new) = (args.text(1)?, args.text(2)?);
                if regex.find_iter(text).count().saturating_mul(new.len()) > MAX_OUTPUT {
                    return Err(too_long());
                }
                let literal = self == Self::RegexLiteral;
                let new = if literal {
                    regex.replace_all(text, regex::NoExpand(new))
                } else {
                    regex.replace_all(text, new)
                };
                Value::text(&*new)
            }
            Self::Count => Value::Int(
                scene.regexes.get(args.text(0)?).map_err(failed)?.find_iter(args.text(1)?).count()
                    as i64,
            ),
            Self::Urldecode => Value::text(url_decode(args.text(0)?).map_err(failed)?),
            Self::Bytes => Value::Float(units::bytes(args.text(0)?).map_err(failed)? as f64),
            Self::Duration | Self::DurationSeconds => {
                Value::Float(units::duration(args.text(0)?).map_err(failed)? as f64 / 1e9)
            }
            _ => self.times(args).map_err(failed)?,
        })
    }

    fn times(self, args: &Args<'_>) -> Result<Value, String> {
        Ok(match self {
            Self::Epoch => Value::text((args.time(0)?.div_euclid(1_000_000_000)).to_string()),
            Self::EpochMillis => Value::text((args.time(0)?.div_euclid(1_000_000)).to_string()),
            Self::EpochNanos => Value::text(args.time(0)?.to_string()),
            Self::Date => Value::text(clock::format(args.text(0)?, args.time(1)?)),
            // What is no time is the year 1 in Go, which nanoseconds do not reach.
            Self::ToDate => match clock::parse(args.text(0)?, args.text(1)?) {
                Some(nanos) => Value::Time(nanos),
                None => return Err("the text is no time of this layout".to_owned()),
            },
            Self::ToDateInZone => {
                let (layout, zone, text) = (args.text(0)?, args.text(1)?, args.text(2)?);
                if !matches!(zone, "UTC" | "" | "GMT" | "Etc/UTC") {
                    return Err(format!("the zone {zone:?} is not known: times are read as UTC"));
                }
                match clock::parse(layout, text) {
                    Some(nanos) => Value::Time(nanos),
                    None => return Err("the text is no time of this layout".to_owned()),
                }
            }
            Self::UnixToTime => {
                let text = args.text(0)?;
                let wrong = || format!("unable to parse time '{text}'");
                let value: i64 = text.parse().map_err(|_| wrong())?;
                let unit = match text.len() {
                    5 => 86_400_000_000_000,
                    10 => 1_000_000_000,
                    13 => 1_000_000,
                    16 => 1_000,
                    19 => 1,
                    _ => return Err(wrong()),
                };
                Value::Time(value.checked_mul(unit).ok_or_else(wrong)?)
            }
            _ => Value::Nil,
        })
    }
}

/// How two values stand to each other; an error where they cannot be compared.
fn ordering(left: &Value, right: &Value, name: &str) -> Result<Option<std::cmp::Ordering>, String> {
    match (left, right) {
        (Value::Int(left), Value::Int(right)) => Ok(Some(left.cmp(right))),
        (Value::Float(left), Value::Float(right)) => Ok(left.partial_cmp(right)),
        (Value::Text(left), Value::Text(right)) => Ok(Some(left.cmp(right))),
        (Value::Bool(left), Value::Bool(right)) => Ok(Some(left.cmp(right))),
        (Value::Nil, Value::Nil) => Ok(Some(std::cmp::Ordering::Equal)),
        _ => Err(format!("error calling {name}: incompatible types for comparison")),
    }
}

fn index(value: &Value, key: &Value, scene: &Scene<'_>) -> Result<Value, String> {
    match (value, key) {
        (Value::Labels, Value::Text(key)) => {
            Ok(Value::text(scene.labels.get(key).unwrap_or_default()))
        }
        (Value::Map(map), Value::Text(key)) => Ok(map.get(&**key).cloned().unwrap_or(Value::Nil)),
        (Value::List(list), Value::Int(place)) => {
            let found = usize::try_from(*place).ok().and_then(|place| list.get(place));
            found.cloned().ok_or_else(|| format!("index out of range: {place}"))
        }
        (Value::Text(text), Value::Int(place)) => {
            let found = usize::try_from(*place).ok().and_then(|place| text.as_bytes().get(place));
            found
                .map(|byte| Value::Int(i64::from(*byte)))
                .ok_or_else(|| format!("index out of range: {place}"))
        }
        _ => Err(format!("can't index item of type {}", value.kind())),
    }
}

/// The last place up to `index` at which a character begins.
fn floor(text: &str, index: usize) -> usize {
    text.floor_char_boundary(index.min(text.len()))
}

fn title(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut begins = true;
    for one in text.chars() {
        if begins {
            out.extend(one.to_uppercase());
        } else {
            out.push(one);
        }
        begins = !(one.is_alphanumeric() || matches!(one, '_' | '\''));
    }
    out
}

fn url_encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                out.push(byte as char)
            }
            b' ' => out.push('+'),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

fn url_decode(text: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digit = |byte: Option<u8>| byte.and_then(|byte| (byte as char).to_digit(16));
                let code = digit(rest.next()).zip(digit(rest.next()));
                let (high, low) = code.ok_or_else(|| format!("invalid URL escape in {text:?}"))?;
                (high * 16 + low) as u8
            }
            other => other,
        });
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
