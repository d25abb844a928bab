use proptest::prelude::*;

use super::*;
use crate::STALE_BITS;
use crate::codec::histogram::testing::any_histogram;
use crate::read::Samples;

fn any_float() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<u64>().prop_map(f64::from_bits),
        (-1000i32..1000).prop_map(f64::from),
        (-1_000_000i32..1_000_000).prop_map(|value| f64::from(value) / 1000.0),
        Just(f64::from_bits(STALE_BITS)),
        Just(-0.0),
        Just(1e15),
        Just(0.123_456_789),
    ]
}

fn read(series: &HeadSeries, extent: Extent) -> Samples {
    let mut merged = Merged::default();
    let all = TimeRange { start: i64::MIN, end: i64::MAX };
    series.read(extent, all, &mut merged).unwrap();
    merged.finish()
}

proptest! {
    #[test]
    fn floats_come_back_bit_for_bit(
        steps in prop::collection::vec((1i64..100_000, any_float()), 0..200),
    ) {
        let mut series = HeadSeries::default();
        let (mut time, mut expected) = (1_795_348_800_000, Vec::new());
        for (step, value) in steps {
            time += step;
            prop_assert_eq!(series.append(time, &Value::Float(value), 0), Ok(Verdict::Kept));
            expected.push((time, value.to_bits()));
        }
        let found = read(&series, Extent::ALL);
        let bits = found.floats.iter().map(|value| value.to_bits());
        prop_assert_eq!(found.float_times.iter().copied().zip(bits).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn histograms_and_floats_share_a_series(
        values in prop::collection::vec(prop_oneof![
            any_histogram().prop_map(|one| Value::Histogram(Arc::new(one))),
            any_float().prop_map(Value::Float),
        ], 1..20),
    ) {
        let mut series = HeadSeries::default();
        for (time, value) in (0..).zip(&values) {
            series.append(time, value, 0).unwrap();
            prop_assert_eq!(series.append(time, value, 0), Ok(Verdict::Repeated));
        }
        for (time, value) in (0..).zip(&values).take(values.len() - 1) {
            prop_assert!(series.at(time).unwrap().unwrap().same(value));
        }
        prop_assert_eq!(series.bounds(), Some((0, values.len() as i64 - 1)));
    }
}

fn float(value: f64) -> Value {
    Value::Float(value)
}

#[test]
fn repetitions_conflicts_and_the_window() {
    let mut series = HeadSeries::default();
    let mut append = |time, value| series.append(time, &float(value), 50).unwrap();
    assert_eq!(append(100, 1.0), Verdict::Kept);
    assert_eq!(append(100, 1.0), Verdict::Repeated);
    assert_eq!(append(100, 2.0), Verdict::Conflict);
    assert_eq!(append(200, 2.0), Verdict::Kept);
    assert_eq!(append(100, 1.0), Verdict::Repeated, "in the chunk, older than the window");
    assert_eq!(append(100, 3.0), Verdict::Conflict);
    assert_eq!(append(160, 3.0), Verdict::KeptOutOfOrder);
    assert_eq!(append(160, 3.0), Verdict::Repeated);
    assert_eq!(append(160, 4.0), Verdict::Conflict);
    assert_eq!(append(149, 4.0), Verdict::TooOld);
    assert_eq!(read(&series, Extent::ALL).float_times, [100, 160, 200]);
}

#[test]
fn what_comes_later_is_not_in_an_extent() {
    let mut series = HeadSeries::default();
    series.append(1, &float(1.0), 50).unwrap();
    let extent = series.extent();
    series.append(3, &float(1.0), 50).unwrap();
    series.append(2, &float(1.0), 50).unwrap();
    assert_eq!(read(&series, extent).float_times, [1]);
}

#[test]
fn a_gauge_and_a_counter_take_a_byte_or_two_a_sample() {
    let mut series = HeadSeries::default();
    for n in 0..180i64 {
        series.append(n * 10_000, &float((n * 7 % 60) as f64 / 10.0), 0).unwrap();
    }
    assert!(series.floats.bytes.len() < 300, "{}", series.floats.bytes.len());
}

#[test]
fn the_successor_knows_the_newest() {
    let mut series = HeadSeries::default();
    series.append(100, &float(1.0), 0).unwrap();
    assert!(series.successor(101).is_none());
    let mut next = series.successor(100).unwrap();
    assert!(next.is_empty());
    assert_eq!(next.append(100, &float(1.0), 0), Ok(Verdict::Repeated));
    assert_eq!(next.append(90, &float(1.0), 0), Ok(Verdict::TooOld));
    assert_eq!(next.append(90, &float(1.0), 10), Ok(Verdict::KeptOutOfOrder));
    assert_eq!(next.bounds(), Some((90, 90)));
}
