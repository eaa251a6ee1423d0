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

#[cfg(test)]
mod tests {
    use super::super::sample::{assert_laid_out, bytes};
    use super::*;

    fn produce_and_fetch() -> ApiVersionsResponse {
        let version = |api_key, min_version, max_version| ApiVersion { api_key, min_version, max_version };
        ApiVersionsResponse {
            error_code: ErrorCode::UNSUPPORTED_VERSION,
            api_keys: vec![version(ApiKey::PRODUCE, 0, 8), version(ApiKey::FETCH, 4, 11)],
            throttle_time_ms: 0,
        }
    }

    #[test]
    fn version_0_is_as_kafka_lays_it_out() {
        assert_laid_out(&ApiVersionsRequest::default(), 0, &[]);
        let response = bytes(
            "0023           | error
             00000002       | requests
             0000 0000 0008 | Produce
             0001 0004 000b | Fetch",
        );
        assert_laid_out(&produce_and_fetch(), 0, &response);
    }

    #[test]
    fn version_3_is_flexible() {
        let request = ApiVersionsRequest {
            client_software_name: "batchmill".to_owned(),
            client_software_version: "0.1".to_owned(),
        };
        assert_laid_out(&request, 3, &bytes(r#"0a "batchmill" 04 "0.1" 00"#));
        let response = bytes(
            "0023                 | error
             03                   | requests, and one
             0000 0000 0008 00    | Produce
             0001 0004 000b 00    | Fetch
             00000007             | throttle time
             00",
        );
        assert_laid_out(&ApiVersionsResponse { throttle_time_ms: 7, ..produce_and_fetch() }, 3, &response);
    }
}
