//! Parsers: labels of what a line says.

use ::regex::Regex;

use super::capture::Pattern;
use super::json::{self, Kind};
use super::labels::{LabelSet, label_name};
use super::logfmt::Pairs;
use super::regex::compile;
use crate::logql::ast::{Extraction, Stage};

const JSON_FAILED: &str = "JSONParserErr";
const LOGFMT_FAILED: &str = "LogfmtParserErr";
/// The member that holds the line within what Promtail packed.
const PACKED: &str = "_entry";

/// A parser that is ready to run.
#[derive(Debug, Clone)]
pub(crate) enum Extract {
    Json,
    JsonPaths(Vec<(String, Vec<json::Step>)>),
    Logfmt { strict: bool, keep_empty: bool },
    LogfmtKeys { strict: bool, keys: Vec<(String, String)> },
    Regexp(Regex),
    Pattern(Pattern),
    Unpack,
}

impl Extract {
    pub(crate) fn new(stage: &Stage) -> Result<Self, String> {
        Ok(match stage {
            Stage::Json(only) if only.is_empty() => Self::Json,
            Stage::Json(only) => {
                let path = |one: &Extraction| Ok((one.label.clone(), json::path(&one.path)?));
                Self::JsonPaths(only.iter().map(path).collect::<Result<_, String>>()?)
            }
            Stage::Logfmt { strict, keep_empty, only } if only.is_empty() => {
                Self::Logfmt { strict: *strict, keep_empty: *keep_empty }
            }
            Stage::Logfmt { strict, only, .. } => {
                let key = |one: &Extraction| {
                    let plain = !one.path.is_empty()
                        && one
                            .path
                            .chars()
                            .all(|one| one.is_alphanumeric() || matches!(one, '_' | '-' | '.'));
                    let wrong =
                        || format!("cannot parse expression [{}]: expected a key", one.path);
                    plain.then(|| (one.label.clone(), one.path.clone())).ok_or_else(wrong)
                };
                Self::LogfmtKeys {
                    strict: *strict,
                    keys: only.iter().map(key).collect::<Result<_, _>>()?,
                }
            }
            Stage::Regexp(text) => {
                let regex = compile(text)?;
                if regex.capture_names().flatten().next().is_none() {
                    return Err("at least one named capture must be supplied".to_owned());
                }
                Self::Regexp(regex)
            }
            Stage::Pattern(text) => Self::Pattern(Pattern::parser(text)?),
            _ => Self::Unpack,
        })
    }

    /// Gives a line the labels that are found in it; the new line, where there is one.
    pub(crate) fn run(&self, line: &str, labels: &mut LabelSet) -> Option<String> {
        match self {
            Self::Json => json_leaves(line, labels),
            Self::JsonPaths(paths) => json_paths(line, paths, labels),
            Self::Logfmt { strict, keep_empty } => logfmt(line, *strict, *keep_empty, labels),
            Self::LogfmtKeys { strict, keys } => logfmt_keys(line, *strict, keys, labels),
            Self::Regexp(regex) => {
                if let Some(found) = regex.captures(line) {
                    for name in regex.capture_names().flatten() {
                        let value = found.name(name).map_or("", |found| found.as_str());
                        labels.extract(&label_name(name), value);
                    }
                }
            }
            Self::Pattern(pattern) => {
                pattern.captures(line, |name, value| labels.extract(name, value));
            }
            Self::Unpack => return unpack(line, labels),
        }
        None
    }
}

/// The name of a label for a path of keys; empty where none of them has a character.
pub(crate) fn joined(path: &[&str]) -> String {
    let mut name = String::new();
    for key in path {
        let key = key.trim();
        if key.is_empty() {
            continue;
        }
        if name.is_empty() {
            name = label_name(key).into_owned();
        } else {
            name.push('_');
            name.extend(key.chars().map(|one| if one.is_ascii_alphanumeric() { one } else { '_' }));
        }
    }
    name
}

fn json_leaves(line: &str, labels: &mut LabelSet) {
    let found = json::each_leaf(line, &mut Vec::new(), &mut |path, value| {
        let name = joined(path);
        if !name.is_empty() {
            labels.extract(&name, value.value());
        }
    });
    if let Err(why) = found {
        labels.fail(JSON_FAILED, why);
    }
}

fn json_paths(line: &str, paths: &[(String, Vec<json::Step>)], labels: &mut LabelSet) {
    if line.is_empty() {
        return;
    }
    if !line.starts_with(['"', '{', '[']) {
        labels.fail(JSON_FAILED, "");
        return;
    }
    for (name, path) in paths {
        match json::at(line, path) {
            Ok(Some(value)) => labels.extract(name, value.value()),
            found => {
                if let Err(why) = found {
                    labels.fail(JSON_FAILED, why);
                }
                if labels.get(name).is_none() {
                    labels.set(name.as_str(), "");
                }
            }
        }
    }
}

fn logfmt(line: &str, strict: bool, keep_empty: bool, labels: &mut LabelSet) {
    for pair in Pairs::new(line) {
        match pair {
            Ok((key, _)) if !labels.may_want(key) => {}
            Ok((key, value)) => {
                let name = label_name(key);
                if !name.is_empty() && (keep_empty || !value.is_empty()) {
                    labels.extract(&name, &*value);
                }
            }
            Err(why) if strict => {
                labels.fail(LOGFMT_FAILED, why);
                return;
            }
            Err(_) => {}
        }
    }
}

fn logfmt_keys(line: &str, strict: bool, keys: &[(String, String)], labels: &mut LabelSet) {
    for (name, _) in keys {
        if !labels.given(name) {
            labels.set(name.as_str(), "");
        }
    }
    for pair in Pairs::new(line) {
        match pair {
            Ok((key, value)) => {
                let sanitized = label_name(key);
                let wanted = keys.iter().find(|(_, path)| *path == sanitized || path == key);
                if let Some((name, _)) = wanted {
                    labels.extract(name, &*value);
                }
            }
            Err(why) if strict => {
                labels.fail(LOGFMT_FAILED, why);
                return;
            }
            Err(_) => {}
        }
    }
}

fn unpack(line: &str, labels: &mut LabelSet) -> Option<String> {
    if line.is_empty() {
        return None;
    }
    if !line.starts_with('{') {
        labels.fail(JSON_FAILED, "expecting json object(6), but it is not");
        return None;
    }
    let mut found = Vec::new();
    let mut packed = None;
    let result = json::each_member(line, &mut |key, value| {
        if value.kind == Kind::Text {
            if key == PACKED {
                packed = Some(value.value());
            } else {
                found.push((label_name(key).into_owned(), value.value()));
            }
        }
        Ok(())
    });
    if let Err(why) = result {
        labels.fail(JSON_FAILED, why);
        return None;
    }
    let new = packed?;
    for (name, value) in found {
        labels.extract(&name, value);
    }
    Some(new)
}
