//! Which workflows should have been started by their schedules, and were not. Pure.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use serde_json::{Map, Value};
use vigie_model::{
    Check, CheckState, LogEntry, Name, Schedule, SourceName, Time, event_from_object,
};

use super::decode::{Execution, Workflow};
use super::schedule::{self, Rule};
use crate::source::poller::check;

/// So many seconds late is an event: an execution is on its way through the queue and the API for a while.
const LATE: f64 = 60.0;
/// A workflow that is late is asked about so often, in seconds.
const ASKED_EVERY: f64 = 10.0;
/// What the API said of a workflow that is late holds for so many seconds; after that nobody knows whether it ran meanwhile.
const HOLDS: f64 = 120.0;
/// Workflows of which it is remembered that they are late.
const TOLD: usize = 300;
/// How n8n says that a trigger has started an execution; others are no proof that the schedule works.
const BY_TRIGGER: &str = "trigger";

/// The workflows with schedules.
#[derive(Debug)]
pub(super) struct Timetable {
    zone: Result<TimeZone, String>,
    planned: BTreeMap<String, Planned>,
    /// Workflows whose schedule or time zone cannot be read.
    unreadable: Vec<String>,
    /// Workflows of which no execution that ends well is kept: nobody knows whether they ran.
    unkept: usize,
    /// Some execution that ended well was listed: n8n keeps them.
    keeps: bool,
}

#[derive(Debug)]
struct Planned {
    name: Name,
    rules: Vec<Rule>,
    zone: TimeZone,
    /// When it was turned on or changed: nothing before that is missing.
    from: Time,
    last: Option<Time>,
    asked: Option<Time>,
}

fn zone(name: &str) -> Result<TimeZone, String> {
    TimeZone::get(name).map_err(|_| name.to_owned())
}

impl Timetable {
    /// `zone` is n8n's own.
    pub fn new(name: &str) -> Self {
        Self {
            zone: zone(name),
            planned: BTreeMap::new(),
            unreadable: Vec::new(),
            unkept: 0,
            keeps: false,
        }
    }

    /// Takes in the workflows as they are now.
    pub fn plan(&mut self, workflows: &[Workflow]) {
        let mut before = std::mem::take(&mut self.planned);
        self.unreadable.clear();
        self.unkept = 0;
        for one in workflows.iter().filter(|one| one.active && !one.is_archived) {
            let rules = schedule::rules(one);
            if rules.as_ref().is_some_and(Vec::is_empty) {
                continue;
            }
            if !one.keeps_successes() {
                self.unkept += 1;
                continue;
            }
            let zone = one.timezone().map_or_else(|| self.zone.clone(), zone);
            let (Some(rules), Ok(zone), Some(from)) = (rules, zone, one.updated()) else {
                self.unreadable.push(one.name.clone());
                continue;
            };
            let known = before.remove(&one.id);
            let (last, asked) = known.map_or((None, None), |known| (known.last, known.asked));
            let name = Name::from(one.name.as_str());
            self.planned.insert(one.id.clone(), Planned { name, rules, zone, from, last, asked });
        }
    }

