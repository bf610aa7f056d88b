#pragma once

#include "core/base/clock.h"
#include "tests/support/pki.h"
#include "workload-api/delivery/material.h"

/// Identities for the tests, made by another implementation.
namespace signet::delivery {

inline const SystemTime kNow = FromUnixSeconds(1'790'000'000);

inline spiffe::TrustDomain Domain(const std::string& name) {
  return *spiffe::TrustDomain::Parse(name);
}

inline test::TestCa MakeCa(const std::string& trust_domain) {
  test::CertOptions options = test::TestCa::CaOptions(trust_domain);
  options.common_name = "root of " + trust_domain;
  return test::TestCa::WithOptions(options);
}

inline Material MakeMaterial(const test::TestCa& ca, const test::TestCert& leaf,
                             const std::string& id = "spiffe://example.org/web") {
  return {.id = *spiffe::SpiffeId::Parse(id),
          .chain = {leaf.der},
          .key = Secret(Bytes(leaf.key_pkcs8)),
          .not_before = kNow - std::chrono::hours(1),
          .not_after = kNow + std::chrono::hours(1),
          .bundles = {{Domain("example.org"), {ca.der()}}}};
}

}  // namespace signet::delivery
