//! `{"status":"success","data":…}` for answers of any size: small ones whole, large ones in pieces made as the client
//! takes them, so that the text is never held as a whole.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use tokio::sync::OwnedSemaphorePermit;
use vigie_model::Labels;
use vigie_query::{Annotations, Answer, InstantSample, QueryValue, RangeSeries, SampleValue};

use super::histogram_json::histogram;
use super::number::{float, seconds, string};

/// A piece is sent once it has this many bytes.
const PIECE: usize = 64 * 1024;
/// As many warnings and infos are told, each; Prometheus has the same limit.
const TOLD: usize = 10;

/// An answer whose data are small: `write` appends them.
pub(super) fn success(write: impl FnOnce(&mut Vec<u8>)) -> Response {
    success_with(write, &Annotations::default())
}

/// Such an answer, with warnings.
pub(super) fn success_with(
    write: impl FnOnce(&mut Vec<u8>),
    annotations: &Annotations,
) -> Response {
    let mut out = b"{\"status\":\"success\",\"data\":".to_vec();
    write(&mut out);
    annotated(&mut out, annotations);
    json(Body::from(out))
}

/// An answer whose data serde writes.
pub(super) fn success_of(data: &impl serde::Serialize) -> Response {
    success(|out| {
        serde_json::to_writer(out, data)
            .expect("a vector takes every write, and our shapes have text keys");
    })
}

fn json(body: Body) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

fn annotated(out: &mut Vec<u8>, annotations: &Annotations) {
    for (name, kind, told) in
        [("warnings", "warning", &annotations.warnings), ("infos", "info", &annotations.infos)]
    {
        if told.is_empty() {
            continue;
        }
        out.extend_from_slice(format!(",\"{name}\":").as_bytes());
        let left = told.len().saturating_sub(TOLD);
        let more = (left > 0).then(|| format!("{left} more {kind} annotations omitted"));
        list(out, told.iter().take(TOLD).chain(&more), |out, text| string(out, text));
    }
    out.push(b'}');
}

/// Appends a JSON list.
pub(crate) fn list<T>(
    out: &mut Vec<u8>,
    items: impl IntoIterator<Item = T>,
    mut write: impl FnMut(&mut Vec<u8>, T),
) {
    out.push(b'[');
    for (place, item) in items.into_iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        write(out, item);
    }
    out.push(b']');
}

/// Appends labels as a JSON object.
pub(crate) fn labels(out: &mut Vec<u8>, labels: &Labels) {
    out.push(b'{');
    for (place, label) in labels.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        string(out, &label.name);
        out.push(b':');
        string(out, &label.value);
    }
    out.push(b'}');
}

/// The answer of a query. `stats` is its JSON where it was asked for. `permit`, the query's place among those that
/// run, is given back once the last piece was taken, or after `send_within`: what is held in memory stays counted.
pub(super) fn answer(
    answer: Answer,
    stats: Option<Vec<u8>>,
    permit: OwnedSemaphorePermit,
    send_within: Duration,
) -> Response {
    let mut text = AnswerText::new(answer, stats);
    let first = text.piece().unwrap_or_default();
    if text.part == Part::Nothing {
        return json(Body::from(first));
    }
    let rest = stream::iter(std::iter::from_fn(move || text.piece()));
    let pieces = stream::iter([first]).chain(rest);
    let deadline = Box::pin(tokio::time::sleep(send_within));
    let held = pieces.take_until(deadline).map(move |piece| {
        let _ = &permit;
        Ok::<Bytes, Infallible>(piece)
    });
    json(Body::from_stream(held))
}

/// What of an answer is to be written next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Head,
    Value,
    Tail,
    Nothing,
}

/// An answer that is being written.
struct AnswerText {
    value: QueryValue,
    annotations: Annotations,
    stats: Option<Vec<u8>>,
    part: Part,
    /// The next element of a vector or matrix.
    element: usize,
    /// The labels of that series are written: a piece may end right behind them.
    labelled: bool,
    /// The next point of that series: its floats, then its histograms.
    point: usize,
}

impl AnswerText {
    fn new(answer: Answer, stats: Option<Vec<u8>>) -> Self {
        let Answer { value, annotations, .. } = answer;
        Self { value, annotations, stats, part: Part::Head, element: 0, labelled: false, point: 0 }
    }

    /// About as many bytes as are still to be written, with room for what numbers mostly take.
    fn about(&self) -> usize {
        const POINT: usize = 28;
        const SERIES: usize = 256;
        match (&self.value, self.part) {
            (_, Part::Tail | Part::Nothing) => SERIES,
            (QueryValue::Scalar(..) | QueryValue::Text(..), _) => SERIES,
            (QueryValue::Vector(list), _) => SERIES + list.len().saturating_mul(SERIES),
            (QueryValue::Matrix(list), _) => {
                let left = list.iter().skip(self.element).take(PIECE / SERIES);
                SERIES + left.map(|series| SERIES + POINT * series.floats.len()).sum::<usize>()
            }
        }
    }

