#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "core/base/bytes.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/result.h"
#include "core/spiffe/trust_domain.h"

namespace grpc {
class ClientContext;
}

namespace signet::agent_cmd {

/// CrossCertificateWatch keeps asking an agent for the cross-certificates of the trust domains that
/// the caller's identities federate with. What was told last stands while the agent is away. An
/// agent that has no such thing (SPIRE's) is asked again now and then, and not talked about.
class CrossCertificateWatch {
 public:
  /// State: DER by trust domain. The whole of it, each time; called on the watch's thread.
  using State = std::map<spiffe::TrustDomain, std::vector<Bytes>>;
  using OnState = std::function<void(State)>;

  /// Open begins to watch; it does not wait for the agent. INVALID_ARGUMENT: no endpoint. The
  /// logger must outlive it.
  static Result<std::unique_ptr<CrossCertificateWatch>> Open(const std::string& endpoint,
                                                             Logger& logger, OnState on_state);
  /// Cancels the stream and joins; not from the callback.
  ~CrossCertificateWatch();
  CrossCertificateWatch(const CrossCertificateWatch&) = delete;
  CrossCertificateWatch& operator=(const CrossCertificateWatch&) = delete;

 private:
  CrossCertificateWatch(std::string target, Logger& logger, OnState on_state);
  void Run();
  /// WatchOnce runs one stream; `told`: it carried a message.
  Status WatchOnce(bool& told);
  bool Pause(Duration time);

  const std::string target_;
  Logger& logger_;
  const OnState on_state_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool ending_ = false;
  grpc::ClientContext* stream_ = nullptr;  ///< the one under way; guarded by mutex_
  std::thread thread_;
};

}  // namespace signet::agent_cmd
