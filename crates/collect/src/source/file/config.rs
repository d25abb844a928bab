//! What a source of files is configured with.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use regex::Regex;
use serde::Deserialize;
use vigie_model::{Labels, SourceName};

use super::decode::{Format, Pattern, TimeFormat, TimeFormatFault};
use super::join::Joining;
use super::parser::{EntryDefaults, FileParser};
use super::routes;
use crate::http::{HttpConfigError, source_name};
use crate::tail::{Begin, LONGEST_LINE, MakeParser, PathFault, PathPatterns, TailOptions};

/// Bytes of a compiled regular expression.
const REGEX_BYTES: usize = 1 << 20;

/// A source of files as a configuration file says it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawFileConfig {
    /// The source's name.
    pub name: String,
    /// The kind; who reads the file has seen to that.
    pub kind: Option<String>,
    /// Files, as paths or patterns with `*`, `?`, `[a-z]` and `**`.
    #[serde(default)]
    pub paths: Vec<String>,
    /// Files that are not meant.
    #[serde(default)]
    pub exclude: Vec<String>,
    /// `auto` (the default), `json`, `logfmt`, `regex`, `cri` or `plain`.
    pub format: Option<String>,
    /// Of `cri`: how the containers' lines are written; `auto` by default.
    pub inner: Option<String>,
    /// Of `regex`: the regular expression with its named groups.
    pub pattern: Option<String>,
    /// Of `regex`: how the group `time` is written, in the notation of strftime.
    pub time_format: Option<String>,
    /// Of `time_format` without an offset: which it is, such as `+02:00`.
    pub time_offset: Option<String>,
    /// Whether lines of stack traces belong to the line before; `true` by default, for text.
    pub join: Option<bool>,
    /// Lines that match belong to the line before, too.
    pub continues: Option<String>,
    /// Only lines that match begin an entry.
    pub begins: Option<String>,
    /// Where files that are there at the very first start begin: `start` (the default) or `end`.
    pub begin: Option<String>,
    /// Bytes of a line that are kept.
    pub longest_line_bytes: Option<usize>,
    /// Who writes these files, where lines do not say it.
    pub instance: Option<String>,
    /// The queue that lines are about, where they do not say it.
    pub queue: Option<String>,
    /// What sort of lines these are, where they do not say it.
    pub r#type: Option<String>,
    /// Labels of all lines.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// A regular expression for a file's path: its groups `instance`, `queue` and `type` are as above, others are labels.
    pub path_pattern: Option<String>,
}

