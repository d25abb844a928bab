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
