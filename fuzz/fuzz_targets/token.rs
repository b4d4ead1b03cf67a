//! See `targets::token`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| waiaas_mcp_fuzz::token(data));
