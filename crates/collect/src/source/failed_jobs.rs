//! Failed jobs, read when somebody asks for them: who asks, and what a queue system says of where they are.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ::redis::Value;
use tokio::sync::{mpsc, oneshot};
use vigie_model::{FailedJob, FailedList, FailedState, Name, QueueId, SourceName, Time};

/// Questions that may wait for one source.
const MOST_WAITING: usize = 8;
/// An answer comes between two polls, within this or not at all.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// The newest failed jobs of a queue, newest first.
pub type Failed = Result<Arc<FailedList>, NoFailedJobs>;

/// Why failed jobs cannot be told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoFailedJobs {
    /// The source keeps none, or does not know the queue (any more).
    #[error("this source has no failed jobs of this queue to show")]
    Unknown,
    /// Its Redis does not answer, or forbids it; why, and what to do.
    #[error("{0}")]
    Source(String),
    /// Others ask, too.
    #[error("too many ask for the failed jobs of this source at once; ask again in a second")]
    Busy,
    /// It took too long.
    #[error("the source has not answered within {} s; ask again", ANSWER_WITHIN.as_secs())]
    Late,
}

/// The way to ask the sources; cheap to clone, and shared by all sources of one Vigie.
#[derive(Debug, Clone, Default)]
pub struct FailedJobs(Arc<Mutex<HashMap<SourceName, mpsc::Sender<Question>>>>);

/// Somebody asks for the failed jobs of a queue.
#[derive(Debug)]
pub(crate) struct Question {
    pub queue: QueueId,
    pub answer: oneshot::Sender<Failed>,
}

/// What a source is asked.
#[derive(Debug, Default)]
pub(crate) struct Questions(Option<mpsc::Receiver<Question>>);

impl FailedJobs {
    /// The failed jobs of a queue: at most [`MOST_FAILED`].
    ///
    /// # Errors
    /// Why they cannot be told.
    pub async fn of(&self, queue: &QueueId) -> Failed {
        let way = self.known().get(&queue.source).cloned().ok_or(NoFailedJobs::Unknown)?;
        let (answer, answered) = oneshot::channel();
        way.try_send(Question { queue: queue.clone(), answer }).map_err(|_| NoFailedJobs::Busy)?;
        match tokio::time::timeout(ANSWER_WITHIN, answered).await {
            Ok(Ok(failed)) => failed,
            Ok(Err(_)) | Err(_) => Err(NoFailedJobs::Late),
        }
    }

    /// What the source `source` is asked from now on.
    pub(crate) fn open(&self, source: &SourceName) -> Questions {
        let (sender, receiver) = mpsc::channel(MOST_WAITING);
        self.known().insert(source.clone(), sender);
        Questions(Some(receiver))
    }

    fn known(&self) -> MutexGuard<'_, HashMap<SourceName, mpsc::Sender<Question>>> {
        // A panic elsewhere cannot leave a map half-changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Questions {
    /// The next question; never, where nobody can ask.
    pub(crate) async fn next(&mut self) -> Question {
        loop {
            match &mut self.0 {
                Some(questions) => match questions.recv().await {
                    Some(question) => return question,
                    None => self.0 = None,
                },
                None => return std::future::pending().await,
            }
        }
    }
}

/// Failed jobs that are read of a queue.
pub const MOST_FAILED: usize = 50;

/// The key of something with an id.
type KeyOf = Box<dyn Fn(&[u8]) -> Vec<u8> + Send + Sync>;

/// Where the failed jobs of one queue are.
pub struct FailedPlace {
    /// ZSETs of ids, and what becomes of those in them.
    pub(crate) lists: Vec<(Vec<u8>, FailedState)>,
    /// Where those that failed are among others.
    pub(crate) mixed: Option<MixedPlace>,
    /// The key of the HASH of a job.
    pub(crate) key: KeyOf,
    /// The fields that are read of it.
    pub(crate) fields: &'static [&'static str],
    /// Those of them that may have any length.
    pub(crate) long: &'static [&'static str],
    /// Makes a job of the fields that were read; `None` when it is gone.
    pub(crate) decode: fn(&FailedEntry, &FailedFields<'_>) -> Option<FailedRead>,
}

/// A failed job as it was read.
#[derive(Debug)]
pub(crate) struct FailedRead {
    /// The job.
    pub job: FailedJob,
    /// Its place among the others: when it failed, or, where nobody knows, when its attempt started.
    pub by: Option<Time>,
}

impl From<FailedJob> for FailedRead {
    fn from(job: FailedJob) -> Self {
        Self { by: job.at, job }
    }
}

/// Where jobs that are tried again are among jobs that never ran.
pub(crate) struct MixedPlace {
    /// ZSETs by when each is due, or by rank.
    pub sets: Vec<Vec<u8>>,
    /// LISTs.
    pub lists: Vec<Vec<u8>>,
    /// Fields of a job, short ones, that count the attempts it has had: one that has had any has failed.
    pub attempts: &'static [&'static str],
}

/// A job as one of the lists has it.
#[derive(Debug, Clone, PartialEq)]
pub struct FailedEntry {
    /// Its id.
    pub id: Vec<u8>,
    /// Its score; `None` of a LIST.
    pub score: Option<f64>,
    /// What becomes of it.
    pub state: FailedState,
}

impl FailedEntry {
    /// A job of which only its place in the list is known.
    pub(crate) fn job(&self) -> FailedJob {
        FailedJob::new(Name::from_bytes(&self.id), self.state)
    }
}

/// The fields of a job that were read, with their values in the same order.
pub struct FailedFields<'a> {
    pub(crate) names: &'a [&'static str],
    pub(crate) values: &'a [Value],
}
