#pragma once

#include <pthread.h>

#include "core/base/check.h"

namespace signet::service {

/// SharedMutex is std::shared_mutex that lets a waiting writer go first. The standard one (glibc's
/// default) prefers readers: under steady reads a writer waits for seconds. A thread must not take
/// it shared twice.
class SharedMutex {
 public:
  SharedMutex() {
    pthread_rwlockattr_t attributes;
    Require(pthread_rwlockattr_init(&attributes));
    Require(
        pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP));
    Require(pthread_rwlock_init(&lock_, &attributes));
    pthread_rwlockattr_destroy(&attributes);
  }
  ~SharedMutex() { pthread_rwlock_destroy(&lock_); }
  SharedMutex(const SharedMutex&) = delete;
  SharedMutex& operator=(const SharedMutex&) = delete;

  // The names that std::unique_lock and std::shared_lock ask for.
  void lock() { Require(pthread_rwlock_wrlock(&lock_)); }
  void unlock() { Require(pthread_rwlock_unlock(&lock_)); }
  void lock_shared() { Require(pthread_rwlock_rdlock(&lock_)); }
  void unlock_shared() { Require(pthread_rwlock_unlock(&lock_)); }

 private:
  static void Require(int error) { SIGNET_CHECK(error == 0, "a lock was misused"); }
  pthread_rwlock_t lock_;
};

}  // namespace signet::service
