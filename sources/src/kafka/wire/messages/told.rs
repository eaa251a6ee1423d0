//! For tests: what a message says, as lines of a path and a value, to be held beside what another decoder says.

use super::super::{ApiKey, ErrorCode, Uuid};
use super::layout::Layout;

/// Anything that is a field of a message, or an element of an array in one.
pub(super) trait Told {
    fn tell(&self, layout: Layout, path: &str, out: &mut Vec<(String, String)>);
}

/// The path of a field: structures that nothing holds have none.
pub(super) fn within(path: &str, field: &str) -> String {
    // Kafka's schema says in the name whose operations they are, other clients do not.
    let field = if field.ends_with("_authorized_operations") { "authorized_operations" } else { field };
    if path.is_empty() { field.to_owned() } else { format!("{path}.{field}") }
}

/// What is no printable ASCII as `\xHH`.
pub(super) fn escaped(bytes: &[u8]) -> String {
    let escape = |byte: &u8| match byte {
        b' '..=b'~' if *byte != b'\\' => char::from(*byte).to_string(),
        byte => format!("\\x{byte:02x}"),
    };
    bytes.iter().map(escape).collect()
}

fn value(path: &str, value: impl Into<String>, out: &mut Vec<(String, String)>) {
    out.push((path.to_owned(), value.into()));
}

macro_rules! told_as {
    ($($type:ty: |$told:ident| $text:expr;)*) => {$(
        impl Told for $type {
            fn tell(&self, _: Layout, path: &str, out: &mut Vec<(String, String)>) {
                let $told = self;
                value(path, $text, out);
            }
        }
    )*};
}

told_as! {
    i8: |number| number.to_string();
    i16: |number| number.to_string();
    i32: |number| number.to_string();
    i64: |number| number.to_string();
    bool: |flag| flag.to_string();
    ErrorCode: |code| code.0.to_string();
    ApiKey: |key| key.0.to_string();
    Uuid: |id| uuid(*id);
    String: |text| escaped(text.as_bytes());
    &[u8]: |records| format!("{} bytes", records.len());
}

fn uuid(id: Uuid) -> String {
    let digits: String = id.0.iter().map(|byte| format!("{byte:02x}")).collect();
    let groups = [0..8, 8..12, 12..16, 16..20, 20..32].map(|group| &digits[group]);
    if id.is_zero() { "\\N".to_owned() } else { groups.join("-") }
}

impl<T: Told> Told for Vec<T> {
    fn tell(&self, layout: Layout, path: &str, out: &mut Vec<(String, String)>) {
        value(&format!("{path}.len"), self.len().to_string(), out);
        for (at, element) in self.iter().enumerate() {
            element.tell(layout, &format!("{path}[{at}]"), out);
        }
    }
}

impl<T: Told> Told for Option<T> {
    fn tell(&self, layout: Layout, path: &str, out: &mut Vec<(String, String)>) {
        match self {
            Some(told) => told.tell(layout, path, out),
            None => value(path, "\\N", out),
        }
    }
}
