//! Whatever is pushed, no decoder panics, and what it takes can be stored.

use proptest::prelude::*;
use proptest::sample::Index;

use super::otlp::decode_both;
use super::write::{Received, WriteError, decode_all};

const SEEDS: [&[u8]; 4] = [
    include_bytes!("../../../../fuzz/seeds/remote_write_v1/plain"),
    include_bytes!("../../../../fuzz/seeds/remote_write_v2/plain"),
    include_bytes!("../../../../fuzz/seeds/otlp_metrics/plain"),
    include_bytes!("../../../../fuzz/seeds/otlp_metrics/json"),
];

fn all(bytes: &[u8]) -> Vec<Result<Received<'static>, WriteError>> {
    decode_all(bytes).into_iter().chain(decode_both(bytes)).collect()
}

fn check(received: &Received<'_>) {
    let batch = &received.batch;
    assert!(batch.series.iter().all(|labels| !labels.metric_name().is_empty()));
    assert!(batch.samples.iter().all(|sample| (sample.series as usize) < batch.series.len()));
    assert!(received.refused == 0 || !received.reasons.is_empty());
}

#[test]
fn each_seed_is_read_whole_by_its_own_decoder() {
    for (place, (seed, samples)) in SEEDS.into_iter().zip([3, 2, 13, 12]).enumerate() {
        let received = all(seed).remove(place).unwrap();
        assert_eq!(
            (received.batch.samples.len(), &*received.reasons),
            (samples, &[][..]),
            "{place}"
        );
    }
}

proptest! {
    #[test]
    fn no_bytes_make_a_decoder_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        all(&bytes).iter().flatten().for_each(check);
    }

    #[test]
    fn no_change_of_a_request_makes_a_decoder_panic(
        seed in 0..SEEDS.len(),
        changes in proptest::collection::vec((any::<Index>(), any::<u8>()), 0..6),
        cut in any::<Index>(),
        whole in any::<bool>(),
    ) {
        let mut bytes = SEEDS[seed].to_vec();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if !whole {
            bytes.truncate(cut.index(bytes.len()));
        }
        all(&bytes).iter().flatten().for_each(check);
    }
}
