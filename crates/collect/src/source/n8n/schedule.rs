//! When a workflow should run next: n8n's schedule triggers as times. Pure; all times are those of the workflow's time zone.

use jiff::civil::{Date, DateTime, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use serde_json::Value;
use vigie_model::Time;

use super::decode::Workflow;

const SCHEDULE_TRIGGER: &str = "n8n-nodes-base.scheduleTrigger";
/// Days that are looked through for the next run: a rule without one in that time is no schedule to wait for.
const DAYS: i32 = 400;
/// Rules of one workflow.
const MAX_RULES: usize = 50;
const MINUTE: f64 = 60.0;
const HOUR: f64 = 3_600.0;
const DAY: f64 = 86_400.0;

/// One rule of a schedule trigger.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Rule {
    when: Cron,
    /// It skips runs that come sooner than this after the last one, in seconds: every third day, every second week.
    apart: Option<f64>,
    /// The latest start after the time that `when` says, in seconds: n8n spreads its schedules over the minute.
    spread: f64,
}

/// Times as cron writes them, as bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cron {
    seconds: u64,
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    /// Both the day of the month and that of the week are restricted: either is enough.
    either: bool,
}

const ALL_MINUTES: u64 = (1 << 60) - 1;
const ALL_HOURS: u64 = (1 << 24) - 1;
const ALL_DAYS: u64 = ((1 << 31) - 1) << 1;
const ALL_MONTHS: u64 = ((1 << 12) - 1) << 1;
const ALL_WEEKDAYS: u64 = (1 << 7) - 1;

/// The rules by which a workflow is started, as far as they can be read: `None` when one cannot, for then nobody knows when it
/// should run; empty when it has none.
pub(super) fn rules(workflow: &Workflow) -> Option<Vec<Rule>> {
    let triggers =
        workflow.nodes().iter().filter(|node| node.kind == SCHEDULE_TRIGGER && !node.disabled);
    let mut rules = Vec::new();
    for node in triggers {
        match node.parameters.rule.get("interval") {
            // What the editor begins with and does not write down: every day.
            None | Some(Value::Null) => rules.push(rule(&Value::Null)?),
            Some(Value::Array(intervals)) => {
                for interval in intervals {
                    rules.push(rule(interval)?);
                }
            }
            Some(_) => return None,
        }
    }
    (rules.len() <= MAX_RULES).then_some(rules)
}

/// One interval of a schedule trigger; what is absent has n8n's default.
fn rule(interval: &Value) -> Option<Rule> {
    let number = |key: &str, usual: u64| match interval.get(key) {
        None | Some(Value::Null) => Some(usual),
        Some(value) => value.as_u64(),
    };
    let every =
        |key: &str, usual: u64, most: u64| number(key, usual).filter(|n| (1..=most).contains(n));
    let minute = bit(number("triggerAtMinute", 0)?, 59);
    let hour = bit(number("triggerAtHour", 0)?, 23);
    let base = Cron {
        seconds: 1,
        minutes: minute?,
        hours: ALL_HOURS,
        days: ALL_DAYS,
        months: ALL_MONTHS,
        weekdays: ALL_WEEKDAYS,
        either: false,
    };
    let daily = Cron { hours: hour?, ..base };
    let rule = |when: Cron, apart: Option<f64>| Some(Rule { when, apart, spread: MINUTE });
    let apart = |n: u64, unit: f64| (n > 1).then_some(n as f64 * unit - HOUR);
    match interval.get("field").and_then(Value::as_str).unwrap_or("days") {
        "seconds" => {
            let seconds = steps(every("secondsInterval", 30, 59)?, 60);
            let when = Cron { seconds, minutes: ALL_MINUTES, ..base };
            Some(Rule { when, apart: None, spread: 0.0 })
        }
        "minutes" => {
            let minutes = steps(every("minutesInterval", 5, 59)?, 60);
            rule(Cron { minutes, ..base }, None)
        }
        "hours" => {
            let n = every("hoursInterval", 1, 23)?;
            rule(
                Cron { hours: steps(n, 24), ..base },
                apart(n, HOUR).map(|least| least + HOUR / 2.0),
            )
        }
        "days" => rule(daily, apart(every("daysInterval", 1, 31)?, DAY)),
        "weeks" => {
            let n = every("weeksInterval", 1, 520)?;
            let weekdays = match interval.get("triggerAtDay") {
                None | Some(Value::Null) => 1,
                Some(Value::Array(days)) if days.is_empty() => ALL_WEEKDAYS,
                Some(Value::Array(days)) => {
                    let mut bits = 0;
                    for day in days {
                        bits |= bit(day.as_u64()? % 7, 6)?;
                    }
                    bits
                }
                Some(_) => return None,
            };
            rule(Cron { weekdays, ..daily }, apart(n, 7.0 * DAY))
        }
        "months" => {
            let n = every("monthsInterval", 1, 120)?;
            let days = bit(number("triggerAtDayOfMonth", 1)?, 31)?;
            let months = if n <= 12 { steps(n, 12) << 1 } else { 2 };
            // The longest that so many months may be: rather late than a false alarm.
            rule(Cron { days, months, ..daily }, apart(n, 28.0 * DAY))
        }
        "cronExpression" => {
            let text = interval.get("expression").and_then(Value::as_str)?;
            Some(Rule { when: Cron::parse(text)?, apart: None, spread: 0.0 })
        }
        _ => None,
    }
}

