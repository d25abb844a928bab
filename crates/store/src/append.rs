//! Writing samples: into the head at once, acknowledged when they are on the disk.

use std::sync::atomic::Ordering;
use std::sync::mpsc;

use crate::codec::histogram;
use crate::error::AppendError;
use crate::head::Verdict;
use crate::sample::{Appended, Sample, Value};
use crate::store::{Inner, Store, count, lock};
use crate::wal::queue::Done;
use crate::wal::record;

impl Store {
    /// Appends samples, in the order given. Queries see those that are accepted at once; `done` is called when they are
    /// on the disk (several appends share one sync), or when the disk did not take them. It is called on the store's own
    /// thread, so it must be quick and must not wait for the store.
    ///
    /// What is refused is counted in the answer and in [`crate::StoreStatus::refused`]; the others are taken.
    pub fn append(
        &self,
        samples: Vec<Sample>,
        done: impl FnOnce(Result<Appended, AppendError>) + Send + 'static,
    ) {
        self.0.append(samples, Box::new(done));
    }

    /// As [`Self::append`], and waits.
    ///
    /// # Errors
    /// When the disk did not take the samples, or so much waits for it that they were not taken at all.
    pub fn append_wait(&self, samples: Vec<Sample>) -> Result<Appended, AppendError> {
        let (send, receive) = mpsc::channel();
        self.append(samples, move |result| {
            // The receiver waits below.
            let _ = send.send(result);
        });
        receive.recv().unwrap_or(Err(AppendError::Closed))
    }
}

impl Inner {
    fn append(&self, samples: Vec<Sample>, done: Done) {
        let mut appender = lock(&self.appender);
        if let Some(error) = self.wal.full() {
            drop(appender);
            count(&self.figures.backlog, samples.len());
            return done(Err(error));
        }
        let now = self.now.load(Ordering::Relaxed);
        let oldest = now.saturating_sub(self.options.raw_retention());
        let newest = now.saturating_add(self.options.future_ms);
        let head = self.view().active;
        let mut content = head.lock();
        let mut appended = Appended::default();
        let appender = &mut *appender;
        appender.scratch.clear();
        for Sample { series, time, value } in samples {
            let refused = if appender.forgotten.contains(series.0) {
                &mut appended.unknown
            } else if time < oldest {
                &mut appended.too_old
            } else if time > newest {
                &mut appended.too_new
            } else {
                let value = match value {
                    Value::Histogram(value) => Value::Histogram(histogram::normal(value)),
                    float @ Value::Float(_) => float,
                };
                let window = self.options.out_of_order_ms;
                match content.append(series.0, time, &value, window) {
                    Ok(verdict @ (Verdict::Kept | Verdict::KeptOutOfOrder)) => {
                        appended.accepted += 1;
                        appended.out_of_order += usize::from(verdict == Verdict::KeptOutOfOrder);
                        appender.scratch.push((series.0, time, value));
                        continue;
                    }
                    Ok(Verdict::Repeated) => {
                        appended.accepted += 1;
                        appended.repeated += 1;
                        continue;
                    }
                    Ok(Verdict::TooOld) => &mut appended.too_old,
                    Ok(Verdict::Conflict) | Err(_) => &mut appended.duplicates,
                }
            };
            *refused += 1;
        }
        self.tell(&appended);
        let put = |out: &mut Vec<u8>| {
            for part in record::parts(&appender.scratch) {
                record::put(out, head.generation, part);
            }
        };
        self.wal.append(head.generation, put, appended, done);
        drop(content);
    }

    fn tell(&self, appended: &Appended) {
        let figures = &self.figures;
        count(&figures.appended, appended.accepted);
        count(&figures.out_of_order, appended.out_of_order);
        count(&figures.duplicates, appended.duplicates);
        count(&figures.too_old, appended.too_old);
        count(&figures.too_new, appended.too_new);
        count(&figures.unknown, appended.unknown);
    }
}