    /// The next piece; `None` after the last.
    fn piece(&mut self) -> Option<Bytes> {
        let mut out = Vec::with_capacity(self.about().min(PIECE + PIECE / 16));
        while self.part != Part::Nothing && out.len() < PIECE {
            match self.part {
                Part::Head => {
                    let kind = match self.value {
                        QueryValue::Scalar(..) => "scalar",
                        QueryValue::Text(..) => "string",
                        QueryValue::Vector(_) => "vector",
                        QueryValue::Matrix(_) => "matrix",
                    };
                    let head = "{\"status\":\"success\",\"data\":{\"resultType\":";
                    out.extend_from_slice(format!("{head}\"{kind}\",\"result\":[").as_bytes());
                    self.part = Part::Value;
                }
                Part::Value => self.value(&mut out),
                Part::Tail => {
                    out.push(b']');
                    if let Some(stats) = &self.stats {
                        out.extend_from_slice(b",\"stats\":");
                        out.extend_from_slice(stats);
                    }
                    out.push(b'}');
                    annotated(&mut out, &self.annotations);
                    self.part = Part::Nothing;
                }
                Part::Nothing => {}
            }
        }
        (!out.is_empty()).then(|| out.into())
    }

    fn value(&mut self, out: &mut Vec<u8>) {
        let done = match &mut self.value {
            QueryValue::Scalar(time, value) => {
                seconds(out, *time);
                out.push(b',');
                float(out, *value);
                true
            }
            QueryValue::Text(time, value) => {
                seconds(out, *time);
                out.push(b',');
                string(out, value);
                true
            }
            QueryValue::Vector(samples) => {
                while out.len() < PIECE
                    && let Some(sample) = samples.get(self.element)
                {
                    if self.element > 0 {
                        out.push(b',');
                    }
                    instant(out, sample);
                    self.element += 1;
                }
                self.element == samples.len()
            }
            QueryValue::Matrix(list) => {
                while out.len() < PIECE
                    && let Some(series) = list.get_mut(self.element)
                {
                    if !std::mem::replace(&mut self.labelled, true) {
                        out.extend_from_slice(if self.element > 0 {
                            b",{\"metric\":"
                        } else {
                            b"{\"metric\":"
                        });
                        labels(out, &series.labels);
                    }
                    points(out, series, &mut self.point);
                    if self.point == series.floats.len() + series.histograms.len() {
                        out.push(b'}');
                        // What was written is not needed any more.
                        *series = RangeSeries::default();
                        (self.element, self.point) = (self.element + 1, 0);
                        self.labelled = false;
                    }
                }
                self.element == list.len()
            }
        };
        if done {
            self.part = Part::Tail;
        }
    }
}

fn instant(out: &mut Vec<u8>, sample: &InstantSample) {
    out.extend_from_slice(b"{\"metric\":");
    labels(out, &sample.labels);
    match &sample.value {
        SampleValue::Float(value) => {
            out.extend_from_slice(b",\"value\":[");
            seconds(out, sample.time);
            out.push(b',');
            float(out, *value);
        }
        SampleValue::Histogram(value) => {
            out.extend_from_slice(b",\"histogram\":[");
            seconds(out, sample.time);
            out.push(b',');
            histogram(out, value);
        }
    }
    out.extend_from_slice(b"]}");
}

