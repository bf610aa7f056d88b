#pragma once

#include <google/protobuf/message.h>

#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "ca/cmd/commands.h"

namespace signet::ca_cmd::test {

/// FakeServer answers calls from a script and remembers the requests as text.
class FakeServer {
 public:
  /// Answer adds the next answer to a method; the last one is repeated.
  void Answer(const std::string& method, const google::protobuf::Message& response) {
    answers_[method].push_back(response.SerializeAsString());
  }
  void Fail(const std::string& method, Error error) { errors_.emplace(method, std::move(error)); }

  struct Outcome {
    int code = 0;
    std::string out;
    std::string err;
  };

  /// Run runs one command line against this server.
  Outcome Run(const std::vector<std::string>& arguments, const std::string& input = "") {
    std::istringstream in(input);
    std::ostringstream out;
    std::ostringstream err;
    config::Io io{in, out, err};
    const ServerConnector connector =
        [this](const std::string& path) -> Result<std::unique_ptr<ServerApi>> {
      socket_path = path;
      return std::unique_ptr<ServerApi>(std::make_unique<Api>(*this));
    };
    const config::Program program{"signet-server", "0", AdminCommands(connector)};
    const int code = config::RunProgram(program, arguments, io);
    return {code, out.str(), err.str()};
  }

  std::vector<std::pair<std::string, std::string>> calls;  ///< method, request as one line
  std::string socket_path;

 private:
  class Api final : public ServerApi {
   public:
    explicit Api(FakeServer& server) : server_(server) {}
    Status Call(std::string_view method, const google::protobuf::Message& request,
                google::protobuf::Message& response) override {
      const std::string name(method.substr(method.rfind('/') + 1));
      server_.calls.emplace_back(std::string(method), request.ShortDebugString());
      if (const auto error = server_.errors_.find(name); error != server_.errors_.end()) {
        return error->second;
      }
      auto& answers = server_.answers_[name];
      SIGNET_CHECK(!answers.empty(), "no answer was prepared for " + name);
      SIGNET_CHECK(response.ParseFromString(answers.front()), name);
      if (answers.size() > 1) {
        answers.erase(answers.begin());
      }
      return {};
    }

   private:
    FakeServer& server_;
  };

  std::map<std::string, std::vector<std::string>> answers_;
  std::map<std::string, Error> errors_;
};

}  // namespace signet::ca_cmd::test
