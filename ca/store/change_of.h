#pragma once

#include "ca/store/store.h"
#include "core/base/result.h"

namespace signet::store {

/// kKeptChanges bounds the change log; whoever is further behind loads everything.
inline constexpr std::uint64_t kKeptChanges = 100'000;

/// ChangeOf gives the change-log row of a write, without its revision.
Change ChangeOf(const Write& write);

/// RowOf gives the row that a write uses; 0 if it has none.
std::int64_t RowOf(const Write& write);

/// CheckRow refuses a write whose row is not above 0. Both stores call it.
Status CheckRow(const Write& write);

/// ForgottenChanges is what ChangesSince answers below the oldest revision kept.
Error ForgottenChanges(std::uint64_t revision);

}  // namespace signet::store
