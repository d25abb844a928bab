//! `/federate`: the newest sample of each series that is asked for, as a text that another Prometheus scrapes.

use std::collections::BTreeMap;
use std::fmt::Write;

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use vigie_model::Labels;
use vigie_query::{Control, QueryError};
use vigie_store::{Hints, Matcher, Samples, Storage, TimeRange, is_stale};

use super::error::{ApiError, ErrorShape};
use super::evaluate::evaluate;
use super::params::Params;
use super::selectors::matcher_sets;
use crate::exposition::escape;
use crate::state::AppState;

const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
/// Said by who takes names of any characters.
const UTF8: &str = "escaping=allow-utf-8";
/// What a series without it would be given by who scrapes.
const INSTANCE: &str = "instance";

/// The newest sample of each series that one of `match[]` means, with its time, for a Prometheus that scrapes Vigie. A series
/// that has ended is not there, nor is a native histogram, which the text has no form for: a comment counts those. Series
/// get `metrics.external_labels`, unless they have them.
#[utoipa::path(get, path = "/federate", tag = "prometheus",
    params(("match[]" = Vec<String>, Query, description = "Selectors of series; without any the answer is empty.")),
    responses((status = 200, body = String, content_type = "text/plain", description = "Prometheus text"),
        (status = 400, body = ErrorShape), (status = 503, body = ErrorShape)))]
pub(crate) async fn federate(
    State(app): State<AppState>,
    headers: HeaderMap,
    params: Params,
) -> Result<Response, ApiError> {
    let sets = matcher_sets(&params).map_err(|why| ApiError::parameter("match[]", why))?;
    let accepts = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    let utf8 = accepts.is_some_and(|accepts| accepts.contains(UTF8));
    let metrics = app.metrics()?;
    let end = app.time().millis();
    // As an instant query looks back: what is that old already is not there.
    let start = end.saturating_sub(metrics.engine.lookback).saturating_add(1);
    let external = metrics.external.clone();
    let evaluated = evaluate(metrics, None, move |storage, control| {
        let found = newest(storage, &sets, TimeRange { start, end }, control)?;
        Ok(text(&found, &external, utf8))
    });
    Ok(([(header::CONTENT_TYPE, TEXT)], evaluated.await?.value).into_response())
}

/// What is newest of a series: its time and value, or no value of a native histogram.
type Newest = (i64, Option<f64>);

/// The series by name and labels.
fn newest(
    storage: &dyn Storage,
    sets: &[Vec<Matcher>],
    range: TimeRange,
    control: &Control,
) -> Result<BTreeMap<(String, Labels), Newest>, ApiError> {
    let hints = Hints { newest: true, ..Hints::default() };
    let mut all = BTreeMap::new();
    let mut samples = Samples::default();
    for matchers in sets {
        for found in storage.select_for(matchers, range, hints)? {
            if let Some(reason) = control.stopped() {
                return Err(QueryError::Stopped(reason).into());
            }
            found.reader.read_into(&mut samples)?;
            let float = samples.float_times.last().zip(samples.floats.last());
            let float = float.map(|(time, value)| (*time, Some(*value), is_stale(*value)));
            let histogram = samples.histogram_times.last().zip(samples.histograms.last());
            let histogram = histogram.map(|(time, one)| (*time, None, is_stale(one.sum)));
            let last = float.into_iter().chain(histogram).max_by_key(|one| one.0);
            if let Some((time, value, false)) = last {
                let name = found.labels.metric_name().to_owned();
                all.insert((name, found.labels), (time, value));
            }
        }
    }
    Ok(all)
}

fn text(all: &BTreeMap<(String, Labels), Newest>, external: &Labels, utf8: bool) -> String {
    let (mut out, mut family, mut histograms) = (String::new(), None, 0);
    for ((name, labels), (time, value)) in all {
        let Some(value) = value else {
            histograms += 1;
            continue;
        };
        if family != Some(name) {
            out.push_str("# TYPE ");
            put_name(&mut out, name, utf8, true);
            out.push_str(" untyped\n");
            family = Some(name);
        }
        let quoted = utf8 && !is_plain_name(name, true);
        if !quoted {
            put_name(&mut out, name, utf8, true);
        }
        out.push('{');
        if quoted {
            put_name(&mut out, name, utf8, true);
        }
        for (place, (label, value)) in told(labels, external, utf8).iter().enumerate() {
            if place > 0 || quoted {
                out.push(',');
            }
            out.push_str(label);
            out.push('=');
            put_quoted(&mut out, value);
        }
        out.push_str("} ");
        put_value(&mut out, *value);
        // Writing to a text cannot fail.
        let _ = writeln!(out, " {time}");
    }
    if histograms > 0 {
        let _ =
            writeln!(out, "# {histograms} native histograms are left out: this format has none");
    }
    out
}

