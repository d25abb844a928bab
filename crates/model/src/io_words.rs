//! What the operating system says, in words that say what to do.

use std::io::{Error, ErrorKind};

/// Errors that have no kind of their own, by the number that Linux and the BSDs give them.
const EIO: i32 = 5;
const ENFILE: i32 = 23;
const EMFILE: i32 = 24;

/// An error of the operating system in a plain sentence: what is wrong, and what to do where that is not plain. An error that a
/// program made with words of its own has those, and one that is not known here those of the system.
#[must_use]
pub fn io_words(error: &Error) -> String {
    if error.get_ref().is_some() {
        return error.to_string();
    }
    let known = match error.raw_os_error() {
        Some(EIO) => Some("the disk fails to read or write: see the kernel's log"),
        Some(ENFILE | EMFILE) => {
            Some("too many open files: raise the limit (LimitNOFILE, ulimit -n)")
        }
        _ => words(error.kind()),
    };
    known.map_or_else(|| error.to_string(), str::to_owned)
}

fn words(kind: ErrorKind) -> Option<&'static str> {
    Some(match kind {
        ErrorKind::NotFound => "there is no such file or folder",
        ErrorKind::PermissionDenied => "permission denied: give Vigie's user the right to it",
        ErrorKind::AlreadyExists => "something of that name exists already",
        ErrorKind::NotADirectory => "a part of the path is a file and no folder",
        ErrorKind::IsADirectory => "it is a folder and no file",
        ErrorKind::InvalidFilename => "the name is too long for a file, or none",
        ErrorKind::StorageFull => "no space is left on the disk: make room on it",
        ErrorKind::QuotaExceeded => "the quota of Vigie's user on the disk is used up: raise it",
        ErrorKind::ReadOnlyFilesystem => "the disk can only be read from: mount it for writing",
        ErrorKind::FileTooLarge => "the file is larger than the disk's file system allows",
        ErrorKind::StaleNetworkFileHandle => {
            "the disk of the network has lost the file: mount it again"
        }
        ErrorKind::OutOfMemory => "the system has no memory left for it",
        ErrorKind::ConnectionRefused => "connection refused",
        ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::BrokenPipe
        | ErrorKind::NotConnected
        | ErrorKind::UnexpectedEof => "the other side closed the connection",
        ErrorKind::TimedOut => "no answer in time",
        ErrorKind::HostUnreachable => {
            "the host cannot be reached: is it on, and is there a route to it?"
        }
        ErrorKind::NetworkUnreachable => {
            "the network cannot be reached: see the routes of this machine"
        }
        ErrorKind::NetworkDown => "the network of this machine is down",
        ErrorKind::AddrInUse => "the address is in use by another program",
        ErrorKind::AddrNotAvailable => "the address is none of this machine, or no port is free",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_the_system_are_said_in_words_and_others_in_their_own() {
        for number in [EIO, ENFILE, EMFILE, 2, 13, 17, 20, 21, 28, 30, 36, 99, 101, 104, 111, 113] {
            let error = Error::from_raw_os_error(number);
            let said = io_words(&error);
            assert!(!said.contains("os error") && said.len() > 15, "{number}: {said}");
        }
        assert_eq!(
            io_words(&ErrorKind::StorageFull.into()),
            "no space is left on the disk: make room on it"
        );
        assert_eq!(io_words(&Error::other("a word")), "a word");
        let wrapped = Error::new(ErrorKind::NotFound, "the block is gone");
        assert_eq!(io_words(&wrapped), "the block is gone");
        let unknown = Error::from_raw_os_error(4_000);
        assert_eq!(io_words(&unknown), unknown.to_string());
    }
}
