#include "tests/support/kubernetes/stub/access.h"

#include <algorithm>

namespace signet::test::kube {
namespace {

bool Holds(const Json& rule, const char* list, const std::string& value) {
  const auto items = rule.value(list, std::vector<std::string>{});
  return std::any_of(items.begin(), items.end(),
                     [&](const std::string& item) { return item == "*" || item == value; });
}

bool PathAllowed(const Json& rule, const std::string& path) {
  for (const std::string& url : rule.value("nonResourceURLs", std::vector<std::string>{})) {
    const bool prefix = !url.empty() && url.back() == '*';
    if (url == path || (prefix && path.compare(0, url.size() - 1, url, 0, url.size() - 1) == 0)) {
      return true;
    }
  }
  return false;
}

std::string ResourceName(const Target& target) {
  return std::string(target.type->plural) +
         (target.subresource.empty() ? "" : "/" + target.subresource);
}

bool RuleAllows(const Json& rule, const Action& action) {
  if (!Holds(rule, "verbs", action.verb)) {
    return false;
  }
  if (action.target.type == nullptr) {
    return PathAllowed(rule, action.path);
  }
  const auto names = rule.value("resourceNames", std::vector<std::string>{});
  return Holds(rule, "apiGroups", std::string(action.target.type->group)) &&
         Holds(rule, "resources", ResourceName(action.target)) &&
         (names.empty() ||
          std::find(names.begin(), names.end(), action.target.name) != names.end());
}

bool IsSubject(const Json& binding, const User& user) {
  for (const Json& subject : binding.value("subjects", Json::array())) {
    const std::string kind = Text(subject, "kind");
    const std::string name = Text(subject, "name");
    if ((kind == "User" && name == user.name) || (kind == "Group" && user.InGroup(name)) ||
        (kind == "ServiceAccount" &&
         user.name == "system:serviceaccount:" + Text(subject, "namespace") + ":" + name)) {
      return true;
    }
  }
  return false;
}

bool RoleAllows(const ObjectPtr& role, const Action& action) {
  if (role == nullptr) {
    return false;
  }
  const Json rules = role->value("rules", Json::array());
  return std::any_of(rules.begin(), rules.end(),
                     [&](const Json& rule) { return RuleAllows(rule, action); });
}

bool BindingAllows(const Store& store, const Json& binding, const User& user,
                   const Action& action) {
  if (!IsSubject(binding, user)) {
    return false;
  }
  const std::string name = Text(binding, "roleRef.name");
  const ObjectPtr role =
      Text(binding, "roleRef.kind") == "Role"
          ? store.Find(TypeOf("roles"), Text(binding, "metadata.namespace"), name)
          : store.Find(TypeOf("clusterroles"), "", name);
  return RoleAllows(role, action);
}

bool RbacAllows(const Store& store, const User& user, const Action& action) {
  std::vector<ObjectPtr> bindings = store.List(TypeOf("clusterrolebindings"), "");
  if (!action.target.ns.empty()) {
    const auto local = store.List(TypeOf("rolebindings"), action.target.ns);
    bindings.insert(bindings.end(), local.begin(), local.end());
  }
  return std::any_of(bindings.begin(), bindings.end(), [&](const ObjectPtr& binding) {
    return BindingAllows(store, *binding, user, action);
  });
}

/// What the node authorizer gives a kubelet; `why` is its reason to refuse.
bool NodeAllows(const Store& store, const User& user, const Action& action, std::string& why) {
  const std::string node = user.node();
  const Target& target = action.target;
  if (node.empty() || target.type == nullptr) {
    return false;
  }
  const bool read = action.verb == "get" || action.verb == "list" || action.verb == "watch";
  if (target.type->plural == "pods" && read && target.name.empty()) {
    why = "can only list/watch pods with spec.nodeName field selector";
    return action.selected_node == node;
  }
  if (target.type->plural == "pods" && (read || target.subresource == "status")) {
    const ObjectPtr pod = store.Find(*target.type, target.ns, target.name);
    why = "no relationship found between node '" + node + "' and this object";
    return pod != nullptr && Text(*pod, "spec.nodeName") == node;
  }
  if (target.type->plural == "nodes" && action.verb == "get") {
    why = "node '" + node + "' cannot read '" + target.name + "', only its own Node object";
    return target.name == node;
  }
  return (target.type->plural == "serviceaccounts" && target.subresource == "token" &&
          action.verb == "create") ||
         (target.type->plural == "tokenreviews" && action.verb == "create");
}

[[noreturn]] void Refuse(const User& user, const Action& action, const std::string& why) {
  const Target& target = action.target;
  if (target.type == nullptr) {
    Fail(403, "Forbidden",
         "forbidden: User \"" + user.name + "\" cannot " + action.verb + " path \"" + action.path +
             "\"",
         Json::object());
  }
  Json details = {{"kind", target.type->plural}};
  if (!target.type->group.empty()) {
    details["group"] = target.type->group;
  }
  if (!target.name.empty()) {
    details["name"] = target.name;
  }
  Fail(403, "Forbidden",
       target.type->qualified() + (target.name.empty() ? "" : " \"" + target.name + "\"") +
           " is forbidden: User \"" + user.name + "\" cannot " + action.verb + " resource \"" +
           ResourceName(target) + "\" in API group \"" + std::string(target.type->group) + "\" " +
           (target.ns.empty() ? "at the cluster scope" : "in the namespace \"" + target.ns + "\"") +
           (why.empty() ? "" : ": node: " + why),
       details);
}

void AddRole(Store& store, const std::string& name, const Json& rules,
             const std::vector<std::string>& groups) {
  store.Put(TypeOf("clusterroles"), {{"apiVersion", "rbac.authorization.k8s.io/v1"},
                                     {"kind", "ClusterRole"},
                                     {"metadata", {{"name", name}, {"uid", NewUid()}}},
                                     {"rules", rules}});
  Json subjects = Json::array();
  for (const std::string& group : groups) {
    subjects.push_back(
        {{"apiGroup", "rbac.authorization.k8s.io"}, {"kind", "Group"}, {"name", group}});
  }
  store.Put(TypeOf("clusterrolebindings"),
            {{"apiVersion", "rbac.authorization.k8s.io/v1"},
             {"kind", "ClusterRoleBinding"},
             {"metadata", {{"name", name}, {"uid", NewUid()}}},
             {"roleRef",
              {{"apiGroup", "rbac.authorization.k8s.io"}, {"kind", "ClusterRole"}, {"name", name}}},
             {"subjects", subjects}});
}

}  // namespace

void AddDefaultRoles(Store& store) {
  AddRole(store, "system:service-account-issuer-discovery",
          {{{"nonResourceURLs", {"/.well-known/openid-configuration", "/openid/v1/jwks"}},
            {"verbs", {"get"}}}},
          {"system:serviceaccounts"});
  AddRole(
      store, "system:public-info-viewer",
      {{{"nonResourceURLs", {"/healthz", "/livez", "/readyz", "/version"}}, {"verbs", {"get"}}}},
      {"system:authenticated", "system:unauthenticated"});
}

void CheckAccess(const Store& store, const User& user, const Action& action) {
  std::string why;
  if (user.InGroup("system:masters") || RbacAllows(store, user, action) ||
      NodeAllows(store, user, action, why)) {
    return;
  }
  Refuse(user, action, why);
}

}  // namespace signet::test::kube
