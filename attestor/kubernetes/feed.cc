#include "attestor/kubernetes/feed.h"

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

#include "attestor/kubernetes/object_codec.h"

namespace signet::kubernetes {
namespace {

/// PodKind and NodeKind are what distinguishes the two feeds.
struct PodKind {
  using Object = Pod;
  static constexpr std::string_view kPlural = "pods";
  static constexpr std::string_view kListAccept = "application/json";
  static constexpr std::string_view kWatchAccept = "application/json";

  PodWatchOptions options;
  PodIndex& index;

  std::string selector() const {
    return options.field_selector.empty()
               ? ""
               : "fieldSelector=" + PercentEncode(options.field_selector) + "&";
  }
  Result<Page<Pod>> ParseList(std::string_view body) const {
    return ParsePodList(body, options.detail);
  }
  Result<WatchEvent<Pod>> ParseEvent(std::string_view line) const {
    return ParsePodEvent(line, options.detail);
  }
  void Prune(Pod& pod) const {
    if (options.detail == PodDetail::kIdentity) {
      std::erase_if(pod.labels, [this](const auto& label) {
        return !options.label_keys.contains(label.first);
      });
      pod.labels.shrink_to_fit();
    }
  }
  void Remove(const Pod& pod) const { index.Remove(pod.uid); }
};

struct NodeKind {
  using Object = Node;
  static constexpr std::string_view kPlural = "nodes";
  static constexpr std::string_view kListAccept = kMetadataListAccept;
  static constexpr std::string_view kWatchAccept = kMetadataAccept;

  NodeIndex& index;

  static std::string selector() { return {}; }
  static Result<Page<Node>> ParseList(std::string_view body) { return ParseNodeList(body); }
  static Result<WatchEvent<Node>> ParseEvent(std::string_view line) { return ParseNodeEvent(line); }
  static void Prune(Node&) {}
  void Remove(const Node& node) const { index.Remove(node); }
};

template <class Kind>
class IndexFeed final : public Feed {
 public:
  using Object = typename Kind::Object;
  explicit IndexFeed(Kind kind) : kind_(std::move(kind)) {}

  std::string_view plural() const override { return Kind::kPlural; }
  std::string path() const override {
    return "/api/v1/" + std::string(Kind::kPlural) + "?" + kind_.selector();
  }
  std::string list_accept() const override { return std::string(Kind::kListAccept); }
  std::string watch_accept() const override { return std::string(Kind::kWatchAccept); }

  void BeginList() override { listed_.clear(); }

  Result<PageEnd> AddPage(std::string_view body) override {
    SIGNET_TRY_ASSIGN(Page<Object> page, kind_.ParseList(body));
    for (Object& object : page.items) {
      kind_.Prune(object);
    }
    std::ranges::move(page.items, std::back_inserter(listed_));
    return PageEnd{std::move(page.resource_version), std::move(page.continue_token),
                   page.malformed};
  }

  void EndList() override { kind_.index.ReplaceAll(std::exchange(listed_, {})); }

  Result<Event> Apply(std::string_view line) override {
    using From = typename WatchEvent<Object>::Kind;
    SIGNET_TRY_ASSIGN(WatchEvent<Object> event, kind_.ParseEvent(line));
    Event::Kind kind = Event::Kind::kApplied;
    switch (event.kind) {
      case From::kSet:
        kind_.Prune(event.object);
        kind_.index.Put(std::move(event.object));
        break;
      case From::kDeleted:
        kind_.Remove(event.object);
        break;
      case From::kMalformed:
        kind_.Remove(event.object);
        kind = Event::Kind::kMalformed;
        break;
      case From::kBookmark:
        break;
      case From::kGone:
        kind = Event::Kind::kGone;
        break;
      case From::kError:
        kind = Event::Kind::kError;
        break;
    }
    return Event{kind, std::move(event.resource_version), std::move(event.message)};
  }

 private:
  Kind kind_;
  std::vector<Object> listed_;
};

}  // namespace

std::unique_ptr<Feed> NewPodFeed(PodWatchOptions options, PodIndex& index) {
  return std::make_unique<IndexFeed<PodKind>>(PodKind{std::move(options), index});
}

std::unique_ptr<Feed> NewNodeFeed(NodeIndex& index) {
  return std::make_unique<IndexFeed<NodeKind>>(NodeKind{index});
}

std::string PercentEncode(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
        c == '.' || c == '_' || c == '~') {
      out += c;
    } else {
      out += '%';
      out += kDigits[byte >> 4];
      out += kDigits[byte & 15];
    }
  }
  return out;
}

}  // namespace signet::kubernetes
