#pragma once

#include <memory>

#include "attestor/workload/attestor.h"
#include "workload-api/cmd/agent_config.h"
#include "workload-api/cmd/serve.h"

namespace signet::agent_cmd {

/// WorkloadAttestors are the attestors of the shared socket, as configured, and the threads that
/// they need. Must outlive whoever asks them.
class WorkloadAttestors {
 public:
  virtual ~WorkloadAttestors() = default;
  virtual attestor::WorkloadAttestor& shared_socket() = 0;
};

/// StartWorkloadAttestors does not wait for the kubelet or an API server. What is missing on the
/// machine is an error that says what to do.
Result<std::unique_ptr<WorkloadAttestors>> StartWorkloadAttestors(const AgentConfig& config,
                                                                  const AgentWorld& world);

}  // namespace signet::agent_cmd
