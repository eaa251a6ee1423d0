//! The primitive types in both directions, and what the reader refuses.

use proptest::prelude::*;

use super::super::{Uuid, Writer};
use super::*;

fn written(write: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut out = Writer::new();
    write(&mut out);
    out.into_bytes().unwrap()
}

/// The error of reading a field called `it` at the start of `bytes`.
fn refused<'a, T: std::fmt::Debug>(
    bytes: &'a [u8],
    read: impl FnOnce(&mut Reader<'a>) -> Result<T, WireError>,
) -> WireError {
    let mut input = Reader::new(bytes);
    input.field("it");
    read(&mut input).unwrap_err()
}

#[test]
fn numbers_stand_with_their_highest_byte_first() {
    let bytes = written(|out| {
        out.i8(-2);
        out.i16(0x0102);
        out.i32(0x0304_0506);
        out.i64(-1);
        out.u32(0xfffe_fdfc);
        out.bool(true);
        out.uuid(Uuid([9; 16]));
    });
    let expected: &[&[u8]] = &[&[0xfe, 1, 2, 3, 4, 5, 6], &[0xff; 8], &[0xff, 0xfe, 0xfd, 0xfc, 1], &[9; 16]];
    assert_eq!(bytes, expected.concat());

    let mut input = Reader::new(&bytes);
    assert_eq!(input.i8(), Ok(-2));
    assert_eq!(input.i16(), Ok(0x0102));
    assert_eq!(input.i32(), Ok(0x0304_0506));
    assert_eq!(input.i64(), Ok(-1));
    assert_eq!(input.u32(), Ok(0xfffe_fdfc));
    assert_eq!(input.bool(), Ok(true));
    assert_eq!(input.uuid(), Ok(Uuid([9; 16])));
    assert_eq!((input.position(), input.remaining()), (36, 0));
}

#[test]
fn a_number_that_is_cut_names_its_place() {
    let cut = WireError::Truncated { what: "it", at: 0, needed: 8, left: 7 };
    assert_eq!(refused(&[0; 7], Reader::i64), cut);
}

#[test]
fn varints_have_their_known_bytes() {
    let known: [(i32, &[u8]); 7] = [
        (0, &[0]),
        (-1, &[1]),
        (1, &[2]),
        (63, &[0x7e]),
        (64, &[0x80, 0x01]),
        (i32::MAX, &[0xfe, 0xff, 0xff, 0xff, 0x0f]),
        (i32::MIN, &[0xff, 0xff, 0xff, 0xff, 0x0f]),
    ];
    for (value, bytes) in known {
        assert_eq!(written(|out| out.varint(value)), bytes);
        assert_eq!(Reader::new(bytes).varint(), Ok(value));
    }
    let lowest = [&[0xff; 9][..], &[0x01]].concat();
    assert_eq!(written(|out| out.varlong(i64::MIN)), lowest);
    assert_eq!(Reader::new(&lowest).varlong(), Ok(i64::MIN));
}

#[test]
fn a_varint_of_too_many_bits_is_refused() {
    let overlong = WireError::InvalidVarint { what: "it", at: 0 };
    assert_eq!(refused(&[0xff, 0xff, 0xff, 0xff, 0x1f, 0], Reader::uvarint), overlong);
    assert_eq!(refused(&[0x80; 5], Reader::uvarint), overlong);
    assert_eq!(refused(&[0x80; 12], Reader::varlong), overlong);
    let eleven_bits_in_the_tenth = [&[0x80; 9][..], &[0x02, 0]].concat();
    assert_eq!(refused(&eleven_bits_in_the_tenth, Reader::varlong), overlong);
}

#[test]
fn a_varint_that_is_cut_lacks_a_byte() {
    let cut = WireError::Truncated { what: "it", at: 0, needed: 3, left: 2 };
    assert_eq!(refused(&[0x80; 2], Reader::varint), cut);
}

#[test]
fn null_and_empty_are_two_things() {
    assert_eq!(Reader::new(&[0xff, 0xff]).nullable_string(), Ok(None));
    assert_eq!(Reader::new(&[0, 0]).nullable_string(), Ok(Some("")));
    assert_eq!(Reader::new(&[0]).compact_nullable_string(), Ok(None));
    assert_eq!(Reader::new(&[1]).compact_nullable_string(), Ok(Some("")));
    assert_eq!(Reader::new(&[0xff; 4]).nullable_bytes(), Ok(None));
    assert_eq!(Reader::new(&[0; 4]).nullable_bytes(), Ok(Some(&[][..])));
    assert_eq!(Reader::new(&[0xff; 4]).nullable_array_len(1), Ok(None));
    assert_eq!(Reader::new(&[0]).compact_nullable_array_len(1), Ok(None));
    assert_eq!(Reader::new(&[1]).compact_nullable_array_len(1), Ok(Some(0)));
}

#[test]
fn null_is_refused_where_it_may_not_be() {
    let null = WireError::NegativeLength { what: "it", at: 0, length: -1 };
    assert_eq!(refused(&[0xff; 2], Reader::string), null);
    assert_eq!(refused(&[0], Reader::compact_string), null);
    assert_eq!(refused(&[0xff; 4], Reader::bytes), null);
    assert_eq!(refused(&[0xff; 4], |input| input.array_len(1)), null);
    assert_eq!(refused(&[0], |input| input.compact_array_len(1)), null);
}