/// The labels of a series, as their names are written, with those that it gets. Of two that are written alike the first counts:
/// a scrape in which a label is there twice is refused whole.
fn told<'a>(labels: &'a Labels, external: &'a Labels, utf8: bool) -> BTreeMap<String, &'a str> {
    let own = labels.iter().filter(|label| &*label.name != "__name__");
    let all = own.chain(external.iter()).map(|label| (&*label.name, &*label.value));
    let mut told = BTreeMap::new();
    for (name, value) in all.chain([(INSTANCE, "")]) {
        let mut written = String::new();
        put_name(&mut written, name, utf8, false);
        told.entry(written).or_insert(value);
    }
    told
}

/// Whether every version of the format takes this at a place of a name; that of a metric may have colons.
fn is_plain((at, one): (usize, char), colons: bool) -> bool {
    let digit = at > 0 && one.is_ascii_digit();
    one.is_ascii_alphabetic() || one == '_' || digit || (colons && one == ':')
}

fn is_plain_name(name: &str, colons: bool) -> bool {
    name.chars().enumerate().all(|one| is_plain(one, colons))
}

/// Puts a name: one of other characters in quotes for who takes it, else with underscores in their place.
fn put_name(out: &mut String, name: &str, utf8: bool, colons: bool) {
    if utf8 && !is_plain_name(name, colons) {
        return put_quoted(out, name);
    }
    let plain = |one: (usize, char)| if is_plain(one, colons) { one.1 } else { '_' };
    out.extend(name.chars().enumerate().map(plain));
}

fn put_quoted(out: &mut String, text: &str) {
    out.push('"');
    escape(out, text);
    out.push('"');
}

fn put_value(out: &mut String, value: f64) {
    if value.is_nan() {
        out.push_str("NaN");
    } else if value.is_infinite() {
        out.push_str(if value > 0.0 { "+Inf" } else { "-Inf" });
    } else {
        let _ = write!(out, "{value}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_of_any_kind_are_written() {
        let series = |pairs: &[(&str, &str)], value: Option<f64>| {
            let labels = Labels::from_pairs(pairs.iter().copied());
            ((labels.metric_name().to_owned(), labels), (1_500, value))
        };
        let all = BTreeMap::from([
            series(
                &[("__name__", "up"), ("a.b", "x"), ("a_b", "y"), ("a:b", "z"), ("dc", "own")],
                Some(f64::NAN),
            ),
            series(&[("__name__", "up"), ("instance", "h:1"), ("text", "a\"\\\n")], Some(1e-7)),
            series(&[("__name__", "http.time")], Some(f64::NEG_INFINITY)),
            series(&[("__name__", "latency")], None),
        ]);
        let external = Labels::from_pairs([("dc", "eu")]);
        assert_eq!(
            text(&all, &external, false),
            "# TYPE http_time untyped\n\
             http_time{dc=\"eu\",instance=\"\"} -Inf 1500\n\
             # TYPE up untyped\n\
             up{a_b=\"x\",dc=\"own\",instance=\"\"} NaN 1500\n\
             up{dc=\"eu\",instance=\"h:1\",text=\"a\\\"\\\\\\n\"} 0.0000001 1500\n\
             # 1 native histograms are left out: this format has none\n"
        );
        let quoted = text(&all, &Labels::default(), true);
        assert!(quoted.contains("{\"http.time\",instance=\"\"} -Inf 1500\n"), "{quoted}");
        assert!(
            quoted.contains(
                "up{\"a.b\"=\"x\",\"a:b\"=\"z\",a_b=\"y\",dc=\"own\",instance=\"\"} NaN 1500\n"
            ),
            "{quoted}"
        );
    }
}
