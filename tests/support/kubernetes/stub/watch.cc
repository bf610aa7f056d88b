#include "tests/support/kubernetes/stub/watch.h"

#include <algorithm>
#include <charconv>

namespace signet::test::kube {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr seconds kLongest{1800};
constexpr seconds kBookmarkEvery{60};
constexpr seconds kBookmarkBeforeEnd{2};
constexpr milliseconds kPatience{250};

seconds TimeoutOf(const Request& request) {
  long given = 0;
  const std::string text = request.Param("timeoutSeconds");
  std::from_chars(text.data(), text.data() + text.size(), given);
  return given > 0 ? std::min(seconds(given), kLongest) : kLongest;
}

}  // namespace

bool WantsMetadataOnly(const Request& request) {
  return request.accept.find("as=PartialObjectMetadata") != std::string::npos;
}

Json MetadataOnly(const Json& object) {
  return {{"kind", "PartialObjectMetadata"},
          {"apiVersion", "meta.k8s.io/v1"},
          {"metadata", object.at("metadata")}};
}

Watch::Watch(World& world, const Target& target, const Request& request)
    : world_(world),
      target_(target),
      selector_(*target.type, request),
      metadata_only_(WantsMetadataOnly(request)),
      wants_bookmarks_(request.Flag("allowWatchBookmarks")),
      deadline_(Clock::now() + TimeoutOf(request)),
      cuts_(world.cuts),
      bookmarks_(world.bookmarks) {
  next_bookmark_ = std::min(Clock::now() + kBookmarkEvery, deadline_ - kBookmarkBeforeEnd);
  Begin(request);
  start_ = world.store.version();
  ++world_.open_watches;
}

Watch::~Watch() {
  const std::lock_guard lock(world_.mutex);
  --world_.open_watches;
}

void Watch::Begin(const Request& request) {
  const std::string from = request.Param("resourceVersion");
  if (request.Flag("sendInitialEvents")) {
    // What an API server says above an etcd before 3.4.25, as Debian 12 has it.
    AddError(500, "InternalError",
             "a watch stream was requested by the client but the required storage feature "
             "RequestWatchProgress is disabled");
    return;
  }
  if (from.empty() || from == "0") {
    position_ = world_.store.version();
    for (const ObjectPtr& object : world_.store.List(*target_.type, target_.ns)) {
      if (Shows(object)) {
        AddEvent("ADDED", *object);
      }
    }
    return;
  }
  const auto [end, bad] = std::from_chars(from.data(), from.data() + from.size(), position_);
  if (bad != std::errc() || end != from.data() + from.size()) {
    Fail(500, "",
         "resourceVersion: Invalid value: \"" + from + "\": strconv.ParseUint: parsing \"" + from +
             "\": invalid syntax");
  }
  if (position_ < world_.store.oldest()) {
    AddError(
        410, "Expired",
        "too old resource version: " + from + " (" + std::to_string(world_.store.oldest()) + ")");
  }
}

void Watch::AddError(int code, const std::string& reason, const std::string& message) {
  pending_ +=
      Json{{"type", "ERROR"}, {"object", StatusObject(code, reason, message)}}.dump() + "\n";
  failed_ = true;
}

void Watch::AddEvent(const char* type, const Json& object) {
  const Json event = {{"type", type}, {"object", metadata_only_ ? MetadataOnly(object) : object}};
  pending_ += event.dump() + "\n";
}

bool Watch::Shows(const ObjectPtr& object) const {
  return object != nullptr && selector_.Matches(*object) &&
         (target_.ns.empty() || Text(*object, "metadata.namespace") == target_.ns) &&
         (target_.name.empty() || Text(*object, "metadata.name") == target_.name);
}

void Watch::AddChange(const Change& change) {
  if (change.type != target_.type) {
    return;
  }
  // An object that begins or ends to match the selector is added or deleted for this watch.
  const bool before = Shows(change.before);
  const bool after = Shows(change.after);
  if (after) {
    AddEvent(before ? "MODIFIED" : "ADDED", *change.after);
  } else if (before) {
    Json last = change.deleted != nullptr ? *change.deleted : *change.before;
    last["metadata"]["resourceVersion"] = std::to_string(change.version);
    AddEvent("DELETED", last);
  }
}

void Watch::AddBookmarkIfDue() {
  const bool asked = bookmarks_ != world_.bookmarks;
  bookmarks_ = world_.bookmarks;
  // A bookmark says something new: while nothing has happened since the watch began there is none.
  const bool due = Clock::now() >= next_bookmark_ && position_ > start_;
  if (!wants_bookmarks_ || (!asked && !due)) {
    return;
  }
  next_bookmark_ = Clock::now() + kBookmarkEvery;
  AddEvent("BOOKMARK", {{"kind", target_.type->kind},
                        {"apiVersion", target_.type->api_version()},
                        {"metadata", {{"resourceVersion", std::to_string(position_)}}}});
}

std::string Watch::Take() {
  std::string out;
  out.swap(pending_);
  return out;
}

Watch::Step Watch::Next(std::string& lines) {
  std::unique_lock lock(world_.mutex);
  if (world_.cuts != cuts_) {
    return Step::kCut;
  }
  if (!failed_ && position_ < world_.store.version()) {
    if (position_ < world_.store.oldest() && position_ != 0) {
      // Compaction does not end a watch that has seen everything up to it.
      position_ = world_.store.oldest();
    }
    for (const Change& change : world_.store.Since(position_)) {
      AddChange(change);
    }
    position_ = world_.store.version();
  }
  if (!failed_) {
    AddBookmarkIfDue();
  }
  lines = Take();
  if (!lines.empty()) {
    return Step::kData;
  }
  if (failed_ || Clock::now() >= deadline_) {
    return Step::kEnd;
  }
  world_.changed.wait_for(lock, kPatience);
  return Step::kIdle;
}

}  // namespace signet::test::kube
