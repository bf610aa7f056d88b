#include "ca/rpc/status.h"

#include "google/rpc/status.pb.h"

namespace signet::ca_rpc {

rpc::RpcStatus ToRpcStatus(const service::Denial& denial) {
  rpc::RpcStatus status{denial.error.code, denial.error.message};
  if (denial.reason == service::DenialReason::kNone) {
    return status;
  }
  spire::api::types::PermissionDeniedDetails details;
  details.set_reason(
      static_cast<spire::api::types::PermissionDeniedDetails::Reason>(denial.reason));
  google::rpc::Status full;
  full.set_code(static_cast<int>(denial.error.code));
  full.set_message(denial.error.message);
  full.add_details()->PackFrom(details);
  status.details = full.SerializeAsString();
  return status;
}

void SetItemStatus(spire::api::types::Status* out, const Status& status) {
  out->set_code(static_cast<int>(status.code()));
  out->set_message(status.ok() ? "OK" : status.error().message);
}

}  // namespace signet::ca_rpc
