//! Memory that is free goes back to the system: glibc keeps by itself what a burst needed, in each of many arenas.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

/// How often free memory is given back: what a burst of writes or a large query needed is gone soon after it.
const EACH: Duration = Duration::from_secs(10);

/// Gives free memory back now and then, until `stop`.
pub(crate) async fn give_back(stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(EACH) => {}
        }
        // A millisecond or few, in which who allocates may wait.
        if tokio::task::spawn_blocking(allocator::trim).await.is_err() {
            return;
        }
    }
}

/// Has threads share arenas, one a core at most; before any other thread is started. glibc would make eight a core, each with
/// free memory of its own.
pub(crate) fn share_arenas() {
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    allocator::limit_arenas(i32::try_from(cores).unwrap_or(i32::MAX).max(2));
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(unsafe_code, reason = "glibc is told in C only (ADR 35)")]
mod allocator {
    pub(super) fn trim() {
        // SAFETY: it takes a number, may be called from any thread at any time, and moves nothing that is in use.
        unsafe { libc::malloc_trim(0) };
    }

    pub(super) fn limit_arenas(arenas: i32) {
        // SAFETY: it takes two numbers, and is called while there is one thread.
        unsafe { libc::mallopt(libc::M_ARENA_MAX, arenas) };
    }
}

/// Other allocators give back by themselves, or cannot be told.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
mod allocator {
    pub(super) fn trim() {}

    pub(super) fn limit_arenas(_arenas: i32) {}
}
