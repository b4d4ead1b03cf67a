//! See `targets::line`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| waiaas_mcp_fuzz::line(data));
