//! Answers of `/api/v1/query_range` as values.

use serde::Deserialize;
use vigie_model::{Labels, NativeHistogram};

/// The schema into which histograms are read: bounds are powers of the square root of 2. Finer ones have these bounds
/// among theirs.
const SCHEMA: i8 = 1;
/// Bucket indices of that schema beyond this are beyond every float.
const LAST_INDEX: f64 = 2_100.0;

/// A series of an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct RemoteSeries {
    /// Its labels.
    pub labels: Labels,
    /// (Unix milliseconds, value) by ascending time.
    pub floats: Vec<(i64, f64)>,
    /// (Unix milliseconds, histogram) by ascending time, in the buckets of schema 1.
    pub histograms: Vec<(i64, NativeHistogram)>,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RemoteMatrix {
    /// Its series.
    pub series: Vec<RemoteSeries>,
    /// What the backend warns of.
    pub warnings: Vec<String>,
}

#[derive(Deserialize)]
struct WireAnswer {
    status: String,
    data: Option<WireData>,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    warnings: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct WireData {
    #[serde(rename = "resultType")]
    kind: String,
    result: Vec<WireSeries>,
}

#[derive(Deserialize)]
struct WireSeries {
    #[serde(default)]
    metric: std::collections::BTreeMap<String, String>,
    #[serde(default)]
    values: Vec<(f64, String)>,
    #[serde(default)]
    histograms: Vec<(f64, WireHistogram)>,
}

#[derive(Deserialize)]
struct WireHistogram {
    count: String,
    sum: String,
    /// Which bounds are within, lower and upper bound, count.
    #[serde(default)]
    buckets: Vec<(u8, String, String, String)>,
}

/// What an error of Prometheus's says.
pub(crate) fn error(bytes: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Wire {
        error: String,
    }
    let wire: Wire = serde_json::from_slice(bytes).ok()?;
    Some(wire.error)
}

/// Reads an answer.
pub(crate) fn matrix(bytes: &[u8]) -> Result<RemoteMatrix, String> {
    let strange =
        |why: &dyn std::fmt::Display| format!("its answer is something else than a matrix: {why}");
    let wire: WireAnswer = serde_json::from_slice(bytes).map_err(|error| strange(&error))?;
    if wire.status != "success" {
        return Err(wire.error.unwrap_or_else(|| strange(&wire.status)));
    }
    let data = wire.data.ok_or_else(|| strange(&"it has no data"))?;
    if data.kind != "matrix" {
        return Err(strange(&data.kind));
    }
    let series = data.result.into_iter().map(series).collect::<Option<Vec<_>>>();
    let series = series.ok_or_else(|| strange(&"a value is no number"))?;
    Ok(RemoteMatrix { series, warnings: wire.warnings.unwrap_or_default() })
}

fn series(wire: WireSeries) -> Option<RemoteSeries> {
    let floats = wire.values.iter().map(|(time, value)| Some((millis(*time)?, number(value)?)));
    let histograms =
        wire.histograms.iter().map(|(time, value)| Some((millis(*time)?, histogram(value)?)));
    Some(RemoteSeries {
        labels: Labels::from_pairs(&wire.metric),
        floats: floats.collect::<Option<_>>()?,
        histograms: histograms.collect::<Option<_>>()?,
    })
}

fn millis(seconds: f64) -> Option<i64> {
    let millis = (seconds * 1e3).round();
    (millis.abs() < 9e15).then_some(millis as i64)
}

fn number(text: &str) -> Option<f64> {
    text.parse().ok()
}

/// A histogram in the buckets of [`SCHEMA`]: each goes where its upper bound is, or, where it is below 0, its mirror
/// image.
fn histogram(wire: &WireHistogram) -> Option<NativeHistogram> {
    let mut found = NativeHistogram {
        schema: SCHEMA,
        count: number(&wire.count)?,
        sum: number(&wire.sum)?,
        ..NativeHistogram::default()
    };
    for (_, lower, upper, count) in &wire.buckets {
        let (lower, upper, count) = (number(lower)?, number(upper)?, number(count)?);
        if lower <= 0.0 && upper >= 0.0 {
            found.zero_count += count;
            found.zero_threshold = found.zero_threshold.max(upper);
        } else if upper > 0.0 {
            add(&mut found.positive, index(upper)?, count);
        } else {
            add(&mut found.negative, index(-lower)?, count);
        }
    }
    Some(found)
}

/// The bucket whose upper bound is at least this one; a bound that is off by rounding is that bound.
fn index(bound: f64) -> Option<i32> {
    let place = bound.log2() * f64::from(1 << SCHEMA);
    if !place.is_finite() && bound > 0.0 {
        return Some(LAST_INDEX as i32);
    }
    let near = place.round();
    let place = if (place - near).abs() < 1e-6 { near } else { place.ceil() };
    (place.abs() <= LAST_INDEX + 100.0).then_some(place as i32)
}

fn add(buckets: &mut Vec<(i32, f64)>, index: i32, count: f64) {
    match buckets.binary_search_by_key(&index, |bucket| bucket.0) {
        Ok(place) => buckets[place].1 += count,
        Err(place) => buckets.insert(place, (index, count)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_and_histograms() {
        let text = br#"{"status":"success","data":{"resultType":"matrix","result":[
            {"metric":{"__name__":"a","b":"c"},"values":[[1.5,"2"],[2.5,"+Inf"]],
             "histograms":[[3,{"count":"10","sum":"5","buckets":[[1,"-2","-1","1"],[3,"-0.001","0.001","2"],
               [0,"0.9170040432046712","1","3"],[0,"1.0905077326652577","1.189207115002721","1"],
               [0,"1.2968395546510096","1.414213562373095","3"]]}]]}]},"warnings":["w"]}"#;
        let found = matrix(text).unwrap();
        assert_eq!(found.warnings, ["w"]);
        let series = &found.series[0];
        assert_eq!(series.labels.to_string(), r#"a{b="c"}"#);
        assert_eq!(series.floats, [(1_500, 2.0), (2_500, f64::INFINITY)]);
        let (time, histogram) = &series.histograms[0];
        assert_eq!((*time, histogram.count, histogram.zero_count), (3_000, 10.0, 2.0));
        assert_eq!(histogram.positive, [(0, 3.0), (1, 4.0)]);
        assert_eq!(histogram.negative, [(2, 1.0)]);
    }

    #[test]
    fn what_is_no_answer_says_so() {
        for (text, says) in [
            ("", "something else than a matrix"),
            ("<html>", "something else than a matrix"),
            (r#"{"status":"error","error":"boom"}"#, "boom"),
            (r#"{"status":"success"}"#, "no data"),
            (r#"{"status":"success","data":{"resultType":"vector","result":[]}}"#, "vector"),
            (
                r#"{"status":"success","data":{"resultType":"matrix","result":[{"values":[[1,"x"]]}]}}"#,
                "no number",
            ),
            (
                r#"{"status":"success","data":{"resultType":"matrix","result":[{"values":[[1e300,"1"]]}]}}"#,
                "no number",
            ),
        ] {
            let error = matrix(text.as_bytes()).unwrap_err();
            assert!(error.contains(says), "{text}: {error}");
        }
        assert_eq!(error(br#"{"status":"error","error":"boom"}"#).as_deref(), Some("boom"));
    }
}
