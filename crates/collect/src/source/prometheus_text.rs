//! Prometheus's text format, as far as an instance's own figures need it: names, labels, values. Pure.

/// Samples that are read; more is no instance's own page.
const MAX_SAMPLES: usize = 200_000;

/// Why a page cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TextFault {
    /// It is not UTF-8.
    #[error("the metrics are not UTF-8")]
    NotUtf8,
    /// A line that is no sample.
    #[error("line {line} of the metrics: {what}")]
    Line {
        /// Which, from 1.
        line: usize,
        /// What is wrong.
        what: &'static str,
    },
    /// Too many.
    #[error("there are more than {MAX_SAMPLES} samples")]
    TooMany,
}

/// One sample.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// The metric's name.
    pub name: String,
    /// Its labels, in their order.
    pub labels: Vec<(String, String)>,
    /// Its value.
    pub value: f64,
}

impl Sample {
    /// The value of a label.
    #[must_use]
    pub fn label(&self, name: &str) -> Option<&str> {
        self.labels.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }
}

/// The samples of a page whose names `wanted` takes; the others are looked at only as far as it takes to pass them.
///
/// # Errors
/// [`TextFault`] with the line that is wrong.
pub fn samples(body: &[u8], wanted: impl Fn(&str) -> bool) -> Result<Vec<Sample>, TextFault> {
    let text = std::str::from_utf8(body).map_err(|_| TextFault::NotUtf8)?;
    let mut samples = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let wrong = |what| TextFault::Line { line: number + 1, what };
        let end = line.find(['{', ' ', '\t']).ok_or_else(|| wrong("there is no value"))?;
        let name = &line[..end];
        let fits = |one: char| one.is_ascii_alphanumeric() || one == '_' || one == ':';
        if name.is_empty() || !name.chars().all(fits) {
            return Err(wrong("this is no metric's name"));
        }
        if !wanted(name) {
            continue;
        }
        if samples.len() == MAX_SAMPLES {
            return Err(TextFault::TooMany);
        }
        let (labels, rest) = match line[end..].trim_start().strip_prefix('{') {
            Some(rest) => labels(rest).map_err(wrong)?,
            None => (Vec::new(), &line[end..]),
        };
        // A timestamp or an exemplar may follow the value.
        let value = rest.split_whitespace().next().ok_or_else(|| wrong("there is no value"))?;
        let value = number_of(value).ok_or_else(|| wrong("the value is no number"))?;
        samples.push(Sample { name: name.to_owned(), labels, value });
    }
    Ok(samples)
}

fn number_of(text: &str) -> Option<f64> {
    match text {
        "+Inf" | "Inf" => Some(f64::INFINITY),
        "-Inf" => Some(f64::NEG_INFINITY),
        _ => text.parse().ok(),
    }
}

type Labels<'a> = (Vec<(String, String)>, &'a str);

fn labels(mut rest: &str) -> Result<Labels<'_>, &'static str> {
    let mut labels = Vec::new();
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        if let Some(after) = rest.strip_prefix('}') {
            return Ok((labels, after));
        }
        let (name, after) = rest.split_once('=').ok_or("a label has no value")?;
        let quoted = after.trim_start().strip_prefix('"').ok_or("a label's value has no quotes")?;
        let (value, after) = unquote(quoted).ok_or("a label's value does not end")?;
        labels.push((name.trim().to_owned(), value));
        rest = after;
    }
}

/// A value after its opening quote, and what follows the closing one.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((place, one)) = chars.next() {
        match one {
            '"' => return Some((value, &text[place + 1..])),
            '\\' => match chars.next()?.1 {
                'n' => value.push('\n'),
                other => value.push(other),
            },
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_have_names_labels_and_values() {
        let page = b"# HELP a b\n# TYPE a gauge\na 1\nb{x=\"1\",y=\"q\\\"\\n\\\\\",} +Inf 1700000000000\nc{} 2.5e3\nskipped{\n\n";
        let found = samples(page, |name| name != "skipped").unwrap();
        let shown: Vec<_> = found.iter().map(|one| (one.name.as_str(), one.value)).collect();
        assert_eq!(shown, [("a", 1.0), ("b", f64::INFINITY), ("c", 2500.0)]);
        assert_eq!(found[1].label("y"), Some("q\"\n\\"));
    }

    #[test]
    fn what_is_no_sample_is_said_with_its_line() {
        let fault = |page: &[u8]| samples(page, |_| true).unwrap_err();
        for (page, what) in [
            (&b"a 1\n<html>\n"[..], "there is no value"),
            (b"a 1\nb\n", "there is no value"),
            (b"a 1\nb{x=\"y 1\n", "a label's value does not end"),
            (b"a 1\nb{x} 1\n", "a label has no value"),
            (b"a 1\nb{x=y} 1\n", "a label's value has no quotes"),
            (b"a 1\nb{} x\n", "the value is no number"),
        ] {
            assert_eq!(fault(page), TextFault::Line { line: 2, what });
        }
        assert_eq!(fault(&[0xff]), TextFault::NotUtf8);
        assert_eq!(
            fault(b"<p x> 1"),
            TextFault::Line { line: 1, what: "this is no metric's name" }
        );
    }
}
