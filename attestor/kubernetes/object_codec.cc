#include "attestor/kubernetes/object_codec.h"

#include <utility>

#include "attestor/kubernetes/names.h"
#include "attestor/kubernetes/object_reader.h"

namespace signet::kubernetes {
namespace {

/// Kinds: what tells pods from nodes here.
struct PodKind {
  using Object = Pod;
  static constexpr std::string_view kName = "Pod";
  PodDetail detail;

  Result<Pod> Read(const Value& value) const { return ReadPod(value, detail); }
};

struct NodeKind {
  using Object = Node;
  static constexpr std::string_view kName = "Node";

  static Result<Node> Read(const Value& value) { return ReadNode(value); }
};

/// CheckKind: a Status or another kind of object is never taken for what was asked for. Items of a
/// list say nothing of their kind.
Status CheckKind(const Value& value, std::string_view name, std::string_view suffix) {
  const std::string_view kind = value.TextOf("kind");
  if (kind.empty() || kind == std::string(name) + std::string(suffix) ||
      kind == "PartialObjectMetadata" + std::string(suffix)) {
    return {};
  }
  return InvalidArgument("the answer is a " + std::string(kind.substr(0, 64)) + " and not a " +
                         std::string(name) + std::string(suffix));
}

template <class Kind>
Result<typename Kind::Object> ParseObject(std::string_view json, const Field& root,
                                          const Kind& kind) {
  SIGNET_TRY_ASSIGN(const Value value, PickJson(json, root));
  SIGNET_TRY(CheckKind(value, Kind::kName, ""));
  return kind.Read(value);
}

Field ListRoot(std::vector<Field> object) {
  return {kAnyName,
          {{"kind"},
           {"metadata", {{"resourceVersion"}, {"continue"}}},
           {"items", std::move(object), true}}};
}

template <class Kind>
Result<Page<typename Kind::Object>> ParseList(std::string_view json, const Field& root,
                                              const Kind& kind) {
  Page<typename Kind::Object> page;
  const auto take = [&page, &kind](const Value& item) -> Status {
    auto object = kind.Read(item);
    if (object.ok()) {
      page.items.push_back(std::move(object).value());
    } else {
      ++page.malformed;
    }
    return {};
  };
  SIGNET_TRY_ASSIGN(const Value list, PickJson(json, root, take));
  SIGNET_TRY(CheckKind(list, Kind::kName, "List"));
  if (list.Find("items") == nullptr) {
    return InvalidArgument("a list without items");
  }
  page.resource_version = list["metadata"].TextOf("resourceVersion");
  page.continue_token = list["metadata"].TextOf("continue");
  return page;
}

Field EventRoot(std::vector<Field> object) {
  object.insert(object.end(), {{"code"}, {"message"}});  // of a Status
  return {kAnyName, {{"type"}, {"object", std::move(object)}}};
}

template <class Event>
Event ErrorEvent(const Value& status) {
  Event event;
  event.kind = status["code"].text == "410" ? Event::Kind::kGone : Event::Kind::kError;
  event.message = status.TextOf("message").substr(0, 512);
  return event;
}

/// SetObject fills in the object, or what is left of one that does not parse.
template <class Event, class Kind>
void SetObject(const Value& value, const Kind& kind, Event& event) {
  auto object = kind.Read(value);
  if (object.ok()) {
    event.object = std::move(object).value();
    return;
  }
  event.kind = Event::Kind::kMalformed;
  event.message = std::move(object).error().message;
  const Value& metadata = value["metadata"];
  if (IsUid(metadata.TextOf("uid")) && IsDnsSubdomain(metadata.TextOf("name"))) {
    event.object.uid = metadata.TextOf("uid");
    event.object.name = metadata.TextOf("name");
  }
}

template <class Kind>
Result<WatchEvent<typename Kind::Object>> ParseEvent(std::string_view line, const Field& root,
                                                     const Kind& kind) {
  using Event = WatchEvent<typename Kind::Object>;
  SIGNET_TRY_ASSIGN(const Value value, PickJson(line, root));
  const std::string_view type = value.TextOf("type");
  const Value& object = value["object"];
  if (type == "ERROR") {
    return ErrorEvent<Event>(object);
  }
  SIGNET_TRY(CheckKind(object, Kind::kName, ""));
  Event event;
  event.resource_version = object["metadata"].TextOf("resourceVersion");
  if (type == "BOOKMARK") {
    event.kind = Event::Kind::kBookmark;
    return event;
  }
  if (type != "ADDED" && type != "MODIFIED" && type != "DELETED") {
    return InvalidArgument("a watch event of an unknown type");
  }
  event.kind = type == "DELETED" ? Event::Kind::kDeleted : Event::Kind::kSet;
  SetObject(object, kind, event);
  return event;
}

/// Roots of one kind and detail, built once: a watch asks for them with every line.
struct Roots {
  explicit Roots(const std::vector<Field>& fields)
      : object{kAnyName, fields}, list(ListRoot(fields)), event(EventRoot(fields)) {}
  Field object;
  Field list;
  Field event;
};

const Roots& PodRoots(PodDetail detail) {
  static const Roots identity(PodFields(PodDetail::kIdentity));
  static const Roots full(PodFields(PodDetail::kFull));
  return detail == PodDetail::kFull ? full : identity;
}

const Roots& NodeRoots() {
  static const Roots roots(NodeFields());
  return roots;
}

}  // namespace

Result<Pod> ParsePod(std::string_view json, PodDetail detail) {
  return ParseObject(json, PodRoots(detail).object, PodKind{detail});
}

Result<Node> ParseNode(std::string_view json) {
  return ParseObject(json, NodeRoots().object, NodeKind{});
}

Result<Page<Pod>> ParsePodList(std::string_view json, PodDetail detail) {
  return ParseList(json, PodRoots(detail).list, PodKind{detail});
}

Result<Page<Node>> ParseNodeList(std::string_view json) {
  return ParseList(json, NodeRoots().list, NodeKind{});
}

Result<WatchEvent<Pod>> ParsePodEvent(std::string_view line, PodDetail detail) {
  return ParseEvent(line, PodRoots(detail).event, PodKind{detail});
}

Result<WatchEvent<Node>> ParseNodeEvent(std::string_view line) {
  return ParseEvent(line, NodeRoots().event, NodeKind{});
}

Status CheckMayHaveIdentity(const Pod& pod) {
  const std::string who = "pod " + pod.namespace_name + "/" + pod.name;
  if (pod.mirror) {
    return PermissionDenied(who + " is the mirror of a static pod: it has no service account");
  }
  if (pod.service_account.empty()) {
    return PermissionDenied(who + " has no service account");
  }
  if (pod.node_name.empty()) {
    return PermissionDenied(who + " is not scheduled to a node yet");
  }
  if (pod.deletion) {
    return PermissionDenied(who + " is being deleted");
  }
  if (pod.phase != PodPhase::kPending && pod.phase != PodPhase::kRunning) {
    return PermissionDenied(who + " is neither pending nor running");
  }
  return {};
}

}  // namespace signet::kubernetes
