//! What an answer of `_bulk` means for each document.

use hyper::StatusCode;
use serde::Deserialize;

use crate::forward::item::{Fate, Judged};
use crate::http::line;

#[derive(Deserialize)]
struct Answer {
    items: Option<Vec<Item>>,
}

/// How Elasticsearch refuses a whole request.
#[derive(Deserialize)]
struct Whole {
    #[serde(rename = "error")]
    _error: serde::de::IgnoredAny,
}

#[derive(Deserialize)]
struct Item {
    create: Outcome,
}

#[derive(Deserialize)]
struct Outcome {
    status: u16,
    error: Option<Fault>,
}

#[derive(Deserialize, Default)]
struct Fault {
    #[serde(default)]
    r#type: String,
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    caused_by: Option<Cause>,
}

#[derive(Deserialize)]
struct Cause {
    #[serde(default)]
    reason: Option<String>,
}

/// Reads the answer to a request of `count` documents.
pub fn judge(status: StatusCode, body: &[u8], count: usize) -> Judged {
    let why = || match line(body) {
        says if says.is_empty() => status.to_string(),
        says => format!("{status}: {says}"),
    };
    match status.as_u16() {
        200..=299 => items(body, count),
        // Also a proxy's word.
        413 => Judged::Refused(why()),
        // Whoever answers otherwise is something else, and what it refuses is none of the documents' fault: such as a proxy
        // that is spoken to without TLS.
        400 | 422 if serde_json::from_slice::<Whole>(body).is_ok() => Judged::Refused(why()),
        300..=399 => Judged::Failed(format!(
            "{status}: redirects are not followed; url is to be what it points to"
        )),
        _ => Judged::Failed(why()),
    }
}

fn items(body: &[u8], count: usize) -> Judged {
    let Ok(answer) = serde_json::from_slice::<Answer>(body) else {
        let says = line(body);
        return Judged::Failed(format!("the answer is not one of _bulk: {says:?}"));
    };
    let items = answer.items.unwrap_or_default();
    if items.len() != count {
        let found = items.len();
        return Judged::Failed(format!("the answer tells of {found} documents, {count} were sent"));
    }
    Judged::Each(items.into_iter().map(|item| fate(item.create)).collect())
}

fn fate(outcome: Outcome) -> Fate {
    let Outcome { status, error } = outcome;
    let why = || {
        let fault = error.unwrap_or_default();
        let cause = fault.caused_by.and_then(|cause| cause.reason);
        let parts = [Some(status.to_string()), Some(fault.r#type), fault.reason, cause];
        let parts: Vec<String> =
            parts.into_iter().flatten().filter(|part| !part.is_empty()).collect();
        line(parts.join(": ").as_bytes())
    };
    match status {
        200..=299 => Fate::Taken,
        409 => Fate::Repeated,
        400 | 413 | 422 => Fate::Refused(why()),
        // Too much at once, a shard that is away, an index that is closed, a right that is missing: none of it is the
        // document's fault.
        _ => Fate::Again(why()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn any_bytes_are_judged(status in 100u16..600, body: Vec<u8>, count in 0usize..5) {
            let status = StatusCode::from_u16(status).unwrap();
            if let Judged::Each(fates) = judge(status, &body, count) {
                proptest::prop_assert_eq!(fates.len(), count);
            }
        }
    }

    fn told(status: u16, body: &str, count: usize) -> Judged {
        judge(StatusCode::from_u16(status).unwrap(), body.as_bytes(), count)
    }

    #[test]
    fn each_document_has_a_fate_of_its_own() {
        let body = r#"{"errors":true,"took":3,"items":[{"create":{"status":201}},{"create":{"status":409,"error":{"type":"version_conflict_engine_exception"}}},
            {"create":{"status":429,"error":{"type":"es_rejected_execution_exception","reason":"full"}}},
            {"create":{"status":400,"error":{"type":"mapper_parsing_exception","reason":"failed to parse","caused_by":{"type":"x","reason":"not a number"}}}},
            {"create":{"status":503}},{"create":{"status":403,"error":{"type":"cluster_block_exception"}}}]}"#;
        let Judged::Each(fates) = told(200, body, 6) else { panic!("each") };
        assert_eq!(
            fates,
            [
                Fate::Taken,
                Fate::Repeated,
                Fate::Again("429: es_rejected_execution_exception: full".into()),
                Fate::Refused(
                    "400: mapper_parsing_exception: failed to parse: not a number".into()
                ),
                Fate::Again("503".into()),
                Fate::Again("403: cluster_block_exception".into()),
            ]
        );
    }

    #[test]
    fn what_is_no_answer_is_tried_again() {
        for body in [
            "",
            "<html>",
            "{}",
            "[]",
            r#"{"items":[]}"#,
            r#"{"items":[{"index":{"status":201}}]}"#,
            r#"{"items":[{"create":{"status":201}},{"create":{"status":201}}]}"#,
            r#"{"items":[{"create":{"status":70000}}]}"#,
        ] {
            assert!(matches!(told(200, body, 1), Judged::Failed(_)), "{body}");
        }
        for status in [301, 302, 401, 403, 404, 429, 500, 502, 503] {
            assert!(matches!(told(status, "x", 1), Judged::Failed(_)), "{status}");
        }
        let own = r#"{"error":{"type":"illegal_argument_exception"},"status":400}"#;
        let plain = "<html>The plain HTTP request was sent to HTTPS port</html>";
        for status in [400, 422] {
            assert!(matches!(told(status, own, 1), Judged::Refused(_)), "{status}");
            assert!(matches!(told(status, plain, 1), Judged::Failed(_)), "{status}");
        }
        assert!(matches!(told(413, plain, 1), Judged::Refused(_)));
    }
}
