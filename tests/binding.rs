//! Arguments of a call become one request, or an error that names everything that is wrong with them.

use serde_json::json;
use waiaas_mcp::http::{Method, Request};
use waiaas_mcp::ids::WalletId;
use waiaas_mcp::json::RawValue;
use waiaas_mcp::wallet::arguments::Draft;
use waiaas_mcp::wallet::binding::{Defaults, bind, check};
use waiaas_mcp::wallet::catalogue;
use waiaas_mcp::wallet::spec::Kind;

const WALLET: &str = "01a20238-6332-7cad-839a-3b627b30d86b";
const OTHER: &str = "01a20238-63ed-7046-b399-42367a3cddf8";

/// What the server finds where a path lacks the wallet.
const FOUND: &str = "01a20238-65b7-7d3f-808b-d0cdea77429e";

fn bound(tool: &str, arguments: &str, defaults: &Defaults<'_>) -> Result<Request, String> {
    let raw = RawValue::from_string(arguments.to_owned()).expect("JSON");
    let spec = catalogue::find(tool).expect("a tool");
    let draft = bind(spec, Some(&raw), defaults).map_err(|error| error.to_string())?;
    Ok(draft.with_wallet(&WalletId::parse(FOUND).expect("a UUID")))
}

fn sent(tool: &str, arguments: &str) -> Request {
    bound(tool, arguments, &Defaults::default()).unwrap_or_else(|error| panic!("{tool} {arguments}: {error}"))
}

/// The request of a draft that lacks nothing.
fn complete(draft: Draft) -> Request {
    draft.complete().expect("complete")
}

/// What the message says after the colon.
fn refused(tool: &str, arguments: &str) -> String {
    let error = bound(tool, arguments, &Defaults::default()).expect_err(arguments);
    let start = format!("wrong arguments for {tool}, nothing was sent: ");
    error.strip_prefix(&start).unwrap_or_else(|| panic!("{error}")).to_owned()
}

