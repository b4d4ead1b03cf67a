//! See `targets::daemon_response`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| waiaas_mcp_fuzz::daemon_response(data));
