#pragma once

#include <sys/types.h>

#include <string>

#include "core/base/result.h"

namespace signet::delivery {

/// Account is who a file belongs to.
struct Account {
  uid_t uid = 0;
  gid_t gid = 0;
};

/// FindAccount looks up a user and a group by name or number; a number needs no entry in the
/// system's databases. An empty owner is whoever runs us; an empty group is the owner's first one,
/// and ours where the owner has none. INVALID_ARGUMENT names what does not exist.
Result<Account> FindAccount(const std::string& owner, const std::string& group);

}  // namespace signet::delivery
