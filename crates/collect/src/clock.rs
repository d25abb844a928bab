//! The clock that observations are stamped with.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use vigie_model::Time;

/// Tells the time. Sources take it as an argument, so that tests can run in virtual time.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Time;
}

/// The machine's wall clock at the start, carried on by its monotonic clock: a jump of the wall clock moves no
/// rate and no age.
#[derive(Debug)]
pub struct SystemClock {
    wall: Time,
    start: Instant,
}

impl SystemClock {
    /// Starts from the machine's wall clock of this moment.
    #[must_use]
    pub fn start() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { wall: Time::from_micros(since_epoch.as_micros() as i64), start: Instant::now() }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Time {
        Time::from_micros(self.wall.micros() + self.start.elapsed().as_micros() as i64)
    }
}
