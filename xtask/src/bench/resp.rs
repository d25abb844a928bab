//! Redis' protocol, read only as far as counting needs: where a request or an answer begins and ends.

/// What passed by.
#[derive(Debug, PartialEq, Eq)]
pub enum Seen {
    /// A request or an answer began.
    Began,
    /// Its first word: of a request, the command.
    Word(String),
    /// It is complete.
    Ended,
}

/// One direction of a connection, fed as its bytes come.
#[derive(Default)]
pub struct Frames {
    line: Vec<u8>,
    /// Bytes that the current string still has, with its line end.
    string: Option<usize>,
    /// Elements that each open list still has.
    open: Vec<usize>,
    /// The first string of the current frame, while it comes.
    word: Option<Vec<u8>>,
}

impl Frames {
    /// What these bytes complete.
    pub fn feed(&mut self, mut bytes: &[u8]) -> Vec<Seen> {
        let mut seen = Vec::new();
        while !bytes.is_empty() {
            if let Some(left) = self.string {
                let (piece, rest) = bytes.split_at(left.min(bytes.len()));
                if let Some(word) = &mut self.word {
                    word.extend_from_slice(piece);
                }
                bytes = rest;
                self.string = Some(left - piece.len());
                if left == piece.len() {
                    self.string = None;
                    if let Some(word) = self.word.take() {
                        let word = String::from_utf8_lossy(&word).trim().to_uppercase();
                        seen.push(Seen::Word(word));
                    }
                    self.value(&mut seen);
                }
            } else {
                if self.line.is_empty() && self.open.is_empty() {
                    seen.push(Seen::Began);
                    self.word = Some(Vec::new());
                }
                let end = bytes.iter().position(|byte| *byte == b'\n');
                let (piece, rest) = bytes.split_at(end.map_or(bytes.len(), |end| end + 1));
                self.line.extend_from_slice(piece);
                bytes = rest;
                if end.is_some() {
                    self.header(&mut seen);
                }
            }
        }
        seen
    }

    /// A whole line: a value of its own, or the head of a string or list.
    fn header(&mut self, seen: &mut Vec<Seen>) {
        let line = String::from_utf8_lossy(&std::mem::take(&mut self.line)).trim().to_owned();
        let (kind, rest) = line.split_at(line.len().min(1));
        let size = rest.parse::<usize>().ok();
        match (kind, size) {
            ("$" | "=" | "!", Some(size)) => self.string = Some(size + 2),
            ("*" | "~" | ">", Some(size @ 1..)) => self.open.push(size),
            ("%", Some(size @ 1..)) => self.open.push(size * 2),
            // A number, a word, an error, nothing, an empty list.
            _ => self.value(seen),
        }
    }

    /// A value is complete, and with it each list that it was the last of.
    fn value(&mut self, seen: &mut Vec<Seen>) {
        while let Some(left) = self.open.last_mut() {
            *left -= 1;
            if *left > 0 {
                return;
            }
            self.open.pop();
        }
        self.word = None;
        seen.push(Seen::Ended);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_told_apart_however_the_bytes_are_cut() {
        let text = b"*2\r\n$4\r\nllen\r\n$1\r\nx\r\n*1\r\n$4\r\nPING\r\n";
        for size in 1..text.len() {
            let mut frames = Frames::default();
            let seen: Vec<Seen> = text.chunks(size).flat_map(|piece| frames.feed(piece)).collect();
            let word = |word: &str| Seen::Word(word.to_owned());
            let wanted =
                [Seen::Began, word("LLEN"), Seen::Ended, Seen::Began, word("PING"), Seen::Ended];
            assert_eq!(seen, wanted, "in pieces of {size}");
        }
    }

    #[test]
    fn nested_and_empty_answers_are_one_each() {
        let text = b"+OK\r\n:7\r\n$-1\r\n*0\r\n*2\r\n*2\r\n$1\r\na\r\n:1\r\n*-1\r\n%1\r\n+k\r\n$2\r\n\r\n\r\n-ERR no\r\n";
        let ended = |seen: &Seen| *seen == Seen::Ended;
        let count = Frames::default().feed(text).into_iter().filter(ended).count();
        assert_eq!(count, 7);
    }
}
