//! Ctrl-C and the service manager's wish to stop.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Cancels `stop` at the first SIGINT or SIGTERM; a second one ends the process at once. From the first poll on,
/// signals are caught.
pub(crate) async fn on_signal(stop: CancellationToken) {
    on(&[SignalKind::interrupt(), SignalKind::terminate()], stop).await;
}

/// The same also when the terminal is closed, for what must not leave anything behind.
pub(crate) async fn on_signal_or_hangup(stop: CancellationToken) {
    on(&[SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()], stop).await;
}

async fn on(kinds: &[SignalKind], stop: CancellationToken) {
    let caught: Result<Vec<Signal>, _> = kinds.iter().map(|kind| signal(*kind)).collect();
    let Ok(mut signals) = caught else {
        tracing::warn!("signals cannot be caught: only SIGKILL ends this process");
        return std::future::pending().await;
    };
    for again in [false, true] {
        std::future::poll_fn(|context| {
            let any = signals.iter_mut().any(|one| one.poll_recv(context).is_ready());
            if any { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
        })
        .await;
        if again {
            std::process::exit(130);
        }
        stop.cancel();
    }
}
