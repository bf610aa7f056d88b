#include "tests/support/kubernetes/stub/objects.h"

#include <algorithm>
#include <charconv>
#include <regex>

#include "tests/support/kubernetes/stub/watch.h"

namespace signet::test::kube {
namespace {

constexpr std::size_t kMostPages = 200;
constexpr long kPodGrace = 30;

Json Details(const Target& target) {
  Json details = {{"name", target.name}, {"kind", target.type->plural}};
  if (!target.type->group.empty()) {
    details["group"] = target.type->group;
  }
  return details;
}

long Number(const std::string& text, long otherwise) {
  long value = otherwise;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

[[noreturn]] void Invalid(const Target& target, const std::string& name, const std::string& why) {
  const std::string kind(target.type->kind);
  Fail(422, "Invalid", kind + " \"" + name + "\" is invalid: " + why,
       {{"name", name}, {"kind", kind}});
}

void CheckName(const Target& target, const std::string& name) {
  static const std::regex kName("[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*");
  const bool role = target.type->group == "rbac.authorization.k8s.io";
  if (!role && (name.size() > 253 || !std::regex_match(name, kName))) {
    Invalid(target, name,
            "metadata.name: Invalid value: \"" + name +
                "\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric "
                "characters, '-' or '.', and must start and end with an alphanumeric character");
  }
}

void FillPod(const Target& target, Json& pod) {
  Json& spec = pod["spec"];
  if (!spec.is_object() || spec.value("containers", Json::array()).empty()) {
    Invalid(target, Text(pod, "metadata.name"), "spec.containers: Required value");
  }
  const std::vector<std::pair<const char*, Json>> defaults = {
      {"restartPolicy", "Always"},   {"terminationGracePeriodSeconds", kPodGrace},
      {"dnsPolicy", "ClusterFirst"}, {"securityContext", Json::object()},
      {"enableServiceLinks", true},  {"schedulerName", "default-scheduler"}};
  for (const auto& [name, value] : defaults) {
    if (!spec.contains(name)) {
      spec[name] = value;
    }
  }
  if (spec.contains("serviceAccountName")) {
    spec["serviceAccount"] = spec["serviceAccountName"];
  }
  pod["status"] = {{"phase", "Pending"}, {"qosClass", "BestEffort"}};
  pod["metadata"]["generation"] = 1;
}

void FillNew(const Target& target, Json& object, SystemTime now) {
  Json& metadata = object["metadata"];
  if (Text(metadata, "name").empty() && !Text(metadata, "generateName").empty()) {
    metadata["name"] = Text(metadata, "generateName") + NewUid().substr(0, 5);
  }
  CheckName(target, Text(metadata, "name"));
  metadata["uid"] = NewUid();
  metadata["creationTimestamp"] = Timestamp(now);
  if (target.type->namespaced) {
    metadata["namespace"] = target.ns;
  }
  object["kind"] = target.type->kind;
  object["apiVersion"] = target.type->api_version();
  if (target.type->kind == "Pod") {
    FillPod(target, object);
  } else if (target.type->kind == "Namespace") {
    metadata["labels"]["kubernetes.io/metadata.name"] = metadata["name"];
    object["spec"] = {{"finalizers", {"kubernetes"}}};
    object["status"] = {{"phase", "Active"}};
  } else if (target.type->kind == "Secret" && !object.contains("type")) {
    object["type"] = "Opaque";
  }
}

/// What a write may not change is taken from what is there.
Json KeepFixed(const Target& target, const Json& current, Json wanted) {
  Json& metadata = wanted["metadata"];
  for (const char* name : {"uid", "creationTimestamp", "namespace", "name", "deletionTimestamp",
                           "deletionGracePeriodSeconds"}) {
    if (current["metadata"].contains(name)) {
      metadata[name] = current["metadata"][name];
    } else {
      metadata.erase(name);
    }
  }
  wanted["kind"] = current["kind"];
  wanted["apiVersion"] = current["apiVersion"];
  const bool has_status =
      target.type->kind == "Pod" || target.type->kind == "Node" || target.type->kind == "Namespace";
  if (target.subresource == "status") {
    Json kept = current;
    kept["status"] = wanted.value("status", Json::object());
    return kept;
  }
  if (has_status) {
    wanted["status"] = current.value("status", Json::object());
  }
  for (const char* field : {"spec.nodeName", "spec.serviceAccountName"}) {
    if (target.type->kind == "Pod" && Text(wanted, field) != Text(current, field)) {
      Invalid(target, target.name,
              "spec: Forbidden: pod updates may not change fields other than …");
    }
  }
  return wanted;
}

Json ListAnswer(const Target& target, const Request& request, const std::vector<ObjectPtr>& items) {
  const bool metadata_only = WantsMetadataOnly(request);
  Json list = {{"kind", metadata_only ? "PartialObjectMetadataList"
                                      : std::string(target.type->kind) + "List"},
               {"apiVersion", metadata_only ? "meta.k8s.io/v1" : target.type->api_version()},
               {"items", Json::array()}};
  for (const ObjectPtr& item : items) {
    Json& out = list["items"].emplace_back(metadata_only ? MetadataOnly(*item) : *item);
    if (!metadata_only) {
      out.erase("kind");
      out.erase("apiVersion");
    }
  }
  return list;
}

Answer Gone(const Target& target, const std::string& uid) {
  Json details = Details(target);
  details["uid"] = uid;
  return JsonAnswer(200, {{"kind", "Status"},
                          {"apiVersion", "v1"},
                          {"metadata", Json::object()},
                          {"status", "Success"},
                          {"details", details}});
}

/// Grace of a delete: what is asked for, else the pod's own; none for a pod that no kubelet runs.
long GraceOf(const Json& pod, const Request& request) {
  const Json body = Json::parse(request.body, nullptr, false);
  long grace = pod["spec"].value("terminationGracePeriodSeconds", kPodGrace);
  if (body.is_object() && body.contains("gracePeriodSeconds")) {
    grace = body["gracePeriodSeconds"].get<long>();
  }
  grace = Number(request.Param("gracePeriodSeconds"), grace);
  const std::string phase = Text(pod, "status.phase");
  const bool idle = Text(pod, "spec.nodeName").empty() || phase == "Succeeded" || phase == "Failed";
  return idle ? 0 : grace;
}

}  // namespace

Json ParseBody(const Target& target, const Request& request) {
  Json body = Json::parse(request.body, nullptr, false);
  if (!body.is_object()) {
    Fail(400, "BadRequest",
         "the object provided is unrecognized (must be of type " + std::string(target.type->kind) +
             "): couldn't get version/kind; json parse error");
  }
  return body;
}

void Objects::AddNamespace(const std::string& name) {
  Target target{.type = &TypeOf("namespaces")};
  Json object = {{"metadata", {{"name", name}}}};
  FillNew(target, object, world_.Now());
  world_.store.Put(*target.type, std::move(object));
}

ObjectPtr Objects::Require(const Target& target) const {
  ObjectPtr found = world_.store.Find(*target.type, target.ns, target.name);
  if (found == nullptr) {
    Fail(404, "NotFound", target.type->qualified() + " \"" + target.name + "\" not found",
         Details(target));
  }
  return found;
}

Answer Objects::Get(const Target& target, const Request& request) const {
  const ObjectPtr found = Require(target);
  return JsonAnswer(200, WantsMetadataOnly(request) ? MetadataOnly(*found) : *found);
}

std::vector<ObjectPtr> Objects::FirstPage(const Target& target, const Request& request) const {
  const Selector selector(*target.type, request);
  std::vector<ObjectPtr> items = world_.store.List(*target.type, target.ns);
  items.erase(std::remove_if(items.begin(), items.end(),
                             [&](const ObjectPtr& item) { return !selector.Matches(*item); }),
              items.end());
  return items;
}

Objects::Page Objects::NextPage(const std::string& token, const std::string& query) const {
  const auto decoded = FromBase64Url(token);
  if (!decoded || !Json::parse(*decoded, nullptr, false).is_object()) {
    Fail(400, "BadRequest", "invalid continue token: continue key is not valid");
  }
  const auto at = pages_.find(token + query);
  if (at == pages_.end()) {
    Fail(410, "Expired",
         "The provided continue parameter is too old to display a consistent list result. You can "
         "start a new list without the continue parameter.");
  }
  return at->second;
}

std::string Objects::KeepPage(Page page, const std::string& query) {
  const Json next = {{"v", "meta.k8s.io/v1"},
                     {"rv", page.version},
                     {"start", Text(*page.rest.front(), "metadata.namespace") + "/" +
                                   Text(*page.rest.front(), "metadata.name")}};
  std::string token = Base64Url(next.dump());
  if (pages_.size() >= kMostPages) {
    pages_.erase(pages_.begin());
  }
  pages_[token + query] = std::move(page);
  return token;
}

Answer Objects::List(const Target& target, const Request& request) {
  const std::string query = "|" + target.ns + "|" + std::string(target.type->plural) + "|" +
                            request.Param("fieldSelector") + "|" + request.Param("labelSelector");
  const std::string token = request.Param("continue");
  Page page = token.empty() ? Page{world_.store.version(), FirstPage(target, request)}
                            : NextPage(token, query);
  const auto limit = static_cast<std::size_t>(std::max(0L, Number(request.Param("limit"), 0)));
  Page rest{page.version, {}};
  if (limit > 0 && page.rest.size() > limit) {
    rest.rest.assign(page.rest.begin() + static_cast<std::ptrdiff_t>(limit), page.rest.end());
    page.rest.resize(limit);
  }
  Json list = ListAnswer(target, request, page.rest);
  list["metadata"]["resourceVersion"] = std::to_string(page.version);
  if (!rest.rest.empty()) {
    list["metadata"]["remainingItemCount"] = rest.rest.size();
    list["metadata"]["continue"] = KeepPage(std::move(rest), query);
  }
  return JsonAnswer(200, list);
}

Answer Objects::Create(const Target& target, const Request& request) {
  Json object = ParseBody(target, request);
  if (target.type->namespaced) {
    const Target in{.type = &TypeOf("namespaces"), .name = target.ns};
    if (Text(*Require(in), "status.phase") == "Terminating") {
      Fail(403, "Forbidden",
           std::string(target.type->plural) + " \"" + Text(object, "metadata.name") +
               "\" is forbidden: unable to create new content in namespace " + target.ns +
               " because it is being terminated");
    }
  }
  FillNew(target, object, world_.Now());
  Target whole = target;
  whole.name = Text(object, "metadata.name");
  if (world_.store.Find(*target.type, target.ns, whole.name) != nullptr) {
    Fail(409, "AlreadyExists", target.type->qualified() + " \"" + whole.name + "\" already exists",
         Details(whole));
  }
  return JsonAnswer(201, *world_.store.Put(*target.type, std::move(object)));
}

Json Objects::Patched(const Target& target, const Json& current, const Request& request) const {
  const std::string type = request.content_type.substr(0, request.content_type.find(';'));
  const Json patch = Json::parse(request.body, nullptr, false);
  if (patch.is_discarded()) {
    Fail(400, "BadRequest", "error decoding patch of " + std::string(target.type->kind));
  }
  if (type == "application/json-patch+json") {
    return current.patch(patch);
  }
  if (type != "application/merge-patch+json" && type != "application/strategic-merge-patch+json") {
    Fail(415, "UnsupportedMediaType",
         "the body of the request was in an unknown format - accepted media types include: "
         "application/json-patch+json, application/merge-patch+json, "
         "application/strategic-merge-patch+json");
  }
  Json wanted = current;
  // Only a version that the patch itself names is a condition.
  wanted["metadata"].erase("resourceVersion");
  wanted.merge_patch(patch);
  return wanted;
}

Answer Objects::Update(const Target& target, const Request& request) {
  const bool patch = request.method == "PATCH";
  Json wanted = patch ? Json() : ParseBody(target, request);
  const ObjectPtr current = Require(target);
  if (patch) {
    wanted = Patched(target, *current, request);
  }
  return JsonAnswer(200, *Store(target, current, std::move(wanted)));
}

ObjectPtr Objects::Store(const Target& target, const ObjectPtr& current, Json wanted) {
  const std::string expected = Text(wanted, "metadata.resourceVersion");
  const std::string uid = Text(wanted, "metadata.uid");
  if ((!expected.empty() && expected != Text(*current, "metadata.resourceVersion")) ||
      (!uid.empty() && uid != Text(*current, "metadata.uid"))) {
    Fail(409, "Conflict",
         "Operation cannot be fulfilled on " + target.type->qualified() + " \"" + target.name +
             "\": the object has been modified; please apply your changes to the latest version "
             "and try again",
         Details(target));
  }
  Json next = KeepFixed(target, *current, std::move(wanted));
  next["metadata"]["resourceVersion"] = Text(*current, "metadata.resourceVersion");
  return next == *current ? current : world_.store.Put(*target.type, std::move(next));
}

Answer Objects::Delete(const Target& target, const Request& request) {
  const ObjectPtr current = Require(target);
  const Json body = Json::parse(request.body, nullptr, false);
  const std::string uid = body.is_object() ? Text(body, "preconditions.uid") : "";
  if (!uid.empty() && uid != Text(*current, "metadata.uid")) {
    Fail(409, "Conflict", "Precondition failed: UID in precondition: " + uid, Details(target));
  }
  Json marked = *current;
  const bool pod = target.type->kind == "Pod";
  const long grace = pod ? GraceOf(*current, request) : 0;
  if (pod || target.type->kind == "Namespace") {
    Json& metadata = marked["metadata"];
    metadata["deletionTimestamp"] = Timestamp(world_.Now() + std::chrono::seconds(grace));
    if (pod) {
      metadata["deletionGracePeriodSeconds"] = grace;
    } else {
      marked["status"]["phase"] = "Terminating";
    }
    marked = *world_.store.Put(*target.type, std::move(marked));
  }
  // A pod ends with its grace; watches see both. A namespace waits for a controller that we lack.
  if (grace > 0 || target.type->kind == "Namespace") {
    return JsonAnswer(200, marked);
  }
  world_.store.Remove(*target.type, target.ns, target.name);
  return target.type->status_body ? Gone(target, Text(*current, "metadata.uid"))
                                  : JsonAnswer(200, marked);
}

}  // namespace signet::test::kube
