//! The live stream: one connection carries several topics; each begins with a snapshot of its document and goes
//! on with merge patches. Every message is encoded and compressed once, whoever listens.

mod document;
mod frame;
mod hub;
mod patch;
mod stream;
mod tailing;
mod topic;
pub(crate) mod wire;

pub use hub::Hub;
pub(crate) use stream::{__path_stream, stream};
