#pragma once

#include <vector>

#include "attestor/workload/attestor.h"

namespace signet::attestor {

/// CombinedAttestor is several attestors as one: their selectors together. One that fails fails
/// all, so that nobody gets an identity because a check could not be made.
class CombinedAttestor final : public WorkloadAttestor {
 public:
  /// The attestors must outlive it; at least one.
  explicit CombinedAttestor(std::vector<WorkloadAttestor*> attestors);
  Result<AttestedWorkload> Attest(const rpc::PeerProcess& process) override;

 private:
  const std::vector<WorkloadAttestor*> attestors_;
};

}  // namespace signet::attestor
