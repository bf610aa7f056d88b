#include "ca/service/rate_limiter.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cmath>

namespace signet::service {
namespace {

/// kMaxAddresses bounds the memory that strangers' addresses can take; beyond it newcomers share
/// one bucket.
constexpr std::size_t kMaxAddresses = 65536;
constexpr std::string_view kSharedKey = "*";

}  // namespace

double RateLimiter::RateOf(Bucket bucket) const {
  switch (bucket) {
    case Bucket::kNone:
      return 0;
    case Bucket::kAttest:
      return limits_.attestation ? 1 : 0;
    case Bucket::kCsr:
    case Bucket::kJwt:
    case Bucket::kWit:
      return limits_.signing ? 500 : 0;
    case Bucket::kPushKey:
      return 500;
    case Bucket::kStatus:
      return 10;
  }
  return 0;
}

std::string RateLimiter::BucketKey(std::string_view address) {
  const std::string text(address);
  in6_addr v6{};
  if (inet_pton(AF_INET6, text.c_str(), &v6) != 1) {
    return text;
  }
  if (IN6_IS_ADDR_V4MAPPED(&v6)) {
    char v4[INET_ADDRSTRLEN];
    inet_ntop(AF_INET, &v6.s6_addr[12], v4, sizeof(v4));
    return v4;
  }
  std::fill(std::begin(v6.s6_addr) + 8, std::end(v6.s6_addr), std::uint8_t{0});
  char network[INET6_ADDRSTRLEN];
  inet_ntop(AF_INET6, &v6, network, sizeof(network));
  return network;
}

double RateLimiter::Refilled(const State& state, double rate, MonoTime now) {
  const double seconds = std::chrono::duration<double>(now - state.at).count();
  return std::min(rate, state.tokens + seconds * rate);
}

Result<Duration> RateLimiter::Reserve(Bucket bucket, std::string_view address, std::size_t count,
                                      Duration deadline) {
  const double rate = RateOf(bucket);
  if (rate == 0) {
    return Duration::zero();
  }
  const auto wanted = static_cast<double>(count);
  if (wanted > rate) {
    return ResourceExhausted("rate (" + std::to_string(count) + ") exceeds burst size (" +
                             std::to_string(static_cast<int>(rate)) + ")");
  }
  const MonoTime now = clock_.Mono();
  const std::lock_guard lock(mutex_);
  auto& states = states_[static_cast<std::size_t>(bucket)];
  std::string key = BucketKey(address);
  if (states.size() >= kMaxAddresses && !states.contains(key)) {
    PruneLocked(bucket, now);
    key = states.size() >= kMaxAddresses ? std::string(kSharedKey) : key;
  }
  State& state = states.try_emplace(key, State{rate, now}).first->second;
  const double left = Refilled(state, rate, now) - wanted;
  const Duration wait =
      left >= 0 ? Duration::zero()
                : std::chrono::duration_cast<Duration>(std::chrono::duration<double>(-left / rate));
  if (wait > std::min(deadline, limits_.max_wait)) {
    return ResourceExhausted("rate limit of this address is used up for the next " +
                             std::to_string(static_cast<int>(std::ceil(-left / rate))) +
                             " s; try again later");
  }
  state = {left, now};
  return wait;
}

void RateLimiter::PruneLocked(Bucket bucket, MonoTime now) {
  const double rate = RateOf(bucket);
  std::erase_if(states_[static_cast<std::size_t>(bucket)],
                [&](const auto& item) { return Refilled(item.second, rate, now) >= rate; });
}

void RateLimiter::Prune() {
  const MonoTime now = clock_.Mono();
  const std::lock_guard lock(mutex_);
  for (std::size_t bucket = 0; bucket < states_.size(); ++bucket) {
    PruneLocked(static_cast<Bucket>(bucket), now);
  }
}

}  // namespace signet::service
