#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "ca/issuance/authorities.h"
#include "ca/store/store.h"

namespace signet::issuance::test {

/// Crash is thrown where the process dies: nothing of it runs any further.
struct Crash {};

/// CrashPlan lets the process die at the n-th point where something becomes durable. There is a
/// point before and one after each write of the key manager and of the store.
struct CrashPlan {
  int countdown = -1;  ///< -1: never
  void Point();
};

/// World is what survives the process: store, keys and clock. Authorities are started and thrown
/// away around it.
class World final : public AuthorityPersistence {
 public:
  explicit World(Duration ttl = std::chrono::hours(24));
  ~World() override;

  /// Start makes the process's Authorities from what the store holds.
  Status Start();
  /// Stop ends the process.
  void Stop() { authorities.reset(); }
  store::Journal StoredJournal() const;

  Status SaveAuthorities(const store::Journal& journal,
                         const std::vector<spiffe::X509Authority>& add,
                         const std::vector<Bytes>& remove) override;
  std::optional<spiffe::Bundle> OwnBundle() const override;
  bool Acknowledged(const std::string&) const override { return acknowledged; }

  FakeClock clock;
  CrashPlan plan;
  MemoryLogger logger;
  SystemRandom random;
  bool acknowledged = true;
  Status save_result;  ///< what SaveAuthorities answers, without saving, unless OK
  int saves = 0;
  std::unique_ptr<store::Store> store;
  std::unique_ptr<KeyManager> keys;
  std::unique_ptr<Authorities> authorities;

 private:
  AuthorityConfig config_;
};

}  // namespace signet::issuance::test
