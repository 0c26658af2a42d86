//! Line ends of every kind become line feeds, so that rows are counted as people count them.

use std::io::{self, Read};

/// A reader that turns CR LF and lone CR into LF, and ends the last line.
pub(crate) struct LineEnds<R> {
    inner: R,
    after_return: bool,
    last: u8,
    ended: bool,
}

impl<R: Read> LineEnds<R> {
    pub(crate) fn new(inner: R) -> Self {
        Self {
            inner,
            after_return: false,
            last: b'\n',
            ended: false,
        }
    }
}

impl<R: Read> Read for LineEnds<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let many = self.inner.read(buffer)?;
            if many == 0 {
                let unfinished = !self.ended && self.last != b'\n';
                self.ended = true;
                return Ok(match buffer.first_mut() {
                    Some(first) if unfinished => {
                        *first = b'\n';
                        1
                    }
                    Some(_) | None => 0,
                });
            }
            let mut kept = 0;
            for at in 0..many {
                let Some(byte) = buffer.get(at).copied() else {
                    break;
                };
                let swallowed = byte == b'\n' && self.after_return;
                self.after_return = byte == b'\r';
                if swallowed {
                    continue;
                }
                let byte = if byte == b'\r' { b'\n' } else { byte };
                if let Some(place) = buffer.get_mut(kept) {
                    *place = byte;
                }
                kept += 1;
                self.last = byte;
            }
            if kept > 0 {
                return Ok(kept);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_line_end_is_one_line_feed() {
        for text in ["a\nb\n", "a\r\nb\r\n", "a\rb\r", "a\r\nb"] {
            let mut read = String::new();
            LineEnds::new(text.as_bytes())
                .read_to_string(&mut read)
                .unwrap();
            assert_eq!(read, "a\nb\n", "{text:?}");
        }
    }
}
