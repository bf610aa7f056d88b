#pragma once

#include "ca/issuance/authorities.h"
#include "ca/rpc/callers.h"
#include "ca/rpc/deferrals.h"
#include "ca/service/agents.h"
#include "ca/service/attestation.h"
#include "ca/service/authorizer.h"
#include "ca/service/bundles.h"
#include "ca/service/change_hub.h"
#include "ca/service/cross_certificates.h"
#include "ca/service/entries.h"
#include "ca/service/pod_svids.h"
#include "ca/service/rate_limiter.h"
#include "ca/service/server_svid.h"
#include "ca/service/svids.h"
#include "core/base/worker_pool.h"

namespace signet::ca_rpc {

/// Services is what the adapters translate to. All of it outlives the server that serves them.
struct Services {
  service::Context& context;
  service::Entries& entries;
  service::Agents& agents;
  service::NodeAttestation& attestation;
  service::Svids& svids;
  service::Bundles& bundles;
  service::ChangeHub& hub;
  service::Authorizer& authorizer;
  service::RateLimiter& limiter;
  service::ServerSvid& server_svid;
  issuance::Authorities& authorities;
  const service::CrossCertificates& cross_certificates;
  Callers& callers;
  WorkerPool& pool;
  /// network_pool is for what asks other systems (a cluster's API server): one that does not answer
  /// must not take the threads that sign and commit.
  WorkerPool& network_pool;
  Deferrals& deferrals;
  const MonoTime started;
  service::PodSvids* pods = nullptr;  ///< null: no cluster gives identities without registration
};

}  // namespace signet::ca_rpc
