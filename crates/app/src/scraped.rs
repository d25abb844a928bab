//! Keeps what exporters say: from the sources that scrape to wherever metrics are kept.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio_util::sync::CancellationToken;
use vigie_collect::SampleReceiver;
use vigie_model::catalogue;
use vigie_model::{ScrapeReading, ScrapedValue};
use vigie_server::{Batch, BatchSample, BatchValue, MetricMetadata, MetricSink, MetricType};

/// Samples that may wait for a disk that does not answer: some seconds of many exporters.
pub(crate) const PENDING: usize = 500_000;

/// Keeps until `stop`. What is not kept is counted in `lost`; without a sink that is everything.
pub(crate) async fn run(
    receiver: SampleReceiver,
    sink: Option<Arc<dyn MetricSink>>,
    lost: Arc<AtomicU64>,
    stop: CancellationToken,
) {
    let mut dropped = 0;
    loop {
        let reading = tokio::select! {
            () = stop.cancelled() => return,
            reading = receiver.receive() => reading,
        };
        let so_far = receiver.dropped();
        lost.fetch_add(so_far - std::mem::replace(&mut dropped, so_far), Ordering::Relaxed);
        let count = reading.samples.len() as u64;
        let Some(sink) = &sink else {
            lost.fetch_add(count, Ordering::Relaxed);
            continue;
        };
        let (batch, claims) = batch(reading);
        if claims > 0 {
            lost.fetch_add(claims, Ordering::Relaxed);
            tracing::debug!(
                refused = claims,
                "samples of exporters were not kept: their series are named as Vigie's own, without the label job"
            );
        }
        let count = count - claims;
        match sink.append(batch).await {
            Ok(appended) if appended.refused > 0 => {
                lost.fetch_add(appended.refused, Ordering::Relaxed);
                let reason = appended.reason.unwrap_or_default();
                tracing::debug!(refused = appended.refused, %reason, "samples of exporters were not kept");
            }
            Ok(_) => {}
            Err(error) => {
                lost.fetch_add(count, Ordering::Relaxed);
                tracing::warn!(%error, samples = count, "samples of exporters were not kept");
            }
        }
    }
}

/// What is to be kept, and how many samples are not: those that would be taken for Vigie's own.
fn batch(reading: ScrapeReading) -> (Batch, u64) {
    let mut batch = Batch::default();
    let mut claims = 0;
    for sample in reading.samples {
        let Some(time) = sample.time_millis else { continue };
        if catalogue::claimed(&sample.labels).is_some() {
            claims += 1;
            continue;
        }
        let series = u32::try_from(batch.series.len()).unwrap_or(u32::MAX);
        batch.series.push(sample.labels);
        let value = match sample.value {
            ScrapedValue::Float(value) => BatchValue::Float(value),
            ScrapedValue::Histogram(histogram) => BatchValue::Histogram(histogram),
        };
        batch.samples.push(BatchSample { series, time, value });
    }
    batch.metadata = reading
        .families
        .into_iter()
        .map(|family| MetricMetadata {
            name: family.name,
            kind: MetricType::from_word(&family.kind),
            help: family.help,
            unit: family.unit,
        })
        .collect();
    (batch, claims)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use futures_util::future::BoxFuture;
    use vigie_model::{Labels, ScrapedSample};
    use vigie_server::{Appended, SinkError, StoreFigures};

    use super::*;

    /// Keeps the series of what it gets.
    #[derive(Default)]
    struct Kept(Mutex<Vec<String>>);

    impl MetricSink for Kept {
        fn append(&self, batch: Batch) -> BoxFuture<'static, Result<Appended, SinkError>> {
            let series =
                batch.samples.iter().map(|one| batch.series[one.series as usize].to_string());
            self.0.lock().unwrap().extend(series);
            Box::pin(std::future::ready(Ok(Appended::default())))
        }

        fn metadata(&self, _: Option<&str>) -> Vec<MetricMetadata> {
            Vec::new()
        }

        fn figures(&self) -> StoreFigures {
            StoreFigures::default()
        }
    }

    #[tokio::test]
    async fn what_would_be_taken_for_vigies_own_is_not_kept_and_counted() {
        let sample = |pairs: &[(&str, &str)]| ScrapedSample {
            labels: Labels::from_pairs(pairs.iter().copied()),
            time_millis: Some(1_000),
            value: ScrapedValue::Float(1.0),
        };
        let own = [("__name__", "vigie_queue_jobs"), ("queue", "emails")];
        let copied = [("__name__", "vigie_queue_jobs"), ("job", "vigie"), ("queue", "emails")];
        let samples = vec![sample(&own), sample(&copied), sample(&[("__name__", "up")])];
        let (sender, receiver) = vigie_collect::samples(10);
        sender.send(ScrapeReading { samples, families: Vec::new() });
        let (kept, lost, stop) =
            (Arc::new(Kept::default()), Arc::default(), CancellationToken::new());
        let task = tokio::spawn(run(receiver, Some(kept.clone()), Arc::clone(&lost), stop.clone()));
        let all = || kept.0.lock().unwrap().clone();
        while all().is_empty() {
            tokio::task::yield_now().await;
        }
        stop.cancel();
        task.await.unwrap();
        assert_eq!(all(), [r#"vigie_queue_jobs{job="vigie", queue="emails"}"#, "up"]);
        assert_eq!(lost.load(Ordering::Relaxed), 1);
    }
}
