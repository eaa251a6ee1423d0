//! ApiVersions: which versions of which requests a broker serves.
//!
//! The client asks in version 0 only. From version 3 on there are tagged fields at the end (features); they are skipped.
//! A broker that does not know the version asked for answers in version 0 with UNSUPPORTED_VERSION.

use super::super::ErrorCode;
use super::layout::{Field, Layout, api, structures};
use super::{ApiKey, Message, Reader, Request, Versions, WireError, Writer};

structures! {
    /// Asks for the versions that the broker serves.
    pub struct ApiVersionsRequest {
        /// The name of the client's software.
        pub client_software_name: String => 3..,
        /// Its version.
        pub client_software_version: String => 3..,
    }

    /// The requests that the broker serves.
    pub struct ApiVersionsResponse {
        /// UNSUPPORTED_VERSION, or none.
        pub error_code: ErrorCode => 0..,
        /// One entry a request. Empty with an error of a broker older than 2.4.
        pub api_keys: Vec<ApiVersion> => 0..,
        /// How long the broker held the response back, in milliseconds.
        pub throttle_time_ms: i32 => 1..,
    }

    /// The versions of one request.
    pub struct ApiVersion {
        /// The request.
        pub api_key: ApiKey = ApiKey(0) => 0..,
        /// The lowest version served.
        pub min_version: i16 => 0..,
        /// The highest version served.
        pub max_version: i16 => 0..,
    }
}

api!(ApiKey::API_VERSIONS, Versions::new(0, 4), ApiVersionsRequest => ApiVersionsResponse);
