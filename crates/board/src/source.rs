//! What is known of one source.

use vigie_model::{PollCost, PollReport, SourceFault, SourceName, Time};

use crate::board::SourceSettings;

/// Everything about one source.
#[derive(Debug)]
pub(crate) struct SourceState {
    pub settings: SourceSettings,
    /// The newest report, good or bad.
    pub report: Option<PollReport>,
    /// The newest good poll.
    pub good: Option<(Time, PollCost)>,
    /// Since when it is up, or down.
    pub since: Option<Time>,
    pub polls_succeeded: u64,
    pub polls_failed: u64,
}

impl SourceState {
    pub(crate) fn new(settings: SourceSettings) -> Self {
        Self {
            settings,
            report: None,
            good: None,
            since: None,
            polls_succeeded: 0,
            polls_failed: 0,
        }
    }

    /// Takes in a report. Returns whether the source went from down (or unknown) to up, or the other way.
    pub(crate) fn polled(&mut self, report: PollReport) -> bool {
        let up = report.outcome.is_ok();
        let turned = self.report.as_ref().is_none_or(|last| last.outcome.is_ok() != up);
        if turned {
            self.since = Some(report.at);
        }
        match &report.outcome {
            Ok(cost) => {
                self.good = Some((report.at, *cost));
                self.polls_succeeded += 1;
            }
            Err(_) => self.polls_failed += 1,
        }
        self.report = Some(report);
        turned
    }

    pub(crate) fn fault(&self) -> Option<&SourceFault> {
        self.report.as_ref().and_then(|report| report.outcome.as_ref().err())
    }

    /// Whether what this source said is no longer true enough: the last poll failed, or the next is overdue.
    pub(crate) fn stale(&self, now: Time) -> bool {
        self.fault().is_some() || self.good.is_some_and(|(at, _)| now.age(at) > self.overdue())
    }

    /// Whether what this source told at a time of its instances is no longer true enough: a poll that fails because nobody answers
    /// tells of each that it is down.
    pub(crate) fn stale_instances(&self, told: Option<Time>, now: Time) -> bool {
        let failing = self.report.as_ref().filter(|report| report.outcome.is_err());
        match failing {
            Some(report) if told == Some(report.at) => now.age(report.at) > self.overdue(),
            _ => self.stale(now),
        }
    }

    /// Seconds after which the next poll is overdue.
    fn overdue(&self) -> f64 {
        self.settings.poll_interval_seconds * 1.5 + 0.5
    }

    pub(crate) fn view(&self, now: Time) -> SourceView<'_> {
        SourceView {
            settings: &self.settings,
            report: self.report.as_ref(),
            good: self.good,
            since: self.since,
            up: self.good.is_some() && !self.stale(now),
            stale: self.stale(now),
            age_seconds: self.good.map(|(at, _)| now.age(at)),
            polls_succeeded: self.polls_succeeded,
            polls_failed: self.polls_failed,
        }
    }
}

/// A source as it is now.
#[derive(Debug, Clone, Copy)]
pub struct SourceView<'a> {
    /// What the configuration says of it.
    pub settings: &'a SourceSettings,
    /// The newest report; `None` before the first poll ended.
    pub report: Option<&'a PollReport>,
    /// When the newest good poll ended, and what it cost.
    pub good: Option<(Time, PollCost)>,
    /// Since when it is up, or down.
    pub since: Option<Time>,
    /// The last poll succeeded and is recent.
    pub up: bool,
    /// What it said is no longer true enough to be shown as true.
    pub stale: bool,
    /// Seconds since the newest good poll.
    pub age_seconds: Option<f64>,
    /// Good polls since the start.
    pub polls_succeeded: u64,
    /// Failed polls since the start.
    pub polls_failed: u64,
}

impl SourceView<'_> {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &SourceName {
        &self.settings.name
    }

    /// Why it is down, in words.
    #[must_use]
    pub fn error(&self) -> Option<String> {
        let report = self.report?;
        match &report.outcome {
            Err(fault) => Some(fault.error.clone()),
            Ok(_) if self.stale => Some("no answer to the poll in time".to_owned()),
            Ok(_) => None,
        }
    }

    /// What to do about it, where that is known.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        self.report?.outcome.as_ref().err()?.hint.as_deref()
    }
}
