#include "attestor/kubernetes/object_reader.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "attestor/kubernetes/names.h"
#include "attestor/kubernetes/object_codec.h"

namespace signet::kubernetes {
namespace {

constexpr std::string_view kMirrorAnnotation = "kubernetes.io/config.mirror";

struct Lists {
  ContainerKind kind;
  std::string_view spec;
  std::string_view status;
};
constexpr std::array<Lists, 3> kLists = {{
    {ContainerKind::kInit, "initContainers", "initContainerStatuses"},
    {ContainerKind::kRegular, "containers", "containerStatuses"},
    {ContainerKind::kEphemeral, "ephemeralContainers", "ephemeralContainerStatuses"},
}};

/// Bad quotes the text, cut short: it may come from anybody.
Error Bad(std::string_view field, std::string_view text) {
  return InvalidArgument(std::string(field) + " is not of Kubernetes' form: \"" +
                         std::string(text.substr(0, 64)) + "\"");
}

Status Check(bool holds, std::string_view field, std::string_view text) {
  if (!holds) {
    return Bad(field, text);
  }
  return {};
}

PodPhase ReadPhase(std::string_view text) {
  if (text == "Pending") {
    return PodPhase::kPending;
  }
  if (text == "Running") {
    return PodPhase::kRunning;
  }
  if (text == "Succeeded") {
    return PodPhase::kSucceeded;
  }
  return text == "Failed" ? PodPhase::kFailed : PodPhase::kUnknown;
}

Labels ReadLabels(const Value& value) {
  Labels labels;
  labels.reserve(value.members.size());
  for (const auto& [key, label] : value.members) {
    if (label.kind == Value::Kind::kText) {
      labels.emplace_back(key, label.text);
    }
  }
  return labels;
}

/// WithoutScheme: "containerd://<id>" → "<id>".
std::string WithoutScheme(std::string_view text) {
  const std::size_t end = text.find("://");
  return std::string(end == std::string_view::npos ? text : text.substr(end + 3));
}

void ReadContainers(const Value& spec, const Value& status, Pod& pod) {
  for (const Lists& lists : kLists) {
    for (const Value& item : spec[lists.spec].items) {
      pod.containers.push_back(
          {std::string(item.TextOf("name")), std::string(item.TextOf("image")), lists.kind});
    }
    for (const Value& item : status[lists.status].items) {
      pod.statuses.push_back({.name = std::string(item.TextOf("name")),
                              .container_id = WithoutScheme(item.TextOf("containerID")),
                              .image = std::string(item.TextOf("image")),
                              .image_id = std::string(item.TextOf("imageID")),
                              .kind = lists.kind});
    }
  }
}

void ReadDetails(const Value& value, Pod& pod) {
  for (const Value& owner : value["metadata"]["ownerReferences"].items) {
    pod.owners.push_back({std::string(owner.TextOf("kind")), std::string(owner.TextOf("name")),
                          std::string(owner.TextOf("uid"))});
  }
  ReadContainers(value["spec"], value["status"], pod);
}

/// IsTimestamp: RFC 3339 in UTC, with or without a fraction of a second.
bool IsTimestamp(std::string_view text) {
  constexpr std::string_view kForm = "0000-00-00T00:00:00";
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (text.size() <= kForm.size() || text.back() != 'Z') {
    return false;
  }
  for (std::size_t i = 0; i < kForm.size(); ++i) {
    if (kForm[i] == '0' ? !is_digit(text[i]) : text[i] != kForm[i]) {
      return false;
    }
  }
  const std::string_view fraction = text.substr(kForm.size(), text.size() - kForm.size() - 1);
  return fraction.empty() || (fraction.size() > 1 && fraction.front() == '.' &&
                              std::ranges::all_of(fraction.substr(1), is_digit));
}

}  // namespace

std::vector<Field> PodFields(PodDetail detail) {
  std::vector<Field> metadata = {{"name", {}},
                                 {"namespace", {}},
                                 {"uid", {}},
                                 {"resourceVersion", {}},
                                 {"deletionTimestamp", {}},
                                 {"labels", {{kAnyName, {}}}},
                                 {"annotations", {{kMirrorAnnotation, {}}}}};
  std::vector<Field> spec = {{"nodeName", {}}, {"serviceAccountName", {}}};
  std::vector<Field> status = {{"phase", {}}, {"hostIP", {}}};
  if (detail == PodDetail::kFull) {
    metadata.push_back({"ownerReferences", {{"kind", {}}, {"name", {}}, {"uid", {}}}});
    for (const Lists& lists : kLists) {
      spec.push_back({lists.spec, {{"name", {}}, {"image", {}}}});
      status.push_back(
          {lists.status, {{"name", {}}, {"containerID", {}}, {"image", {}}, {"imageID", {}}}});
    }
  }
  return {{"kind", {}}, {"metadata", metadata}, {"spec", spec}, {"status", status}};
}

std::vector<Field> NodeFields() {
  return {{"kind", {}},
          {"metadata",
           {{"name", {}}, {"uid", {}}, {"resourceVersion", {}}, {"labels", {{kAnyName, {}}}}}}};
}

Result<Pod> ReadPod(const Value& value, PodDetail detail) {
  const Value& metadata = value["metadata"];
  Pod pod{.uid = std::string(metadata.TextOf("uid")),
          .namespace_name = std::string(metadata.TextOf("namespace")),
          .name = std::string(metadata.TextOf("name")),
          .service_account = std::string(value["spec"].TextOf("serviceAccountName")),
          .node_name = std::string(value["spec"].TextOf("nodeName")),
          .host_ip = std::string(value["status"].TextOf("hostIP")),
          .phase = ReadPhase(value["status"].TextOf("phase")),
          .mirror = metadata["annotations"].Find(kMirrorAnnotation) != nullptr,
          .labels = ReadLabels(metadata["labels"])};
  const Value& deletion = metadata["deletionTimestamp"];
  if (deletion.kind != Value::Kind::kNull) {
    SIGNET_TRY_ASSIGN(pod.deletion, ParseTimestamp(deletion.text).Context("deletionTimestamp"));
  }
  if (detail == PodDetail::kFull) {
    ReadDetails(value, pod);
  }
  SIGNET_TRY(CheckPod(pod));
  return pod;
}

Result<Node> ReadNode(const Value& value) {
  const Value& metadata = value["metadata"];
  Node node{.uid = std::string(metadata.TextOf("uid")),
            .name = std::string(metadata.TextOf("name")),
            .labels = ReadLabels(metadata["labels"])};
  SIGNET_TRY(CheckNode(node));
  return node;
}

Status CheckPod(const Pod& pod) {
  SIGNET_TRY(Check(IsUid(pod.uid), "metadata.uid", pod.uid));
  SIGNET_TRY(Check(IsDnsLabel(pod.namespace_name), "metadata.namespace", pod.namespace_name));
  SIGNET_TRY(Check(IsDnsSubdomain(pod.name), "metadata.name", pod.name));
  SIGNET_TRY(Check(pod.service_account.empty() || IsDnsSubdomain(pod.service_account),
                   "spec.serviceAccountName", pod.service_account));
  SIGNET_TRY(Check(pod.node_name.empty() || IsDnsSubdomain(pod.node_name), "spec.nodeName",
                   pod.node_name));
  return Check(pod.host_ip.empty() || IsAddress(pod.host_ip), "status.hostIP", pod.host_ip);
}

Status CheckNode(const Node& node) {
  SIGNET_TRY(Check(IsUid(node.uid), "metadata.uid", node.uid));
  return Check(IsDnsSubdomain(node.name), "metadata.name", node.name);
}

Result<SystemTime> ParseTimestamp(std::string_view text) {
  if (!IsTimestamp(text)) {
    return Bad("time", text);
  }
  const auto part = [text](std::size_t at, std::size_t digits) {
    int number = 0;
    std::from_chars(text.data() + at, text.data() + at + digits, number);
    return number;
  };
  const auto date = std::chrono::year(part(0, 4)) / part(5, 2) / part(8, 2);
  // A time point of nanoseconds ends in the year 2262.
  if (!date.ok() || part(0, 4) < 1970 || part(0, 4) > 2199 || part(11, 2) > 23 ||
      part(14, 2) > 59 || part(17, 2) > 60) {
    return Bad("time", text);
  }
  return SystemTime(std::chrono::sys_days(date).time_since_epoch() +
                    std::chrono::hours(part(11, 2)) + std::chrono::minutes(part(14, 2)) +
                    std::chrono::seconds(part(17, 2)));
}

}  // namespace signet::kubernetes
