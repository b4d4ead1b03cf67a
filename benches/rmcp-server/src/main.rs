//! The least a server on the Rust MCP SDK can be: one tool without arguments that answers at once. `scripts/bench`
//! measures beside it.

use rmcp::{ServiceExt as _, tool, tool_router, transport::stdio};

#[derive(Clone)]
struct Minimal;

#[tool_router(server_handler)]
impl Minimal {
    #[tool(description = "A wallet's public address.")]
    async fn get_address(&self) -> String {
        r#"{"address":"0x0000000000000000000000000000000000000000"}"#.to_owned()
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    Minimal.serve(stdio()).await?.waiting().await?;
    Ok(())
}
