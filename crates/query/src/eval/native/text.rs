//! A histogram as a label's value, as Prometheus writes it.

use vigie_model::NativeHistogram;

use super::super::notes::shortest;
use super::bucket::{Bucket, negative, positive, zero};
use super::is_custom;

/// All of it, empty buckets aside.
pub(crate) fn write(one: &NativeHistogram) -> String {
    let mut written = format!("{{count:{}, sum:{}", shortest(one.count), shortest(one.sum));
    let mut push = |bucket: Bucket, open: char, close: char| {
        if bucket.count != 0.0 {
            let [lower, upper, count] = [bucket.lower, bucket.upper, bucket.count].map(shortest);
            written.push_str(&format!(", {open}{lower},{upper}{close}:{count}"));
        }
    };
    for entry in one.negative.iter().rev() {
        push(negative(one, *entry), '[', ')');
    }
    push(zero(one), '[', ']');
    for entry in &one.positive {
        // The first custom bucket begins at the lowest value, and with it.
        let open = if is_custom(one) && entry.0 == 0 { '[' } else { '(' };
        push(positive(one, *entry), open, ']');
    }
    written.push('}');
    written
}
