//! The two text formats, which differ in their times, their exemplars and their end.

use std::borrow::Cow;

use vigie_model::{Label, Labels, METRIC_NAME, ScrapedFamily, ScrapedSample, ScrapedValue};

use super::decode::{DecodeError, Decoded, Limits, bound_text};

/// A NaN that is a value; the one that marks the end of a series has other bits.
const NAN_BITS: u64 = 0x7ff8_0000_0000_0001;

pub(super) fn decode(body: &[u8], open: bool, limits: &Limits) -> Result<Decoded, DecodeError> {
    let mut decoded = Decoded::default();
    let mut ended = false;
    let lines = body.strip_suffix(b"\n").unwrap_or(body).split(|byte| *byte == b'\n');
    for (index, line) in lines.enumerate() {
        let at = |what: String| DecodeError::Line { line: index + 1, what };
        let text = std::str::from_utf8(line).map_err(|_| at("it is not UTF-8".to_owned()))?;
        let text = text.trim_matches([' ', '\t', '\r']);
        if text.is_empty() {
            continue;
        }
        if ended {
            return Err(at("something follows `# EOF`".to_owned()));
        }
        if let Some(comment) = text.strip_prefix('#') {
            ended = open && comment == " EOF";
            remember(comment, &mut decoded.families);
            continue;
        }
        decoded.room(limits)?;
        let mut reader = Reader { rest: text };
        let labels = reader.series(limits).map_err(|error| error.at(index + 1))?;
        let labels = evened(labels, decoded.families.last());
        let (value, time_millis, exemplar) = reader.values(open).map_err(at)?;
        decoded.exemplars += usize::from(exemplar);
        let value = ScrapedValue::Float(value);
        decoded.samples.push(ScrapedSample { labels, time_millis, value });
    }
    if open && !ended {
        return Err(DecodeError::NoEnd);
    }
    Ok(decoded)
}

/// The bounds of buckets and quantiles are written in one way, as Prometheus 3 does it, so that a series is the same in
/// whichever format and from whichever library it comes.
fn evened(labels: Labels, family: Option<&ScrapedFamily>) -> Labels {
    let Some(family) = family else { return labels };
    let own = |end: &str| labels.metric_name().strip_suffix(end) == Some(family.name.as_str());
    let name = match family.kind.as_str() {
        "histogram" | "gaugehistogram" if own("_bucket") => "le",
        "summary" if own("") => "quantile",
        _ => return labels,
    };
    let Some(given) = labels.get(name) else { return labels };
    match given.parse::<f64>().map(bound_text) {
        Ok(even) if even != given => {
            Labels::new(labels.iter().cloned().chain([Label::new(name, even)]).collect())
        }
        _ => labels,
    }
}

/// `HELP`, `TYPE` and `UNIT`; every other comment says nothing.
fn remember(comment: &str, families: &mut Vec<ScrapedFamily>) {
    let mut words = comment.trim_start().splitn(2, [' ', '\t']);
    let (Some(kind), Some(rest)) = (words.next(), words.next()) else { return };
    if !matches!(kind, "HELP" | "TYPE" | "UNIT") {
        return;
    }
    let mut reader = Reader { rest: rest.trim_start() };
    let name = match reader.rest.starts_with('"') {
        true => reader.quoted().map(Cow::into_owned),
        false => Ok(reader.word().to_owned()),
    };
    let Ok(name) = name else { return };
    let said = reader.rest.trim_start();
    if families.last().is_none_or(|last| last.name != name) {
        // What was said of it before counts still: a family may come in parts.
        let known = families.iter().position(|family| family.name == name);
        let family = match known {
            Some(place) => families.remove(place),
            None => ScrapedFamily { name, ..ScrapedFamily::default() },
        };
        families.push(family);
    }
    let Some(family) = families.last_mut() else { return };
    match kind {
        "HELP" => family.help = unescaped(said).unwrap_or(Cow::Borrowed(said)).into_owned(),
        "TYPE" => family.kind = known_kind(said).to_owned(),
        _ => said.clone_into(&mut family.unit),
    }
}

/// `untyped` is the older word for `unknown`.
fn known_kind(word: &str) -> &'static str {
    const KINDS: [&str; 7] =
        ["counter", "gauge", "histogram", "gaugehistogram", "summary", "info", "stateset"];
    KINDS.into_iter().find(|kind| *kind == word).unwrap_or("unknown")
}

/// What is wrong with a series.
enum Wrong {
    Text(String),
    Limit(DecodeError),
}

impl Wrong {
    fn at(self, line: usize) -> DecodeError {
        match self {
            Self::Text(what) => DecodeError::Line { line, what },
            Self::Limit(error) => error,
        }
    }
}

impl From<String> for Wrong {
    fn from(what: String) -> Self {
        Self::Text(what)
    }
}

impl From<DecodeError> for Wrong {
    fn from(error: DecodeError) -> Self {
        Self::Limit(error)
    }
}

