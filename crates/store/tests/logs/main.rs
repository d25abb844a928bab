//! The store of log entries from the outside: against a naive model, killed, damaged, on a disk that fails.

#![cfg(test)]

mod backup;
mod damage;
mod faults;
mod kill;
mod model;
mod support;
mod upgrade;
