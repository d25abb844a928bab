//! Remote write 1.0, as senders of metrics speak it: protobuf in snappy's block format.

use prost::Message;

/// Samples of one series on their way to a server.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RemoteSeries {
    /// (name, value), the metric's name as `__name__`; sorted by name.
    pub labels: Vec<(String, String)>,
    /// (Unix milliseconds, value) by ascending time.
    pub samples: Vec<(i64, f64)>,
}

impl RemoteSeries {
    /// A series of these labels, in any order.
    #[must_use]
    pub fn new(labels: &[(&str, &str)], samples: Vec<(i64, f64)>) -> Self {
        let mut labels: Vec<(String, String)> =
            labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        labels.sort();
        Self { labels, samples }
    }
}

/// The headers of a remote write request.
pub const REMOTE_WRITE_HEADERS: [(&str, &str); 3] = [
    ("Content-Type", "application/x-protobuf"),
    ("Content-Encoding", "snappy"),
    ("X-Prometheus-Remote-Write-Version", "0.1.0"),
];

/// The body of a remote write request.
#[must_use]
pub fn remote_write_body(series: &[RemoteSeries]) -> Vec<u8> {
    let timeseries = series.iter().map(|one| TimeSeries {
        labels: one
            .labels
            .iter()
            .map(|(name, value)| Label { name: name.clone(), value: value.clone() })
            .collect(),
        samples: one
            .samples
            .iter()
            .map(|(timestamp, value)| Sample { value: Some(*value), timestamp: *timestamp })
            .collect(),
    });
    let message = WriteRequest { timeseries: timeseries.collect() }.encode_to_vec();
    snap::raw::Encoder::new().compress_vec(&message).expect("a message of a test is below 4 GiB")
}

#[derive(Clone, PartialEq, Message)]
struct WriteRequest {
    #[prost(message, repeated, tag = "1")]
    timeseries: Vec<TimeSeries>,
}

#[derive(Clone, PartialEq, Message)]
struct TimeSeries {
    #[prost(message, repeated, tag = "1")]
    labels: Vec<Label>,
    #[prost(message, repeated, tag = "2")]
    samples: Vec<Sample>,
}

#[derive(Clone, PartialEq, Message)]
struct Label {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    value: String,
}

#[derive(Clone, PartialEq, Message)]
struct Sample {
    /// Always sent: what is left out is 0, without the sign that -0 has.
    #[prost(double, optional, tag = "1")]
    value: Option<f64>,
    #[prost(int64, tag = "2")]
    timestamp: i64,
}