#[test]
fn queries_keep_the_order_of_the_table_and_every_digit() {
    let table = [
        ("get_balance", "{}", "/v1/wallet/balance"),
        (
            "get_balance",
            r#"{"display_currency":"EUR","network":"all"}"#,
            "/v1/wallet/balance?network=all&display_currency=EUR",
        ),
        ("get_balance", r#"{"network":"eip155:11155111"}"#, "/v1/wallet/balance?network=ethereum-sepolia"),
        ("get_tokens", r#"{"network":"devnet"}"#, "/v1/tokens?network=solana-devnet"),
        ("get_tokens", r#"{"network":""}"#, "/v1/tokens?network="),
        ("list_transactions", r#"{"limit":20,"cursor":"a b&c"}"#, "/v1/transactions?limit=20&cursor=a+b%26c"),
        ("list_transactions", r#"{"limit":2e1}"#, "/v1/transactions?limit=2e1"),
        (
            "list_incoming_transactions",
            r#"{"since":12345678901234567890.10}"#,
            "/v1/wallet/incoming?since=12345678901234567890.10",
        ),
        ("list_incoming_transactions", r#"{"wallet_id":"x"}"#, "/v1/wallet/incoming?wallet_id=x"),
        (
            "get_policies",
            r#"{"offset":0,"limit":200,"wallet_id":"x"}"#,
            "/v1/policies?walletId=x&limit=200&offset=0",
        ),
        ("get_policies", r#"{"limit":20.0}"#, "/v1/policies?limit=20.0"),
        (
            "list_nfts",
            r#"{"network":"eip155:1","cursor":"k=","limit":5,"group_by":"collection"}"#,
            "/v1/wallet/nfts?network=ethereum-mainnet&pageKey=k%3D&pageSize=5&groupBy=collection",
        ),
        (
            "get_nft_metadata",
            r#"{"token_identifier":"0xA:1/2","network":"n"}"#,
            "/v1/wallet/nfts/0xA%3A1%2F2?network=n",
        ),
        (
            "waiaas_get_health_factor",
            r#"{"wallet_id":"w","network":"n"}"#,
            "/v1/wallet/health-factor?wallet_id=w&network=n",
        ),
        ("get_nonce", r#"{"wallet_id":"w"}"#, "/v1/nonce"),
        (
            "erc8004_get_reputation",
            r#"{"agent_id":"007","tag2":"b"}"#,
            "/v1/erc8004/agent/007/reputation?tag2=b",
        ),
        (
            "waiaas_hl_get_funding_rates",
            r#"{"market":"ETH","start_time":1234567890123}"#,
            "/v1/hyperliquid/funding-rates?market=ETH&startTime=1234567890123",
        ),
        (
            "waiaas_pm_get_markets",
            r#"{"limit":"5","keyword":"a b"}"#,
            "/v1/polymarket/markets?keyword=a+b&limit=5",
        ),
        ("wc_status", r#"{"wallet_id":"w"}"#, "/v1/wallet/wc/session?walletId=w"),
    ];
    for (tool, arguments, target) in table {
        assert_eq!(sent(tool, arguments), Request::get(target), "{tool} {arguments}");
    }
}

#[test]
fn bodies_keep_the_order_of_the_table_and_every_digit() {
    let table = [
        ("send_token", r#"{"amount":"1","to":"0xA"}"#, r#"{"to":"0xA","amount":"1"}"#),
        (
            "send_token",
            r#"{"to":"a\"b\\é","amount":"1","memo":"","network":"eip155:1","wallet_id":"w","gas_condition":{"timeout":60.50,"max_gas_price":"9"}}"#,
            r#"{"to":"a\"b\\é","amount":"1","memo":"","network":"ethereum-mainnet","walletId":"w","gasCondition":{"maxGasPrice":"9","timeout":60.50}}"#,
        ),
        // Without a price the daemon refuses the condition; dropping it would send at any price.
        (
            "send_token",
            r#"{"to":"a","amount":"1","gas_condition":{}}"#,
            r#"{"to":"a","amount":"1","gasCondition":{}}"#,
        ),
        (
            "send_token",
            r#"{"to":"a","amount":"1","token":{"decimals":6,"address":"0x1","symbol":null,"assetId":""}}"#,
            r#"{"to":"a","amount":"1","type":"TOKEN_TRANSFER","token":{"address":"0x1","decimals":6}}"#,
        ),
        (
            "simulate_transaction",
            r#"{"to":"a","amount":"1"}"#,
            r#"{"to":"a","amount":"1","type":"TRANSFER"}"#,
        ),
        (
            "simulate_transaction",
            r#"{"to":"a","amount":"1","type":"","token":{"assetId":"x"}}"#,
            r#"{"to":"a","amount":"1","type":"TOKEN_TRANSFER","token":{"assetId":"x"}}"#,
        ),
        (
            "simulate_transaction",
            r#"{"type":"BATCH","instructions":[ {"amount": 10000000000000000000000} ]}"#,
            r#"{"type":"BATCH","instructions":[ {"amount": 10000000000000000000000} ]}"#,
        ),
        ("simulate_transaction", r#"{"type":"APPROVE","amount":"1"}"#, r#"{"amount":"1","type":"APPROVE"}"#),
        (
            "simulate_transaction",
            r#"{"type":"CONTRACT_CALL","to":"p","accounts":[{"isWritable":false,"isSigner":true,"pubkey":"k","x":0}]}"#,
            r#"{"to":"p","type":"CONTRACT_CALL","accounts":[{"pubkey":"k","isSigner":true,"isWritable":false}]}"#,
        ),
        ("sign_message", r#"{"message":""}"#, r#"{"message":""}"#),
        (
            "call_contract",
            r#"{"to":"c","type":"CONTRACT_CALL","value":"0"}"#,
            r#"{"type":"CONTRACT_CALL","to":"c","value":"0"}"#,
        ),
        (
            "approve_token",
            r#"{"spender":"s","token":{"assetId":"x"},"amount":"1"}"#,
            r#"{"type":"APPROVE","spender":"s","token":{"assetId":"x"},"amount":"1"}"#,
        ),
        (
            "send_batch",
            r#"{"instructions":[{"to":"a", "amount":1.0},{}]}"#,
            r#"{"type":"BATCH","instructions":[{"to":"a", "amount":1.0},{}]}"#,
        ),
        (
            "transfer_nft",
            r#"{"to":"a","token_address":"t","token_id":"1","standard":"erc1155","network":"eip155:1"}"#,
            r#"{"type":"NFT_TRANSFER","to":"a","token":{"address":"t","tokenId":"1","standard":"ERC-1155"},"network":"ethereum-mainnet"}"#,
        ),
        (
            "transfer_nft",
            r#"{"to":"a","token_address":"t","token_id":"1","standard":"XLS-20","network":"n"}"#,
            r#"{"type":"NFT_TRANSFER","to":"a","token":{"address":"t","tokenId":"1","standard":"XLS-20"},"network":"n"}"#,
        ),
        (
            "encode_calldata",
            r#"{"abi":[],"functionName":"f","wallet_id":"w"}"#,
            r#"{"abi":[],"functionName":"f","args":[]}"#,
        ),
        (
            "encode_calldata",
            r#"{"abi":[],"functionName":"f","args":[1.50,{"a":null},"x"]}"#,
            r#"{"abi":[],"functionName":"f","args":[1.50,{"a":null},"x"]}"#,
        ),
        (
            "erc8128_sign_request",
            r#"{"method":"GET","url":"https://a","ttl_seconds":60}"#,
            r#"{"method":"GET","url":"https://a","ttlSec":60}"#,
        ),
        // A header given in another case is replaced, not doubled.
        (
            "erc8128_verify_signature",
            r#"{"method":"GET","url":"https://a","headers":{"Signature":"old","x":"y"},"signature_input":"i","signature":"s"}"#,
            r#"{"method":"GET","url":"https://a","headers":{"x":"y","signature-input":"i","signature":"s"}}"#,
        ),
        ("sign_message", "{}", "{}"),
        // What is hashed and signed must be what was given, to the last byte.
        (
            "sign_message",
            r#"{"typed_data":{"z":1,"types":{},"primaryType":"P","message":{"v":1e400},"domain":{"chainId": 1}}}"#,
            r#"{"signType":"typedData","typedData":{"z":1,"types":{},"primaryType":"P","message":{"v":1e400},"domain":{"chainId": 1}}}"#,
        ),
    ];
    for (tool, arguments, body) in table {
        let request = sent(tool, arguments);
        assert_eq!(request.body.as_deref(), Some(body), "{tool} {arguments}");
        assert_eq!(request.method, Method::Post);
    }
}

#[test]
fn a_wallet_in_the_path_is_the_given_the_configured_or_the_found_one() {
    let target = |tool: &str, arguments: &str, wallet_id| {
        bound(tool, arguments, &Defaults { wallet_id }).unwrap_or_else(|error| panic!("{error}")).target
    };
    let given = format!(r#"{{"wallet_id":"{OTHER}","status":"LIVE"}}"#);
    let table = [
        (given.as_str(), Some(WALLET), format!("/v1/wallets/{OTHER}/polymarket/orders?status=LIVE")),
        (r#"{"wallet_id":""}"#, Some(WALLET), format!("/v1/wallets/{WALLET}/polymarket/orders")),
        (r#"{"status":"LIVE"}"#, None, format!("/v1/wallets/{FOUND}/polymarket/orders?status=LIVE")),
        (r#"{"wallet_id":"a/b"}"#, None, "/v1/wallets/a%2Fb/polymarket/orders".to_owned()),
    ];
    for (arguments, configured, expected) in table {
        assert_eq!(target("waiaas_pm_get_orders", arguments, configured), expected);
    }
    assert_eq!(
        refused("list_offchain_actions", r#"{"wallet_id":"default"}"#),
        "`wallet_id`: expected a wallet's id, a UUID, got the string \"default\"."
    );
    assert_eq!(
        refused("list_credentials", r#"{"wallet_id":".."}"#),
        "`wallet_id`: expected a string other than ``, `.` and `..`, got the string \"..\"."
    );
    let sub_account = format!(r#"{{"sub_account":"0x{}"}}"#, "a".repeat(40));
    assert_eq!(
        target("waiaas_hl_get_sub_positions", &sub_account, None),
        format!("/v1/wallets/{FOUND}/hyperliquid/sub-accounts/0x{}/positions", "a".repeat(40))
    );
}

#[test]
fn a_token_is_never_dropped_from_a_transfer() {
    // The daemon would ignore it and send as much of its own coin instead.
    let problem = "`token`: expected nothing, because `type` is TRANSFER and would ignore it, got an object.";
    let arguments = r#"{"to":"a","amount":"1","type":"TRANSFER","token":{"assetId":"x"}}"#;
    assert_eq!(refused("send_token", arguments), problem);
}

#[test]
fn only_what_changes_nothing_may_be_repeated() {
    let simulation = sent("simulate_transaction", r#"{"to":"a","amount":"1"}"#);
    assert!(simulation.repeatable && sent("get_address", "{}").repeatable);
    assert!(!sent("send_token", r#"{"to":"a","amount":"1"}"#).repeatable);
    assert!(!sent("sign_message", r#"{"message":"a"}"#).repeatable);
}

#[test]
fn path_values_cannot_lead_elsewhere() {
    let target = format!("/v1/transactions/{WALLET}?display_currency=EUR");
    let arguments = format!(r#"{{"transaction_id":"{WALLET}","display_currency":"EUR"}}"#);
    assert_eq!(sent("get_transaction", &arguments), Request::get(target));
    for id in
        ["", ".", "..", "../sessions", "a/b", &WALLET[1..], &format!("{WALLET}0"), &WALLET.replace('0', "g")]
    {
        let problem = refused("get_transaction", &format!(r#"{{"transaction_id":"{id}"}}"#));
        assert_eq!(problem, format!("`transaction_id`: expected a UUID, got the string \"{id}\"."));
    }
}

#[test]
fn a_free_path_value_stays_one_segment() {
    let mut spec = catalogue::find("get_transaction").expect("a tool").clone();
    spec.endpoint.path = "/v1/nfts/{id}/more".into();
    spec.params[0].kind = Kind::Text;
    let target = |value: &str| {
        let raw = RawValue::from_string(json!({ "transaction_id": value }).to_string()).expect("JSON");
        bind(&spec, Some(&raw), &Defaults::default()).map(complete).map(|request| request.target)
    };
    for (value, segment) in [("a:b/../c", "a%3Ab%2F..%2Fc"), ("é?#%2e", "%C3%A9%3F%23%252e"), ("...", "...")]
    {
        assert_eq!(target(value), Ok(format!("/v1/nfts/{segment}/more")));
    }
    for value in ["", ".", ".."] {
        let error = target(value).expect_err(value).to_string();
        let expected = format!("a string other than ``, `.` and `..`, got the string \"{value}\".");
        assert!(error.ends_with(&expected), "{error}");
    }
}

#[test]
fn the_configured_wallet_is_the_default_of_every_tool() {
    let defaults = Defaults { wallet_id: Some(WALLET) };
    let target = |tool, arguments: &str| bound(tool, arguments, &defaults).expect("good").target;
    for arguments in ["{}", r#"{"wallet_id":null}"#, r#"{"wallet_id":""}"#] {
        assert_eq!(target("get_address", arguments), format!("/v1/wallet/address?walletId={WALLET}"));
    }
    let given = format!(r#"{{"wallet_id":"{OTHER}"}}"#);
    assert_eq!(target("get_address", &given), format!("/v1/wallet/address?walletId={OTHER}"));
    let body = bound("sign_message", r#"{"message":"a"}"#, &defaults).expect("good").body;
    assert_eq!(body, Some(format!(r#"{{"message":"a","walletId":"{WALLET}"}}"#)));
    assert_eq!(target("get_tokens", r#"{"network":"n"}"#), "/v1/tokens?network=n");
}

#[test]
fn a_signature_has_its_default_and_every_member_its_place() {
    let members = [
        "sender",
        "nonce",
        "call_data",
        "call_gas_limit",
        "verification_gas_limit",
        "pre_verification_gas",
        "max_fee_per_gas",
        "max_priority_fee_per_gas",
    ];
    let mut arguments =
        json!({ "wallet_id": WALLET, "build_id": OTHER, "paymaster_post_op_gas_limit": "0x1" });
    for member in members {
        arguments[member] = json!("0x");
    }
    let request = sent("sign_userop", &arguments.to_string());
    assert_eq!(request.target, format!("/v1/wallets/{WALLET}/userop/sign"));
    assert_eq!(
        request.body,
        Some(format!(
            r#"{{"buildId":"{OTHER}","userOperation":{{"sender":"0x","nonce":"0x","callData":"0x","callGasLimit":"0x","verificationGasLimit":"0x","preVerificationGas":"0x","maxFeePerGas":"0x","maxPriorityFeePerGas":"0x","signature":"0x","paymasterPostOpGasLimit":"0x1"}}}}"#
        ))
    );
}

#[test]
fn absent_arguments_are_an_empty_object() {
    let spec = catalogue::find("get_address").expect("a tool");
    let request = complete(bind(spec, None, &Defaults::default()).expect("nothing is required"));
    assert_eq!(request, Request::get("/v1/wallet/address"));
    assert_eq!(sent("get_address", "null"), request);
    assert_eq!(sent("get_address", r#"{"unknown":{"a":[1]}}"#), request);
}

#[test]
fn a_wrong_argument_is_named_with_what_was_expected_and_what_came() {
    let table = [
        ("get_tokens", "{}", "`network`: expected a string, got nothing."),
        ("get_tokens", r#"{"network":null}"#, "`network`: expected a string, got null."),
        ("get_tokens", r#"{"network":["a"]}"#, "`network`: expected a string, got an array."),
        (
            "get_tokens",
            r#"{"network":"\ud800"}"#,
            r#"`network`: expected a string, got the string "\ud800"."#,
        ),
        ("get_address", "[]", "`arguments`: expected an object, got an array."),
        ("get_address", r#""{}""#, r#"`arguments`: expected an object, got the string "{}"."#),
        ("get_policies", r#"{"limit":0}"#, "`limit`: expected an integer from 1 to 200, got the number 0."),
        (
            "get_policies",
            r#"{"limit":1e3}"#,
            "`limit`: expected an integer from 1 to 200, got the number 1e3.",
        ),
        (
            "get_policies",
            r#"{"limit":1.5}"#,
            "`limit`: expected an integer from 1 to 200, got the number 1.5.",
        ),
        (
            "get_policies",
            r#"{"limit":"5"}"#,
            "`limit`: expected an integer from 1 to 200, got the string \"5\".",
        ),
        ("get_policies", r#"{"limit":""}"#, ""),
        (
            "get_policies",
            r#"{"offset":-1}"#,
            "`offset`: expected an integer of at least 0, got the number -1.",
        ),
        (
            "get_policies",
            r#"{"offset":1e999}"#,
            "`offset`: expected an integer of at least 0, got the number 1e999.",
        ),
        (
            "send_token",
            r#"{"type":"transfer","memo":true}"#,
            "`memo`: expected a string, got true; \
             `type`: expected one of TRANSFER, TOKEN_TRANSFER, got the string \"transfer\"; \
             `to`: expected a string, got nothing; `amount`: expected a string, got nothing.",
        ),
        (
            "send_token",
            r#"{"to":"a","amount":5,"token":{"decimals":"6","symbol":7},"gas_condition":"low"}"#,
            "`amount`: expected a string, got the number 5; `token.decimals`: expected a number, got the string \"6\"; \
             `token.symbol`: expected a string, got the number 7; `gas_condition`: expected an object, got the string \"low\".",
        ),
        (
            "send_token",
            r#"{"to":"a","amount":"1","type":"TOKEN_TRANSFER"}"#,
            "`token`: expected an object, because `type` is TOKEN_TRANSFER, got nothing.",
        ),
        ("simulate_transaction", r#"{"type":"APPROVE"}"#, "`amount`: expected a string, got nothing."),
        (
            "simulate_transaction",
            r#"{"to":"a","amount":"1","token":{"address":"0x"}}"#,
            "`token.decimals`: expected a number (or `assetId`), got nothing; \
             `token.symbol`: expected a string (or `assetId`), got nothing.",
        ),
        (
            "simulate_transaction",
            r#"{"to":"a","amount":"1","abi":{},"accounts":[{"pubkey":"k","isSigner":0,"isWritable":true},null]}"#,
            "`abi`: expected an array, got an object; `accounts[0].isSigner`: expected true or false, got the number 0; \
             `accounts[1]`: expected an object, got null.",
        ),
        (
            "transfer_nft",
            r#"{"to":"a","token_address":"t","token_id":"1","standard":"erc20","network":"n"}"#,
            "`standard`: expected one of erc721, erc1155, metaplex, xls20, ERC-721, ERC-1155, METAPLEX, XLS-20, \
             got the string \"erc20\".",
        ),
        ("send_batch", r#"{"instructions":[{}]}"#, "`instructions`: expected 2 to 20 objects, got 1."),
        (
            "send_batch",
            r#"{"instructions":[{},1]}"#,
            "`instructions[1]`: expected an object, got the number 1.",
        ),
        (
            "x402_fetch",
            r#"{"url":"/a","headers":{"a":1,"b":"c"}}"#,
            "`url`: expected an absolute http or https URL, got the string \"/a\"; \
             `headers.a`: expected a string, got the number 1.",
        ),
        (
            "erc8004_get_agent_info",
            r#"{"agent_id":"1/../2"}"#,
            "`agent_id`: expected decimal digits, got the string \"1/../2\".",
        ),
        (
            "get_rpc_proxy_url",
            r#"{"wallet_id":"w","chain_id":1.5}"#,
            "`wallet_id`: expected a wallet's id, a UUID, got the string \"w\"; \
             `chain_id`: expected an integer of at least 0, got the number 1.5.",
        ),
        (
            "sign_message",
            r#"{"typed_data":{"domain":{"chainId":true},"types":[],"message":{}}}"#,
            "`typed_data.domain.chainId`: expected a string or a number, got true; \
             `typed_data.types`: expected an object, got an array; \
             `typed_data.primaryType`: expected a string, got nothing.",
        ),
    ];
    for (tool, arguments, problems) in table {
        if problems.is_empty() {
            // An empty optional string counts as absent, whatever was expected.
            assert_eq!(sent(tool, arguments), sent(tool, "{}"));
        } else {
            assert_eq!(refused(tool, arguments), problems, "{tool} {arguments}");
        }
    }
}

#[test]
fn a_name_that_means_nothing_is_refused_where_a_call_acts() {
    const L: &str = r#"{"address":"0x7798","decimals":18,"symbol":"LINK"}"#;
    let send = |more: &str| format!(r#"{{"to":"a","amount":"5","network":"n",{more}}}"#);
    let batch = |second: &str| format!(r#"{{"instructions":[{{"to":"a","amount":"1"}},{second}]}}"#);
    let table = [
        (
            "send_token",
            send(r#""tokenAddress":"0x7798""#),
            "`tokenAddress` is unknown (did you mean `token.address`?).",
        ),
        (
            "send_token",
            send(r#""token_address":"0x7798""#),
            "`token_address` is unknown (did you mean `token.address`?).",
        ),
        ("send_token", send(r#""amout":"5""#), "`amout` is unknown (did you mean `amount`?)."),
        (
            "send_token",
            r#"{"to":"a","amout":"5"}"#.to_owned(),
            "`amout` is unknown (did you mean `amount`?); `amount`: expected a string, got nothing.",
        ),
        (
            "send_token",
            send(r#""dry_run":true"#),
            "`dry_run` is unknown (known: to, amount, memo, type, token, network, wallet_id, gas_condition).",
        ),
        (
            "send_token",
            send(r#""from":"b""#),
            "`from` is unknown (known: to, amount, memo, type, token, network, wallet_id, gas_condition).",
        ),
        ("send_token", send(r#""walletID":"w""#), "`walletID` is unknown (did you mean `wallet_id`?)."),
        (
            "send_token",
            send(r#""max_gas_price":"7""#),
            "`max_gas_price` is unknown (did you mean `gas_condition.max_gas_price`?).",
        ),
        (
            "send_token",
            send(&format!(r#""token":{}"#, L.replace("{", r#"{"network":"x","#))),
            "`token.network` is unknown (did you mean `network`?).",
        ),
        (
            "send_token",
            send(&format!(r#""token":{}"#, L.replace("{", r#"{"name":"x","#))),
            "`token.name` is unknown (known: address, decimals, symbol, assetId).",
        ),
        (
            "send_token",
            send(r#""gasCondition":{"maxPrice":"7","timout":60}"#),
            "`gasCondition.maxPrice` is unknown (did you mean `gasCondition.max_gas_price`?); \
             `gasCondition.timout` is unknown (did you mean `gasCondition.timeout`?).",
        ),
        (
            "send_token",
            send(r#""wallet_id":"a","walletId":"b""#),
            "`wallet_id` is given as `wallet_id` and as `walletId`, with different values.",
        ),
        ("send_token", send(r#""amount":"6""#), "`amount` is given twice, with different values."),
        (
            "send_token",
            send(r#""gas_condition":{"timeout":60,"maxGasPrice":"1","max_gas_price":"2"}"#),
            "`gas_condition.max_gas_price` is given as `maxGasPrice` and as `max_gas_price`, with different values.",
        ),
        (
            "call_contract",
            r#"{"to":"c","data":"0x"}"#.to_owned(),
            "`data` is unknown (did you mean `calldata` or `instructionData`?).",
        ),
        (
            "call_contract",
            r#"{"to":"c","type":"TRANSFER"}"#.to_owned(),
            "`type` is unknown (known: to, calldata, abi, value, programId, instructionData, accounts, network, wallet_id, gas_condition).",
        ),
        (
            "call_contract",
            r#"{"to":"c","accounts":[{"pubkey":"k","isSigner":true,"isWritable":true,"signer":false}]}"#.to_owned(),
            "`accounts[0].signer` is unknown (did you mean `accounts[0].isSigner`?).",
        ),
        (
            "transfer_nft",
            r#"{"to":"a","token_address":"t","token_id":"1","standard":"erc721","network":"n","address":"t"}"#.to_owned(),
            "`address` is unknown (did you mean `token_address`?).",
        ),
        (
            "x402_fetch",
            r#"{"url":"https://a","header":{}}"#.to_owned(),
            "`header` is unknown (did you mean `headers`?).",
        ),
        (
            "sign_message",
            r#"{"typed_data":{"types":{},"primaryType":"P","message":{},"domain":{"chainID":1}}}"#.to_owned(),
            "`typed_data.domain.chainID` is unknown (did you mean `typed_data.domain.chainId`?).",
        ),
        (
            "build_userop",
            format!(r#"{{"wallet_id":"{WALLET}","type":"BATCH","network":"n","calls":[{{"to":"a","value":"1"}},{{"to":"a"}}]}}"#),
            "`calls[0].value` is unknown (known: to, amount, data).",
        ),
        ("wc_connect", r#"{"wallet":"w"}"#.to_owned(), "`wallet` is unknown (did you mean `wallet_id`?)."),
        // A batch: the daemon takes each instruction for what its members make it.
        (
            "send_batch",
            batch(r#"{"to":"a","amount":"1","token_address":"0x7798"}"#),
            "`instructions[1].token_address` is unknown (did you mean `instructions[1].token.address`?).",
        ),
        (
            "send_batch",
            batch(r#"{"to":"a","amount":"1","tokn":{}}"#),
            "`instructions[1].tokn` is unknown (did you mean `instructions[1].token`?).",
        ),
        (
            "send_batch",
            batch(r#"{"to":"a","amount":"1","token":{"address":"0x1","decimal":6}}"#),
            "`instructions[1].token.decimal` is unknown (did you mean `instructions[1].token.decimals`?).",
        ),
        (
            "send_batch",
            batch(r#"{"to":"a","amount":"1","token":{},"calldata":"0x"}"#),
            "`instructions[1].calldata` is unknown (known: to, amount, humanAmount, token, memo, network, gas_condition, type).",
        ),
        (
            "send_batch",
            batch(r#"{"type":"TOKEN_TRANSFER","to":"a","amount":"1"}"#),
            "`instructions[1].type`: expected TRANSFER, which its other members make it, got the string \"TOKEN_TRANSFER\".",
        ),
        (
            "send_batch",
            batch(r#"{"type":"NFT_TRANSFER","to":"a","token":{"address":"t","tokenId":"1"}}"#),
            "`instructions[1].type`: expected TOKEN_TRANSFER, which its other members make it, got the string \"NFT_TRANSFER\"; \
             `instructions[1].token.tokenId` is unknown (known: address, decimals, symbol, assetId).",
        ),
        (
            "send_batch",
            batch(r#"{"to":"a","amount":"1","walletId":"w"}"#),
            "`instructions[1].walletId` is unknown (did you mean `wallet_id`?).",
        ),
        (
            "send_batch",
            batch(r#"{"to":"a","abi":[],"value":"1"}"#),
            "`instructions[1].abi` is unknown (known: to, amount, humanAmount, memo, network, \
             gas_condition, type); `instructions[1].value` is unknown (known: to, amount, humanAmount, \
             memo, network, gas_condition, type).",
        ),
        (
            "send_batch",
            batch(r#"{"to":"a","token_address":"t","\ud800":1}"#),
            "`instructions[1]` has a name that is not Unicode.",
        ),
        (
            "send_batch",
            batch(r#"{"spender":"s","to":"a","token":{},"amount":"1"}"#),
            "`instructions[1].to` is unknown (known: spender, token, amount, humanAmount, nft, network, \
             gas_condition, type).",
        ),
    ];
    for (tool, arguments, told) in table {
        assert_eq!(refused(tool, &arguments), told, "{tool} {arguments}");
    }
}

#[test]
fn a_name_may_be_written_in_the_ways_of_the_tool_and_of_the_daemon() {
    let same = [
        (
            "send_token",
            r#"{"to":"a","amount":"5","gas_condition":{"max_gas_price":"7","timeout":60}}"#,
            vec![
                r#"{"to":"a","amount":"5","gasCondition":{"maxGasPrice":"7","timeout":60}}"#,
                r#"{"to":"a","amount":"5","gas_condition":{"timeout":60,"maxGasPrice":"7"}}"#,
                r#"{"gasCondition":null,"to":"a","amount":"5","gas_condition":{"maxGasPrice":"7","max_gas_price":"7","timeout":60}}"#,
                r#"{"to":"a","amount":"5","gasCondition":{"timeout":60,"maxGasPrice":"7"},"gas_condition":{"max_gas_price":"\u0037","timeout":60}}"#,
                r#"{"to":"a","amount":"5","amount":"5","gas_condition":{"max_gas_price":"7","timeout":60}}"#,
            ],
        ),
        (
            "send_token",
            r#"{"to":"a","amount":"5","token":{"assetId":"x"}}"#,
            vec![r#"{"to":"a","amount":"5","token":{"asset_id":"x"}}"#],
        ),
        (
            "sign_message",
            r#"{"typed_data":{"types":{},"primaryType":"P","message":{"wallet_id":1},"domain":{"chainId":1}},"sign_type":"typedData"}"#,
            vec![
                r#"{"typedData":{"types":{},"primaryType":"P","message":{"wallet_id":1},"domain":{"chainId":1}},"signType":"typedData"}"#,
                r#"{"typed_data":{"types":{},"primary_type":"P","message":{"wallet_id":1},"domain":{"chain_id":1}}}"#,
            ],
        ),
        (
            "transfer_nft",
            r#"{"to":"a","token_address":"t","token_id":"1","standard":"erc721","network":"n"}"#,
            vec![r#"{"to":"a","tokenAddress":"t","tokenId":"1","standard":"erc721","network":"n"}"#],
        ),
        (
            "call_contract",
            r#"{"to":"p","programId":"p","instructionData":"d","accounts":[{"pubkey":"k","isSigner":true,"isWritable":false}]}"#,
            vec![
                r#"{"to":"p","program_id":"p","instruction_data":"d","accounts":[{"pubkey":"k","is_signer":true,"is_writable":false}]}"#,
            ],
        ),
        (
            "list_nfts",
            r#"{"network":"n","cursor":"k","limit":5,"group_by":"collection"}"#,
            vec![r#"{"network":"n","pageKey":"k","page_size":5,"groupBy":"collection"}"#],
        ),
        (
            "get_transaction",
            r#"{"transaction_id":"01a20238-63ed-7046-b399-42367a3cddf8"}"#,
            vec![
                r#"{"id":"01a20238-63ed-7046-b399-42367a3cddf8"}"#,
                r#"{"transactionId":"01a20238-63ed-7046-b399-42367a3cddf8"}"#,
            ],
        ),
        (
            "send_batch",
            r#"{"instructions":[{"to":"a","amount":1,"gasCondition":{"maxGasPrice":"7"}},{"to":"p","programId":"p"}]}"#,
            vec![
                r#"{"instructions":[{"to":"a","amount":1,"gas_condition":{"max_gas_price":"7"}},{"to":"p","program_id":"p"}]}"#,
            ],
        ),
    ];
    for (tool, usual, others) in same {
        for other in others {
            assert_eq!(sent(tool, other), sent(tool, usual), "{tool} {other}");
        }
    }
    // A map takes any name, and what nobody looks into is sent as it came.
    let free = [
        ("x402_fetch", r#"{"url":"https://a","headers":{"x-any":"thing","walletId":"w"}}"#),
        ("call_contract", r#"{"to":"c","abi":[{"any":{"thing":1.50}}]}"#),
        (
            "send_batch",
            r#"{"instructions":[{"to":"c","calldata":"0x","abi":[{"any":1}]},{"to":"a","memo":""}]}"#,
        ),
    ];
    for (tool, arguments) in free {
        let body = sent(tool, arguments).body.expect("a body");
        let inner = arguments.split_once(":").expect("members").1;
        assert!(body.contains(&inner[inner.find(['{', '[']).expect("a value")..inner.len() - 1]), "{body}");
    }
}

#[test]
fn a_read_tells_what_it_left_out() {
    let told = |tool: &str, arguments: &str| {
        let raw = RawValue::from_string(arguments.to_owned()).expect("JSON");
        let checked = check(catalogue::find(tool).expect("a tool"), Some(&raw), &Defaults::default());
        checked.unwrap_or_else(|error| panic!("{error}")).ignored()
    };
    let table = [
        ("get_balance", r#"{"network":"n"}"#, None),
        (
            "get_balance",
            r#"{"network":"n","reason":"curious"}"#,
            Some("`reason` was ignored: it is unknown (known: network, display_currency, wallet_id)"),
        ),
        (
            "get_balance",
            r#"{"netwrok":"n","x":1}"#,
            Some(
                "`netwrok` was ignored: it is unknown (did you mean `network`?); \
                  `x` was ignored: it is unknown (known: network, display_currency, wallet_id)",
            ),
        ),
        ("connect_info", r#"{"x":1}"#, Some("`x` was ignored: it is unknown (there are no arguments)")),
        (
            "simulate_transaction",
            r#"{"type":"BATCH","instructions":[{"to":"a","tokenAddress":"t"}]}"#,
            Some(
                "`instructions[0].tokenAddress` was ignored: it is unknown (did you mean `instructions[0].token.address`?)",
            ),
        ),
    ];
    for (tool, arguments, note) in table {
        assert_eq!(told(tool, arguments).as_deref(), note, "{tool} {arguments}");
    }
    assert_eq!(
        refused("get_tokens", r#"{"netwrok":"n"}"#),
        "`netwrok` is unknown (did you mean `network`?); `network`: expected a string, got nothing."
    );
    assert_eq!(
        refused("get_balance", r#"{"wallet_id":"a","walletId":"b"}"#),
        "`wallet_id` is given as `wallet_id` and as `walletId`, with different values."
    );
}

#[test]
fn a_huge_wrong_call_gets_a_small_answer() {
    let items = vec!["0"; 100_000].join(",");
    let arguments = format!(
        r#"{{"to":"{}","amount":{},"accounts":[{items}]}}"#,
        "x".repeat(100_000),
        "9".repeat(100_000)
    );
    assert!(refused("simulate_transaction", &arguments).len() < 4_000);
    let deep = format!(
        r#"{{"to":"a","amount":"1","abi":[{{"a":{}{}}}]}}"#,
        "[".repeat(200_000),
        "]".repeat(200_000)
    );
    assert!(sent("simulate_transaction", &deep).body.is_some());
}

#[test]
fn a_composition_reads_its_checked_argument() {
    let raw = RawValue::from_string(r#"{"asset_id":"eip155:1/slip44:60"}"#.to_owned()).expect("JSON");
    let spec = catalogue::find("resolve_asset").expect("a tool");
    let arguments = check(spec, Some(&raw), &Defaults::default()).expect("good");
    assert_eq!(arguments.text("asset_id"), Some("eip155:1/slip44:60"));
    assert_eq!(arguments.text("other"), None);
}
