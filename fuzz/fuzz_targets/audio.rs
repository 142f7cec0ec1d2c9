#![no_main]

// A decoder that panics is caught, and its recording refused: the fuzzer's own hook would end the process first. An
// uncaught panic ends it all the same.
libfuzzer_sys::fuzz_target!(init: drop(std::panic::take_hook()), |bytes: &[u8]| verbatim::fuzzing::audio(bytes));
