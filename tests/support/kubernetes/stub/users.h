#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "tests/support/kubernetes/stub/jwt.h"
#include "tests/support/kubernetes/stub/store.h"

namespace signet::test::kube {

inline const std::string kIssuer = "https://kubernetes.default.svc";

struct User {
  std::string name;
  std::string uid = {};
  std::vector<std::string> groups = {};
  std::map<std::string, std::string> extra = {};

  bool InGroup(const std::string& group) const;
  /// The name of the node whose kubelet this is; empty for anyone else.
  std::string node() const;
};

/// Verdict on a token: a user, or why not.
struct Verdict {
  std::optional<User> user = {};
  std::vector<std::string> audiences = {};  ///< those asked for that the token has
  std::string error = {};                   ///< empty: not our token, nothing to say
};

/// Tokens makes and judges service account tokens by the rules of kubernetes.md §1.1 and §1.2. The
/// caller locks.
class Tokens {
 public:
  Tokens(const Store& store, KeyRing& keys) : store_(store), keys_(keys) {}

  /// Issue is TokenRequest: the answer is the request with its status. Fails as Kubernetes does.
  Json Issue(const User& caller, const Target& account, Json request, SystemTime now) const;
  /// Judge with the API server's cache of 10 s for good tokens.
  Verdict Judge(const std::string& token, const std::vector<std::string>& audiences,
                SystemTime now);

 private:
  Json BoundClaims(const Json& reference, const Target& account, const std::string& name) const;
  void CheckKubelet(const User& caller, const Target& account, const Json& spec) const;
  Verdict JudgeFresh(const std::string& token, const std::vector<std::string>& audiences,
                     SystemTime now) const;
  std::string Problem(const Json& claims, SystemTime now) const;
  std::string BoundProblem(const Json& bound, SystemTime now) const;

  struct Cached {
    Verdict verdict;
    SystemTime until;
  };
  const Store& store_;
  KeyRing& keys_;
  std::map<std::string, Cached> cache_;
};

/// Timestamp as Kubernetes writes it, and back.
std::string Timestamp(SystemTime when);
SystemTime FromTimestamp(const std::string& text);

}  // namespace signet::test::kube