fn bit(number: u64, most: u64) -> Option<u64> {
    (number <= most).then(|| 1 << number)
}

/// Every `n`th of so many.
fn steps(n: u64, of: u64) -> u64 {
    (0..of).step_by(n as usize).fold(0, |bits, number| bits | 1 << number)
}

impl Cron {
    /// Five fields, or six with seconds before them.
    fn parse(text: &str) -> Option<Self> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        let (seconds, rest) = match fields.as_slice() {
            [_, _, _, _, _] => ("0", &fields[..]),
            [seconds, rest @ ..] if rest.len() == 5 => (*seconds, rest),
            _ => return None,
        };
        let restricted = |field: &str| !matches!(field, "*" | "?");
        Some(Self {
            seconds: field(seconds, 0, 59, &[])?,
            minutes: field(rest[0], 0, 59, &[])?,
            hours: field(rest[1], 0, 23, &[])?,
            days: field(rest[2], 1, 31, &[])?,
            months: field(rest[3], 1, 12, &MONTHS)?,
            // 7 is Sunday, too.
            weekdays: field(rest[4], 0, 7, &WEEKDAYS)
                .map(|bits| (bits | bits >> 7) & ALL_WEEKDAYS)?,
            either: restricted(rest[2]) && restricted(rest[4]),
        })
    }

    fn on(&self, date: Date) -> bool {
        let (day, weekday) = (date.day() as u64, weekday(date.weekday()));
        let (of_month, of_week) = (self.days >> day & 1 == 1, self.weekdays >> weekday & 1 == 1);
        let fits = if self.either { of_month || of_week } else { of_month && of_week };
        fits && self.months >> (date.month() as u64) & 1 == 1
    }

    /// The first time after `after`.
    fn next(&self, after: DateTime) -> Option<DateTime> {
        let mut date = after.date();
        let mut from = (after.hour() as u32, after.minute() as u32, after.second() as u32 + 1);
        for _ in 0..DAYS {
            if self.on(date)
                && let Some((hour, minute, second)) = self.time_from(from)
            {
                return Some(date.at(hour as i8, minute as i8, second as i8, 0));
            }
            from = (0, 0, 0);
            date = date.checked_add(1.day()).ok()?;
        }
        None
    }

    /// The first time of a day that is not before this one; seconds may be 60.
    fn time_from(&self, (hour, minute, second): (u32, u32, u32)) -> Option<(u32, u32, u32)> {
        let first = |bits: u64, from: u32| {
            (from < 64)
                .then(|| bits >> from << from)
                .filter(|bits| *bits != 0)
                .map(u64::trailing_zeros)
        };
        let on_hour = self.hours >> hour & 1 == 1;
        let on_minute = on_hour && self.minutes >> minute & 1 == 1;
        if on_minute && let Some(second) = first(self.seconds, second) {
            return Some((hour, minute, second));
        }
        let second = first(self.seconds, 0)?;
        if on_hour && let Some(minute) = first(self.minutes, minute + 1) {
            return Some((hour, minute, second));
        }
        Some((first(self.hours, hour + 1)?, first(self.minutes, 0)?, second))
    }
}

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

