#include "tests/workload-api/client/test_pki.h"

#include "tests/support/pki.h"
#include "tests/support/result.h"

namespace signet::client::test {

using signet::test::CertOptions;
using signet::test::TestCa;
using signet::test::TestCert;

struct Authority::Impl {
  SystemTime now = RealClock().Now();
  TestCa root;
  TestCa intermediate;
};

Bytes Leaf::Concatenated() const {
  Bytes all;
  for (const Bytes& der : chain) {
    Append(all, der);
  }
  return all;
}

Authority::Authority(const std::string& trust_domain) {
  const SystemTime now = RealClock().Now();
  TestCa root(trust_domain, now);
  TestCa intermediate = root.IssueCa(TestCa::CaOptions(trust_domain, now));
  impl_ = std::make_unique<Impl>(Impl{now, std::move(root), std::move(intermediate)});
}

Authority::~Authority() = default;
const Bytes& Authority::der() const { return impl_->root.der(); }

Leaf Authority::Issue(const LeafRequest& request) const {
  const TestCa& issuer = request.through_intermediate ? impl_->intermediate : impl_->root;
  TestCert cert = issuer.Issue(CertOptions{.uris = request.uris,
                                           .key_type = request.rsa ? "RSA" : "EC",
                                           .not_before = impl_->now + request.not_before,
                                           .not_after = impl_->now + request.not_after});
  Leaf leaf{{std::move(cert.der)}, std::move(cert.key_pkcs8)};
  if (request.through_intermediate) {
    leaf.chain.push_back(impl_->intermediate.der());
  }
  return leaf;
}

X509Message::Svid WireSvid(const Authority& authority, const std::string& id,
                           const std::string& hint) {
  Leaf leaf = authority.Issue({.uris = {id}});
  return {id, leaf.Concatenated(), Secret(std::move(leaf.pkcs8)), authority.der(), hint};
}

X509Message MessageFor(const Authority& authority, const std::string& id) {
  X509Message message;
  message.svids.push_back(WireSvid(authority, id));
  return message;
}

X509Snapshot SnapshotFor(X509Message message) {
  auto context = BuildX509Context(std::move(message));
  REQUIRE_OK(context);
  return std::make_shared<const X509Context>(*std::move(context));
}

}  // namespace signet::client::test
