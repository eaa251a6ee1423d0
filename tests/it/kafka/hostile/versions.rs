//! What a broker says that it offers.

use std::time::Duration;

use batchmill_sources::fake::kafka::{ApiKey, ErrorCode, FakeKafka, Profile};
use batchmill_sources::kafka::wire::messages::{ApiVersion, ApiVersionsResponse};

use super::spoil::{body, every, written};
use super::{Case, case};

fn raw(bytes: &'static [u8]) -> impl Fn(&FakeKafka) {
    move |kafka| _ = kafka.on(ApiKey::API_VERSIONS).always().reply_raw(bytes)
}

/// The versions of a request are others.
fn offers(api: ApiKey, versions: &'static [(i16, i16)]) -> impl Fn(&FakeKafka) {
    move |kafka| {
        every(kafka, move |answer: &mut ApiVersionsResponse| {
            answer.api_keys.retain(|known| known.api_key != api);
            let offered = |&(min_version, max_version): &(i16, i16)| ApiVersion {
                api_key: api,
                min_version,
                max_version,
            };
            answer.api_keys.extend(versions.iter().map(offered));
        });
    }
}

pub(super) fn cases() -> Vec<Case> {
    const NO_FETCH: &[&str] = &["broker 127.0.0.1", "Fetch", "none of which is spoken here"];
    vec![
        case("an array of versions with 2^31-1 entries", |kafka| {
            body(
                kafka,
                ApiKey::API_VERSIONS,
                written(|out| {
                    out.i16(0);
                    out.i32(i32::MAX);
                }),
            );
        })
        .fails("TooManyElements", &["127.0.0.1", "ApiVersions 0", "api_keys"]),
        case("an array of versions with -2 entries", |kafka| {
            body(
                kafka,
                ApiKey::API_VERSIONS,
                written(|out| {
                    out.i16(0);
                    out.i32(-2);
                }),
            );
        })
        .fails("NegativeLength", &["127.0.0.1", "ApiVersions 0", "api_keys"]),
        case("a list of versions of a megabyte", |kafka| {
            every(kafka, |answer: &mut ApiVersionsResponse| {
                let more = (0..170_000).map(|n| ApiVersion {
                    api_key: ApiKey(1_000 + n as i16 % 20_000),
                    ..ApiVersion::default()
                });
                answer.api_keys.extend(more);
            });
        })
        // The fake makes it anew for each connection, in the same process.
        .memory_mib(32)
        .reads_all(),
        case("a list of versions above what a first answer may have", |kafka| {
            every(kafka, |answer: &mut ApiVersionsResponse| {
                answer.api_keys.extend((0..200_000).map(|_| ApiVersion::default()));
            });
        })
        .fails("ResponseTooLarge", &["127.0.0.1", "ApiVersions", "1048576 allowed"]),
        case("no versions of anything", |kafka| {
            every(kafka, |answer: &mut ApiVersionsResponse| answer.api_keys.clear());
        })
        .fails("UnsupportedVersion", &["127.0.0.1", "does not know Metadata"]),
        case("no Fetch among the versions", offers(ApiKey::FETCH, &[]))
            .fails("UnsupportedVersion", &["127.0.0.1", "does not know Fetch"]),
        case("no ListOffsets among the versions", offers(ApiKey::LIST_OFFSETS, &[]))
            .fails("UnsupportedVersion", &["127.0.0.1", "does not know ListOffsets"]),
        case("a lowest version above the highest", offers(ApiKey::FETCH, &[(9, 4)]))
            .fails("UnsupportedVersion", NO_FETCH),
        case("versions below zero", offers(ApiKey::FETCH, &[(-9, -4)])).fails("UnsupportedVersion", NO_FETCH),
        case("versions from below zero", offers(ApiKey::FETCH, &[(i16::MIN, 11)])).reads_all(),
        case("all versions that there can be", offers(ApiKey::FETCH, &[(i16::MIN, i16::MAX)])).reads_all(),
        case("only versions of the future", offers(ApiKey::FETCH, &[(100, i16::MAX)]))
            .fails("UnsupportedVersion", NO_FETCH),
        case("the versions of a request twice", offers(ApiKey::FETCH, &[(4, 11), (4, 11)])).reads_all(),
        case("an error without a name instead of versions", |kafka| {
            every(kafka, |answer: &mut ApiVersionsResponse| answer.error_code = ErrorCode(999));
        })
        .fails("Broker", &["127.0.0.1", "ApiVersions", "999"]),
        case("a web server", raw(b"HTTP/1.1 400 Bad Request\r\nServer: x\r\n\r\n"))
            .fails("NotKafka", &["127.0.0.1", "HTTP"]),
        case("a server that speaks TLS only", raw(&[0x15, 3, 1, 0, 2, 2, 40]))
            .fails("NotKafka", &["127.0.0.1", "TLS"]),
        case("a server that begins with a text", raw(b"SSH-2.0-OpenSSH_9.6\r\n"))
            .fails("NotKafka", &["127.0.0.1", "SSH"]),
        case("versions of which the first answer is cut off", |kafka| {
            kafka.on(ApiKey::API_VERSIONS).cut_after(30);
        })
        .reads_all(),
        case("silence at the question of versions, as of 0.9", |kafka| {
            kafka.on(ApiKey::API_VERSIONS).always().silence();
        })
        .release(Profile::V1_1)
        .reads_all(),
        case("silence at every question", |kafka| {
            kafka.on(ApiKey::API_VERSIONS).always().silence();
            kafka.on(ApiKey::METADATA).always().silence();
        })
        .params(|params| {
            params.connect_timeout(Duration::from_secs(1)).request_timeout(Duration::from_secs(1))
        })
        .fails("Timeout", &["127.0.0.1", "has not answered"]),
    ]
}
