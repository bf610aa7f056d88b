#pragma once

#include <mutex>
#include <string_view>
#include <vector>

#include "core/base/bytes.h"
#include "core/base/clock.h"
#include "core/base/random.h"
#include "core/base/secret.h"

namespace signet::sds {

/// TicketKeys gives the 80-byte keys under which an Envoy seals TLS session tickets. All Envoys of
/// one scope (identity and bundles) get the same ones, so that any of them can resume what another
/// began; when a bundle changes the scope is another one, and no ticket of before can be resumed.
///
/// They come from a master secret that lives for two hours: the newest hour's seals, that of the
/// hour before still opens. Nothing is written down, so a restart of the agent ends all tickets.
/// Safe for several threads.
class TicketKeys {
 public:
  TicketKeys(const Clock& clock, Random& random);

  /// Keys gives the key that seals, then the one that only opens (none in the first hour).
  std::vector<Secret> Keys(std::string_view scope);
  /// NextChange is the time until Keys gives others.
  Duration NextChange();

 private:
  void RotateLocked();
  static Secret Derive(const Secret& master, std::string_view scope);

  const Clock& clock_;
  Random& random_;
  std::mutex mutex_;
  MonoTime made_at_;
  Secret newest_;
  Secret before_;
};

}  // namespace signet::sds
