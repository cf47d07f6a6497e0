//! The one way of a sealed file's header to the age library.
//!
//! The library parses a header from its beginning with each line that it reads,
//! so that the time grows with the square of the length, and sets no limit.
//! Here a header is read once, line by line, up to a limit, and handed over
//! whole: the library parses it once.

use std::io::{self, BufRead, Read};

use age::Decryptor;
use age::armor::ArmoredReader;

use super::sealing::{OpenError, open_error};

/// The most stanzas of a header: far more than there are key-holders.
const MAX_STANZAS: usize = 1024;

/// The longest header, in bytes. One of 1,024 keys of 4,096 bits (RSA) is
/// shorter.
const MAX_LENGTH: usize = 1 << 20;

/// Reads the header of an armored file.
///
/// # Errors
/// A file that is no armored age file or not a whole one, or whose header is
/// beyond all limits.
pub(super) fn read_header(file: &[u8]) -> Result<Decryptor<impl Read>, OpenError> {
    // The reader would take this form too. The store keeps text alone, so that
    // git never has to guess and a file has one form.
    if file.starts_with(b"age-encryption.org/") {
        return Err(OpenError::Binary);
    }
    let mut rest = ArmoredReader::new(file);
    let header = header(&mut rest)?;
    Decryptor::new_buffered(HeaderFirst { header: Some(header), rest }).map_err(open_error)
}

/// The header, with the line of its MAC.
fn header(file: &mut impl BufRead) -> Result<Vec<u8>, OpenError> {
    let mut header = Vec::new();
    let mut stanzas = 0;
    loop {
        let start = header.len();
        let left = (MAX_LENGTH - start) as u64;
        let read = file.take(left).read_until(b'\n', &mut header);
        let line = header.get(start..).unwrap_or_default();
        let is_whole = line.ends_with(b"\n");
        if start == 0 && !line.starts_with(b"age-encryption.org/") {
            return Err(OpenError::Malformed);
        }
        match read {
            Ok(_) if is_whole => {}
            Ok(_) if header.len() == MAX_LENGTH => return Err(OpenError::HeaderTooLong),
            // The file ends here, or its armor is damaged.
            _ => return Err(OpenError::Malformed),
        }
        if line.starts_with(b"---") {
            return Ok(header);
        }
        stanzas += usize::from(line.starts_with(b"->"));
        if stanzas > MAX_STANZAS {
            return Err(OpenError::HeaderTooLong);
        }
    }
}

/// A file whose header is one line for whoever reads line by line.
struct HeaderFirst<R> {
    header: Option<Vec<u8>>,
    rest: R,
}

impl<R: BufRead> Read for HeaderFirst<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.rest.read(buffer)
    }
}

impl<R: BufRead> BufRead for HeaderFirst<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.rest.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.rest.consume(amount);
    }

    fn read_until(&mut self, byte: u8, buffer: &mut Vec<u8>) -> io::Result<usize> {
        match self.header.take() {
            Some(header) => {
                buffer.extend_from_slice(&header);
                Ok(header.len())
            }
            None => self.rest.read_until(byte, buffer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(stanzas: usize, line: &str) -> Result<usize, OpenError> {
        let text = format!("age-encryption.org/v1\n{}--- mac\nrest", line.repeat(stanzas));
        let mut rest = text.as_bytes();
        let header = header(&mut rest)?;
        assert_eq!(rest, b"rest");
        Ok(header.len())
    }

    #[test]
    fn a_header_is_read_to_its_end_and_no_further() {
        assert_eq!(of(0, "").unwrap(), 22 + 8);
        assert_eq!(of(MAX_STANZAS, "-> x\n").unwrap(), 22 + 5 * MAX_STANZAS + 8);
    }

    #[test]
    fn one_beyond_the_limits_is_refused_before_the_library_sees_it() {
        let too_long = |result| matches!(result, Err(OpenError::HeaderTooLong));
        assert!(too_long(of(MAX_STANZAS + 1, "-> x\n")));
        assert!(too_long(of(1, &format!("-> x\n{}", "A".repeat(64).repeat(1 << 15)))));
        assert!(too_long(of(1 << 15, &format!("{}\n", "A".repeat(64)))));
        assert!(matches!(
            header(&mut &b"age-encryption.org/v1\n-> x"[..]),
            Err(OpenError::Malformed)
        ));
        assert!(matches!(header(&mut &b""[..]), Err(OpenError::Malformed)));
    }
}
