//! See `targets::token_file`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| waiaas_mcp_fuzz::token_file(data));
