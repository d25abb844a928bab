//! Executions as jobs where there is no queue to listen to: what the public API lists at one look, and at the next. Pure.

use std::collections::{BTreeMap, VecDeque};

use vigie_model::{ActiveJob, JobEvent, JobFact, Name, Outcome, Time};

use super::decode::Execution;

/// Ended executions that are remembered, so that none is told twice.
const REMEMBERED: usize = 2_000;
/// Running ones that are listed of a queue.
const LISTED: usize = 20;
/// Running ones that are followed.
const FOLLOWED: usize = 1_000;

/// What is known from one look to the next.
#[derive(Debug, Default)]
pub(super) struct Executions {
    running: BTreeMap<String, Run>,
    ended: VecDeque<String>,
    begun: bool,
}

#[derive(Debug)]
struct Run {
    workflow: String,
    started: Option<Time>,
    /// It has waited in between: what it took says nothing about how long it ran.
    waited: bool,
}

/// What a look brought.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Told {
    /// What happened to jobs, at the time of the look.
    pub events: Vec<JobEvent>,
    /// Those that run, the longest first.
    pub active: Vec<ActiveJob>,
    /// Some may have come and gone unseen.
    pub gap: bool,
    /// Those that ran and are in neither list now: to be asked for by their ids.
    pub vanished: Vec<String>,
}

/// How an execution ended; `None` while it has not.
pub(super) fn outcome(status: Option<&str>) -> Option<Outcome> {
    match status? {
        "success" => Some(Outcome::Succeeded),
        "error" | "crashed" | "canceled" => Some(Outcome::Failed),
        _ => None,
    }
}

impl Executions {
    /// Takes in the newest executions that ended or wait, and those that run. The first look is where it starts from.
    pub fn look(
        &mut self,
        listed: &[Execution],
        running: &[Execution],
        name: impl Fn(&str) -> Name,
        now: Time,
    ) -> Told {
        let mut told = Told::default();
        let known = |own: &Self, one: &Execution| {
            own.ended.contains(&one.id) || own.running.contains_key(&one.id)
        };
        told.gap = self.begun && listed.len() >= 100 && !listed.iter().any(|one| known(self, one));
        for one in running {
            self.begins(one, &name, now, &mut told);
        }
        // The oldest first, as they happened.
        for one in listed.iter().rev() {
            match outcome(one.status.as_deref()) {
                Some(outcome) => self.ends(one, outcome, &name, now, &mut told),
                None if one.status.as_deref() == Some("waiting") => {
                    self.begins(one, &name, now, &mut told);
                    if let Some(run) = self.running.get_mut(&one.id) {
                        run.waited = true;
                    }
                }
                None => {}
            }
        }
        let there = |id: &String| running.iter().chain(listed).any(|one| one.id == *id);
        told.vanished = self.running.keys().filter(|id| !there(id)).take(LISTED).cloned().collect();
        let mut active: Vec<ActiveJob> = running.iter().map(|one| active(one, &name)).collect();
        active.sort_by_key(|job| (job.since.is_none(), job.since));
        active.truncate(LISTED);
        told.active = active;
        if !std::mem::replace(&mut self.begun, true) {
            told.events.clear();
        }
        told
    }

    /// Takes in one that had vanished, or that it is no longer there.
    pub fn found(
        &mut self,
        id: &str,
        one: Option<&Execution>,
        name: impl Fn(&str) -> Name,
        now: Time,
    ) -> Vec<JobEvent> {
        let mut told = Told::default();
        match one.map(|one| (one, outcome(one.status.as_deref()))) {
            Some((one, Some(outcome))) => self.ends(one, outcome, &name, now, &mut told),
            // It runs or waits, somewhere behind the first page.
            Some((_, None)) => {}
            // It was not kept: how it ended nobody knows.
            None => drop(self.running.remove(id)),
        }
        told.events
    }

    fn begins(
        &mut self,
        one: &Execution,
        name: &impl Fn(&str) -> Name,
        now: Time,
        told: &mut Told,
    ) {
        let new = !self.running.contains_key(&one.id) && !self.ended.contains(&one.id);
        if !new || self.running.len() >= FOLLOWED {
            return;
        }
        let run = Run { workflow: one.workflow_id.clone(), started: one.started(), waited: false };
        let job_type = Some(name(&run.workflow));
        self.running.insert(one.id.clone(), run);
        for fact in [JobFact::Enqueued, JobFact::Started { wait: None }] {
            told.events.push(JobEvent { at: now, job_type: job_type.clone(), fact });
        }
    }

