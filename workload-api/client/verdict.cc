#include "workload-api/client/verdict.h"

#include <algorithm>
#include <array>

namespace signet::client {
namespace {

// version | epoch | authority | end, in seconds since 1970, big-endian | SPIFFE ID
constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kTimeSize = 8;
constexpr std::size_t kFixed = 1 + sizeof(Epoch) + sizeof(crypto::Fingerprint) + kTimeSize;

std::array<std::uint8_t, 32> Take32(ByteView& from) {
  std::array<std::uint8_t, 32> taken{};
  std::copy_n(from.begin(), taken.size(), taken.begin());
  from = from.subspan(taken.size());
  return taken;
}

}  // namespace

Bytes EncodeVerdict(const Verdict& verdict) {
  Bytes data = {kVersion};
  Append(data, verdict.epoch);
  Append(data, verdict.authority);
  const auto end = static_cast<std::uint64_t>(UnixSeconds(verdict.not_after));
  for (std::size_t i = 0; i < kTimeSize; ++i) {
    data.push_back(static_cast<std::uint8_t>(end >> (8 * (kTimeSize - 1 - i))));
  }
  Append(data, AsBytes(verdict.id.ToString()));
  return data;
}

Result<Verdict> DecodeVerdict(ByteView data) {
  if (data.size() <= kFixed || data[0] != kVersion) {
    return InvalidArgument("no verdict on a peer");
  }
  data = data.subspan(1);
  const Epoch epoch = Take32(data);
  const crypto::Fingerprint authority = Take32(data);
  std::uint64_t end = 0;
  for (std::size_t i = 0; i < kTimeSize; ++i) {
    end = end << 8 | data[i];
  }
  // Times are those of SystemTime, which ends in 2262.
  if (end > static_cast<std::uint64_t>(UnixSeconds(SystemTime::max()))) {
    return InvalidArgument("a verdict with an impossible time");
  }
  SIGNET_TRY_ASSIGN(spiffe::SpiffeId id, spiffe::SpiffeId::Parse(AsText(data.subspan(kTimeSize))));
  return Verdict{std::move(id), FromUnixSeconds(static_cast<std::int64_t>(end)), authority, epoch};
}

}  // namespace signet::client
