//! What an answer says of an instance. Pure.

use vigie_model::{Instance, InstanceStatus, Name, Time};

use super::config::Expect;
use crate::http::{Answer, HttpFault};

/// A certificate that ends so soon is on the screen.
const DAY: f64 = 86_400.0;

/// What a probe found out.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// How it is.
    pub status: InstanceStatus,
    /// In a word or three.
    pub word: String,
    /// What is wrong.
    pub error: Option<String>,
    /// How long it took, in seconds; only of an answer.
    pub seconds: Option<f64>,
}

impl Verdict {
    /// It answered well.
    #[must_use]
    pub fn good(seconds: f64) -> Self {
        let seconds = Some(seconds);
        Self { status: InstanceStatus::Up, word: "ok".to_owned(), error: None, seconds }
    }

    /// It did not answer.
    #[must_use]
    pub fn fault(fault: &HttpFault) -> Self {
        let error = match fault.hint() {
            Some(hint) => format!("{fault} ({hint})"),
            None => fault.to_string(),
        };
        Self { status: InstanceStatus::Down, word: fault.word(), error: Some(error), seconds: None }
    }

    fn bad(status: InstanceStatus, word: &str, error: String, seconds: f64) -> Self {
        Self { status, word: word.to_owned(), error: Some(error), seconds: Some(seconds) }
    }

    /// Adds what is known of the certificate: one that ends soon makes a good answer a degraded one.
    #[must_use]
    pub fn with_certificate(self, place: &str, ends: Time, expect: &Expect, now: Time) -> Self {
        let left = ends.since(now);
        if self.status != InstanceStatus::Up || left >= expect.certificate.as_secs_f64() {
            return self;
        }
        let error = format!("{place}: the certificate ends in {:.0} days", (left / DAY).floor());
        let (status, word) = (InstanceStatus::Degraded, "certificate".to_owned());
        Self { status, word, error: Some(error), ..self }
    }

    /// Onto an instance.
    #[must_use]
    pub fn onto(self, mut instance: Instance) -> Instance {
        instance.status = self.status;
        instance.probe = Some(Name::from(self.word.as_str()));
        instance.latency = self.seconds;
        instance.error = self.error;
        instance
    }
}

/// An answer of the server at `place`, held against what is expected.
#[must_use]
pub fn answer(place: &str, answer: &Answer, expect: &Expect) -> Verdict {
    let status = answer.status;
    let good = match expect.status.is_empty() {
        true => (200..400).contains(&status),
        false => expect.status.contains(&status),
    };
    if !good {
        let fault = HttpFault::Status { place: place.to_owned(), status, says: answer.says() };
        return Verdict { seconds: Some(answer.seconds), ..Verdict::fault(&fault) };
    }
    if let Some((pattern, text)) = &expect.body
        && !pattern.is_match(&answer.body)
    {
        let error = format!("{place}: the body does not hold {text:?}");
        return Verdict::bad(InstanceStatus::Down, "wrong body", error, answer.seconds);
    }
    timed(place, answer.seconds, expect)
}

/// A good answer that took so long.
#[must_use]
pub fn timed(place: &str, seconds: f64, expect: &Expect) -> Verdict {
    match expect.slow {
        Some(slow) if seconds > slow.as_secs_f64() => {
            let error =
                format!("{place}: it took {seconds:.3} s, more than {} s", slow.as_secs_f64());
            Verdict::bad(InstanceStatus::Degraded, "slow", error, seconds)
        }
        _ => Verdict::good(seconds),
    }
}
