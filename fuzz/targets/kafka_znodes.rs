//! Gives libfuzzer's inputs to the body of the same name.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| batchmill_fuzz::kafka_znodes(data));
