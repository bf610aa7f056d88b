// Invariant: a bundle that was read can be written, and is read again as the same.
#include <cstddef>
#include <cstdint>

#include "core/base/check.h"
#include "core/crypto/bundle_codec.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace signet;
  if (size > 256 * 1024) {
    return 0;  // written out it could pass the reader's limit
  }
  static const auto domain = *spiffe::TrustDomain::Parse("example.org");
  const auto bundle = crypto::ParseBundleJson(domain, AsText({data, size}));
  if (!bundle.ok()) {
    SIGNET_CHECK(bundle.error().code == Code::kInvalidArgument, "another code");
    return 0;
  }
  const auto json = crypto::WriteBundleJson(*bundle);
  SIGNET_CHECK(json.ok(), "a bundle that was read cannot be written");
  const auto again = crypto::ParseBundleJson(domain, *json);
  SIGNET_CHECK(again.ok() && *again == *bundle, "a bundle changes when it is written and read");
  if (!bundle->x509_authorities.empty() && bundle->x509_authorities.size() <= 256) {
    const auto pem = crypto::ParseBundlePem(domain, crypto::WriteBundlePem(*bundle));
    SIGNET_CHECK(pem.ok() && pem->x509_authorities == bundle->x509_authorities, "PEM changes it");
  }
  return 0;
}
