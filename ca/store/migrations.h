#pragma once

#include <span>

#include "ca/store/sqlite.h"
#include "core/base/result.h"

namespace signet::store {

/// Migrations lists the steps of the schema; step n leads from version n to n + 1. A step that was
/// released is never edited: a change is a new step.
std::span<const Sql> Migrations();

/// Migrate brings the database to the last version, one transaction a step with the version in it,
/// so that a crash leaves a version that the next start goes on from. A database of a newer version
/// is FAILED_PRECONDITION and stays untouched.
Status Migrate(Db& db, std::span<const Sql> steps);

}  // namespace signet::store