#[test]
fn a_length_below_null_is_refused() {
    let negative = |length| WireError::NegativeLength { what: "it", at: 0, length };
    assert_eq!(refused(&[0xff, 0xfe], Reader::nullable_string), negative(-2));
    assert_eq!(refused(&[0x80, 0, 0, 0], Reader::nullable_bytes), negative(i64::from(i32::MIN)));
    assert_eq!(refused(&[0xff, 0xff, 0xff, 0xfd], |input| input.nullable_array_len(1)), negative(-3));
}

#[test]
fn a_string_must_be_utf8() {
    let invalid = WireError::InvalidUtf8 { what: "it", at: 2 };
    assert_eq!(refused(&[0, 2, b'a', 0xff], Reader::string), invalid);
}

#[test]
fn a_length_beyond_the_end_takes_nothing() {
    let cut = WireError::Truncated { what: "it", at: 4, needed: 0x7fff_ffff, left: 2 };
    assert_eq!(refused(&[0x7f, 0xff, 0xff, 0xff, 1, 2], Reader::bytes), cut);
    let cut = WireError::Truncated { what: "it", at: 5, needed: 0xffff_fffe, left: 0 };
    assert_eq!(refused(&[0xff, 0xff, 0xff, 0xff, 0x0f], Reader::compact_string), cut);
}

#[test]
fn an_array_claims_no_more_than_the_bytes_left_hold() {
    let claim = |count: u32, left: usize| [&count.to_be_bytes()[..], &vec![0; left]].concat();
    assert_eq!(Reader::new(&claim(3, 14)).array_len(4), Ok(3));
    let too_many = WireError::TooManyElements { what: "it", at: 0, count: 4, limit: 3 };
    assert_eq!(refused(&claim(4, 15), |input| input.array_len(4)), too_many);
    let too_many = WireError::TooManyElements { what: "it", at: 0, count: 0x7fff_ffff, limit: 2 };
    assert_eq!(refused(&claim(0x7fff_ffff, 2), |input| input.array_len(0)), too_many);
}

#[test]
fn an_array_has_no_more_elements_than_any_may_have() {
    let count = MAX_ELEMENTS as u32 + 1;
    let bytes = [&count.to_be_bytes()[..], &vec![0; count as usize]].concat();
    let limit = MAX_ELEMENTS as u64;
    let too_many = WireError::TooManyElements { what: "the input", at: 0, count: limit + 1, limit };
    assert_eq!(Reader::new(&bytes).array_len(1), Err(too_many));
}

#[test]
fn tagged_fields_are_skipped_to_their_end() {
    let mut input = Reader::new(&[2, 0, 1, 0xaa, 0x81, 0x01, 2, 0xbb, 0xcc, 7]);
    assert_eq!(input.tagged_fields(), Ok(()));
    assert_eq!(input.rest(), [7]);
}

#[test]
fn endless_tagged_fields_end_with_the_input() {
    let claim = [&[0xff, 0xff, 0xff, 0xff, 0x0f], &[0; 6][..]].concat();
    let cut = WireError::Truncated { what: "the tagged fields", at: 11, needed: 1, left: 0 };
    assert_eq!(refused(&claim, Reader::tagged_fields), cut);
}

#[test]
fn bytes_after_the_end_are_an_error() {
    let mut input = Reader::new(&[0; 5]);
    assert_eq!(input.i32(), Ok(0));
    assert_eq!(input.finish(), Err(WireError::TrailingBytes { at: 4, left: 1 }));
}

proptest! {
    #[test]
    fn variable_numbers_come_back(short: i32, long: i64, unsigned: u32, shift in 0_u32..64) {
        // Shifted, so that there are small ones too.
        let (short, long, unsigned) = (short >> (shift % 32), long >> shift, unsigned >> (shift % 32));
        let bytes = written(|out| {
            out.varint(short);
            out.varlong(long);
            out.uvarint(unsigned);
        });
        let mut input = Reader::new(&bytes);
        prop_assert_eq!(input.varint(), Ok(short));
        prop_assert_eq!(input.varlong(), Ok(long));
        prop_assert_eq!(input.uvarint(), Ok(unsigned));
        prop_assert_eq!(input.finish(), Ok(()));
    }

    #[test]
    fn texts_and_bytes_come_back(text in any::<Option<String>>(), raw in any::<Option<Vec<u8>>>()) {
        let bytes = written(|out| {
            out.nullable_string(text.as_deref());
            out.compact_nullable_string(text.as_deref());
            out.nullable_bytes(raw.as_deref());
            out.compact_nullable_bytes(raw.as_deref());
        });
        let mut input = Reader::new(&bytes);
        prop_assert_eq!(input.nullable_string(), Ok(text.as_deref()));
        prop_assert_eq!(input.compact_nullable_string(), Ok(text.as_deref()));
        prop_assert_eq!(input.nullable_bytes(), Ok(raw.as_deref()));
        prop_assert_eq!(input.compact_nullable_bytes(), Ok(raw.as_deref()));
        prop_assert_eq!(input.finish(), Ok(()));
    }
}
