#include "tests/support/kubernetes/stub/resources.h"

#include <algorithm>
#include <array>
#include <sstream>

namespace signet::test::kube {
namespace {

constexpr std::string_view kRbac = "rbac.authorization.k8s.io";

// group, version, plural, kind, namespaced, stored, DELETE answers with a Status
constexpr auto kTypes = std::to_array<ResourceType>({
    {"", "v1", "namespaces", "Namespace", false, true, false},
    {"", "v1", "nodes", "Node", false, true, true},
    {"", "v1", "pods", "Pod", true, true, false},
    {"", "v1", "serviceaccounts", "ServiceAccount", true, true, false},
    {"", "v1", "secrets", "Secret", true, true, true},
    {"", "v1", "configmaps", "ConfigMap", true, true, true},
    {kRbac, "v1", "clusterroles", "ClusterRole", false, true, true},
    {kRbac, "v1", "clusterrolebindings", "ClusterRoleBinding", false, true, true},
    {kRbac, "v1", "roles", "Role", true, true, true},
    {kRbac, "v1", "rolebindings", "RoleBinding", true, true, true},
    {"storage.k8s.io", "v1", "csidrivers", "CSIDriver", false, true, false},
    {"authentication.k8s.io", "v1", "tokenreviews", "TokenReview", false, false, false},
});

std::vector<std::string> Split(const std::string& text, char at) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, at);) {
    parts.push_back(part);
  }
  return parts;
}

const ResourceType* FindType(std::string_view group, std::string_view version,
                             std::string_view plural) {
  const auto* const found = std::find_if(kTypes.begin(), kTypes.end(), [&](const ResourceType& t) {
    return t.group == group && t.version == version && t.plural == plural;
  });
  return found == kTypes.end() ? nullptr : found;
}

bool KnownField(const ResourceType& type, const std::string& field) {
  if (field == "metadata.name" || (field == "metadata.namespace" && type.namespaced)) {
    return true;
  }
  static const std::vector<std::string> kPodFields = {"spec.nodeName", "spec.serviceAccountName",
                                                      "status.phase"};
  return type.kind == "Pod" &&
         std::find(kPodFields.begin(), kPodFields.end(), field) != kPodFields.end();
}

}  // namespace

std::string ResourceType::api_version() const {
  return group.empty() ? std::string(version) : std::string(group) + "/" + std::string(version);
}

std::string ResourceType::qualified() const {
  return group.empty() ? std::string(plural) : std::string(plural) + "." + std::string(group);
}

std::optional<Target> ParseTarget(const std::string& path) {
  std::vector<std::string> parts = Split(path.substr(std::min<std::size_t>(1, path.size())), '/');
  std::string group;
  std::size_t at = 1;
  if (parts.size() > 2 && parts[0] == "apis") {
    group = parts[1];
    at = 2;
  } else if (parts.empty() || parts[0] != "api") {
    return std::nullopt;
  }
  if (parts.size() < at + 2) {
    return std::nullopt;
  }
  const std::string version = parts[at++];
  Target target;
  if (parts[at] == "namespaces" && parts.size() > at + 2) {
    target.ns = parts[at + 1];
    at += 2;
  }
  target.type = FindType(group, version, parts[at++]);
  target.name = parts.size() > at ? parts[at++] : "";
  target.subresource = parts.size() > at ? parts[at++] : "";
  // `namespaces/x/status` is a subresource of a namespace, and all that follows must be known.
  const bool fits = target.type != nullptr && at >= parts.size() &&
                    (target.type->namespaced || target.ns.empty());
  return fits ? std::optional(target) : std::nullopt;
}

const ResourceType& TypeOf(std::string_view plural) {
  return *std::find_if(kTypes.begin(), kTypes.end(),
                       [&](const ResourceType& t) { return t.plural == plural; });
}

const Json* Member(const Json& object, const std::string& dotted) {
  const Json* at = &object;
  for (const std::string& part : Split(dotted, '.')) {
    if (!at->is_object() || !at->contains(part)) {
      return nullptr;
    }
    at = &at->at(part);
  }
  return at;
}

std::string Text(const Json& object, const std::string& dotted) {
  const Json* const found = Member(object, dotted);
  return found != nullptr && found->is_string() ? found->get<std::string>() : "";
}

std::vector<Selector::Term> Selector::Parse(const std::string& text) {
  using Operator = Term::Operator;
  std::vector<Term> terms;
  for (const std::string& part : Split(text, ',')) {
    const std::size_t equals = part.find('=');
    if (equals == std::string::npos) {
      const bool negated = part.rfind('!', 0) == 0;
      terms.push_back({negated ? part.substr(1) : part, "",
                       negated ? Operator::kNotExists : Operator::kExists});
    } else if (equals > 0 && part[equals - 1] == '!') {
      terms.push_back({part.substr(0, equals - 1), part.substr(equals + 1), Operator::kNotEquals});
    } else {
      const bool twice = part.compare(equals, 2, "==") == 0;
      terms.push_back(
          {part.substr(0, equals), part.substr(equals + (twice ? 2 : 1)), Operator::kEquals});
    }
  }
  return terms;
}

Selector::Selector(const ResourceType& type, const Request& request)
    : fields_(Parse(request.Param("fieldSelector"))),
      labels_(Parse(request.Param("labelSelector"))) {
  for (const Term& term : fields_) {
    if (!KnownField(type, term.key)) {
      Fail(400, "BadRequest", "field label not supported: " + term.key);
    }
  }
}

bool Selector::Holds(const Term& term, const Json* value) {
  const std::string text = value != nullptr && value->is_string() ? value->get<std::string>() : "";
  switch (term.op) {
    case Term::Operator::kEquals:
      return text == term.value;
    case Term::Operator::kNotEquals:
      return text != term.value;
    case Term::Operator::kExists:
      return value != nullptr;
    case Term::Operator::kNotExists:
      return value == nullptr;
  }
  return false;
}

bool Selector::Matches(const Json& object) const {
  const auto field = [&](const Term& term) { return Holds(term, Member(object, term.key)); };
  const auto label = [&](const Term& term) {
    const Json* const labels = Member(object, "metadata.labels");
    const bool there = labels != nullptr && labels->contains(term.key);
    return Holds(term, there ? &labels->at(term.key) : nullptr);
  };
  return std::all_of(fields_.begin(), fields_.end(), field) &&
         std::all_of(labels_.begin(), labels_.end(), label);
}

std::string Selector::name() const {
  for (const Term& term : fields_) {
    if (term.key == "metadata.name" && term.op == Term::Operator::kEquals) {
      return term.value;
    }
  }
  return "";
}

}  // namespace signet::test::kube
