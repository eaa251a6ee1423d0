//! The READMEs' programs, compiled and run as doc tests.

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct English;
