#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/result.h"
#include "workload-api/sds/client.h"
#include "workload-api/sds/options.h"
#include "workload-api/sds/secret_name.h"
#include "workload-api/sds/system_roots.h"
#include "workload-api/sds/ticket_keys.h"
#include "workload-api/svids/view.h"

namespace signet::sds {

/// Resource is one secret, ready for the wire.
struct Resource {
  std::string version;  ///< hash of the content: the same after a restart
  std::shared_ptr<const std::string> secret =
      {};  ///< serialized; wiped when the last holder lets go
};

/// SecretSource finds what a stream may have by name.
class SecretSource {
 public:
  virtual ~SecretSource() = default;
  /// Find gives a resource or, as an error for people, why there is none.
  virtual Result<Resource> Find(std::string_view name) = 0;
  /// Names lists the names of everything that a client gets which asks for all: SPIFFE IDs of
  /// SVIDs, then of trust domains.
  virtual std::vector<std::string> Names() = 0;
};

/// Secrets makes secrets of what a workload holds.
class Secrets final : public SecretSource {
 public:
  struct Shop {
    const Options& options;
    TicketKeys& ticket_keys;
    SystemRoots& system_roots;
  };
  /// All must outlive it.
  Secrets(const svids::Holdings& holdings, const Client& client, const Shop& shop)
      : holdings_(holdings), client_(client), shop_(shop) {}

  Result<Resource> Find(std::string_view name) override;
  std::vector<std::string> Names() override;
  /// Menu lists for the log what this caller could ask for.
  std::string Menu();

 private:
  using Bundles = std::vector<std::pair<const spiffe::TrustDomain*, const Bytes*>>;

  Result<const svids::Identity*> FindIdentity(std::string_view hint) const;
  Result<const svids::Identity*> FindIdentity(const spiffe::SpiffeId& id) const;
  Bundles AllBundles() const;
  Result<Bundles> OneBundle(const spiffe::TrustDomain& trust_domain) const;
  bool Plain(const SecretName& wanted) const;
  Result<Resource> FindContext(std::string_view name, const SecretName& wanted) const;
  std::string TicketScope() const;

  const svids::Holdings& holdings_;
  const Client& client_;
  const Shop shop_;
};

}  // namespace signet::sds
