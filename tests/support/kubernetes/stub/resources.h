#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/kubernetes/stub/http.h"

namespace signet::test::kube {

/// ResourceType is one of the few kinds of object that the stub knows.
struct ResourceType {
  std::string_view group;
  std::string_view version;
  std::string_view plural;
  std::string_view kind;
  bool namespaced;
  bool stored;       ///< false: answered and forgotten (reviews)
  bool status_body;  ///< DELETE answers with a Status and not with the object

  std::string api_version() const;
  std::string qualified() const;  ///< "tokenreviews.authentication.k8s.io"
};

/// Target is what a path names.
struct Target {
  const ResourceType* type = nullptr;
  std::string ns = {};
  std::string name = {};
  std::string subresource = {};
};

/// ParseTarget: nothing for a path that is no resource of ours.
std::optional<Target> ParseTarget(const std::string& path);
const ResourceType& TypeOf(std::string_view plural);

/// Selector is a field and a label selector. Fails with 400 on one that Kubernetes refuses.
class Selector {
 public:
  Selector(const ResourceType& type, const Request& request);
  bool Matches(const Json& object) const;
  /// The object name if the selector allows one alone: RBAC knows it as the name then.
  std::string name() const;

 private:
  struct Term {
    std::string key;
    std::string value;
    enum class Operator { kEquals, kNotEquals, kExists, kNotExists } op;
  };
  static std::vector<Term> Parse(const std::string& text);
  static bool Holds(const Term& term, const Json* value);

  std::vector<Term> fields_;
  std::vector<Term> labels_;
};

/// Member walks objects by dotted names; null when absent.
const Json* Member(const Json& object, const std::string& dotted);
/// Text of a member, empty when absent.
std::string Text(const Json& object, const std::string& dotted);

}  // namespace signet::test::kube
