//! How far the clocks of a server and of Vigie are apart.

use redis::Value;
use vigie_model::Time;

/// Polls after which an older, better measurement gives way.
const STALE_AFTER: u32 = 30;

/// The difference of two clocks, measured at each poll by asking the time as its first and as its last command.
#[derive(Debug, Default)]
pub(crate) struct Offset {
    best: Option<Measured>,
    age: u32,
}

#[derive(Debug, Clone, Copy)]
struct Measured {
    seconds: f64,
    /// It is off by at most this much.
    doubt: f64,
}

impl Offset {
    /// Seconds to add to the server's clock to get Vigie's; 0 until measured.
    pub(crate) fn seconds(&self) -> f64 {
        self.best.map_or(0.0, |best| best.seconds)
    }

    /// Takes the server's times at the beginning and at the end of a round trip that lasted from `sent` to
    /// `received` on Vigie's clock.
    pub(crate) fn measure(&mut self, sent: Time, first: Time, last: Time, received: Time) {
        let (highest, lowest) = (received.since(last), sent.since(first));
        let measured = Measured {
            seconds: f64::midpoint(highest, lowest),
            doubt: (highest - lowest).abs() / 2.0,
        };
        self.age += 1;
        let replace = self.best.is_none_or(|best| {
            let jumped =
                (measured.seconds - best.seconds).abs() > measured.doubt + best.doubt + 0.001;
            jumped || measured.doubt <= best.doubt * 1.2 || self.age >= STALE_AFTER
        });
        if replace {
            (self.best, self.age) = (Some(measured), 0);
        }
    }
}

/// The time in an answer to `TIME`.
pub(super) fn server_time(answer: &Value) -> Option<Time> {
    let Value::Array(parts) = answer else { return None };
    let number = |index: usize| match parts.get(index) {
        Some(Value::BulkString(text)) => std::str::from_utf8(text).ok()?.parse::<i64>().ok(),
        Some(Value::Int(number)) => Some(*number),
        _ => None,
    };
    Some(Time::from_micros(Time::from_seconds(number(0)?).micros().checked_add(number(1)?)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: f64) -> Time {
        Time::from_seconds(1_000) + seconds
    }

    #[test]
    fn work_between_the_two_times_does_not_matter() {
        let mut offset = Offset::default();
        // The server's clock is 5 s behind; 1 ms each way; it worked for 100 ms.
        offset.measure(at(0.0), at(-5.0 + 0.001), at(-5.0 + 0.101), at(0.102));
        assert!((offset.seconds() - 5.0).abs() < 1e-6, "{}", offset.seconds());
    }

    #[test]
    fn a_bad_measurement_does_not_replace_a_good_one_but_a_jump_does() {
        let mut offset = Offset::default();
        offset.measure(at(0.0), at(0.001), at(0.001), at(0.002));
        offset.measure(at(10.0), at(10.001), at(10.001), at(10.4));
        assert!(offset.seconds().abs() < 1e-6, "{}", offset.seconds());
        offset.measure(at(20.0), at(23.001), at(23.001), at(20.002));
        assert!((offset.seconds() + 3.0).abs() < 1e-6, "{}", offset.seconds());
    }

    #[test]
    fn nonsense_is_no_time() {
        for answer in [
            Value::Nil,
            Value::Array(vec![]),
            Value::Array(vec![Value::Int(i64::MAX), Value::Int(i64::MAX)]),
        ] {
            assert_eq!(server_time(&answer), None, "{answer:?}");
        }
        let answer =
            Value::Array(vec![Value::BulkString("12".into()), Value::BulkString("34".into())]);
        assert_eq!(server_time(&answer), Some(Time::from_micros(12_000_034)));
    }
}
