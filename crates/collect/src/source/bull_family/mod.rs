//! What Bull v4 and BullMQ have in common: keys `<prefix>:<queue>:<suffix>`, hashes of jobs, the names of their
//! workers' connections, and how their queues are polled and their jobs are followed.

pub(crate) mod base;
pub(crate) mod client_name;
pub(crate) mod connections;
pub(crate) mod dialect;
pub(crate) mod facts;
pub(crate) mod failed;
pub(crate) mod job_hash;
pub(crate) mod ownership;
pub(crate) mod rate;
pub(crate) mod shared;
pub(crate) mod system;
#[cfg(test)]
pub(crate) mod testing;
pub(crate) mod tracker;
pub(crate) mod watched;
pub(crate) mod workers;

/// A key that Vigie reads: the end of its name, its Redis type, with which commands, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyUse {
    /// What follows `<prefix>:<queue>:`.
    pub suffix: &'static str,
    /// Its Redis type.
    pub redis_type: &'static str,
    /// The commands that read it.
    pub commands: &'static [&'static str],
    /// What it is read for.
    pub why: &'static str,
}

/// Makes the public type of one library: a [`system::FamilySystem`] of its dialect.
macro_rules! queue_system {
    ($(#[$doc:meta])* $name:ident, $dialect:ty) => {
        $(#[$doc])*
        pub struct $name($crate::source::bull_family::system::FamilySystem<$dialect>);

        impl $name {
            /// A system that knows no queue yet. Above `exact_jobs_per_second` jobs that would have to be looked
            /// up in a second, types are sampled.
            #[must_use]
            pub fn new(
                source: vigie_model::SourceName,
                limits: vigie_model::Limits,
                exact_jobs_per_second: u32,
            ) -> Self {
                use $crate::source::bull_family::system::FamilySystem;
                Self(FamilySystem::new(source, limits, exact_jobs_per_second))
            }

            /// Reads only queues with this key prefix, and does not show it.
            #[must_use]
            pub fn with_prefix(self, prefix: &str) -> Self {
                Self(self.0.with_prefix(prefix))
            }

            /// The jobs of these queues are executions of n8n: they are called by their workflows, and end as n8n says.
            #[must_use]
            pub fn with_executions(self, queues: &[$crate::source::n8n::ExecutionQueue]) -> Self {
                Self(self.0.with_executions(queues))
            }

            /// Why the server does not let us read job events, in its words: totals are then counted by polling.
            /// `None` when it does, or when that was not tried yet.
            #[must_use]
            pub fn events_refused(&self) -> Option<String> {
                self.0.events_refused()
            }
        }

        impl $crate::source::QueueSystem for $name {
            fn broker(&self) -> vigie_model::Broker {
                self.0.broker()
            }

            fn found(&mut self, candidates: &[$crate::source::Candidate]) {
                self.0.found(candidates);
            }

            fn ask(&mut self, which: &$crate::source::Which, plan: &mut $crate::source::Plan) {
                self.0.ask(which, plan);
            }

            fn ask_more(
                &mut self,
                which: &$crate::source::Which,
                replies: &mut $crate::source::Replies,
                plan: &mut $crate::source::Plan,
                context: &$crate::source::PollContext,
            ) {
                self.0.ask_more(which, replies, plan, context);
            }

            fn tell(
                &mut self,
                which: &$crate::source::Which,
                replies: &mut $crate::source::Replies,
                context: &$crate::source::PollContext,
                out: &mut Vec<vigie_model::Observation>,
            ) {
                self.0.tell(which, replies, context, out);
            }

            fn queues(&self) -> usize {
                self.0.queues()
            }

            fn troubles(&self) -> &[String] {
                self.0.troubles()
            }

            fn failed(
                &self,
                queue: &vigie_model::QueueId,
            ) -> Option<$crate::source::FailedPlace> {
                self.0.failed(queue)
            }

            fn reconnected(&mut self) {
                self.0.reconnected();
            }

            fn reader(
                &self,
                context: $crate::source::ReaderContext,
            ) -> Option<
                std::pin::Pin<
                    Box<dyn std::future::Future<Output = ::redis::RedisError> + Send>,
                >,
            > {
                self.0.reader(context)
            }
        }
    };
}
pub(crate) use queue_system;
