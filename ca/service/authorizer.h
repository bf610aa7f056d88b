#pragma once

#include <functional>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "ca/service/context.h"
#include "ca/service/denial.h"
#include "ca/service/methods.h"

namespace signet::service {

/// CallerSvid is what the client certificate says, once its form was checked.
struct CallerSvid {
  spiffe::SpiffeId id;
  std::string serial_decimal;
  SystemTime not_after;
};

/// Caller is who is calling.
struct Caller {
  bool local = false;        ///< on the Unix socket
  std::string address = {};  ///< TCP: numeric host
  std::optional<CallerSvid> svid = {};
  /// Why the chain is not vouched for by the bundles as they are now; nothing else about it counts
  /// then.
  std::optional<Error> distrust = {};
};

/// Authorizer decides, before a handler runs, who may call what (spire-api §3). Fails closed: a
/// method without a row is denied to everybody. Never blocks. Safe for several threads.
class Authorizer {
 public:
  struct Options {
    std::vector<spiffe::SpiffeId> admin_ids = {};
    /// persist_promotion is told when a pending serial became current in memory; it writes that
    /// down from another thread.
    std::function<void(const spiffe::SpiffeId&)> persist_promotion = {};
  };
  Authorizer(Context& context, Options options) : context_(context), options_(std::move(options)) {}

  /// Check gives nothing when the call may go on.
  std::optional<Denial> Check(std::string_view method, const Caller& caller);
  /// CheckAgent is the agent part alone: certificate, record and serial.
  std::optional<Denial> CheckAgent(const Caller& caller);

 private:
  bool IsAdmin(const spiffe::SpiffeId& id) const;
  bool HasEntryWith(const spiffe::SpiffeId& id, bool store::Entry::*flag) const;
  std::optional<Denial> CheckSerial(const store::Agent& agent, const Caller& caller);
  void Alarm(const store::Agent& agent, const Caller& caller);

  Context& context_;
  const Options options_;
  std::mutex alarms_mutex_;
  std::set<std::string> alarmed_serials_;  ///< one alarm for each, not one for each call
};

}  // namespace signet::service
