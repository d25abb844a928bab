//! The clock that observations are stamped with.

use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};
use vigie_model::Time;

/// Of what passes, the part by which the clock follows a wall clock that was set: an hour in twenty.
const FOLLOWS: i64 = 20;
/// A wall clock that is further away, in microseconds, is worth a warning.
const FAR: i64 = 60_000_000;

/// Tells the time. Sources take it as an argument, so that tests can run in virtual time.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Time;
}

/// The machine's wall clock at the start, carried on by the clock that also runs while the machine sleeps. A jump of the wall
/// clock moves no rate and no age by more than a twentieth: it is followed slowly, and this clock never goes back.
#[derive(Debug)]
pub struct SystemClock(Mutex<Followed>);

impl SystemClock {
    /// Starts from the machine's wall clock of this moment.
    #[must_use]
    pub fn start() -> Self {
        Self(Mutex::new(Followed { run: run(), now: wall(), warned: false }))
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Time {
        let mut followed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Time::from_micros(followed.at(run(), wall()))
    }
}

/// Microseconds since the machine was started, sleep included.
fn run() -> i64 {
    let now = clock_gettime(ClockId::Boottime);
    now.tv_sec * 1_000_000 + now.tv_nsec / 1_000
}

/// The machine's wall clock in Unix microseconds.
fn wall() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros() as i64
}

/// A clock that runs with one clock and follows another; all in microseconds.
#[derive(Debug)]
struct Followed {
    /// The running clock when it was looked at last.
    run: i64,
    /// What was told then.
    now: i64,
    warned: bool,
}

impl Followed {
    fn at(&mut self, run: i64, wall: i64) -> i64 {
        let passed = (run - self.run).max(0);
        let away = wall - (self.now + passed);
        self.run = run;
        self.now += passed + away.clamp(-passed / FOLLOWS, passed / FOLLOWS);
        if away.abs() > FAR && !self.warned {
            let seconds = away / 1_000_000;
            tracing::warn!(
                seconds,
                "the machine's clock was set; Vigie's follows slowly, and at once when it is restarted"
            );
        }
        self.warned = away.abs() > FAR;
        self.now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000_000;

    #[test]
    fn a_wall_clock_that_jumps_is_followed_slowly_and_never_backward() {
        for jump in [HOUR, -HOUR] {
            let mut clock = Followed { run: 0, now: 1_000 * HOUR, warned: false };
            let (mut run, mut last) = (0, 1_000 * HOUR);
            for second in 1..=21 * 3_600 {
                run = second * 1_000_000;
                let now = clock.at(run, 1_000 * HOUR + run + jump);
                let moved = now - last;
                assert!((950_000..=1_050_000).contains(&moved), "{moved}");
                last = now;
            }
            assert_eq!(last, 1_000 * HOUR + run + jump, "followed within 20 hours");
        }
    }

    #[test]
    fn sleep_is_time_that_passed() {
        let mut clock = Followed { run: 0, now: 0, warned: false };
        assert_eq!(clock.at(HOUR, HOUR), HOUR);
    }

    #[test]
    fn it_tells_the_wall_clocks_time() {
        let clock = SystemClock::start();
        let (told, wall) = (clock.now().micros(), wall());
        assert!((told - wall).abs() < 1_000_000, "{told} {wall}");
    }
}
