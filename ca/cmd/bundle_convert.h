#pragma once

#include "core/base/result.h"
#include "core/spiffe/bundle.h"

namespace spire::api::types {
class Bundle;
}  // namespace spire::api::types

namespace signet::ca_cmd {

Result<spiffe::Bundle> BundleFromProto(const spire::api::types::Bundle& bundle);
void BundleToProto(const spiffe::Bundle& bundle, spire::api::types::Bundle& out);

}  // namespace signet::ca_cmd
