//! Keeps the lines that sources read.

use futures_util::future::BoxFuture;
use vigie_collect::{LineKeeper, LinePosition, LinesNotKept};
use vigie_model::LogEntry;
use vigie_server::Logs;
use vigie_store::logs::Position;

/// The log store as the sources see it; without one, nothing is kept and no reader goes on.
pub(crate) struct ReadLines(pub(crate) Option<Logs>);

impl LineKeeper for ReadLines {
    fn position(&self, reader: &str) -> Option<Vec<u8>> {
        self.0.as_ref()?.store().position(reader)
    }

    fn keep(
        &self,
        entries: Vec<LogEntry>,
        position: LinePosition,
    ) -> BoxFuture<'_, Result<(), LinesNotKept>> {
        Box::pin(async move {
            let Some(logs) = &self.0 else {
                return Err(LinesNotKept("the log store is not open".to_owned()));
            };
            let position = Position { reader: position.reader, bytes: position.bytes };
            // Without a time there is no rate: what is read and then dropped would be lost.
            let taken = logs.take_in(entries, Some(position), None).await;
            taken.map(|_| ()).map_err(|error| LinesNotKept(error.to_string()))
        })
    }
}