/// Appends points from `next` on until the piece is full or the series ends.
fn points(out: &mut Vec<u8>, series: &RangeSeries, next: &mut usize) {
    while out.len() < PIECE
        && let Some((time, value)) = series.floats.get(*next)
    {
        out.extend_from_slice(if *next == 0 { b",\"values\":[[" } else { b",[" });
        seconds(out, *time);
        out.push(b',');
        float(out, *value);
        out.push(b']');
        *next += 1;
        if *next == series.floats.len() {
            out.push(b']');
        }
    }
    while out.len() < PIECE
        && let Some(place) = next.checked_sub(series.floats.len())
        && let Some((time, value)) = series.histograms.get(place)
    {
        out.extend_from_slice(if place == 0 { b",\"histograms\":[[" } else { b",[" });
        seconds(out, *time);
        out.push(b',');
        histogram(out, value);
        out.push(b']');
        *next += 1;
        if place + 1 == series.histograms.len() {
            out.push(b']');
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};
    use vigie_model::NativeHistogram;
    use vigie_query::Stats;

    use super::*;

    fn pieces(value: QueryValue, annotations: Annotations) -> Vec<Bytes> {
        let answer = Answer { value, annotations, stats: Stats::default() };
        let mut text = AnswerText::new(answer, None);
        std::iter::from_fn(|| text.piece()).collect()
    }

    fn text(value: QueryValue) -> String {
        let all = pieces(value, Annotations::default()).concat();
        String::from_utf8(all).unwrap()
    }

    #[test]
    fn a_piece_may_end_anywhere() {
        // The seam moves by a byte a time over a series of about 60 bytes.
        for shift in 0..80 {
            let series = |place: usize| RangeSeries {
                labels: Labels::from_pairs([(
                    "queue",
                    "x".repeat(if place == 0 { 100 + shift } else { 20 }),
                )]),
                floats: vec![(place as i64, 1.0)],
                histograms: vec![],
            };
            let all = QueryValue::Matrix((0..1_500).map(series).collect());
            let read: Value = serde_json::from_str(&text(all)).unwrap();
            let result = read["data"]["result"].as_array().unwrap();
            assert_eq!(result.len(), 1_500);
            assert!(result.iter().all(|one| one["values"].as_array().unwrap().len() == 1));
        }
    }

    #[test]
    fn each_type_has_prometheus_shape() {
        let up = Labels::from_pairs([("__name__", "up"), ("job", "a\"b")]);
        let histogram = Arc::new(NativeHistogram::default());
        for (value, expected) in [
            (QueryValue::Scalar(1_500, f64::NAN), r#""scalar","result":[1.500,"NaN"]"#),
            (QueryValue::Text(0, "é\n".to_owned()), r#""string","result":[0,"é\n"]"#),
            (QueryValue::Vector(vec![]), r#""vector","result":[]"#),
            (QueryValue::Matrix(vec![]), r#""matrix","result":[]"#),
            (
                QueryValue::Vector(vec![
                    InstantSample {
                        labels: up.clone(),
                        time: 1_000,
                        value: SampleValue::Float(2.5),
                    },
                    InstantSample {
                        labels: Labels::default(),
                        time: 1_000,
                        value: SampleValue::Histogram(Arc::clone(&histogram)),
                    },
                ]),
                r#""vector","result":[{"metric":{"__name__":"up","job":"a\"b"},"value":[1,"2.5"]},{"metric":{},"histogram":[1,{"count":"0","sum":"0"}]}]"#,
            ),
            (
                QueryValue::Matrix(vec![
                    RangeSeries {
                        labels: up,
                        floats: vec![(1_000, 1.0), (2_000, f64::INFINITY)],
                        histograms: vec![(3_000, histogram)],
                    },
                    RangeSeries { floats: vec![(0, 0.0)], ..RangeSeries::default() },
                ]),
                r#""matrix","result":[{"metric":{"__name__":"up","job":"a\"b"},"values":[[1,"1"],[2,"+Inf"]],"histograms":[[3,{"count":"0","sum":"0"}]]},{"metric":{},"values":[[0,"0"]]}]"#,
            ),
        ] {
            let expected =
                format!("{{\"status\":\"success\",\"data\":{{\"resultType\":{expected}}}}}");
            assert_eq!(text(value), expected);
        }
    }

    #[test]
    fn large_answers_come_in_pieces_that_make_one_text() {
        let series = |length: i64, offset: i64| RangeSeries {
            labels: Labels::from_pairs([("n", offset.to_string())]),
            floats: (0..length).map(|step| (step * 15_000 + offset, step as f64 / 3.0)).collect(),
            histograms: vec![],
        };
        let list: Vec<_> = (0..40).map(|place| series(1_000 - place * 25, place)).collect();
        let points: usize = list.iter().map(|one| one.floats.len()).sum();
        let pieces = pieces(QueryValue::Matrix(list), Annotations::default());
        assert!(pieces.len() > 5 && pieces.iter().all(|piece| piece.len() < PIECE + 1_024));
        let whole: Value = serde_json::from_slice(&pieces.concat()).unwrap();
        let result = whole["data"]["result"].as_array().unwrap();
        let read: usize = result.iter().map(|one| one["values"].as_array().unwrap().len()).sum();
        assert_eq!((result.len(), read), (40, points));
        assert_eq!(result[39]["values"][24], json!([360.039, "8"]));
    }

    #[test]
    fn no_more_than_ten_warnings_are_told() {
        let annotations = Annotations {
            warnings: (0..13).map(|number| format!("w{number:02}")).collect(),
            infos: vec!["i".to_owned()],
        };
        let whole = pieces(QueryValue::Vector(vec![]), annotations).concat();
        let whole: Value = serde_json::from_slice(&whole).unwrap();
        let warnings = whole["warnings"].as_array().unwrap();
        assert_eq!(
            (warnings.len(), &warnings[10]),
            (11, &json!("3 more warning annotations omitted"))
        );
        assert_eq!(whole["infos"], json!(["i"]));
    }
}
