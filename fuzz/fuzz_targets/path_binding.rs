//! See `targets::path_binding`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| waiaas_mcp_fuzz::path_binding(data));
