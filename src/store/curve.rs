//! Points of Curve25519 that are no public key of anybody.
//!
//! What is sealed to a point of small order can be opened by everybody, for
//! there is one secret that anyone can compute, and a signature by one can be
//! made by everybody. A point that is not written in the one canonical way
//! would make two keys of one. No program makes either as a key.

use curve25519_dalek::edwards::CompressedEdwardsY;
use curve25519_dalek::montgomery::MontgomeryPoint;
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::{Identity as _, IsIdentity as _};

/// Whether bytes are a public key of X25519 that can be sealed to.
pub(super) fn is_x25519_key(bytes: &[u8; 32]) -> bool {
    let point = MontgomeryPoint(*bytes);
    let is_of_small_order = point * Scalar::from(8_u8) == MontgomeryPoint::identity();
    is_canonical(bytes) && !is_of_small_order
}

/// Whether bytes are a public key of Ed25519.
pub(super) fn is_ed25519_key(bytes: &[u8; 32]) -> bool {
    let compressed = CompressedEdwardsY(*bytes);
    compressed.decompress().is_some_and(|point| {
        let is_written_so = point.compress() == compressed;
        is_written_so && !point.mul_by_cofactor().is_identity()
    })
}

/// Whether bytes are a number below the prime of the field, 2^255 - 19, least
/// byte first.
fn is_canonical(bytes: &[u8; 32]) -> bool {
    let [first, middle @ .., last] = bytes;
    let is_near_the_top = *last == 0x7f && middle.iter().all(|byte| *byte == 0xff);
    *last <= 0x7f && !(is_near_the_top && *first >= 0xed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(hex: &str) -> [u8; 32] {
        let byte =
            |at: usize| u8::from_str_radix(hex.get(at * 2..at * 2 + 2).unwrap(), 16).unwrap();
        std::array::from_fn(byte)
    }

    #[test]
    fn points_of_small_order_and_odd_forms_are_no_keys() {
        // Source: cr.yp.to/ecdh.html, "How do I validate Curve25519 public keys?"
        for point in [
            "0000000000000000000000000000000000000000000000000000000000000000",
            "0100000000000000000000000000000000000000000000000000000000000000",
            "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
            "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "cdeb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b880",
            "4c9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f11d7",
            "d9ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
            "daffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
            "dbffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        ] {
            assert!(!is_x25519_key(&bytes(point)), "{point}");
        }
        // The base point is one; with its top bit set, it is another form of it.
        let mut base = [0; 32];
        base[0] = 9;
        assert!(is_x25519_key(&base));
        base[31] = 0x80;
        assert!(!is_x25519_key(&base));
        for point in [
            "0100000000000000000000000000000000000000000000000000000000000000",
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "0000000000000000000000000000000000000000000000000000000000000000",
            "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
            "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "0100000000000000000000000000000000000000000000000000000000000080",
        ] {
            assert!(!is_ed25519_key(&bytes(point)), "{point}");
        }
        let base = "5866666666666666666666666666666666666666666666666666666666666666";
        assert!(is_ed25519_key(&bytes(base)));
    }
}
