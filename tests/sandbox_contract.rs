//! The sandbox against what was recorded of a WAIaaS daemon 2.15.0, and against its own promises: every pair of
//! request and answer, the shapes of successful answers, every route the tools use, races, faults, broken HTTP.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test: it measures real time and reads its own data"
)]

#[path = "contract/raw_http.rs"]
mod raw_http;
#[path = "contract/scene.rs"]
mod scene;
#[path = "contract/shape.rs"]
mod shape;

#[path = "contract/control.rs"]
mod control;
#[path = "contract/faults.rs"]
mod faults;
#[path = "contract/pairs.rs"]
mod pairs;
#[path = "contract/renewals.rs"]
mod renewals;
#[path = "contract/responses.rs"]
mod responses;
#[path = "contract/routes.rs"]
mod routes;
#[path = "contract/transport.rs"]
mod transport;
