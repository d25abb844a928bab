//! How many files and connections the process may have open at once.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What Vigie takes at most: the connections of its server, and the files of its store, sources and backends.
const ENOUGH: u64 = 8_192;

/// Raises what the shell allows (1,024 by custom, for programs that use `select`) towards what the system allows. A client of the stream is an
/// open connection, so that a thousand of them would leave no room for anything else.
pub(crate) fn raise() {
    let limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.map_or(ENOUGH, |most| most.min(ENOUGH));
    if limit.current.is_some_and(|current| current < wanted) {
        // Where it is refused, what is allowed is what there is: the server says so when it runs out.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), ..limit });
    }
}
