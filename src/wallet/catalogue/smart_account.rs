//! The toolset `smart-account`: ERC-4337 user operations.
//!
//! Used by the catalogue. Pure data; refuses to know how a row becomes a schema or a request.

use super::{TRANSACTION_TYPES, free_values, path_wallet};
use crate::wallet::spec::{
    Composition, Effect, Implied, Kind, Param, Reach, Required, ToolSpec, body, get, post, unsent,
};
use crate::wallet::toolsets::Toolset;

pub(super) fn tools() -> Vec<ToolSpec> {
    vec![
        ToolSpec {
            name: "get_provider_status".into(),
            title: "Smart account provider".into(),
            description: "Whether a wallet is a smart account, its bundler, and who pays the gas.".into(),
            toolset: Toolset::SmartAccount,
            effect: Effect::Read,
            reach: Reach::Daemon,
            endpoint: get("/v1/wallets/{id}").composed(Composition::ProviderStatus),
            params: vec![path_wallet("id").required()],
        },
        ToolSpec {
            name: "build_userop".into(),
            title: "Build a user operation".into(),
            description: "Build a user operation for sign_userop (within 10 minutes). TRANSFER: to, amount. \
                          TOKEN_TRANSFER: also token. APPROVE: to (spender), amount, token. CONTRACT_CALL: contract, \
                          and method with abi and args. BATCH: 2-20 calls. Amounts in the smallest unit."
                .into(),
            toolset: Toolset::SmartAccount,
            effect: Effect::Write,
            reach: Reach::Daemon,
            endpoint: post("/v1/wallets/{id}/userop/build").composed(Composition::UserOp),
            params: build_params(),
        },
        ToolSpec {
            name: "sign_userop".into(),
            title: "Sign a user operation".into(),
            description: "Sign a user operation of build_userop, its gas and fees filled in. All values 0x-hex."
                .into(),
            toolset: Toolset::SmartAccount,
            effect: Effect::Sign,
            reach: Reach::Daemon,
            endpoint: post("/v1/wallets/{id}/userop/sign"),
            params: sign_params(),
        },
    ]
}

/// What the request is put together from.
fn build_params() -> Vec<Param> {
    let call = vec![body("to", Kind::Text).required(), body("amount", Kind::Text), body("data", Kind::Text)];
    vec![
        path_wallet("id").required(),
        unsent("type", Kind::Choice(TRANSACTION_TYPES)).required(),
        unsent("to", Kind::Text)
            .required_as(Required::When("type", &["TRANSFER", "TOKEN_TRANSFER", "APPROVE"])),
        unsent("amount", Kind::Text)
            .required_as(Required::When("type", &["TRANSFER", "TOKEN_TRANSFER", "APPROVE"])),
        unsent("token", Kind::Text)
            .required_as(Required::When("type", &["TOKEN_TRANSFER", "APPROVE"]))
            .about("Registered token: address or CAIP-19"),
        unsent("contract", Kind::Text),
        unsent("method", Kind::Text).required_as(Required::WhenGiven("abi")),
        unsent("abi", Kind::Objects(None)).required_as(Required::WhenGiven("method")),
        unsent("args", free_values()),
        unsent("calls", Kind::List(Box::new(Kind::Object(call))))
            .required_as(Required::When("type", &["BATCH"])),
        unsent("network", Kind::Network).required(),
    ]
}

fn sign_params() -> Vec<Param> {
    let member = |name, field| body(name, Kind::Text).sent_as(field);
    let needed = |name, field| member(name, field).required();
    vec![
        path_wallet("id").required(),
        body("build_id", Kind::Text).sent_as("buildId").required(),
        needed("sender", "userOperation.sender"),
        needed("nonce", "userOperation.nonce"),
        needed("call_data", "userOperation.callData"),
        needed("call_gas_limit", "userOperation.callGasLimit"),
        needed("verification_gas_limit", "userOperation.verificationGasLimit"),
        needed("pre_verification_gas", "userOperation.preVerificationGas"),
        needed("max_fee_per_gas", "userOperation.maxFeePerGas"),
        needed("max_priority_fee_per_gas", "userOperation.maxPriorityFeePerGas"),
        member("signature", "userOperation.signature").implied(&[Implied { given: None, value: "0x" }]),
        member("factory", "userOperation.factory"),
        member("factory_data", "userOperation.factoryData"),
        member("paymaster", "userOperation.paymaster"),
        member("paymaster_data", "userOperation.paymasterData"),
        member("paymaster_verification_gas_limit", "userOperation.paymasterVerificationGasLimit"),
        member("paymaster_post_op_gas_limit", "userOperation.paymasterPostOpGasLimit"),
    ]
}
