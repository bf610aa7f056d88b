#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/rpc/limits.h"
#include "workload-api/authorizer/http_request.h"
#include "workload-api/authorizer/judge.h"
#include "workload-api/svids/hub.h"

namespace signet::authorizer {

/// World is what the authorizer takes from outside. All must outlive it.
struct World {
  const svids::Hub& hub;
  const Clock& clock;
  Logger& logger;
};

/// Caller is the process that asks: the proxy.
struct Caller {
  pid_t pid = 0;
  std::uint32_t uid = 0;
};

/// Handler turns a request into an answer and writes the decision log. One thread.
///
///   GET /authorize/<policy>    200 with X-Spiffe-Id, or 401/403/… with X-Spiffe-Reason
class Handler {
 public:
  Handler(std::vector<Policy> policies, bool log_allowed, const World& world);

  Verdict Handle(const RequestHead& request, const Caller& caller);

 private:
  Verdict Ask(const RequestHead& request, const Caller& caller, const std::string& name);
  void Log(const Verdict& verdict, const std::string& policy, const Caller& caller);

  const World world_;
  const bool log_allowed_;
  std::map<std::string, Policy, std::less<>> policies_;
  Judge judge_;
  rpc::TokenBucket denials_;    ///< that may be logged
  std::uint64_t unlogged_ = 0;  ///< denials since the last one that was
};

/// Write gives the answer as HTTP. What came from a request is made harmless in headers.
std::string Write(const Verdict& verdict, bool keep_alive);

}  // namespace signet::authorizer
