//! How a message is laid out: a table of fields, each with the versions that have it, from which its encoder and its
//! decoder come. So the two cannot disagree, and a table can be held beside Kafka's own.

use super::super::{ApiKey, ErrorCode, Reader, Uuid, Versions, WireError, Writer};

/// The version of a message, and with it the form of lengths.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    pub(super) version: i16,
    /// Compact lengths, and tagged fields at the end of every structure.
    pub(super) flexible: bool,
}

impl Layout {
    /// `None` if the message has no such version here.
    pub(super) fn of(key: ApiKey, versions: Versions, version: i16) -> Option<Self> {
        versions.contains(version).then(|| Self { version, flexible: key.is_flexible(version) })
    }
}

/// Anything that is a field of a message, or an element of an array in one.
pub(super) trait Field<'a>: Sized {
    /// The fewest bytes that it can have.
    fn smallest(layout: Layout) -> usize;
    fn write(&self, layout: Layout, out: &mut Writer);
    fn read(layout: Layout, input: &mut Reader<'a>) -> Result<Self, WireError>;
}

/// Types that have one form whatever the layout.
macro_rules! plain_fields {
    ($($type:ty, $size:literal, $method:ident;)*) => {$(
        impl Field<'_> for $type {
            fn smallest(_: Layout) -> usize {
                $size
            }

            #[inline]
            fn write(&self, _: Layout, out: &mut Writer) {
                out.$method(*self);
            }

            #[inline]
            fn read(_: Layout, input: &mut Reader<'_>) -> Result<Self, WireError> {
                input.$method()
            }
        }
    )*};
}

plain_fields! {
    i8, 1, i8;
    i16, 2, i16;
    i32, 4, i32;
    i64, 8, i64;
    bool, 1, bool;
    Uuid, 16, uuid;
}

impl Field<'_> for ErrorCode {
    fn smallest(_: Layout) -> usize {
        2
    }

    fn write(&self, _: Layout, out: &mut Writer) {
        out.i16(self.0);
    }

    fn read(_: Layout, input: &mut Reader<'_>) -> Result<Self, WireError> {
        input.i16().map(Self)
    }
}

impl Field<'_> for ApiKey {
    fn smallest(_: Layout) -> usize {
        2
    }

    fn write(&self, _: Layout, out: &mut Writer) {
        out.i16(self.0);
    }

    fn read(_: Layout, input: &mut Reader<'_>) -> Result<Self, WireError> {
        input.i16().map(Self)
    }
}

impl Field<'_> for String {
    fn smallest(layout: Layout) -> usize {
        if layout.flexible { 1 } else { 2 }
    }

    fn write(&self, layout: Layout, out: &mut Writer) {
        if layout.flexible { out.compact_string(self) } else { out.string(self) }
    }

    fn read(layout: Layout, input: &mut Reader<'_>) -> Result<Self, WireError> {
        let text = if layout.flexible { input.compact_string() } else { input.string() };
        text.map(str::to_owned)
    }
}

impl Field<'_> for Option<String> {
    fn smallest(layout: Layout) -> usize {
        String::smallest(layout)
    }

    fn write(&self, layout: Layout, out: &mut Writer) {
        let text = self.as_deref();
        if layout.flexible { out.compact_nullable_string(text) } else { out.nullable_string(text) }
    }

    fn read(layout: Layout, input: &mut Reader<'_>) -> Result<Self, WireError> {
        let text = if layout.flexible { input.compact_nullable_string() } else { input.nullable_string() };
        text.map(|text| text.map(str::to_owned))
    }
}

/// Records as a slice of the frame. Null is read as nothing at all; brokers take the one for the other.
impl<'a> Field<'a> for &'a [u8] {
    fn smallest(layout: Layout) -> usize {
        if layout.flexible { 1 } else { 4 }
    }

    fn write(&self, layout: Layout, out: &mut Writer) {
        if layout.flexible { out.compact_nullable_bytes(Some(self)) } else { out.bytes(self) }
    }

    fn read(layout: Layout, input: &mut Reader<'a>) -> Result<Self, WireError> {
        let bytes = if layout.flexible { input.compact_nullable_bytes() } else { input.nullable_bytes() };
        bytes.map(Option::unwrap_or_default)
    }
}

impl<'a, T: Field<'a>> Field<'a> for Vec<T> {
    fn smallest(layout: Layout) -> usize {
        if layout.flexible { 1 } else { 4 }
    }

    fn write(&self, layout: Layout, out: &mut Writer) {
        write_array(Some(self), layout, out);
    }

    fn read(layout: Layout, input: &mut Reader<'a>) -> Result<Self, WireError> {
        let smallest = T::smallest(layout);
        let count =
            if layout.flexible { input.compact_array_len(smallest) } else { input.array_len(smallest) };
        read_elements(count?, layout, input)
    }
}

impl<'a, T: Field<'a>> Field<'a> for Option<Vec<T>> {
    fn smallest(layout: Layout) -> usize {
        Vec::<T>::smallest(layout)
    }

    fn write(&self, layout: Layout, out: &mut Writer) {
        write_array(self.as_deref(), layout, out);
    }

    fn read(layout: Layout, input: &mut Reader<'a>) -> Result<Self, WireError> {
        let smallest = T::smallest(layout);
        let count = if layout.flexible {
            input.compact_nullable_array_len(smallest)
        } else {
            input.nullable_array_len(smallest)
        };
        count?.map(|count| read_elements(count, layout, input)).transpose()
    }
}

