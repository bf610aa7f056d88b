#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "attestor/kubernetes/api_config.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/result.h"

namespace signet::kubernetes {

struct ApiRequest {
  std::string method = "GET";
  std::string path;  ///< absolute, with the query, already percent-encoded
  std::string body = {};
  std::string content_type = "application/json";
  Duration timeout = std::chrono::seconds(10);  ///< for all of it, retries too
  std::string accept = "application/json";
  std::size_t max_body = std::size_t{64} << 20;  ///< a larger answer is RESOURCE_EXHAUSTED
  std::function<bool()> stopping = {};           ///< CANCELLED; asked at least every 250 ms
};

/// ApiResponse: the server answered, whatever it said.
struct ApiResponse {
  int status = 0;
  std::string body;
  Duration retry_after = Duration::zero();  ///< the server's wish, at most an hour; zero: none
};

/// Api is an HTTPS connection to a Kubernetes API server (or a kubelet) with our own credential.
/// Safe for several threads; every call blocks its thread.
///
/// An error means that there is no usable answer: UNAVAILABLE (not reachable, TLS failed, cut
/// short; asking again may help), DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, CANCELLED, or
/// FAILED_PRECONDITION (the credential cannot be read, libcurl is not installed). 429 and 503 with
/// Retry-After are waited for and retried inside the timeout; 401 makes the credential be read
/// again and tried once more. Redirections are not followed; proxies of the environment not used.
class Api {
 public:
  virtual ~Api() = default;
  virtual Result<ApiResponse> Do(const ApiRequest& request) = 0;

  /// Stream gets `path` and gives each line of the answer to on_line, until the server ends it
  /// (OK), on_line returns false (OK), `stopping` says so (CANCELLED; asked at least every 250 ms),
  /// a line is longer than 4 MiB (RESOURCE_EXHAUSTED) or the connection is dead: cut in mid-line,
  /// nothing for `silence`, TCP keep-alive failed (UNAVAILABLE). An answer other than 200 is
  /// returned as its status and body, without lines.
  struct StreamRequest {
    std::string path;
    std::function<bool(std::string_view line)> on_line;
    std::function<bool()> stopping;
    Duration silence = std::chrono::minutes(2);
    std::string accept = "application/json";
    std::function<void()> on_open = {};  ///< status 200 has arrived
  };
  virtual Result<ApiResponse> Stream(const StreamRequest& request) = 0;
};

/// OpenApi connects at the first call. Clock and logger must outlive it.
Result<std::unique_ptr<Api>> OpenApi(std::shared_ptr<const ApiConfig> config, const Clock& clock,
                                     Logger& logger);

/// ExplainStatus turns an answer that is no success into an error for people: 401 (our credential
/// is not accepted), 403 (names the right that is missing, from the Status message), 404 NOT_FOUND,
/// 409 ABORTED, 410 OUT_OF_RANGE, 429 and 5xx UNAVAILABLE. `what` is e.g. "list pods".
Error ExplainStatus(std::string_view what, const ApiResponse& response);

}  // namespace signet::kubernetes
