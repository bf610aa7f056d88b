#pragma once

// Private to attestor/kubernetes: HTTPS by libcurl, which is loaded at the first use, so that a
// process without Kubernetes pays nothing for it.

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/base/secret.h"

namespace signet::kubernetes {

/// HttpSetup is what all calls of a connection have in common.
struct HttpSetup {
  std::string base;             ///< "https://host:port/base"; host is the name that TLS checks
  std::string connect_to = {};  ///< "host:port" of the peer, if that is another one
  std::string proxy_url = {};
  bool any_name = false;
  std::string ca = {};  ///< PEM; empty: the machine's authorities
  std::string certificate = {};
  Secret key = {};
};

struct HttpCall {
  std::string method = "GET";
  std::string path;
  std::vector<std::string> headers = {};  ///< "Name: value"
  std::string_view body = {};
  Duration timeout = Duration::zero();           ///< of everything; zero: without end
  Duration silence = Duration::zero();           ///< longest time without a byte; zero: without end
  std::function<bool()> stopping = {};           ///< asked at least every 250 ms
  std::function<void(int status)> on_head = {};  ///< the answer begins
  /// A piece of the answer's body; false ends the call, which is then OK.
  std::function<bool(int status, std::string_view piece)> on_body = {};
};

struct HttpAnswer {
  int status = 0;
  Duration retry_after = Duration::zero();  ///< seconds of Retry-After, at most an hour
};

/// HttpConnection makes one call at a time and keeps what it has connected for the next one.
class HttpConnection {
 public:
  /// FAILED_PRECONDITION: libcurl is not there; the message names the package.
  static Result<std::unique_ptr<HttpConnection>> Open(std::shared_ptr<const HttpSetup> setup,
                                                      const Clock& clock);
  virtual ~HttpConnection() = default;
  virtual const HttpSetup* setup() const = 0;
  /// UNAVAILABLE, DEADLINE_EXCEEDED, CANCELLED; FAILED_PRECONDITION: our certificate, key or CA
  /// cannot be used.
  virtual Result<HttpAnswer> Perform(const HttpCall& call) = 0;
};

}  // namespace signet::kubernetes
