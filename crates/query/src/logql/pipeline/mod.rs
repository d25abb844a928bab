//! What a line passes: stages that keep it or not, and give it labels.

mod address;
mod capture;
mod extract;
mod filter;
pub(crate) mod json;
pub(crate) mod labels;
pub(crate) mod logfmt;
pub(crate) mod regex;

use std::borrow::Cow;

use ::regex::Regex;

use super::ast::{FormatValue, NamedMatcher, Stage};
use super::template::{RegexCache, Scene, Template};
use super::{ERROR, ERROR_DETAILS, Required};
use extract::Extract;
pub(crate) use extract::joined;
pub(crate) use filter::LabelTest;
use filter::LineTests;
use labels::LabelSet;

/// What terminals take for colours, titles and movements.
const COLOURS: &str =
    "(?:\u{1b}\\[|\u{9b})[0-9;?]*[ -/]*[@-~]|\u{1b}\\][^\u{7}\u{1b}]*(?:\u{7}|\u{1b}\\\\)";
const TEMPLATE_FAILED: &str = "TemplateFormatErr";

/// A stage that is ready to run.
#[derive(Debug, Clone)]
enum Step {
    Line(LineTests),
    Extract(Extract),
    Label(LabelTest),
    LineFormat(Template),
    LabelFormat(Vec<(String, NewLabel)>),
    Decolorize(Regex),
    Drop(Vec<NamedMatcher>),
    Keep(Vec<NamedMatcher>),
}

#[derive(Debug, Clone)]
enum NewLabel {
    Renamed(String),
    Made(Template),
}

/// A pipeline that is ready to run.
#[derive(Debug, Default)]
pub(crate) struct Pipeline {
    steps: Vec<Step>,
    regexes: RegexCache,
    /// What `now` is in templates, in nanoseconds since the Unix epoch.
    now: i64,
    /// Nobody looks at labels: parsers need not run.
    blind: bool,
}

impl Pipeline {
    /// Compiles stages; or says what is wrong with one of them.
    pub(crate) fn new(stages: &[Stage], now: i64) -> Result<Self, String> {
        let step = |stage: &Stage| step(stage).map_err(|why| format!("stage '{stage}' : {why}"));
        let steps = stages.iter().map(step).collect::<Result<_, _>>()?;
        Ok(Self { steps, regexes: RegexCache::default(), now, blind: false })
    }

    /// The same for a query that looks at no label afterwards: where no stage does either, parsers are left out, and
    /// with them their errors.
    pub(crate) fn without_labels(mut self) -> Self {
        self.blind = !self.steps.iter().any(|step| match step {
            Step::Label(_) => true,
            Step::LineFormat(template) => template.reads_labels(),
            Step::LabelFormat(formats) => formats.iter().any(|(_, value)| match value {
                NewLabel::Renamed(_) => true,
                NewLabel::Made(template) => template.reads_labels(),
            }),
            _ => false,
        });
        self
    }

    /// Whether lines are kept by their text alone, and no label is looked at or made.
    pub(crate) fn by_text_alone(&self) -> bool {
        self.blind || self.steps.iter().all(|step| matches!(step, Step::Line(_)))
    }

    /// What each line has that is kept, or has not, as it was stored; and whether that is all that keeps a line.
    pub(crate) fn required(&self) -> (Vec<Required>, bool) {
        let (mut all, mut exact) = (Vec::new(), true);
        for step in &self.steps {
            match step {
                Step::Line(tests) => {
                    let (some, enough) = tests.required();
                    all.extend(some);
                    exact &= enough;
                }
                Step::Extract(_) if self.blind => {}
                // Grafana's histogram of lines drops errors that line filters alone cannot have.
                Step::Drop(names) if names.iter().all(is_error) => {}
                Step::LineFormat(_) | Step::Decolorize(_) | Step::Extract(Extract::Unpack) => {
                    return (all, false);
                }
                _ => exact = false,
            }
        }
        (all, exact)
    }

    /// The names of all labels that are looked at, where they are known and the line stays as it is.
    pub(crate) fn names(&self) -> Option<Vec<String>> {
        let mut all = Vec::new();
        for step in &self.steps {
            match step {
                Step::Line(_) => {}
                Step::Extract(Extract::Unpack) => return None,
                Step::Extract(_) => {}
                Step::Label(test) => test.names(&mut all),
                Step::Drop(names) if names.iter().all(is_error) => {}
                _ => return None,
            }
        }
        Some(all)
    }

    /// Whether nothing of a line is looked at but its pairs, of which those may be wanted whose keys are labels that are.
    pub(crate) fn by_pairs_alone(&self) -> bool {
        self.steps.iter().all(|step| match step {
            Step::Extract(Extract::Logfmt { strict, .. }) => !strict,
            Step::Label(_) => true,
            Step::Drop(names) => names.iter().all(is_error),
            _ => false,
        })
    }

    /// What each line says that is kept, if it has no label of that name already: the name of a label that must be there and that
    /// nothing but the pairs of the line can give it. Where no stage asks for one, that is `measured`.
    pub(crate) fn needs<'a>(&'a self, measured: Option<&'a str>) -> Option<&'a str> {
        let mut needed = None;
        for step in &self.steps {
            match step {
                Step::Line(_) | Step::Extract(Extract::Logfmt { .. }) => {}
                Step::Label(test) => needed = needed.or_else(|| test.needs()),
                Step::Drop(names) if names.iter().all(is_error) => {}
                _ => return None,
            }
        }
        // Of other names a key may be written in several ways.
        let plain = |name: &&str| {
            name.starts_with(|one: char| one.is_ascii_alphabetic())
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
        };
        needed.or(measured).filter(plain)
    }

