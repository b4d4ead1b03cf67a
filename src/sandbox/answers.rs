//! What the routes answer, by subject. Shapes and member order are those recorded against WAIaaS 2.15.0 or, where
//! nothing was recorded, those of its OpenAPI document; the data is made up, and the same on every run.

pub(super) mod about;
pub(super) mod wallets;

pub(super) mod assets;
pub(super) mod nfts;
pub(super) mod transactions;

pub(super) mod requests;
pub(super) mod sending;
pub(super) mod signing;
pub(super) mod smart_account;
pub(super) mod wallet_connect;

pub(super) mod actions;
pub(super) mod identity;
pub(super) mod venues;

pub(super) mod operator;