fn write_array<'a, T: Field<'a>>(elements: Option<&[T]>, layout: Layout, out: &mut Writer) {
    let count = elements.map(<[T]>::len);
    if layout.flexible {
        out.compact_nullable_array_len(count)
    } else {
        out.nullable_array_len(count)
    }
    for element in elements.unwrap_or_default() {
        element.write(layout, out);
    }
}

/// `count` was checked against the bytes left, so that what is reserved is bounded by the input.
fn read_elements<'a, T: Field<'a>>(
    count: usize,
    layout: Layout,
    input: &mut Reader<'a>,
) -> Result<Vec<T>, WireError> {
    #[cfg(test)]
    super::sample::note_reserved(count * size_of::<T>());
    let mut elements = Vec::with_capacity(count);
    for _ in 0..count {
        elements.push(T::read(layout, input)?);
    }
    Ok(elements)
}

/// Defines structures and their layout: `field: type [= default] => versions,` in the order of the wire. A field that a
/// version lacks has its default there: the type's, if none is given.
macro_rules! structures {
    ($(
        $(#[$meta:meta])*
        pub struct $name:ident $(<$life:lifetime>)? {
            $($(#[$field_meta:meta])* pub $field:ident: $type:ty $(= $default:expr)? => $versions:expr,)*
        }
    )*) => {$(
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name $(<$life>)? {
            $($(#[$field_meta])* pub $field: $type,)*
        }

        impl $(<$life>)? Default for $name $(<$life>)? {
            fn default() -> Self {
                Self { $($field: $crate::kafka::wire::messages::layout::default!($($default)?),)* }
            }
        }

        impl<'a> Field<'a> for $name $(<$life>)? {
            fn smallest(layout: Layout) -> usize {
                let mut sum = usize::from(layout.flexible);
                $(if ($versions).contains(&layout.version) {
                    sum += <$type as Field<'a>>::smallest(layout);
                })*
                sum
            }

            fn write(&self, layout: Layout, out: &mut Writer) {
                $(if ($versions).contains(&layout.version) {
                    out.field(concat!(stringify!($name), ".", stringify!($field)));
                    Field::write(&self.$field, layout, out);
                })*
                if layout.flexible {
                    out.no_tagged_fields();
                }
            }

            fn read(layout: Layout, input: &mut Reader<'a>) -> Result<Self, WireError> {
                $(let $field = if ($versions).contains(&layout.version) {
                    input.field(concat!(stringify!($name), ".", stringify!($field)));
                    Field::read(layout, input)?
                } else {
                    $crate::kafka::wire::messages::layout::default!($($default)?)
                };)*
                if layout.flexible {
                    input.tagged_fields()?;
                }
                Ok(Self { $($field,)* })
            }
        }

        #[cfg(test)]
        impl $(<$life>)? $crate::kafka::wire::messages::sample::Sample for $name $(<$life>)? {
            fn sample(layout: Layout, source: &mut $crate::kafka::wire::messages::sample::Source) -> Self {
                Self {
                    $($field: if ($versions).contains(&layout.version) {
                        $crate::kafka::wire::messages::sample::Sample::sample(layout, source)
                    } else {
                        $crate::kafka::wire::messages::layout::default!($($default)?)
                    },)*
                }
            }
        }

        #[cfg(test)]
        impl $(<$life>)? $crate::kafka::wire::messages::told::Told for $name $(<$life>)? {
            fn tell(&self, layout: Layout, path: &str, out: &mut Vec<(String, String)>) {
                use $crate::kafka::wire::messages::told::{Told, within};
                $(if ($versions).contains(&layout.version) {
                    Told::tell(&self.$field, layout, &within(path, stringify!($field)), out);
                })*
            }
        }
    )*};
}

/// What was given, or else the type's own.
macro_rules! default {
    () => {
        Default::default()
    };
    ($default:expr) => {
        $default
    };
}

/// Makes two structures the request and the response of one api: `key, versions, request => response`.
macro_rules! api {
    ($key:expr, $versions:expr, $request:ident $(<$life:lifetime>)? => $response:ident $(<$response_life:lifetime>)?) => {
        $crate::kafka::wire::messages::layout::message!($key, $versions, $request $(<$life>)?);
        $crate::kafka::wire::messages::layout::message!($key, $versions, $response $(<$response_life>)?);

        impl<'a> Request<'a> for $request $(<$life>)? {
            type Response = $response $(<$response_life>)?;
        }
    };
}

/// Makes a structure a message.
macro_rules! message {
    ($key:expr, $versions:expr, $name:ident $(<$life:lifetime>)?) => {
        impl<'a> Message<'a> for $name $(<$life>)? {
            const KEY: ApiKey = $key;
            const VERSIONS: Versions = $versions;

            fn encode(&self, version: i16, out: &mut Writer) {
                match Layout::of(Self::KEY, Self::VERSIONS, version) {
                    Some(layout) => self.write(layout, out),
                    None => out.fail(WireError::UnknownVersion { key: Self::KEY, version }),
                }
            }

            fn decode(version: i16, input: &mut Reader<'a>) -> Result<Self, WireError> {
                match Layout::of(Self::KEY, Self::VERSIONS, version) {
                    Some(layout) => Self::read(layout, input),
                    None => Err(WireError::UnknownVersion { key: Self::KEY, version }),
                }
            }
        }
    };
}

pub(super) use {api, default, message, structures};
