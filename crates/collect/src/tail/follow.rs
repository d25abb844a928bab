//! The loop of a tail: look, read, keep, and only then go on.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use vigie_model::LogEntry;

use super::{Batch, MakeParser, Tail, TailOptions, TailStatus, TailWatch};
use crate::{Clock, LineKeeper, LinePosition};

/// Between two attempts to keep what is not kept: from, and up to.
const AGAIN: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(10));

/// Follows files until `stop`. No more is read while what was read is not kept, so a slow disk slows the reading and costs no
/// memory; what is not kept at the end is read again after the next start.
pub async fn follow(
    options: TailOptions,
    make: MakeParser,
    keeper: Arc<dyn LineKeeper>,
    clock: Arc<dyn Clock>,
    watch: TailWatch,
    stop: CancellationToken,
) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = follow_forever(options, make, &*keeper, clock, &watch) => {}
    }
}

async fn follow_forever(
    options: TailOptions,
    make: MakeParser,
    keeper: &dyn LineKeeper,
    clock: Arc<dyn Clock>,
    watch: &TailWatch,
) {
    let (reader, poll) = (options.reader.clone(), options.poll);
    let mut tail = Tail::new(options, make, keeper.position(&reader));
    // Cut lines, and those that are not UTF-8.
    let mut told = (0, 0);
    loop {
        let clock = Arc::clone(&clock);
        let looking = tokio::task::spawn_blocking(move || {
            let batch = tail.gather(clock.now());
            (tail, batch)
        });
        let batch = match looking.await {
            Ok((back, batch)) => {
                tail = back;
                batch
            }
            Err(error) => {
                tracing::error!(reader, %error, "files are no longer followed");
                return;
            }
        };
        let Batch { entries, position, more } = batch;
        let position = position.or_else(|| (!entries.is_empty()).then(|| tail.position()));
        let status = tail.status();
        watch.set(status.clone());
        for (why, sum, before) in
            [("cut", status.cut, &mut told.0), ("encoding", status.mangled, &mut told.1)]
        {
            if sum > *before {
                keeper.altered(&reader, why, sum - *before);
                *before = sum;
            }
        }
        if let Some(bytes) = position {
            let position = LinePosition { reader: reader.clone(), bytes };
            keep(entries, position, keeper, &status, watch).await;
        }
        if !more {
            sleep(poll).await;
        }
    }
}

/// Keeps a batch, however often that must be tried.
async fn keep(
    entries: Vec<LogEntry>,
    position: LinePosition,
    keeper: &dyn LineKeeper,
    status: &TailStatus,
    watch: &TailWatch,
) {
    let mut pause = AGAIN.0;
    loop {
        let Err(error) = keeper.keep(entries.clone(), position.clone()).await else { break };
        if pause == AGAIN.0 {
            tracing::warn!(reader = position.reader, %error, "read lines wait to be kept");
        } else {
            watch.set(TailStatus { not_kept: Some(error.0), ..status.clone() });
        }
        sleep(pause).await;
        pause = (pause * 2).min(AGAIN.1);
    }
    watch.set(status.clone());
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use futures_util::FutureExt as _;
    use futures_util::future::BoxFuture;
    use vigie_model::LogEntry;

    use super::super::PathPatterns;
    use super::super::tests::Holding;
    use super::*;
    use crate::{LinesNotKept, SystemClock};

    /// Keeps in memory, and refuses so many times first.
    #[derive(Default)]
    struct Memory {
        kept: Mutex<(usize, Vec<String>, Option<Vec<u8>>)>,
        altered: Mutex<Vec<(String, &'static str, u64)>>,
    }

    impl LineKeeper for Memory {
        fn position(&self, reader: &str) -> Option<Vec<u8>> {
            assert_eq!(reader, "app/files");
            self.kept.lock().unwrap().2.clone()
        }

        fn keep(
            &self,
            entries: Vec<LogEntry>,
            position: LinePosition,
        ) -> BoxFuture<'_, Result<(), LinesNotKept>> {
            async move {
                let (refusals, kept, last) = &mut *self.kept.lock().unwrap();
                if *refusals > 0 {
                    *refusals -= 1;
                    return Err(LinesNotKept("the disk is full".to_owned()));
                }
                kept.extend(entries.into_iter().map(|entry| entry.message));
                *last = Some(position.bytes);
                Ok(())
            }
            .boxed()
        }

        fn altered(&self, reader: &str, why: &'static str, lines: u64) {
            self.altered.lock().unwrap().push((reader.to_owned(), why, lines));
        }
    }

    #[tokio::test]
    async fn what_is_not_kept_is_tried_again_and_nothing_is_read_meanwhile() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app.log");
        std::fs::write(&path, "1\n2\n").unwrap();
        let keeper =
            Arc::new(Memory { kept: Mutex::new((2, Vec::new(), None)), ..Memory::default() });
        let mut refused = false;
        for lines in [2, 4] {
            let paths = PathPatterns::new(&[path.display().to_string()], &[]).unwrap();
            let options = TailOptions {
                poll: Duration::from_millis(5),
                ..TailOptions::new("app/files", paths)
            };
            let (watch, stop) = (TailWatch::default(), CancellationToken::new());
            let following = tokio::spawn(follow(
                options,
                Box::new(|_| Box::new(Holding::new(0))),
                keeper.clone(),
                Arc::new(SystemClock::start()),
                watch.clone(),
                stop.clone(),
            ));
            while keeper.kept.lock().unwrap().1.len() < lines {
                let status = watch.status();
                refused |= status.is_some_and(|status| status.not_kept.is_some());
                sleep(Duration::from_millis(2)).await;
            }
            stop.cancel();
            following.await.unwrap();
            std::fs::write(&path, "1\n2\n3\n4\n").unwrap();
        }
        assert!(refused);
        assert_eq!(keeper.kept.lock().unwrap().1, ["1", "2", "3", "4"]);
    }

    #[tokio::test]
    async fn lines_that_are_not_kept_as_they_were_are_counted_by_reason() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app.log");
        std::fs::write(&path, b"far too long\n\xff\nalso too long\n").unwrap();
        let keeper = Arc::new(Memory::default());
        let paths = PathPatterns::new(&[path.display().to_string()], &[]).unwrap();
        let options = TailOptions {
            poll: Duration::from_millis(5),
            longest_line: 4,
            ..TailOptions::new("app/files", paths)
        };
        let stop = CancellationToken::new();
        let following = tokio::spawn(follow(
            options,
            Box::new(|_| Box::new(Holding::new(0))),
            keeper.clone(),
            Arc::new(SystemClock::start()),
            TailWatch::default(),
            stop.clone(),
        ));
        while keeper.kept.lock().unwrap().1.len() < 3 {
            sleep(Duration::from_millis(2)).await;
        }
        stop.cancel();
        following.await.unwrap();
        let told = keeper.altered.lock().unwrap();
        let sum = |why| told.iter().filter(|one| one.1 == why).map(|one| one.2).sum::<u64>();
        assert!(told.iter().all(|one| one.0 == "app/files"));
        assert_eq!((sum("cut"), sum("encoding")), (2, 1));
    }
}
