//! Whether a difference is really the known one: the question is put in another way, in which what makes the peer answer
//! otherwise is gone, or made Vigie's as well. An excuse that names a function alone would hide what else is wrong with it.

use std::collections::BTreeMap;
use std::ops::Range;

use vigie_query::{QueryValue, RangeSeries, SampleValue};

use crate::difference::{Difference, rounded};
use crate::functions::DATES;
use crate::oracle::Oracle;
use crate::outcome::{Outcome, Question, Strictness, When, ask_vigie, compare};
use crate::report::Case;

/// Values alone: another question has other annotations.
const VALUES: Strictness = Strictness { annotations: false, order: false, tolerance: 1e-9 };

/// Whether the other way to ask says that it is this difference; those that need none are told by their case alone.
pub fn confirms(difference: Difference, case: &Case, three: &mut Oracle) -> bool {
    let Case { storage, question, vigie, peer, .. } = case;
    let with = |text: String| Question { text, when: question.when };
    match difference {
        // Step by step the peer answers as Vigie does for all steps together.
        Difference::ParameterNotFixed => same(vigie, &step_by_step(question, three)),
        // All that there is differs in the last digit of a label only.
        Difference::LastDigitAsLabel => {
            let all = within(&question.text, "limit_ratio", |inner| {
                inner
                    .split_once(", ")
                    .map_or(inner.to_owned(), |(_, vector)| format!("1, {vector}"))
            });
            let question = with(all);
            same(&rounded(&ask_vigie(storage, &question)), &rounded(&three.ask(&question)))
        }
        // Within a subquery, of one step, it decodes them.
        Difference::StatisticsWithoutBuckets => {
            let how = Strictness { annotations: true, ..VALUES };
            moments(question).into_iter().all(|moment| {
                let text = &moment.text;
                let wrapped = [text.clone(), format!("vector({text})")].map(|text| Question {
                    text: format!("last_over_time(({text})[1ms:1ms])"),
                    when: moment.when,
                });
                let good = wrapped.iter().find_map(|one| Some((one, three.ask(one).ok()?)));
                good.is_some_and(|(one, theirs)| {
                    compare(&ask_vigie(storage, one), &Ok(theirs), how).is_ok()
                })
            })
        }
        // Without the offset Vigie answers as the peer does with it.
        Difference::TimestampWithoutOffset => {
            let without = within(&question.text, "timestamp", without_offset);
            same(&ask_vigie(storage, &with(without)), peer)
        }
        // Of finite numbers both make the same dates.
        Difference::DateOfNotFinite => {
            let finite = DATES.iter().fold(question.text.clone(), |text, name| {
                within(&text, name, |argument| match argument.trim() {
                    "" => String::new(),
                    given => format!("({given}) > -Inf < Inf"),
                })
            });
            let question = with(finite);
            same(&ask_vigie(storage, &question), &three.ask(&question))
        }
        // Each quantile by itself is the peer's as well.
        Difference::QuantilesOfEqualBounds => {
            let text = calls(&question.text, "histogram_quantiles").into_iter().rev().fold(
                question.text.clone(),
                |mut text, inner| {
                    if let Some(each) = one_by_one(&text[inner.clone()]) {
                        let start = inner.start - "histogram_quantiles(".len();
                        text.replace_range(start..inner.end + 1, &each);
                    }
                    text
                },
            );
            same(vigie, &three.ask(&with(text)))
        }
        _ => true,
    }
}

fn same(one: &Outcome, other: &Outcome) -> bool {
    compare(one, other, VALUES).is_ok()
}

/// What is within the parentheses of each call of a function, in the order of their beginnings.
fn calls(text: &str, name: &str) -> Vec<Range<usize>> {
    let call = format!("{name}(");
    let begins = text.match_indices(&call).filter(|(place, _)| {
        let before = text[..*place].chars().next_back();
        before.is_none_or(|before| !before.is_alphanumeric() && before != '_')
    });
    begins
        .filter_map(|(place, found)| {
            let start = place + found.len();
            Some(start..start + closing(&text[start..])?)
        })
        .collect()
}

