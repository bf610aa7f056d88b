#pragma once

#include <memory>

#include "ca/store/store.h"

namespace signet::store {

/// NewMemoryStore is the fake: the same contract, nothing on disk.
std::unique_ptr<Store> NewMemoryStore();

}  // namespace signet::store