/// Why a source of files cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FileConfigError {
    /// The name or a value.
    #[error(transparent)]
    Common(#[from] HttpConfigError),
    /// The paths.
    #[error(transparent)]
    Paths(#[from] PathFault),
    /// The format of times.
    #[error(transparent)]
    Time(#[from] TimeFormatFault),
    /// A regular expression.
    #[error("{0}: {1}")]
    Regex(&'static str, String),
    /// A key that has no meaning beside the format.
    #[error("{0} has a meaning with format: {1} only")]
    Beside(&'static str, &'static str),
}

/// A source of files, checked.
#[derive(Debug, Clone)]
pub struct FileConfig {
    /// Its name.
    pub name: SourceName,
    /// What is followed.
    pub tail: TailOptions,
    /// Between two reports of how it stands.
    pub report: Duration,
    format: Format,
    containers: bool,
    joining: Joining,
    defaults: EntryDefaults,
    path_pattern: Option<Regex>,
}

impl FileConfig {
    /// The files for people.
    #[must_use]
    pub fn display_url(&self) -> String {
        self.tail.paths.display()
    }

    /// Makes the parser of each file.
    #[must_use]
    pub fn parsers(&self) -> MakeParser {
        let config = self.clone();
        Box::new(move |path| Box::new(config.parser(path)))
    }

    fn parser(&self, path: &Path) -> FileParser {
        let mut defaults = self.defaults.clone();
        let shown = path.display().to_string();
        let mut labels: Vec<(String, String)> = defaults
            .labels
            .iter()
            .map(|label| (label.name.to_string(), label.value.to_string()))
            .collect();
        labels.push((routes::FILE_LABEL.to_owned(), shown.clone()));
        if let Some(pattern) = &self.path_pattern
            && let Some(groups) = pattern.captures(&shown)
        {
            for name in pattern.capture_names().flatten() {
                let Some(group) = groups.name(name) else { continue };
                let value: Arc<str> = group.as_str().into();
                match name {
                    "instance" => defaults.instance = value,
                    "queue" => defaults.queue = value,
                    "type" => defaults.kind = value,
                    _ => labels.push((name.to_owned(), value.to_string())),
                }
            }
        }
        defaults.labels = Labels::from_pairs(labels);
        let (format, joining) = (self.format.clone(), self.joining.clone());
        FileParser::new(format, self.containers, joining, self.name.as_str(), defaults)
    }
}

impl TryFrom<RawFileConfig> for FileConfig {
    type Error = FileConfigError;

    fn try_from(raw: RawFileConfig) -> Result<Self, FileConfigError> {
        let name = source_name(&raw.name)?;
        let paths = PathPatterns::new(&raw.paths, &raw.exclude)?;
        let begin = match raw.begin.as_deref() {
            None | Some("start") => Begin::Start,
            Some("end") => Begin::End,
            Some(other) => return Err(choice("begin", other, "start, end")),
        };
        let most = LONGEST_LINE;
        let longest_line = raw.longest_line_bytes.unwrap_or(most);
        if !(80..=most).contains(&longest_line) {
            let (value, allowed) = (longest_line.to_string(), format!("80 to {most}"));
            return Err(HttpConfigError::Range { key: "longest_line_bytes", value, allowed }.into());
        }
        let (format, containers) = formats(&raw)?;
        let joining = joining(&raw)?;
        let text = |text: &Option<String>| Arc::from(text.as_deref().unwrap_or_default());
        let defaults = EntryDefaults {
            instance: text(&raw.instance),
            queue: text(&raw.queue),
            kind: text(&raw.r#type),
            labels: labels(raw.labels)?,
        };
        let path_pattern =
            raw.path_pattern.as_deref().map(|text| regex("path_pattern", text)).transpose()?;
        let tail = TailOptions {
            begin,
            longest_line,
            ..TailOptions::new(routes::reader(name.as_str()), paths)
        };
        let report = Duration::from_secs(1);
        Ok(Self { name, tail, report, format, containers, joining, defaults, path_pattern })
    }
}

fn choice(key: &'static str, value: &str, allowed: &'static str) -> FileConfigError {
    let value = value.chars().take(40).collect();
    HttpConfigError::Choice { key, value, allowed }.into()
}

fn regex(key: &'static str, text: &str) -> Result<Regex, FileConfigError> {
    let built = regex::RegexBuilder::new(text).size_limit(REGEX_BYTES).build();
    built.map_err(|error| FileConfigError::Regex(key, error.to_string()))
}

/// The format of lines, and whether they are within those of containers.
fn formats(raw: &RawFileConfig) -> Result<(Format, bool), FileConfigError> {
    let word = raw.format.as_deref().unwrap_or("auto");
    let containers = word == "cri";
    if raw.inner.is_some() && !containers {
        return Err(FileConfigError::Beside("inner", "cri"));
    }
    let (key, word) = if containers {
        ("inner", raw.inner.as_deref().unwrap_or("auto"))
    } else {
        ("format", word)
    };
    let format = match word {
        "auto" => Format::Auto,
        "json" => Format::Json,
        "logfmt" => Format::Logfmt,
        "plain" => Format::Plain,
        "regex" => Format::Pattern(Box::new(pattern(raw)?)),
        other if containers => return Err(choice(key, other, "auto, json, logfmt, regex, plain")),
        other => return Err(choice(key, other, Format::WORDS)),
    };
    if !matches!(format, Format::Pattern(_)) {
        let keys = [("pattern", &raw.pattern), ("time_format", &raw.time_format)];
        if let Some((key, _)) = keys.into_iter().find(|(_, value)| value.is_some()) {
            return Err(FileConfigError::Beside(key, "regex"));
        }
    }
    if raw.time_offset.is_some() && raw.time_format.is_none() {
        return Err(HttpConfigError::Missing("time_format is missing beside time_offset").into());
    }
    Ok((format, containers))
}

fn pattern(raw: &RawFileConfig) -> Result<Pattern, FileConfigError> {
    let text = raw.pattern.as_deref().ok_or(HttpConfigError::Missing(
        r"pattern is missing: set it, for example '^(?P<time>\S+) (?P<level>\w+) (?P<message>.*)$'",
    ))?;
    let regex = regex("pattern", text)?;
    if regex.capture_names().flatten().next().is_none() {
        let says = "it has no named group such as (?P<message>.*)".to_owned();
        return Err(FileConfigError::Regex("pattern", says));
    }
    let offset = raw.time_offset.as_deref();
    let time =
        raw.time_format.as_deref().map(|format| TimeFormat::new(format, offset)).transpose()?;
    if time.is_some() && !regex.capture_names().flatten().any(|name| name == "time") {
        let says = "it has no group (?P<time>…), which time_format is for".to_owned();
        return Err(FileConfigError::Regex("pattern", says));
    }
    Ok(Pattern { regex, time })
}

fn joining(raw: &RawFileConfig) -> Result<Joining, FileConfigError> {
    match (raw.join, &raw.continues, &raw.begins) {
        (_, Some(_), Some(_)) => Err(HttpConfigError::Both("continues", "begins").into()),
        (Some(false), Some(_), _) => Err(HttpConfigError::Both("join: false", "continues").into()),
        (Some(false), _, Some(_)) => Err(HttpConfigError::Both("join: false", "begins").into()),
        (_, Some(text), None) => Ok(Joining::Continues(Box::new(regex("continues", text)?))),
        (_, None, Some(text)) => Ok(Joining::Begins(Box::new(regex("begins", text)?))),
        (Some(false), None, None) => Ok(Joining::Off),
        (_, None, None) => Ok(Joining::Traces),
    }
}
/// Labels by which lines can be asked for: LogQL has such names only.
fn labels(given: BTreeMap<String, String>) -> Result<Labels, FileConfigError> {
    let allowed = |name: &str| {
        let mut letters = name.chars();
        letters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
            && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
    };
    if let Some(wrong) = given.keys().find(|name| !allowed(name)) {
        let shown: String = wrong.chars().take(60).collect();
        let says =
            format!("{shown:?} is no name of a label: letters, digits and _, no digit first");
        return Err(HttpConfigError::Wrong("labels", says).into());
    }
    Ok(Labels::from_pairs(given))
}
