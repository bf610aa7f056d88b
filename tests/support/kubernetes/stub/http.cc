#include "tests/support/kubernetes/stub/http.h"

namespace signet::test::kube {

Answer JsonAnswer(int status, const Json& body) {
  return {.status = status, .body = body.dump() + "\n"};
}

Json StatusObject(int code, const std::string& reason, const std::string& message,
                  const Json& details) {
  Json status = {{"kind", "Status"},    {"apiVersion", "v1"}, {"metadata", Json::object()},
                 {"status", "Failure"}, {"message", message}, {"code", code}};
  if (!reason.empty()) {
    status["reason"] = reason;
  }
  if (!details.is_null()) {
    status["details"] = details;
  }
  return status;
}

void Fail(int code, const std::string& reason, const std::string& message, const Json& details) {
  throw Failure{JsonAnswer(code, StatusObject(code, reason, message, details))};
}

}  // namespace signet::test::kube
