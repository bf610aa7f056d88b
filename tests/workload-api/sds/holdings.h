#pragma once

#include <memory>
#include <string>

#include "tests/support/pki.h"
#include "tests/workload-api/svids/entries.h"
#include "workload-api/svids/view.h"

namespace signet::sds::test {

/// RealSvid is one that OpenSSL made, so that other people's readers can judge it.
inline std::shared_ptr<const svids::WorkloadSvid> RealSvid(const signet::test::TestCa& ca,
                                                           const std::string& spiffe_id) {
  signet::test::TestCert cert = ca.IssueSvid(spiffe_id);
  return std::make_shared<const svids::WorkloadSvid>(
      svids::WorkloadSvid{.chain = std::move(cert.der),
                          .key = Secret(std::move(cert.key_pkcs8)),
                          .times = {.not_before = svids::test::kStart - std::chrono::seconds(10),
                                    .not_after = svids::test::kStart + std::chrono::hours(1),
                                    .received_wall = svids::test::kStart},
                          .authority_id = "aa"});
}

inline const signet::test::TestCa& OwnCa() {
  static const signet::test::TestCa ca("example.org");
  return ca;
}

inline const signet::test::TestCa& OtherCa() {
  static const signet::test::TestCa ca("other.org");
  return ca;
}

}  // namespace signet::sds::test
