#pragma once

#include <string>
#include <vector>

#include "core/base/bytes.h"
#include "workload-api/svids/cache.h"

namespace signet::svids::test {

inline const SystemTime kStart = FromUnixSeconds(1'790'000'000);

inline spiffe::TrustDomain Td(const std::string& name = "example.org") {
  return *spiffe::TrustDomain::Parse(name);
}

inline spiffe::Selector Uid(int uid) { return {"unix", "uid:" + std::to_string(uid)}; }

inline Entry MakeEntry(const std::string& id, const std::string& path,
                       std::vector<spiffe::Selector> selectors) {
  return Entry{.id = id,
               .spiffe_id = *spiffe::SpiffeId::Parse("spiffe://example.org" + path),
               .selectors = std::move(selectors),
               .created_at = 100};
}

/// FakeSvid lives 100 s from kStart; its bytes name who it is for.
inline std::shared_ptr<const WorkloadSvid> FakeSvid(const std::string& name,
                                                    SystemTime received = kStart) {
  return std::make_shared<const WorkloadSvid>(
      WorkloadSvid{.chain = ToBytes("chain of " + name),
                   .key = Secret(ToBytes("key of " + name)),
                   .times = {.not_before = received - std::chrono::seconds(10),
                             .not_after = received + std::chrono::seconds(100),
                             .received_wall = received,
                             .received_mono = MonoTime(received - kStart)},
                   .authority_id = "aa"});
}

/// FakeBundle holds text where certificates would be; who serializes bundles does not look inside.
inline spiffe::Bundle FakeBundle(const std::string& trust_domain, const std::string& content) {
  return {.trust_domain = Td(trust_domain), .x509_authorities = {{.der = ToBytes(content)}}};
}

inline Moment After(Duration elapsed) { return {kStart + elapsed, MonoTime(elapsed)}; }

}  // namespace signet::svids::test
