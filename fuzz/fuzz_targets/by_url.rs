#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| verbatim::fuzzing::by_url(bytes));
