#pragma once

#include <map>
#include <string>
#include <vector>

#include "tests/support/kubernetes/stub/access.h"
#include "tests/support/kubernetes/stub/objects.h"
#include "tests/support/kubernetes/stub/world.h"

namespace signet::test::kube {

/// ApiServer answers requests as a kube-apiserver 1.37 does, as far as reference kubernetes.md
/// tells; kube_semantics_test holds it to that. Safe for several threads.
class ApiServer {
 public:
  /// `signing_key`: PEM of an RSA or P-256 key. `url`: how clients reach us, for the JWKS address.
  ApiServer(const std::string& signing_key, std::string url);

  Answer Handle(const Request& request);
  /// A watch of an answer is read through it; it must not outlive us.
  Json Dump();
  void Load(const Json& dump);

 private:
  User Authenticate(const Request& request);
  Answer Serve(const Request& request);
  Answer ServeResource(const User& user, const Target& target, const Request& request);
  Answer ServePath(const User& user, const Request& request);
  Answer Discovery() const;
  Answer Review(const Request& request);
  Answer Admin(const User& user, const Request& request);
  void AddFault(const Json& wanted);
  bool TakeFault(const Request& request, Answer& answer);

  struct Fault {
    int left;
    std::string path_contains;
    Answer answer;
  };
  World world_;
  Objects objects_{world_};
  const std::string url_;
  std::vector<Fault> faults_;
  std::string review_status_;          ///< empty: reviews are judged
  std::vector<std::string> requests_;  ///< "GET /path?query"
};

}  // namespace signet::test::kube