/// What is left of a line.
struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    /// `name{label="value",…}`, or `{"name",label="value",…}` where the name is none of the old ones.
    fn series(&mut self, limits: &Limits) -> Result<Labels, Wrong> {
        let end = self.rest.find(|letter: char| " \t{".contains(letter)).unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        let mut labels = Vec::new();
        if !name.is_empty() {
            if !is_name(name, true) {
                return Err(format!("{name:?} is no name of a metric").into());
            }
            limits.value(name)?;
            labels.push(Label::new(METRIC_NAME, name));
        }
        self.rest = rest.trim_start_matches([' ', '\t']);
        if let Some(rest) = self.rest.strip_prefix('{') {
            self.rest = rest;
            self.labels(&mut labels, limits)?;
        }
        if labels.first().is_none_or(|first| &*first.name != METRIC_NAME) {
            return Err("a sample without a name".to_owned().into());
        }
        limits.count(labels.len() - 1)?;
        let count = labels.len();
        let mut names: Vec<_> = labels.iter().map(|label| label.name.clone()).collect();
        names.sort_unstable();
        names.dedup();
        if names.len() < count {
            return Err("a label comes twice".to_owned().into());
        }
        Ok(Labels::new(labels))
    }

    fn labels(&mut self, labels: &mut Vec<Label>, limits: &Limits) -> Result<(), Wrong> {
        loop {
            self.skip();
            if self.take('}') {
                return Ok(());
            }
            let (name, quoted) = match self.rest.starts_with('"') {
                true => (self.quoted()?, true),
                false => (Cow::Borrowed(self.label_name()), false),
            };
            self.skip();
            if quoted && (self.rest.starts_with([',', '}'])) {
                if !labels.is_empty() {
                    return Err("the name of the metric comes twice, or not first"
                        .to_owned()
                        .into());
                }
                if name.is_empty() {
                    return Err("a sample without a name".to_owned().into());
                }
                limits.value(&name)?;
                labels.push(Label::new(METRIC_NAME, &*name));
            } else {
                if name.is_empty() || !(quoted || is_name(&name, false)) {
                    return Err(format!("{name:?} is no name of a label").into());
                }
                limits.name(&name)?;
                if !self.take('=') {
                    return Err(format!("`=` is missing behind the label {name:?}").into());
                }
                self.skip();
                let value = self.quoted()?;
                limits.value(&value)?;
                labels.push(Label::new(&*name, &*value));
                // Before anything else: a line may have very many.
                limits.count(labels.len().saturating_sub(1))?;
            }
            self.skip();
            if !self.take(',') && !self.rest.starts_with('}') {
                return Err("`,` or `}` is missing behind a label".to_owned().into());
            }
        }
    }

    fn label_name(&mut self) -> &'a str {
        let end =
            self.rest.find(|letter: char| "= \t,}".contains(letter)).unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        self.rest = rest;
        name
    }

    /// Value, time and whether there is an exemplar.
    fn values(&mut self, open: bool) -> Result<(f64, Option<i64>, bool), String> {
        let word = self.word();
        let value = number(word).ok_or_else(|| format!("{word:?} is no number"))?;
        let word = if self.rest.starts_with('#') { "" } else { self.word() };
        let time = match (word, open) {
            ("", _) => None,
            (text, false) => {
                Some(text.parse().map_err(|_| format!("{text:?} is no time in milliseconds"))?)
            }
            (text, true) => {
                let seconds = number(text).filter(|seconds| seconds.is_finite());
                let seconds = seconds.ok_or_else(|| format!("{text:?} is no time in seconds"))?;
                Some((seconds * 1e3).round() as i64)
            }
        };
        match (self.rest, open) {
            ("", _) => Ok((value, time, false)),
            (rest, true) if rest.starts_with("# {") => Ok((value, time, true)),
            (rest, _) => Err(format!("{:?} follows the value", short(rest))),
        }
    }

    /// Up to the next space, which is skipped.
    fn word(&mut self) -> &'a str {
        self.skip();
        let end = self.rest.find([' ', '\t']).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest.trim_start_matches([' ', '\t']);
        word
    }

    fn skip(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t']);
    }

    fn take(&mut self, letter: char) -> bool {
        match self.rest.strip_prefix(letter) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// Text in quotes, without them and with its escapes resolved.
    fn quoted(&mut self) -> Result<Cow<'a, str>, String> {
        let inner = self
            .rest
            .strip_prefix('"')
            .ok_or_else(|| format!("`\"` is missing before {:?}", short(self.rest)))?;
        let mut escaped = false;
        for (place, byte) in inner.bytes().enumerate() {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => {
                    let (text, rest) = inner.split_at(place);
                    self.rest = rest.get(1..).unwrap_or_default();
                    return unescaped(text);
                }
                _ => {}
            }
        }
        Err("a text in quotes does not end".to_owned())
    }
}

/// `\\`, `\"` and `\n`; any other letter behind a backslash is kept with it.
fn unescaped(text: &str) -> Result<Cow<'_, str>, String> {
    if !text.contains('\\') {
        return Ok(Cow::Borrowed(text));
    }
    let mut out = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            out.push(letter);
            continue;
        }
        match letters.next() {
            Some('n') => out.push('\n'),
            Some(same @ ('\\' | '"')) => out.push(same),
            Some(other) => out.extend(['\\', other]),
            None => return Err("a text ends with a backslash".to_owned()),
        }
    }
    Ok(Cow::Owned(out))
}

fn is_name(name: &str, metric: bool) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_' || (metric && byte == b':');
    let mut bytes = name.bytes();
    bytes.next().is_some_and(letter) && bytes.all(|byte| letter(byte) || byte.is_ascii_digit())
}

fn number(text: &str) -> Option<f64> {
    let value: f64 = text.parse().ok()?;
    Some(if value.is_nan() { f64::from_bits(NAN_BITS) } else { value })
}

fn short(text: &str) -> String {
    text.chars().take(40).collect()
}
