//! See `targets::error_envelope`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| waiaas_mcp_fuzz::error_envelope(data));