fn weekday(day: Weekday) -> u64 {
    u64::from(day.to_sunday_zero_offset().unsigned_abs())
}

/// One field: `*`, numbers or names, ranges, lists and steps.
fn field(text: &str, least: u64, most: u64, names: &[&str]) -> Option<u64> {
    let number = |text: &str| {
        let lower = text.to_ascii_lowercase();
        let named = names.iter().position(|name| *name == lower);
        // Names of months count from 1, those of weekdays from 0.
        let number = named.map_or_else(|| text.parse().ok(), |place| Some(place as u64 + least))?;
        (least..=most).contains(&number).then_some(number)
    };
    let mut bits = 0;
    for part in text.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => {
                (range, Some(step.parse::<usize>().ok().filter(|step| *step > 0)?))
            }
            None => (part, None),
        };
        let (from, to) = match range.split_once('-') {
            _ if matches!(range, "*" | "?") => (least, most),
            Some((from, to)) => (number(from)?, number(to)?),
            None if step.is_some() => (number(range)?, most),
            None => (number(range)?, number(range)?),
        };
        if from > to {
            return None;
        }
        bits |= (from..=to).step_by(step.unwrap_or(1)).fold(0, |bits, one| bits | 1 << one);
    }
    Some(bits)
}

/// When a workflow should have begun to run at the latest, the first time after `last`, its last start or, where it never ran,
/// the moment it was turned on. `None`: never, or it cannot be said.
pub(super) fn due(rules: &[Rule], zone: &TimeZone, last: Time, has_run: bool) -> Option<Time> {
    rules.iter().filter_map(|rule| next(rule, zone, last, has_run)).min()
}

fn next(rule: &Rule, zone: &TimeZone, last: Time, has_run: bool) -> Option<Time> {
    let mut after = last;
    if let Some(apart) = rule.apart.filter(|_| has_run) {
        after = after + apart;
    }
    let local = zone.to_datetime(Timestamp::from_microsecond(after.micros()).ok()?);
    let mut at = rule.when.next(local)?;
    // The last start belongs to the time before it, however late in its minute it came.
    if has_run && rule.spread > 0.0 && rule.apart.is_none() && same_minute(local, at) {
        at = rule.when.next(at)?;
    }
    // A time that the clocks skip comes with the hour after it.
    let due = zone.to_ambiguous_timestamp(at).compatible().ok()?;
    Some(Time::from_micros(due.as_microsecond()) + rule.spread)
}

