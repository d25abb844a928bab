//! The server over HTTP, on a board that the tests fill.

mod exposition;
mod filled;
mod resources;
mod security;
mod stream;
