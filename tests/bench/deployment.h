#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "tests/support/temp_dir.h"

namespace signet::bench {

/// Deployment is the real signet-server and signet-agent as processes of their own, in a folder of
/// their own. The destructor ends the two processes that it started. Any failure aborts with text.
class Deployment {
 public:
  /// Starts both, the agent attested by a join token.
  Deployment();
  ~Deployment();
  Deployment(const Deployment&) = delete;
  Deployment& operator=(const Deployment&) = delete;

  /// Admin runs a signet-server command on the server's socket and gives its output.
  std::string Admin(std::vector<std::string> words) const;
  /// CreateEntry makes an entry under the agent.
  void CreateEntry(const std::string& path, const std::string& selector,
                   std::vector<std::string> more = {}) const;

  std::string agent_socket() const { return dir_.File("agent/api.sock"); }
  std::string File(const std::string& name) const { return dir_.File(name); }
  pid_t server() const { return server_; }
  pid_t agent() const { return agent_; }

 private:
  void StartServer();
  void StartAgent();
  std::string server_socket() const { return dir_.File("server/api.sock"); }

  test::TempDir dir_;
  std::uint16_t port_ = 0;
  std::string token_;
  pid_t server_ = -1;
  pid_t agent_ = -1;
};

/// RssKb reads VmRSS of a process.
std::uint64_t RssKb(pid_t pid);

}  // namespace signet::bench
