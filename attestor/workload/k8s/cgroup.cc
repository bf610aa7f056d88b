#include "attestor/workload/k8s/cgroup.h"

#include <algorithm>
#include <array>
#include <utility>

namespace signet::attestor {
namespace {

using Segments = std::vector<std::string_view>;

constexpr std::size_t kContainerIdDigits = 64;
constexpr std::size_t kStaticUidDigits = 32;
constexpr std::array<std::size_t, 5> kUuidGroups = {8, 4, 4, 4, 12};

bool IsHex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

bool IsWordChar(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

bool EndsWord(std::string_view text, std::size_t at) {
  return at >= text.size() || !IsWordChar(text[at]);
}

bool StartsWord(std::string_view text, std::size_t at) {
  return at == 0 || !IsWordChar(text[at - 1]);
}

std::size_t HexRun(std::string_view text, std::size_t at) {
  std::size_t digits = 0;
  while (at + digits < text.size() && IsHex(text[at + digits])) {
    ++digits;
  }
  return digits;
}

/// UuidLength is the length of the UUID that begins at `at`, or 0. systemd's names hold '_' where
/// the kubelet's hold '-'.
std::size_t UuidLength(std::string_view text, std::size_t at) {
  std::size_t end = at;
  for (std::size_t i = 0; i < kUuidGroups.size(); ++i) {
    if (i > 0) {
      if (end >= text.size() || (text[end] != '-' && text[end] != '_')) {
        return 0;
      }
      ++end;
    }
    if (HexRun(text, end) < kUuidGroups[i]) {
      return 0;
    }
    end += kUuidGroups[i];
  }
  return EndsWord(text, end) ? end - at : 0;
}

std::size_t StaticUidLength(std::string_view text, std::size_t at) {
  const bool fits = HexRun(text, at) == kStaticUidDigits && EndsWord(text, at + kStaticUidDigits);
  return fits ? kStaticUidDigits : 0;
}

/// PodName is a pod's uid inside a segment.
struct PodName {
  std::string_view before;  ///< "pod"
  std::string_view uid;
  std::string_view after;
  bool static_pod = false;
};

std::optional<PodName> FindPodName(std::string_view segment) {
  constexpr std::string_view kPod = "pod";
  for (std::size_t at = segment.find(kPod); at != segment.npos; at = segment.find(kPod, at + 1)) {
    const std::size_t start = at + kPod.size();
    const std::size_t uuid = UuidLength(segment, start);
    const std::size_t length = uuid > 0 ? uuid : StaticUidLength(segment, start);
    if (length > 0 && StartsWord(segment, at)) {
      return PodName{segment.substr(0, at), segment.substr(start, length),
                     segment.substr(start + length), uuid == 0};
    }
  }
  return std::nullopt;
}

std::string_view FindContainerId(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t digits = HexRun(text, at);
    if (digits == kContainerIdDigits && StartsWord(text, at) && EndsWord(text, at + digits)) {
      return text.substr(at, digits);
    }
    at += digits + 1;
  }
  return {};
}

bool IsQos(std::string_view name) { return name == "burstable" || name == "besteffort"; }

/// IsKubepods: "kubepods", "kubepods.slice", "kubelet-kubepods.slice", "kubepods-burstable.slice".
bool IsKubepods(std::string_view segment) {
  constexpr std::string_view kSlice = ".slice";
  if (segment.ends_with(kSlice)) {
    segment.remove_suffix(kSlice.size());
  }
  if (const std::size_t dash = segment.rfind('-');
      dash != segment.npos && IsQos(segment.substr(dash + 1))) {
    segment = segment.substr(0, dash);
  }
  return segment == "kubepods" || segment.ends_with("-kubepods");
}

/// IsUserTree: a part of the tree that systemd hands to a login user ("user@1000.service").
bool IsUserTree(std::string_view segment) {
  return segment == "user.slice" || segment.starts_with("user@") ||
         (segment.starts_with("user-") && segment.ends_with(".slice"));
}

bool IsUnder(const Segments& parents, std::string_view root) {
  std::size_t at = 0;
  for (std::size_t start = 0; start < root.size();) {
    const std::size_t end = std::min(root.find('/', start), root.size());
    const std::string_view want = root.substr(start, end - start);
    if (!want.empty() && (at >= parents.size() || parents[at++] != want)) {
      return false;
    }
    start = end + 1;
  }
  return true;
}

/// MadeByKubelet judges the groups above a pod's. Seen from a cgroup namespace (`relative`) the
/// path begins anywhere in the tree, so that roots say nothing about it.
bool MadeByKubelet(Segments parents, std::string_view before, bool relative,
                   const CgroupRules& rules) {
  const bool in_root =
      rules.roots.empty() || relative
          ? std::none_of(parents.begin(), parents.end(), IsUserTree)
          : std::any_of(rules.roots.begin(), rules.roots.end(),
                        [&](const std::string& root) { return IsUnder(parents, root); });
  if (!in_root) {
    return false;
  }
  if (!before.empty()) {  // systemd: the name says it itself, "kubepods-burstable-pod…"
    return before.back() == '-' && IsKubepods(before.substr(0, before.size() - 1));
  }
  if (!parents.empty() && IsQos(parents.back())) {
    parents.pop_back();
  }
  return parents.empty() ? relative : IsKubepods(parents.back());
}

Segments Split(std::string_view path) {
  Segments segments;
  while (!path.empty()) {
    const std::size_t slash = std::min(path.find('/'), path.size());
    if (slash > 0) {
      segments.push_back(path.substr(0, slash));
    }
    path.remove_prefix(std::min(slash + 1, path.size()));
  }
  return segments;
}

/// LocateInPath: a place without container id is a process in a pod's own group.
std::optional<PodPlace> LocateInPath(std::string_view path, const CgroupRules& rules) {
  Segments segments = Split(path);
  const auto first = std::find_if(segments.begin(), segments.end(),
                                  [](std::string_view name) { return name != ".."; });
  const bool relative = first != segments.begin();
  segments.erase(segments.begin(), first);
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const std::optional<PodName> pod = FindPodName(segments[i]);
    if (!pod) {
      continue;
    }
    const auto here = segments.begin() + static_cast<std::ptrdiff_t>(i);
    if (!MadeByKubelet({segments.begin(), here}, pod->before, relative, rules)) {
      return std::nullopt;
    }
    std::string_view id = FindContainerId(pod->after);
    if (id.empty() && i + 1 < segments.size()) {
      id = FindContainerId(segments[i + 1]);
    }
    PodPlace place{.pod_uid = std::string(pod->uid), .container_id = std::string(id)};
    place.static_pod = pod->static_pod;
    std::replace(place.pod_uid.begin(), place.pod_uid.end(), '_', '-');
    return place;
  }
  return std::nullopt;
}

/// Merge: what one line leaves open another may tell, but none may contradict.
Status Merge(std::optional<PodPlace>& known, PodPlace place) {
  if (!known) {
    known = std::move(place);
    return {};
  }
  const bool same_container = known->container_id.empty() || place.container_id.empty() ||
                              known->container_id == place.container_id;
  if (known->pod_uid != place.pod_uid || !same_container) {
    return FailedPrecondition("the cgroups of the process are of different pods or containers (" +
                              known->pod_uid + ", " + place.pod_uid + ")");
  }
  if (known->container_id.empty()) {
    known->container_id = place.container_id;
  }
  if (known->unified_path.empty()) {
    known->unified_path = place.unified_path;
  }
  return {};
}

}  // namespace

Result<std::optional<PodPlace>> LocatePod(std::string_view text, const CgroupRules& rules) {
  std::optional<PodPlace> known;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    // "hierarchy:controllers:path"; the path may hold colons of its own.
    const std::size_t first = line.find(':');
    const std::size_t second = first == line.npos ? line.npos : line.find(':', first + 1);
    if (second == line.npos) {
      return FailedPrecondition("a line of the process's cgroup file has no path");
    }
    const std::string_view path = line.substr(second + 1);
    std::optional<PodPlace> place = LocateInPath(path, rules);
    if (!place) {
      continue;
    }
    if (line.starts_with("0::")) {
      place->unified_path = std::string(path);
    }
    SIGNET_TRY(Merge(known, *std::move(place)));
  }
  if (known && known->container_id.empty()) {
    return std::optional<PodPlace>();
  }
  return known;
}

}  // namespace signet::attestor
