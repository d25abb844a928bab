//! How the feeds of a service's replicas stand, and what that says to people.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use vigie_model::{Check, CheckState, Time};

use super::feed::Feed;
use crate::source::poller::check;

/// What was lost this long ago, in seconds, is still worth a warning.
const FRESH_LOSS_SECONDS: f64 = 900.0;

/// What became of the last attempt at a feed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) enum State {
    /// Not asked yet.
    #[default]
    Unasked,
    /// It is read.
    Reading,
    /// The replica has no such path.
    Absent,
    /// It cannot be read, or not kept; with what to do about it.
    Failing(String, Option<String>),
}

/// One feed of one replica.
#[derive(Debug, Clone, Default)]
pub(super) struct Standing {
    pub state: State,
    /// Entries that were read since Vigie's start.
    pub read: u64,
    /// Entries that could not be read.
    pub bad: u64,
    /// What was wrong with the first of the last page that had some.
    pub wrong: Option<String>,
    /// Entries that were gone before they could be read.
    pub missed: u64,
    /// Times that another process answered than the one that was read before.
    pub renewed: u64,
    /// When something was last bad or missed.
    pub lost_at: Option<Time>,
}

/// All feeds of all replicas that are read, by feed and address.
#[derive(Debug, Default)]
pub(super) struct Standings(Mutex<BTreeMap<(Feed, String), Standing>>);

impl Standings {
    pub(super) fn change(&self, feed: Feed, address: &str, with: impl FnOnce(&mut Standing)) {
        with(self.known().entry((feed, address.to_owned())).or_default());
    }

    /// A replica that is no longer there has no feeds.
    pub(super) fn forget(&self, address: &str) {
        self.known().retain(|(_, known), _| known != address);
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<(Feed, String), Standing>> {
        // A panic elsewhere cannot leave a map half-changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The line of the checklist about one feed.
    pub(super) fn check(&self, feed: Feed, now: Time) -> Check {
        let known = self.known();
        let all = || known.iter().filter(|((of, _), _)| *of == feed);
        let count = |state: fn(&State) -> bool| all().filter(|(_, one)| state(&one.state)).count();
        let reading = count(|state| *state == State::Reading);
        let absent = count(|state| *state == State::Absent);
        let unasked = count(|state| *state == State::Unasked);
        let replicas = all().count();
        let word = feed.word();
        if replicas == unasked {
            return check(word, CheckState::Unknown, "nobody was asked yet", None);
        }
        if replicas == absent + unasked {
            let detail = format!("no replica has /api/v1/{word} (HTTP 404)");
            let fix = "docs/go-api.md says what to serve; sdk/go serves it".to_owned();
            return check(word, CheckState::Missing, detail, Some(fix));
        }
        let sum = |figure: fn(&Standing) -> u64| all().map(|(_, one)| figure(one)).sum::<u64>();
        let (read, bad, missed) = (sum(|one| one.read), sum(|one| one.bad), sum(|one| one.missed));
        let what = if read == 1 { feed.one() } else { feed.several() };
        let mut detail = format!("{read} {what} of {reading} of {replicas} replicas");
        if absent > 0 {
            detail.push_str(&format!("; {absent} have no /api/v1/{word}"));
        }
        if missed > 0 {
            detail.push_str(&format!("; {missed} were gone before they could be read"));
        }
        let renewed = sum(|one| one.renewed);
        if renewed > 0 {
            detail.push_str(&format!("; {renewed} times another process answered"));
        }
        let wrong = all().find_map(|(_, one)| one.wrong.as_ref());
        if let Some(wrong) = wrong.filter(|_| bad > 0) {
            detail.push_str(&format!("; {bad} could not be read, for example: {wrong}"));
        }
        let failing = all().find_map(|(_, one)| match &one.state {
            State::Failing(fault, hint) => Some((fault, hint.clone())),
            _ => None,
        });
        if let Some((fault, hint)) = failing {
            detail.push_str(&format!("; {fault}"));
            let fix = hint.unwrap_or_else(|| fault.clone());
            return check(word, CheckState::Warning, detail, Some(fix));
        }
        let fresh =
            |one: &Standing| one.lost_at.is_some_and(|at| now.since(at) <= FRESH_LOSS_SECONDS);
        if !all().any(|(_, one)| fresh(one)) {
            return check(word, CheckState::Ok, detail, None);
        }
        let fix = if missed > 0 {
            "give the service a larger ring: LogEntries, LogBytes, Events or Jobs of vigie.Options"
        } else {
            "docs/go-api.md says what an entry looks like"
        };
        check(word, CheckState::Warning, detail, Some(fix.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checklist_says_what_is_read_what_is_absent_and_what_was_lost() {
        let (standings, now) = (Standings::default(), Time::from_seconds(10_000));
        let said = |feed| standings.check(feed, now);
        assert_eq!(said(Feed::Logs).state, CheckState::Unknown);
        for address in ["a:1", "b:1"] {
            standings.change(Feed::Events, address, |one| one.state = State::Absent);
        }
        assert_eq!(said(Feed::Events).state, CheckState::Missing);
        standings.change(Feed::Logs, "a:1", |one| {
            (one.state, one.read) = (State::Reading, 7);
        });
        assert_eq!(said(Feed::Logs).detail, "7 log entries of 1 of 1 replicas");
        standings.change(Feed::Logs, "a:1", |one| {
            (one.missed, one.lost_at) = (3, Some(now + -901.0));
        });
        assert_eq!(said(Feed::Logs).state, CheckState::Ok, "that is long ago");
        standings.change(Feed::Logs, "a:1", |one| one.lost_at = Some(now));
        let lost = said(Feed::Logs);
        assert_eq!(lost.state, CheckState::Warning);
        assert!(lost.detail.contains("; 3 were gone before") && lost.fix.unwrap().contains("ring"));
        let fault = State::Failing("a:1: no answer".to_owned(), Some("do this".to_owned()));
        standings.change(Feed::Logs, "b:1", |one| one.state = fault);
        let failing = said(Feed::Logs);
        assert!(failing.detail.ends_with("; a:1: no answer"), "{}", failing.detail);
        assert_eq!(failing.fix.as_deref(), Some("do this"));
        standings.forget("b:1");
        assert_eq!(said(Feed::Logs).fix, lost_fix());
    }

    fn lost_fix() -> Option<String> {
        Some(
            "give the service a larger ring: LogEntries, LogBytes, Events or Jobs of vigie.Options"
                .to_owned(),
        )
    }
}
