//! Keeps the lines that sources read.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::future::BoxFuture;
use vigie_collect::{LineKeeper, LinePosition, LinesNotKept};
use vigie_model::LogEntry;
use vigie_server::Logs;
use vigie_store::logs::Position;

/// The log store as the sources see it; without one, nothing is kept and no reader goes on.
pub(crate) struct ReadLines {
    logs: Option<Logs>,
    /// Readers whose last lines the disk did not take at once: the store may have them nevertheless, and writes them later.
    unsure: Mutex<HashSet<String>>,
}

impl ReadLines {
    pub(crate) fn new(logs: Option<Logs>) -> Self {
        Self { logs, unsure: Mutex::default() }
    }

    fn unsure(&self) -> MutexGuard<'_, HashSet<String>> {
        self.unsure.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn try_keep(
        &self,
        entries: Vec<LogEntry>,
        position: LinePosition,
    ) -> Result<(), LinesNotKept> {
        let Some(logs) = &self.logs else {
            return Err(LinesNotKept("the log store is not open".to_owned()));
        };
        let taken = self.unsure().contains(&position.reader)
            && logs.store().position(&position.reader).as_ref() == Some(&position.bytes);
        if taken {
            let store = logs.store().clone();
            let flushed = tokio::task::spawn_blocking(move || store.flush()).await;
            return match flushed {
                Ok(flushed) => flushed.map_err(|error| LinesNotKept(error.to_string())),
                Err(error) => Err(LinesNotKept(error.to_string())),
            };
        }
        let position = Position { reader: position.reader, bytes: position.bytes };
        // Without a time there is no rate: what is read and then dropped would be lost.
        let taken = logs.take_in(entries, Some(position)).await;
        taken.map(|_| ()).map_err(|error| LinesNotKept(error.to_string()))
    }
}

impl LineKeeper for ReadLines {
    fn position(&self, reader: &str) -> Option<Vec<u8>> {
        self.logs.as_ref()?.store().position(reader)
    }

    fn keep(
        &self,
        entries: Vec<LogEntry>,
        position: LinePosition,
    ) -> BoxFuture<'_, Result<(), LinesNotKept>> {
        Box::pin(async move {
            let reader = position.reader.clone();
            let kept = self.try_keep(entries, position).await;
            match &kept {
                Ok(()) => self.unsure().remove(&reader),
                Err(_) => self.unsure().insert(reader),
            };
            kept
        })
    }

    fn altered(&self, reader: &str, why: &'static str, lines: u64) {
        let source = reader.split_once('/').map_or(reader, |(source, _)| source);
        if let Some(logs) = &self.logs {
            logs.altered(source, why, lines);
        }
    }
}

#[cfg(test)]
mod tests {
    use vigie_model::Time;
    use vigie_server::LogRules;
    use vigie_store::disk::{Disk, Fault};
    use vigie_store::logs::{LogFilter, LogOptions, LogStore, Order};

    use super::*;

    #[tokio::test]
    async fn lines_that_a_full_disk_took_later_are_not_kept_twice() {
        let dir = tempfile::tempdir().unwrap();
        let disk = Disk::default();
        let options = LogOptions { disk: disk.clone(), ..LogOptions::new(dir.path()) };
        let now = Time::from_seconds(1_800_000_000);
        let (store, _) = LogStore::open(options, now.millis()).unwrap();
        let logs = Logs::new(store.clone(), &LogRules::default()).unwrap();
        let lines = ReadLines::new(Some(logs));
        let keep = |number: u8| {
            let mut entry = LogEntry::blank("app", now);
            entry.message = number.to_string();
            let position = LinePosition { reader: "app/files".to_owned(), bytes: vec![number] };
            lines.keep(vec![entry], position)
        };
        keep(1).await.unwrap();
        disk.set(Fault::Full);
        for _ in 0..3 {
            let error = keep(2).await.unwrap_err().to_string();
            assert!(error.starts_with("lines are not kept: "), "{error}");
        }
        disk.set(Fault::None);
        let begun = std::time::Instant::now();
        while keep(2).await.is_err() {
            assert!(begun.elapsed().as_secs() < 60, "the disk is not tried again");
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        keep(3).await.unwrap();
        let found = store
            .search(LogFilter::default(), Order::OldestFirst, None, usize::MAX, &|| false)
            .unwrap();
        let messages: Vec<&str> =
            found.entries.iter().map(|found| found.entry.message.as_str()).collect();
        assert_eq!(messages, ["1", "2", "3"]);
        assert_eq!(lines.position("app/files"), Some(vec![3]));
        assert!(ReadLines::new(None).position("app/files").is_none());
    }
}