    /// Takes in executions.
    pub fn ran<'a>(&mut self, executions: impl IntoIterator<Item = &'a Execution>) {
        for one in executions {
            self.keeps |= one.status.as_deref() == Some("success");
            let Some(planned) = self.planned.get_mut(&one.workflow_id) else { continue };
            if one.mode.as_deref() == Some(BY_TRIGGER) {
                planned.last = planned.last.max(one.started());
            }
        }
    }

    /// Workflows that seem to be late: their own executions are to be asked for, before anybody is woken.
    pub fn doubtful(&self, now: Time, most: usize) -> Vec<String> {
        let late = self.planned.iter().filter(|(_, one)| {
            one.overdue(now) > 0.0 && one.asked.is_none_or(|asked| now.since(asked) >= ASKED_EVERY)
        });
        let mut late: Vec<(Option<Time>, &String)> =
            late.map(|(id, one)| (one.asked, id)).collect();
        late.sort();
        late.into_iter().map(|(_, id)| id.clone()).take(most).collect()
    }

    /// The newest executions of one workflow, as they were asked for.
    pub fn asked(&mut self, id: &str, executions: &[Execution], now: Time) {
        self.ran(executions);
        if let Some(planned) = self.planned.get_mut(id) {
            planned.asked = Some(now);
        }
    }

    /// Every schedule. One that seems late and was not asked about yet is not called so.
    pub fn schedules(&self, now: Time) -> Vec<Schedule> {
        let schedule = |(id, one): (&String, &Planned)| Schedule {
            id: Name::from(id.as_str()),
            name: one.name.clone(),
            overdue: self.overdue(one, now),
        };
        self.planned.iter().map(schedule).collect()
    }

    fn overdue(&self, one: &Planned, now: Time) -> Option<f64> {
        let late = one.overdue(now);
        // Where nobody has ever seen an execution that ended well, n8n may keep none.
        let keeps = self.keeps || one.last.is_some();
        let asked = one.asked.is_some_and(|asked| now.since(asked) <= HOLDS.min(late));
        (late == 0.0 || (keeps && asked)).then_some(late)
    }

    /// An event for each workflow that is late and was not, and for each that was and is not; `told` are those of which it was
    /// said.
    pub fn events(&self, told: &mut Vec<String>, source: &SourceName, now: Time) -> Vec<LogEntry> {
        let mut events = Vec::new();
        for (id, one) in &self.planned {
            let was = told.contains(id);
            let mut seconds = None;
            let (kind, severity, message) = match self.overdue(one, now) {
                Some(late) if late >= LATE && !was && told.len() < TOLD => {
                    told.push(id.clone());
                    seconds = Some(late.round());
                    let message = format!(
                        "{} should have run by its schedule {late:.0} s ago and has not",
                        one.name
                    );
                    ("workflow_overdue", "warning", message)
                }
                Some(0.0) if was => {
                    told.retain(|other| other != id);
                    ("workflow_on_time", "ok", format!("{} runs by its schedule again", one.name))
                }
                _ => continue,
            };
            let fields = [("workflowId", id.as_str()), ("workflow", one.name.as_str())];
            let mut fields: Map<String, Value> =
                fields.into_iter().map(|(key, text)| (key.to_owned(), text.into())).collect();
            // For whoever says the message in another language.
            fields.extend(seconds.map(|late| ("late_seconds".to_owned(), late.into())));
            // A subject is short; the whole name is among the fields.
            let subject: String = one.name.as_str().chars().take(16).collect();
            let mut map = Map::new();
            for (key, text) in [
                ("type", kind),
                ("severity", severity),
                ("subject", &subject),
                ("message", &message),
            ] {
                map.insert(key.to_owned(), text.into());
            }
            map.insert("fields".to_owned(), fields.into());
            events.extend(event_from_object(map, source.as_str(), now));
        }
        // Those that are no longer there, or off, are not late any more.
        told.retain(|id| self.planned.contains_key(id));
        events
    }

    /// What is known of the schedules, for people.
    pub fn check(&self) -> Check {
        let mut detail = match self.planned.len() {
            1 => "1 workflow is started by schedules that are watched".to_owned(),
            many => format!("{many} workflows are started by schedules that are watched"),
        };
        let fix = match &self.zone {
            Err(name) => Some(format!(
                "the time zone {name} is not known to this machine: install tzdata, or set timezone to n8n's GENERIC_TIMEZONE"
            )),
            Ok(_) if self.unkept > 0 => Some(
                "EXECUTIONS_DATA_SAVE_ON_SUCCESS=all, and the same in the settings of each workflow, lets Vigie see that it ran"
                    .to_owned(),
            ),
            Ok(_) => None,
        };
        if self.unkept > 0 {
            detail.push_str(&format!(
                "; {} keep no executions that end well, so nobody knows",
                self.unkept
            ));
        }
        if !self.unreadable.is_empty() {
            let some: Vec<&str> = self.unreadable.iter().take(3).map(String::as_str).collect();
            let count = self.unreadable.len();
            detail.push_str(&format!(
                "; the schedules of {count} cannot be read ({})",
                some.join(", ")
            ));
        }
        let well = fix.is_none() && self.unreadable.is_empty();
        check("schedules", if well { CheckState::Ok } else { CheckState::Warning }, detail, fix)
    }
}

impl Planned {
    /// Seconds since the first start that is missing; 0 while none is.
    fn overdue(&self, now: Time) -> f64 {
        // A run from before it was changed says nothing about the schedule that it has now.
        let last = self.last.filter(|last| *last >= self.from);
        let due = schedule::due(&self.rules, &self.zone, last.unwrap_or(self.from), last.is_some());
        due.map_or(0.0, |due| now.age(due))
    }
}
