#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

#include "tests/support/kubernetes/stub/store.h"
#include "tests/support/kubernetes/stub/users.h"

namespace signet::test::kube {

/// World is the state of one stub: everything that the mutex guards.
struct World {
  std::mutex mutex;
  std::condition_variable changed;  ///< told after each change of what is below
  Store store;
  KeyRing keys;
  Tokens tokens{store, keys};
  std::chrono::seconds clock_offset{0};
  int cuts = 0;       ///< a watch that began before the last cut is broken off
  int bookmarks = 0;  ///< each count makes every watch send a bookmark
  int open_watches = 0;

  SystemTime Now() const { return std::chrono::system_clock::now() + clock_offset; }
};

}  // namespace signet::test::kube
