#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "core/base/log.h"
#include "core/base/random.h"
#include "core/rpc/call.h"
#include "workload-api/rpc/stream.h"
#include "workload-api/sds/subscription.h"

namespace signet::sds {

/// Session is one open stream of SDS: requests go in on the event loop, states on the pool, and
/// answers come out. A client that does not read costs one answer of memory: the next is made once
/// it has.
class Session final : public agent_rpc::StreamWriter {
 public:
  struct World {
    Secrets::Shop shop;
    Random& random;
    Logger& logger;
    std::shared_ptr<void> owner;  ///< keeps what the shop refers to
  };
  Session(std::shared_ptr<rpc::Call> call, Variant variant, const World& world);

  /// Receive takes a request and tells whether an answer may be due; an error must end the stream.
  Result<bool> Receive(std::string_view message);

  svids::Topic topic() const override { return svids::Topic::kHoldings; }
  void Attested(const attestor::AttestedWorkload& workload) override;
  void Write(const svids::Update& state) override;

  /// Close has the next Write end the stream, after the answer that is due: the client has nothing
  /// more to say.
  void Close();

  /// Unblock tells whether an answer waits for the client to have read the last; it is told once.
  bool Unblock();

  /// Description is what operators are shown.
  struct Description {
    Variant variant;
    std::string node_id;
    std::vector<Subscription::Row> rows;
  };
  Description Describe() const;
  bool refuses() const;
  bool Wants(const std::string& name) const;

 private:
  void LogMissing(const Subscription::Next& next, Secrets& secrets);
  void LogRefusal(const Ask& ask);
  std::string NewNonce();

  const std::shared_ptr<rpc::Call> call_;
  const Variant variant_;
  const World world_;
  mutable std::mutex mutex_;
  Client client_;
  bool have_client_ = false;
  std::string workload_;
  Subscription subscription_;
  bool blocked_ = false;
  bool closing_ = false;
  int missing_logged_ = 0;
};

}  // namespace signet::sds