    /// What is left of a line with its labels; `None` where it is not kept.
    pub(crate) fn run<'a>(
        &self,
        time: i64,
        line: &'a str,
        labels: &mut LabelSet,
    ) -> Option<Cow<'a, str>> {
        let mut line = Cow::Borrowed(line);
        for step in &self.steps {
            match step {
                Step::Line(tests) => {
                    if !tests.keeps(&line) {
                        return None;
                    }
                }
                Step::Extract(_) if self.blind => {}
                Step::Extract(extract) => {
                    if let Some(new) = extract.run(&line, labels) {
                        line = Cow::Owned(new);
                    }
                }
                Step::Label(test) => {
                    if !test.keeps(labels) {
                        return None;
                    }
                }
                Step::LineFormat(template) => {
                    let made = template.run(&self.scene(time, &line, labels));
                    match made {
                        Ok(made) => line = Cow::Owned(made),
                        Err(why) => labels.fail(TEMPLATE_FAILED, why),
                    }
                }
                Step::LabelFormat(formats) => self.label_format(formats, time, &line, labels),
                Step::Decolorize(colours) => {
                    if let Cow::Owned(plain) = colours.replace_all(&line, "") {
                        line = Cow::Owned(plain);
                    }
                }
                Step::Drop(dropped) => drop_labels(dropped, labels),
                Step::Keep(kept) => keep_labels(kept, labels),
            }
        }
        Some(line)
    }

    fn scene<'a>(&'a self, time: i64, line: &'a str, labels: &'a LabelSet) -> Scene<'a> {
        Scene { labels, line, time, now: self.now, regexes: &self.regexes }
    }

    fn label_format(
        &self,
        formats: &[(String, NewLabel)],
        time: i64,
        line: &str,
        labels: &mut LabelSet,
    ) {
        // Templates see the labels as they were before the first of them ran.
        let mut before = None;
        for (name, value) in formats {
            match value {
                NewLabel::Renamed(from) => {
                    if let Some(value) = labels.get(from).map(str::to_owned) {
                        labels.set(name.as_str(), value);
                        labels.delete(from);
                    }
                }
                NewLabel::Made(template) => {
                    let before = before.get_or_insert_with(|| labels.clone());
                    match template.run(&self.scene(time, line, before)) {
                        Ok(made) => labels.set(name.as_str(), made),
                        Err(why) => labels.fail(TEMPLATE_FAILED, why),
                    }
                }
            }
        }
    }
}

fn step(stage: &Stage) -> Result<Step, String> {
    Ok(match stage {
        Stage::Line(filter) => Step::Line(LineTests::new(filter)?),
        Stage::Label(filter) => Step::Label(LabelTest::new(filter)?),
        Stage::LineFormat(text) => Step::LineFormat(
            Template::new(text).map_err(|why| format!("invalid line template: {why}"))?,
        ),
        Stage::LabelFormat(formats) => {
            let mut made = Vec::with_capacity(formats.len());
            for format in formats {
                let value = match &format.value {
                    FormatValue::Label(from) => NewLabel::Renamed(from.clone()),
                    FormatValue::Template(text) => {
                        NewLabel::Made(Template::new(text).map_err(|why| {
                            format!("invalid template for label '{}': {why}", format.name)
                        })?)
                    }
                };
                made.push((format.name.clone(), value));
            }
            Step::LabelFormat(made)
        }
        Stage::Decolorize => Step::Decolorize(regex::compile(COLOURS)?),
        Stage::Drop(labels) => Step::Drop(labels.clone()),
        Stage::Keep(labels) => Step::Keep(labels.clone()),
        parser => Step::Extract(Extract::new(parser)?),
    })
}

fn is_error(dropped: &NamedMatcher) -> bool {
    matches!(dropped, NamedMatcher::Name(name) if name == ERROR || name == ERROR_DETAILS)
}

fn drop_labels(dropped: &[NamedMatcher], labels: &mut LabelSet) {
    for one in dropped {
        let (name, matcher) = match one {
            NamedMatcher::Name(name) => (name.as_str(), None),
            NamedMatcher::Matcher(matcher) => (matcher.name(), Some(matcher)),
        };
        let value = match name {
            ERROR => labels.error().unwrap_or_default(),
            ERROR_DETAILS => labels.details(),
            _ => labels.get(name).unwrap_or_default(),
        };
        if matcher.is_some_and(|matcher| !matcher.matches(value)) {
            continue;
        }
        match name {
            ERROR => labels.forgive(),
            ERROR_DETAILS => labels.forget_details(),
            _ => labels.delete(name),
        }
    }
}

fn keep_labels(kept: &[NamedMatcher], labels: &mut LabelSet) {
    let mut gone = Vec::new();
    labels.each(|label, _| {
        let keeps = kept.iter().any(|one| match one {
            NamedMatcher::Name(name) => **name == *label.name,
            NamedMatcher::Matcher(matcher) => {
                matcher.name() == &*label.name && matcher.matches(&label.value)
            }
        });
        if !keeps {
            gone.push(label.name.clone());
        }
    });
    gone.iter().for_each(|name| labels.delete(name));
}
