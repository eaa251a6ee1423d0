//! Holds the place of types of `wire` until they are there.

use std::fmt;

macro_rules! stand_in {
    ($name:ident) => {
        #[doc = "Stands in for the type of this name in `wire`."]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $name(pub i16);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "error {}", self.0)
            }
        }
        impl std::error::Error for $name {}
    };
}

stand_in!(ErrorCode);
stand_in!(WireError);
stand_in!(RecordError);
