//! What goes on beside reading and writing: the head becomes blocks, small blocks become large ones, old ones go.
//!
//! [`plan`] says what is to be done next; a [`job`] does it a piece a call; [`retention`] removes what is old or too much.

mod downsample;
mod job;
mod plan;
mod retention;

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use crate::error::StoreError;
use crate::head::Head;
use crate::status::Maintenance;
use crate::store::{Inner, Store, lock};
use job::Job;

/// A day with which a job failed is tried again after this.
const LEFT_ALONE: i64 = 60_000;

/// A day that is tried again later.
struct FailedDay {
    /// Until when it is left alone.
    until: i64,
    /// What the disk said.
    error: String,
}

/// What maintenance knows from one call to the next.
pub(crate) struct Maintainer {
    /// The number of the next block.
    pub next_block: u64,
    /// When the head is next to become blocks.
    cut_at: i64,
    /// When a head became blocks, since the start.
    sealed_at: Option<i64>,
    job: Option<Job>,
    /// Days with which a job failed, until one is done: others are not to wait for a bad sector.
    failed: HashMap<i64, FailedDay>,
    /// Blocks have gone: there may be series to forget.
    blocks_gone: bool,
    /// Series from this number on were new when series were last forgotten: they may not have had a sample yet.
    new_from: u32,
}

impl Maintainer {
    /// After a start.
    pub fn new(next_block: u64, head: &Head, now: i64, span: i64) -> Self {
        let this = now.div_euclid(span).saturating_mul(span);
        let earliest = head.lock().bounds.map(|bounds| bounds.0);
        let overdue = earliest.is_some_and(|earliest| earliest < this);
        let cut_at = if overdue { now } else { this.saturating_add(span) };
        Self {
            next_block,
            cut_at,
            sealed_at: None,
            job: None,
            failed: HashMap::new(),
            blocks_gone: false,
            new_from: 0,
        }
    }

    fn number(&mut self) -> u64 {
        self.next_block += 1;
        self.next_block - 1
    }
}

impl Store {
    /// Does a bounded piece of what is to be done; call it about once a second, on a thread of its own. `now` is the
    /// time in milliseconds since the Unix epoch: samples much newer are refused, and older ones than the retention.
    ///
    /// # Errors
    /// When the disk failed. Nothing is lost; the next call tries again, or one a minute later where another day can be looked after.
    pub fn maintain(&self, now: i64) -> Result<Maintenance, StoreError> {
        let inner = &self.0;
        let mut maintainer = lock(&inner.maintainer);
        inner.now.store(now, Ordering::Relaxed);
        let result = inner.maintain(&mut maintainer, now);
        let latest = result.as_ref().err().map(ToString::to_string);
        let error =
            latest.or_else(|| maintainer.failed.values().next().map(|day| day.error.clone()));
        let mut before = lock(&inner.maintenance_error);
        if error.is_some() && *before != error {
            tracing::error!(error, "maintenance of the store failed; it is tried again");
        }
        *before = error;
        result
    }
}

impl Inner {
    fn maintain(&self, maintainer: &mut Maintainer, now: i64) -> Result<Maintenance, StoreError> {
        let mut done =
            Maintenance { expired: self.expire(maintainer, now), ..Maintenance::default() };
        self.cut(maintainer, now);
        if maintainer.job.is_none() {
            maintainer.job = self.plan(maintainer, now)?;
        }
        if let Some(job) = maintainer.job.take() {
            let day = job.day();
            let result = self.work(maintainer, job, &mut done);
            match (&result, day) {
                (Err(error), Some(day)) => {
                    let until = now.saturating_add(LEFT_ALONE);
                    maintainer.failed.insert(day, FailedDay { until, error: error.to_string() });
                }
                (Ok(()), Some(day)) if maintainer.job.is_none() => {
                    drop(maintainer.failed.remove(&day))
                }
                (Ok(()), None) if maintainer.job.is_none() => maintainer.sealed_at = Some(now),
                _ => {}
            }
            done.more = true;
            return result.map(|()| done);
        }
        if maintainer.blocks_gone {
            maintainer.blocks_gone = false;
            done.forgotten = self.forget(maintainer);
        }
        Ok(done)
    }

    /// A piece of a job. One that fails is dropped with its unfinished blocks, and planned anew later.
    fn work(
        &self,
        maintainer: &mut Maintainer,
        mut job: Job,
        done: &mut Maintenance,
    ) -> Result<(), StoreError> {
        let finished = job.step(self.options.maintenance_samples, self)?;
        maintainer.next_block = maintainer.next_block.max(job.next_number());
        if finished {
            return job.finish(self, done);
        }
        maintainer.job = Some(job);
        Ok(())
    }

    /// Begins a new head when it is time; the old one is to become blocks.
    fn cut(&self, maintainer: &mut Maintainer, now: i64) {
        let span = self.options.head_span_ms;
        // A clock that was set back must not make the head wait for what it said before.
        let due = now >= maintainer.cut_at || maintainer.cut_at.saturating_sub(now) > span;
        let view = self.view();
        let full = || view.active.lock().is_full(self.options.head_samples);
        if view.frozen.is_some() || !(due || full()) {
            return;
        }
        drop(view);
        maintainer.cut_at = now.div_euclid(span).saturating_add(1).saturating_mul(span);
        self.names.write().unwrap_or_else(PoisonError::into_inner).renew();
        // Nobody appends between the end of the old head and the beginning of the new one.
        let _appender = lock(&self.appender);
        self.change_view(|view| {
            if view.active.lock().samples == 0 {
                return;
            }
            let known_since = now.saturating_sub(self.options.out_of_order_ms.max(2 * span));
            let next = Arc::new(view.active.successor(known_since));
            view.frozen = Some(std::mem::replace(&mut view.active, next));
        });
    }
}
