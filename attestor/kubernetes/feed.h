#pragma once

// Private to attestor/kubernetes: what a watch does with one kind of object.

#include <memory>
#include <string>
#include <string_view>

#include "attestor/kubernetes/watcher.h"
#include "core/base/result.h"

namespace signet::kubernetes {

/// Feed turns the answers of list and watch requests into changes of an index.
class Feed {
 public:
  virtual ~Feed() = default;

  virtual std::string_view plural() const = 0;  ///< "pods"
  virtual std::string path() const = 0;         ///< "/api/v1/pods?" and a selector with '&'
  virtual std::string list_accept() const = 0;
  virtual std::string watch_accept() const = 0;

  /// PageEnd is what a page says beside its objects.
  struct PageEnd {
    std::string version;
    std::string next;  ///< `continue`; empty on the last page
    std::size_t malformed = 0;
  };
  /// A list: its pages are collected, and only the complete list replaces what is known.
  virtual void BeginList() = 0;
  virtual Result<PageEnd> AddPage(std::string_view body) = 0;
  virtual void EndList() = 0;

  /// Event is what a line of a watch meant for the watch itself.
  struct Event {
    enum class Kind : std::uint8_t { kApplied, kMalformed, kGone, kError };
    Kind kind = Kind::kApplied;
    std::string version;
    std::string message;
  };
  virtual Result<Event> Apply(std::string_view line) = 0;
};

std::unique_ptr<Feed> NewPodFeed(PodWatchOptions options, PodIndex& index);
std::unique_ptr<Feed> NewNodeFeed(NodeIndex& index);

/// Accept headers for an object of which the metadata is enough.
inline constexpr char kMetadataAccept[] =
    "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json";
inline constexpr char kMetadataListAccept[] =
    "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";

/// PercentEncode leaves RFC 3986's unreserved characters alone.
std::string PercentEncode(std::string_view text);

}  // namespace signet::kubernetes
