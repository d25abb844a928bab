//! The store from outside: what is written is read, now, after a start, after months, and after damage.

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)]

mod backup;
mod basics;
mod damage;
mod faults;
mod joined;
mod kill;
mod months;
mod support;
mod threads;
mod upgrade;
