#pragma once

#include "ca/service/denial.h"
#include "core/base/result.h"
#include "core/rpc/call.h"
#include "spire/api/types/status.pb.h"

namespace signet::ca_rpc {

/// ToRpcStatus gives a refusal with its reason as PermissionDeniedDetails in the details trailer
/// (spire-api §3).
rpc::RpcStatus ToRpcStatus(const service::Denial& denial);

/// SetItemStatus fills the status of one item of a batch, which is always set: code 0 and "OK", or
/// how it failed (spire-api §5).
void SetItemStatus(spire::api::types::Status* out, const Status& status);

}  // namespace signet::ca_rpc
