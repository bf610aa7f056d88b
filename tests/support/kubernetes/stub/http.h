#pragma once

#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace signet::test::kube {

using Json = nlohmann::json;
using ObjectPtr = std::shared_ptr<const Json>;

/// Request is what came over the wire, decoded.
struct Request {
  std::string method;
  std::string path;
  std::multimap<std::string, std::string> query;
  std::string body;
  std::string accept;
  std::string content_type;
  std::string authorization;
  /// The client certificate's common name and organizations, if it is one of our CA's.
  std::string certificate_name = {};
  std::vector<std::string> certificate_groups = {};
  bool bad_certificate = false;

  std::string Param(const std::string& name) const {
    const auto at = query.find(name);
    return at == query.end() ? "" : at->second;
  }
  bool Flag(const std::string& name) const {
    const std::string value = Param(name);
    return value == "1" || value == "true";
  }
};

class Watch;

struct Answer {
  int status = 200;
  std::string body = {};
  std::string content_type = "application/json";
  std::vector<std::pair<std::string, std::string>> headers = {};
  std::shared_ptr<Watch> watch = {};  ///< set: the body is this stream
};

Answer JsonAnswer(int status, const Json& body);

/// Failure is an answer that a handler throws: a Status object of Kubernetes.
struct Failure {
  Answer answer;
};

/// StatusObject: `details` may be null.
Json StatusObject(int code, const std::string& reason, const std::string& message,
                  const Json& details = nullptr);
[[noreturn]] void Fail(int code, const std::string& reason, const std::string& message,
                       const Json& details = nullptr);

}  // namespace signet::test::kube
