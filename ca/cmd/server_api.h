#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "core/base/result.h"

namespace google::protobuf {
class Message;
}  // namespace google::protobuf

namespace signet::ca_cmd {

/// ServerApi calls a server's administration API. Commands see this alone, so that their requests
/// can be tested without a server.
class ServerApi {
 public:
  virtual ~ServerApi() = default;
  /// Call makes one unary call, e.g. of "/spire.api.server.entry.v1.Entry/GetEntry". The error is
  /// the server's.
  virtual Status Call(std::string_view method, const google::protobuf::Message& request,
                      google::protobuf::Message& response) = 0;
};

/// ConnectServer opens a server's Unix socket. UNAVAILABLE or PERMISSION_DENIED says which socket
/// was tried and what to do. A call may take a minute.
Result<std::unique_ptr<ServerApi>> ConnectServer(const std::string& socket_path);

using ServerConnector = std::function<Result<std::unique_ptr<ServerApi>>(const std::string&)>;

}  // namespace signet::ca_cmd
