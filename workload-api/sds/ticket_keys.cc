#include "workload-api/sds/ticket_keys.h"

#include <algorithm>
#include <chrono>

#include "core/crypto/hash.h"

namespace signet::sds {
namespace {

constexpr Duration kLife = std::chrono::hours(1);
constexpr std::size_t kKeyBytes = 80;
constexpr std::size_t kMasterBytes = 32;

Secret NewMaster(Random& random) {
  Bytes bytes(kMasterBytes);
  random.Fill(bytes);
  return Secret(std::move(bytes));
}

}  // namespace

TicketKeys::TicketKeys(const Clock& clock, Random& random)
    : clock_(clock), random_(random), made_at_(clock.Mono()), newest_(NewMaster(random)) {}

void TicketKeys::RotateLocked() {
  const Duration age = clock_.Mono() - made_at_;
  if (age < kLife) {
    return;
  }
  // After a long sleep the newest is itself too old to open anything.
  before_ = age < 2 * kLife ? std::move(newest_) : Secret();
  newest_ = NewMaster(random_);
  made_at_ = clock_.Mono();
}

/// Derive hashes parts of fixed lengths alone: block number, master, digest of the scope.
Secret TicketKeys::Derive(const Secret& master, std::string_view scope) {
  const auto digest = crypto::Sha256(AsBytes(scope));
  Bytes key;
  key.reserve(kKeyBytes);  // it never moves, so no copy stays behind
  Bytes input;
  input.reserve(1 + kMasterBytes + digest.size());
  for (std::uint8_t block = 0; key.size() < kKeyBytes; ++block) {
    input.assign(1, block);
    Append(input, master.RevealSecret());
    Append(input, digest);
    auto out = crypto::Sha256(input);
    Append(key, ByteView(out).first(std::min(out.size(), kKeyBytes - key.size())));
    WipeBytes(out);
  }
  WipeBytes(input);
  return Secret(std::move(key));
}

std::vector<Secret> TicketKeys::Keys(std::string_view scope) {
  const std::lock_guard lock(mutex_);
  RotateLocked();
  std::vector<Secret> keys;
  keys.push_back(Derive(newest_, scope));
  if (!before_.empty()) {
    keys.push_back(Derive(before_, scope));
  }
  return keys;
}

Duration TicketKeys::NextChange() {
  const std::lock_guard lock(mutex_);
  RotateLocked();
  return kLife - (clock_.Mono() - made_at_);
}

}  // namespace signet::sds
