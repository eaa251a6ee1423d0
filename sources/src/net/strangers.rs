//! How a server of another protocol is known by the first bytes that it sends where a length is expected.

/// The first bytes by which other protocols are known. Each would be the length of a frame of more than 300 MB.
const OTHERS: &[(&[u8], &str)] = &[
    (b"HTTP", "HTTP"),
    (b"GET ", "HTTP"),
    (b"POST", "HTTP"),
    (b"HEAD", "HTTP"),
    (b"PUT ", "HTTP"),
    (b"<htm", "HTTP"),
    (b"<!DO", "HTTP"),
    (b"PRI ", "HTTP/2"),
    (b"SSH-", "SSH"),
    (b"AMQP", "AMQP"),
    (b"-ERR", "Redis"),
    (b"220 ", "FTP or SMTP"),
    (b"220-", "FTP or SMTP"),
    (&[0x15, 0x03], "TLS"),
    (&[0x16, 0x03], "TLS"),
];

/// Which protocol these bytes, read as a length, are the first of.
pub(crate) fn looks_like(length: [u8; 4]) -> Option<&'static str> {
    OTHERS.iter().find(|(first, _)| length.starts_with(first)).map(|(_, protocol)| *protocol)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_of_256_mib_is_none_of_them() {
        assert!(OTHERS.iter().all(|(first, _)| first[0] > 0x10));
        assert_eq!((looks_like(*b"HTTP"), looks_like([0, 0, 1, 0])), (Some("HTTP"), None));
    }
}
