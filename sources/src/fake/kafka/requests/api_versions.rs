//! ApiVersions: versions 0 to 4. A version above the profile's is answered, as by a broker, in the layout of version 0 with UNSUPPORTED_VERSION;
//! from 2.4 on
//! the answer names the range of ApiVersions itself. Departs from a real broker so: only what the fake serves is
//! told, so that no client asks for more.

use super::{Context, Handler, Outcome, known};
use crate::fake::kafka::cluster::State;
use crate::fake::kafka::seen::Named;
use crate::fake::kafka::{ApiKey, ErrorCode};
use crate::kafka::wire::messages::{ApiVersion, ApiVersionsRequest, ApiVersionsResponse};

pub(super) struct ApiVersions;

impl Handler for ApiVersions {
    const VERSIONS: (i16, i16) = (0, 4);
    type Request<'a> = ApiVersionsRequest;

    fn names(_: &ApiVersionsRequest) -> Vec<Named> {
        Vec::new()
    }

    fn answer(context: &Context<'_>, _: ApiVersionsRequest) -> Outcome {
        let state = context.shared().state.lock();
        let error_code = context.befallen.error("", None).unwrap_or(ErrorCode::NONE);
        let api_keys = if error_code == ErrorCode::NONE { ranges(context, &state) } else { Vec::new() };
        context.reply(&ApiVersionsResponse { error_code, api_keys, ..ApiVersionsResponse::default() })
    }
}

/// The answer to a version that is too new.
pub(super) fn too_new(context: &Context<'_>) -> Outcome {
    let state = context.shared().state.lock();
    let named = state.profile_of(context.broker()).names_range_of_api_versions();
    let own = |version: &ApiVersion| named && version.api_key == ApiKey::API_VERSIONS;
    let api_keys = ranges(context, &state).into_iter().filter(own).collect();
    let response = ApiVersionsResponse {
        error_code: ErrorCode::UNSUPPORTED_VERSION,
        api_keys,
        ..ApiVersionsResponse::default()
    };
    context.reply_as(0, &response)
}

fn ranges(context: &Context<'_>, state: &State) -> Vec<ApiVersion> {
    let range = |api_key: ApiKey| {
        let (min_version, max_version) = state.served(context.broker(), api_key)?;
        // So that old clients go on to a request that tells them what is wrong.
        let is_told_lower = api_key == ApiKey::PRODUCE && !state.profile_of(context.broker()).has_zookeeper();
        let min_version = if is_told_lower { 0 } else { min_version };
        (min_version <= max_version).then_some(ApiVersion { api_key, min_version, max_version })
    };
    known().filter_map(range).collect()
}
