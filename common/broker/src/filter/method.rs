//! The method frames that announce a content (`basic.deliver`, `basic.return`, `basic.get-ok`), and the one
//! that fixes the size of frames (`connection.tune`).

use super::properties::Cursor;

/// Longest short string of AMQP.
const SHORT_BYTES_MAX: usize = 255;

/// What a method frame says to the filter.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Method {
    /// The server's limit of a frame; 0 for none.
    Tune(u32),
    /// A content follows on the channel.
    Content(Announced),
    /// Nothing that matters here.
    Other,
}

/// The announcement of a content.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Announced {
    /// The routing key as it came.
    pub(super) routing_key: Vec<u8>,
    /// The payload to pass on in its place, where a string was not UTF-8.
    pub(super) replaced: Option<Vec<u8>>,
}

/// One field of the methods that announce a content.
#[derive(Clone, Copy)]
enum Field {
    /// So many bytes.
    Fixed(usize),
    Text,
    RoutingKey,
}

use Field::{Fixed, RoutingKey, Text};

const DELIVER: &[Field] = &[Text, Fixed(8), Fixed(1), Text, RoutingKey];
const RETURN: &[Field] = &[Fixed(2), Text, Text, RoutingKey];
const GET_OK: &[Field] = &[Fixed(8), Fixed(1), Text, RoutingKey, Fixed(4)];

/// Parses the payload of a method frame.
pub(super) fn parse(payload: &[u8]) -> Method {
    let mut cursor = Cursor(payload);
    let class = cursor.array().map(u16::from_be_bytes);
    let method = cursor.array().map(u16::from_be_bytes);
    let fields = match (class, method) {
        (Some(60), Some(60)) => DELIVER,
        (Some(60), Some(50)) => RETURN,
        (Some(60), Some(71)) => GET_OK,
        (Some(10), Some(30)) => return tune(cursor).unwrap_or(Method::Other),
        _ => return Method::Other,
    };
    announced(payload, cursor, fields).map_or(Method::Other, Method::Content)
}

fn tune(mut cursor: Cursor<'_>) -> Option<Method> {
    cursor.take(2)?;
    Some(Method::Tune(u32::from_be_bytes(cursor.array()?)))
}

fn announced(payload: &[u8], mut cursor: Cursor<'_>, fields: &[Field]) -> Option<Announced> {
    let mut routing_key = Vec::new();
    let mut passed_on = payload.get(..4)?.to_vec();
    let mut is_bad = false;
    for field in fields {
        let text = match field {
            Fixed(bytes) => {
                passed_on.extend(cursor.take(*bytes)?);
                continue;
            }
            Text | RoutingKey => cursor.short()?,
        };
        is_bad |= std::str::from_utf8(text).is_err();
        push_escaped(&mut passed_on, text);
        if matches!(field, RoutingKey) {
            routing_key = text.to_vec();
        }
    }
    cursor.0.is_empty().then_some(Announced { routing_key, replaced: is_bad.then_some(passed_on) })
}

/// Appends a short string; what is not UTF-8 is escaped to ASCII, and cut.
fn push_escaped(out: &mut Vec<u8>, text: &[u8]) {
    let escaped: Vec<u8>;
    let fit = if std::str::from_utf8(text).is_ok() {
        text
    } else {
        escaped = text.escape_ascii().take(SHORT_BYTES_MAX).collect();
        &escaped
    };
    out.push(u8::try_from(fit.len()).unwrap_or_default());
    out.extend(fit);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_each_announcement_is_found() {
        let deliver = b"\0\x3c\0\x3c\x01c\0\0\0\0\0\0\0\x07\x01\x07results\x03a.b";
        let returned = b"\0\x3c\0\x32\x01\x38\x08NO_ROUTE\0\x03a.b";
        let get_ok = b"\0\x3c\0\x47\0\0\0\0\0\0\0\x07\0\0\x03a.b\0\0\0\x09";
        for payload in [&deliver[..], returned, get_ok] {
            let Method::Content(found) = parse(payload) else { panic!("{payload:?}") };
            assert_eq!(found, Announced { routing_key: b"a.b".to_vec(), replaced: None });
            assert_eq!(parse(&payload[..payload.len() - 1]), Method::Other);
        }
        assert_eq!(parse(b"\0\x0a\0\x1e\x07\xff\0\x01\0\0\0\x3c"), Method::Tune(65_536));
        assert_eq!(parse(b"\0\x3c\0\x50"), Method::Other);
    }

    #[test]
    fn a_key_that_is_not_utf8_is_escaped() {
        let payload = b"\0\x3c\0\x3c\x01c\0\0\0\0\0\0\0\x07\x01\0\x05a.\xff\xfeb";
        let Method::Content(found) = parse(payload) else { panic!() };
        assert_eq!(found.routing_key, b"a.\xff\xfeb");
        let passed_on = b"\0\x3c\0\x3c\x01c\0\0\0\0\0\0\0\x07\x01\0\x0ba.\\xff\\xfeb";
        assert_eq!(found.replaced.as_deref(), Some(&passed_on[..]));
    }

    #[test]
    fn an_escaped_key_fits_its_length() {
        let payload =
            [&b"\0\x3c\0\x3c\x01c\0\0\0\0\0\0\0\x07\x01\0\xff"[..], &[0xff; 255]].concat();
        let Method::Content(found) = parse(&payload) else { panic!() };
        assert_eq!(found.replaced.map(|payload| payload.len()), Some(payload.len()));
    }
}
