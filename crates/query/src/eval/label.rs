//! `label_replace` and `label_join`.

use regex::RegexBuilder;
use vigie_model::{Label, Labels};

use super::series::merged;
use super::{Context, Series};
use crate::engine::QueryError;

fn with_label(labels: &Labels, name: &str, value: &str) -> Labels {
    let mut all: Vec<Label> = labels.iter().cloned().collect();
    all.push(Label::new(name, value));
    Labels::new(all)
}

fn named(name: &str, message: &str) -> Result<(), QueryError> {
    if name.is_empty() {
        return Err(QueryError::Execution(format!("{message}: {name}")));
    }
    Ok(())
}

/// Go's templates have `$1` and `$name` end where letters, digits and underscores do, as Rust's do, and drop a `$`
/// that stands alone.
fn template(text: &str) -> String {
    let mut written = String::new();
    let mut rest = text;
    while let Some(place) = rest.find('$') {
        written.push_str(&rest[..place]);
        let after = &rest[place + 1..];
        let word = |one: char| one.is_alphanumeric() || one == '_';
        if let Some(after) = after.strip_prefix('$') {
            written.push_str("$$");
            rest = after;
        } else if let Some((name, behind)) =
            after.strip_prefix('{').and_then(|inner| inner.split_once('}'))
        {
            if !name.is_empty() && name.chars().all(word) {
                written.push_str(&format!("${{{name}}}"));
                rest = behind;
            } else {
                written.push_str("$$");
                rest = after;
            }
        } else {
            let end = after.find(|one| !word(one)).unwrap_or(after.len());
            if end == 0 {
                written.push_str("$$");
            } else {
                written.push_str(&format!("${{{}}}", &after[..end]));
            }
            rest = &after[end..];
        }
    }
    written.push_str(rest);
    written
}

impl Context<'_> {
    /// `label_replace(v, target, replacement, source, regex)`
    pub(crate) fn label_replace(
        &self,
        series: Vec<Series>,
        texts: &[String],
    ) -> Result<Vec<Series>, QueryError> {
        let [target, replacement, source, pattern] = texts else {
            return Err(QueryError::Execution("label_replace() needs four strings".to_owned()));
        };
        let regex = RegexBuilder::new(&format!("^(?s:{pattern})$"))
            .size_limit(1 << 20)
            .build()
            .map_err(|_| {
                let message = "invalid regular expression in label_replace()";
                QueryError::Execution(format!("{message}: {pattern}"))
            })?;
        named(target, "invalid destination label name in label_replace()")?;
        let replacement = template(replacement);
        let replace = |mut one: Series| {
            let value = one.labels.get(source).unwrap_or_default().to_owned();
            if let Some(found) = regex.captures(&value) {
                let mut written = String::new();
                found.expand(&replacement, &mut written);
                one.labels = with_label(&one.labels, target, &written);
            }
            one
        };
        merged(series.into_iter().map(replace).collect())
    }

    /// `label_join(v, target, separator, source, ...)`
    pub(crate) fn label_join(
        &self,
        series: Vec<Series>,
        texts: &[String],
    ) -> Result<Vec<Series>, QueryError> {
        let [target, separator, sources @ ..] = texts else {
            return Err(QueryError::Execution("label_join() needs two strings".to_owned()));
        };
        for source in sources {
            named(source, "invalid source label name in label_join()")?;
        }
        named(target, "invalid destination label name in label_join()")?;
        let join = |mut one: Series| {
            let values: Vec<&str> =
                sources.iter().map(|name| one.labels.get(name).unwrap_or_default()).collect();
            one.labels = with_label(&one.labels, target, &values.join(separator));
            one
        };
        merged(series.into_iter().map(join).collect())
    }
}
