#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ca/issuance/authorities.h"
#include "ca/service/change_hub.h"
#include "ca/service/context.h"

namespace signet::service {

/// AuthorityRecords makes the steps of rotation durable through the registry: journal and own
/// bundle in one transaction, then memory, then the agents. Safe for several threads.
class AuthorityRecords final : public issuance::AuthorityPersistence {
 public:
  AuthorityRecords(Context& context, const ChangeHub& hub) : context_(context), hub_(hub) {}

  Status SaveAuthorities(const store::Journal& journal,
                         const std::vector<spiffe::X509Authority>& add,
                         const std::vector<Bytes>& remove) override;
  std::optional<spiffe::Bundle> OwnBundle() const override;
  bool Acknowledged(const std::string& authority_id) const override;
  /// Journal gives the slots as last committed.
  store::Journal Journal() const;

 private:
  Context& context_;
  const ChangeHub& hub_;
};

}  // namespace signet::service