/// Where the parenthesis ends in which `text` begins.
fn closing(text: &str) -> Option<usize> {
    let (mut depth, mut quote, mut escaped) = (0, None, false);
    for (place, letter) in text.char_indices() {
        match (quote, letter) {
            (Some(_), _) if escaped => escaped = false,
            (Some(open), '\\') => escaped = open != '`',
            (Some(open), _) => quote = quote.filter(|_| letter != open),
            (None, '"' | '\'' | '`') => quote = Some(letter),
            (None, '(') => depth += 1,
            (None, ')') if depth == 0 => return Some(place),
            (None, ')') => depth -= 1,
            _ => {}
        }
    }
    None
}

/// With what is within the parentheses of each call of a function changed, inner calls first.
fn within(text: &str, name: &str, change: impl Fn(&str) -> String) -> String {
    let mut text = text.to_owned();
    for number in (0..calls(&text, name).len()).rev() {
        let Some(inner) = calls(&text, name).into_iter().nth(number) else { continue };
        let changed = change(&text[inner.clone()]);
        text.replace_range(inner, &changed);
    }
    text
}

/// A selector with `@` without its offset; all else as it is.
fn without_offset(selector: &str) -> String {
    let Some((before, after)) = selector.split_once(" offset ").filter(|_| selector.contains('@'))
    else {
        return selector.to_owned();
    };
    let rest = after.find(" @").map_or("", |place| &after[place..]);
    format!("{before}{rest}")
}

/// `histogram_quantiles` of several as several of one.
fn one_by_one(inner: &str) -> Option<String> {
    let (vector, quantiles) = inner.split_once(", \"q\", ")?;
    let each = quantiles
        .split(", ")
        .map(|quantile| format!("histogram_quantiles({vector}, \"q\", {quantile})"));
    Some(format!("({})", each.collect::<Vec<_>>().join(" or ")))
}

/// A question for each step: a subquery of a millisecond's step over all of them would have as many as there are milliseconds.
fn moments(question: &Question) -> Vec<Question> {
    let When::Range { start, end, step } = question.when else { return vec![question.clone()] };
    let seconds = |millis: i64| format!("{}", millis as f64 / 1e3);
    let text = question
        .text
        .replace("start()", &seconds(start))
        .replace("end()", &seconds(end))
        .replace("range()", &seconds(end - start))
        .replace("step()", &seconds(step));
    let moment = |time| Question { text: text.clone(), when: When::Instant(time) };
    (start..=end).step_by(step as usize).map(moment).collect()
}

/// The answer for all steps, of questions for one each.
fn step_by_step(question: &Question, three: &mut Oracle) -> Outcome {
    let mut all: BTreeMap<_, RangeSeries> = BTreeMap::new();
    let mut notes = None;
    for moment in moments(question) {
        let (value, more) = three.ask(&moment)?;
        let samples = match value {
            QueryValue::Vector(samples) => samples,
            QueryValue::Scalar(time, value) => vec![vigie_query::InstantSample {
                labels: vigie_model::Labels::default(),
                time,
                value: SampleValue::Float(value),
            }],
            _ => Vec::new(),
        };
        for one in samples {
            let labels = one.labels.clone();
            let series = all
                .entry(one.labels)
                .or_insert_with(|| RangeSeries { labels, ..RangeSeries::default() });
            match one.value {
                SampleValue::Float(value) => series.floats.push((one.time, value)),
                SampleValue::Histogram(value) => series.histograms.push((one.time, value)),
            }
        }
        notes.get_or_insert(more);
    }
    Ok((QueryValue::Matrix(all.into_values().collect()), notes.unwrap_or_default()))
}

#[test]
fn questions_are_put_in_another_way() {
    let text = "sum(timestamp(up{a=\")\"} @ 5 offset -(30s)) + my_timestamp(x @ 1 offset 1m))";
    assert_eq!(
        within(text, "timestamp", without_offset),
        "sum(timestamp(up{a=\")\"} @ 5) + my_timestamp(x @ 1 offset 1m))"
    );
    assert_eq!(without_offset("up offset step() @ start()"), "up @ start()");
    assert_eq!(without_offset("up offset 5m"), "up offset 5m");
    assert_eq!(
        within("hour(hour(x))", "hour", |inner| format!("{inner} > 0")),
        "hour(hour(x > 0) > 0)"
    );
    assert_eq!(
        one_by_one("sum(x), \"q\", 0, 1").unwrap(),
        "(histogram_quantiles(sum(x), \"q\", 0) or histogram_quantiles(sum(x), \"q\", 1))"
    );
}
