//! Asks the sources what only they can tell, when somebody wants to know.

use futures_util::future::BoxFuture;
use vigie_collect::source::{FailedJobs, NoFailedJobs};
use vigie_model::QueueId;
use vigie_server::{FailedJobReader, JobsRead, NotRead};

/// The sources as the server sees them.
pub(crate) struct AskedSources(pub(crate) FailedJobs);

impl FailedJobReader for AskedSources {
    fn read(&self, queue: QueueId) -> BoxFuture<'_, JobsRead> {
        Box::pin(async move {
            self.0.of(&queue).await.map_err(|why| match why {
                NoFailedJobs::Unknown => NotRead::Unknown,
                why => NotRead::NotNow(why.to_string()),
            })
        })
    }
}