fn same_minute(one: DateTime, other: DateTime) -> bool {
    one.date() == other.date() && one.hour() == other.hour() && one.minute() == other.minute()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::n8n::decode::{Page, list};
    use proptest::prelude::*;

    fn workflow(interval: &str) -> Workflow {
        let body = format!(
            r#"{{"data":[{{"id":"w","name":"Nightly","active":true,"nodes":[
                {{"type":"n8n-nodes-base.scheduleTrigger","parameters":{{"rule":{{"interval":[{interval}]}}}}}}]}}]}}"#
        );
        let page: Page<Workflow> = list(body.as_bytes()).unwrap();
        page.data.into_iter().next().unwrap()
    }

    fn zone(hours: i8) -> TimeZone {
        TimeZone::fixed(jiff::tz::offset(hours))
    }

    fn time(text: &str) -> Time {
        let time: Timestamp = text.parse().unwrap();
        Time::from_micros(time.as_microsecond())
    }

    fn next_of(interval: &str, last: &str) -> String {
        let rules = rules(&workflow(interval)).unwrap();
        let due = due(&rules, &zone(0), time(last), true).unwrap();
        Timestamp::from_microsecond(due.micros()).unwrap().to_string()
    }

    #[test]
    fn the_intervals_of_the_editor() {
        // 2026-11-23 is a Monday. Where n8n spreads over the minute, the latest start is a minute later.
        for (interval, last, due) in [
            (
                r#"{"field":"seconds","secondsInterval":20}"#,
                "2026-11-23T14:00:21Z",
                "2026-11-23T14:00:40Z",
            ),
            (
                r#"{"field":"minutes","minutesInterval":5}"#,
                "2026-11-23T14:05:42Z",
                "2026-11-23T14:11:00Z",
            ),
            (r#"{"field":"minutes"}"#, "2026-11-23T14:59:00Z", "2026-11-23T15:01:00Z"),
            (
                r#"{"field":"hours","triggerAtMinute":15}"#,
                "2026-11-23T14:15:33Z",
                "2026-11-23T15:16:00Z",
            ),
            (
                r#"{"field":"hours","hoursInterval":6}"#,
                "2026-11-23T12:00:33Z",
                "2026-11-23T18:01:00Z",
            ),
            (r#"{}"#, "2026-11-23T00:00:07Z", "2026-11-24T00:01:00Z"),
            (
                r#"{"field":"days","daysInterval":3,"triggerAtHour":6}"#,
                "2026-11-23T06:00:10Z",
                "2026-11-26T06:01:00Z",
            ),
            (
                r#"{"field":"weeks","triggerAtDay":[1,5],"triggerAtHour":9}"#,
                "2026-11-23T09:00:01Z",
                "2026-11-27T09:01:00Z",
            ),
            (
                r#"{"field":"months","triggerAtDayOfMonth":31}"#,
                "2026-10-31T00:00:05Z",
                "2026-12-31T00:01:00Z",
            ),
            (
                r#"{"field":"cronExpression","expression":"*/10 8-17 * * MON-FRI"}"#,
                "2026-11-20T17:50:00Z",
                "2026-11-23T08:00:00Z",
            ),
            (
                r#"{"field":"cronExpression","expression":"30 0 0 1 jan ?"}"#,
                "2026-11-20T17:50:00Z",
                "2027-01-01T00:00:30Z",
            ),
            (
                r#"{"field":"cronExpression","expression":"0 12 13 * 5"}"#,
                "2026-11-23T17:50:00Z",
                "2026-11-27T12:00:00Z",
            ),
        ] {
            assert_eq!(next_of(interval, last), due, "{interval}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_no_reason_for_an_alarm() {
        for interval in [
            r#"{"field":"minutes","minutesInterval":0}"#,
            r#"{"field":"minutes","minutesInterval":"={{ $json.n }}"}"#,
            r#"{"field":"fortnights"}"#,
            r#"{"field":"cronExpression","expression":"@daily please"}"#,
            r#"{"field":"cronExpression","expression":"60 * * * *"}"#,
            r#"{"field":"cronExpression","expression":"5-1 * * * *"}"#,
            r#"{"field":"cronExpression","expression":"*/0 * * * *"}"#,
            r#"{"field":"weeks","triggerAtDay":["monday"]}"#,
        ] {
            assert_eq!(rules(&workflow(interval)), None, "{interval}");
        }
        // The thirtieth of February never comes.
        let never = r#"{"field":"cronExpression","expression":"0 0 30 2 *"}"#;
        let rules = rules(&workflow(never)).unwrap();
        assert_eq!(due(&rules, &zone(0), time("2026-11-23T00:00:00Z"), true), None);
    }

    #[test]
    fn times_are_those_of_the_zone() {
        let rules = rules(&workflow(r#"{"triggerAtHour":8}"#)).unwrap();
        let at = |hours| due(&rules, &zone(hours), time("2026-11-23T00:00:00Z"), false).unwrap();
        assert_eq!(at(0), time("2026-11-23T08:01:00Z"));
        assert_eq!(at(2), time("2026-11-23T06:01:00Z"));
        assert_eq!(at(-5), time("2026-11-23T13:01:00Z"));
    }

    proptest! {
        #[test]
        fn the_next_time_is_later_and_fits(
            fields in proptest::collection::vec("[0-9*,/-]{1,6}", 5..7),
            seconds in 1_700_000_000_i64..1_900_000_000,
        ) {
            let text = fields.join(" ");
            if let Some(cron) = Cron::parse(&text) {
                let from = TimeZone::UTC.to_datetime(Timestamp::from_second(seconds).unwrap());
                if let Some(next) = cron.next(from) {
                    prop_assert!(next > from, "{text}: {next} after {from}");
                    prop_assert!(cron.on(next.date()));
                    prop_assert_eq!(cron.minutes >> next.minute() & 1, 1);
                    prop_assert_eq!(cron.hours >> next.hour() & 1, 1);
                    prop_assert_eq!(cron.seconds >> next.second() & 1, 1);
                }
            }
        }
    }
}
