#pragma once

#include <chrono>
#include <deque>
#include <string>

#include "tests/support/kubernetes/stub/world.h"

namespace signet::test::kube {

/// WantsMetadataOnly: the Accept header asks for PartialObjectMetadata.
bool WantsMetadataOnly(const Request& request);
/// MetadataOnly is the object as PartialObjectMetadata.
Json MetadataOnly(const Json& object);

/// Watch is one open watch: a stream of lines.
class Watch {
 public:
  /// Locks nothing: the caller holds the lock of the world.
  Watch(World& world, const Target& target, const Request& request);
  ~Watch();
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  enum class Step { kData, kIdle, kEnd, kCut };
  /// Next waits up to 250 ms for lines. kEnd: the time is over; kCut: broken off.
  Step Next(std::string& lines);

 private:
  using Clock = std::chrono::steady_clock;

  void Begin(const Request& request);
  void AddError(int code, const std::string& reason, const std::string& message);
  void AddEvent(const char* type, const Json& object);
  void AddChange(const Change& change);
  void AddBookmarkIfDue();
  bool Shows(const ObjectPtr& object) const;
  std::string Take();

  World& world_;
  const Target target_;
  const Selector selector_;
  const bool metadata_only_;
  const bool wants_bookmarks_;
  std::uint64_t position_ = 0;
  std::uint64_t start_ = 0;
  Clock::time_point deadline_;
  Clock::time_point next_bookmark_;
  int cuts_;
  int bookmarks_;
  bool failed_ = false;
  std::string pending_;
};

}  // namespace signet::test::kube
