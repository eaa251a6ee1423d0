//! The READMEs' programs, compiled and run as doc tests. (Core cannot name the sources, and a path out of a package
//! breaks `cargo package`.)

#[doc = include_str!("../README.md")]
struct English;

#[doc = include_str!("../README.zh-CN.md")]
struct Chinese;
