//! The values inside attributes.

use netlink_packet_core::{DecodeError, NlaBuffer, NlasIterator, Parseable};

/// A list of attributes of one level.
pub(crate) fn parse_list<T>(bytes: &[u8]) -> Result<Vec<T>, DecodeError>
where
    T: for<'a> Parseable<NlaBuffer<&'a [u8]>>,
{
    NlasIterator::new(bytes)
        .map(|attribute| T::parse(&attribute?))
        .collect()
}

/// Exactly `N` bytes.
pub(crate) fn parse_array<const N: usize>(bytes: &[u8]) -> Result<[u8; N], DecodeError> {
    bytes
        .try_into()
        .map_err(|_| DecodeError::invalid_number(N, bytes.len()))
}

/// Puts `value` at the start of `buffer`, which has room for it by its caller's promise
/// (`value_len`); anything else is left untouched.
pub(crate) fn emit_bytes(value: &[u8], buffer: &mut [u8]) {
    if let Some(room) = buffer.get_mut(..value.len()) {
        room.copy_from_slice(value);
    }
}

/// A text and its terminating zero byte.
pub(crate) fn emit_text(text: &str, buffer: &mut [u8]) {
    emit_bytes(text.as_bytes(), buffer);
    if let Some(end) = buffer.get_mut(text.len()) {
        *end = 0;
    }
}