    fn ends(
        &mut self,
        one: &Execution,
        outcome: Outcome,
        name: &impl Fn(&str) -> Name,
        now: Time,
        told: &mut Told,
    ) {
        if self.ended.contains(&one.id) {
            return;
        }
        self.begins(one, name, now, told);
        let run = self.running.remove(&one.id);
        let waited = run.as_ref().is_some_and(|run| run.waited);
        let started = one.started().or_else(|| run.and_then(|run| run.started));
        let took = one.stopped().zip(started).map(|(stopped, started)| stopped.age(started));
        let fact = JobFact::Finished { outcome, wait: None, run: took.filter(|_| !waited) };
        told.events.push(JobEvent { at: now, job_type: Some(name(&one.workflow_id)), fact });
        if self.ended.len() >= REMEMBERED {
            self.ended.pop_front();
        }
        self.ended.push_back(one.id.clone());
    }
}

fn active(one: &Execution, name: &impl Fn(&str) -> Name) -> ActiveJob {
    ActiveJob {
        id: Name::from(one.id.as_str()),
        job_type: Some(name(&one.workflow_id)),
        since: one.started(),
        worker: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::n8n::decode::{Page, list};

    fn read(text: &str) -> Vec<Execution> {
        let page: Page<Execution> = list(text.as_bytes()).unwrap();
        page.data
    }

    fn one(id: u32, status: &str, seconds: Option<u32>) -> String {
        let stopped =
            seconds.map_or("null".to_owned(), |s| format!("\"2026-11-23T14:00:{s:02}.000Z\""));
        format!(
            r#"{{"id":"{id}","workflowId":"w","status":"{status}","mode":"trigger",
                 "startedAt":"2026-11-23T14:00:00.000Z","stoppedAt":{stopped}}}"#
        )
    }

    fn page(all: &[String]) -> Vec<Execution> {
        read(&format!(r#"{{"data":[{}],"nextCursor":null}}"#, all.join(",")))
    }

    fn facts(events: &[JobEvent]) -> Vec<JobFact> {
        events.iter().map(|event| event.fact).collect()
    }

    fn name(id: &str) -> Name {
        Name::from(format!("name of {id}").as_str())
    }

    const NOW: Time = Time::from_seconds(1_795_442_500);

    #[test]
    fn what_ended_before_the_first_look_is_no_news() {
        let mut known = Executions::default();
        let told = known.look(
            &page(&[one(2, "error", Some(9))]),
            &page(&[one(3, "running", None)]),
            name,
            NOW,
        );
        assert!(told.events.is_empty() && told.active.len() == 1 && told.vanished.is_empty());
        let told = known.look(
            &page(&[one(3, "success", Some(7)), one(2, "error", Some(9))]),
            &[],
            name,
            NOW,
        );
        let done = JobFact::Finished { outcome: Outcome::Succeeded, wait: None, run: Some(7.0) };
        assert_eq!(facts(&told.events), [done]);
        assert_eq!(told.events[0].job_type.as_ref().unwrap().as_str(), "name of w");
        assert!(known.look(&page(&[one(3, "success", Some(7))]), &[], name, NOW).events.is_empty());
    }

    #[test]
    fn one_that_came_and_went_between_two_looks_is_whole() {
        let mut known = Executions::default();
        known.look(&[], &[], name, NOW);
        let told = known.look(&page(&[one(1, "crashed", Some(4))]), &[], name, NOW);
        let failed = JobFact::Finished { outcome: Outcome::Failed, wait: None, run: Some(4.0) };
        assert_eq!(
            facts(&told.events),
            [JobFact::Enqueued, JobFact::Started { wait: None }, failed]
        );
    }

    #[test]
    fn one_that_waits_has_not_ended_and_its_run_is_not_known() {
        let mut known = Executions::default();
        known.look(&[], &page(&[one(1, "running", None)]), name, NOW);
        assert!(known.look(&page(&[one(1, "waiting", Some(1))]), &[], name, NOW).events.is_empty());
        let told = known.look(&page(&[one(1, "success", Some(50))]), &[], name, NOW);
        let done = JobFact::Finished { outcome: Outcome::Succeeded, wait: None, run: None };
        assert_eq!(facts(&told.events), [done]);
    }

    #[test]
    fn one_that_is_in_neither_list_is_asked_for() {
        let mut known = Executions::default();
        known.look(&[], &page(&[one(1, "running", None), one(2, "running", None)]), name, NOW);
        let told = known.look(&[], &[], name, NOW);
        assert_eq!(told.vanished, ["1", "2"]);
        let ended = page(&[one(1, "success", Some(3))]);
        assert_eq!(known.found("1", Some(&ended[0]), name, NOW).len(), 1);
        assert!(known.found("2", None, name, NOW).is_empty(), "nobody knows how it ended");
        assert!(known.look(&[], &[], name, NOW).vanished.is_empty());
    }

    #[test]
    fn a_whole_page_of_strangers_says_that_some_were_missed() {
        let mut known = Executions::default();
        let many = |from: u32| {
            page(
                &(from..from + 100).rev().map(|id| one(id, "success", Some(1))).collect::<Vec<_>>(),
            )
        };
        assert!(!known.look(&many(0), &[], name, NOW).gap);
        assert!(!known.look(&many(50), &[], name, NOW).gap);
        assert!(known.look(&many(300), &[], name, NOW).gap);
    }
}
