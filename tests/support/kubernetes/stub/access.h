#pragma once

#include <string>

#include "tests/support/kubernetes/stub/store.h"
#include "tests/support/kubernetes/stub/users.h"

namespace signet::test::kube {

/// Action is what a request wants to do.
struct Action {
  std::string verb;
  Target target = {};              ///< a resource, or …
  std::string path = {};           ///< … any other path
  std::string selected_node = {};  ///< the node that a field selector allows alone
};

/// AddDefaultRoles writes the roles and bindings that every API server begins with, as far as
/// they matter here.
void AddDefaultRoles(Store& store);

/// CheckAccess fails with 403 and Kubernetes' text unless RBAC or the node's own rights allow it.
void CheckAccess(const Store& store, const User& user, const Action& action);

}  // namespace signet::test::kube
