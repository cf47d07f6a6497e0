//! Buffers that leave nothing behind as they grow.

use zeroize::Zeroizing;

/// Appends to a buffer whose old memory is wiped when it has to move.
pub(crate) fn append(buffer: &mut Zeroizing<Vec<u8>>, bytes: &[u8]) {
    let length = buffer.len() + bytes.len();
    if length > buffer.capacity() {
        let mut larger = Zeroizing::new(Vec::with_capacity(length.max(2 * buffer.capacity())));
        larger.extend_from_slice(buffer);
        *buffer = larger;
    }
    buffer.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_grows_by_doubling() {
        let mut buffer = Zeroizing::new(Vec::with_capacity(4));
        for chunk in [&b"abc"[..], b"d", b"e", b"0123456789"] {
            append(&mut buffer, chunk);
        }
        assert_eq!(buffer.as_slice(), b"abcde0123456789");
    }
}
