#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "ca/cmd/serve.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/random.h"
#include "core/spiffe/selector.h"
#include "tests/support/eventually.h"
#include "tests/support/temp_dir.h"
#include "workload-api/cmd/serve.h"

namespace signet::test {

/// Fetched is one message of FetchX509SVID.
struct Fetched {
  std::vector<std::string> ids;
  std::vector<Bytes> chains;  ///< concatenated DER
  Bytes bundle;               ///< of the first SVID
};

/// SvidStream is one open FetchX509SVID call on a connection of its own, made with the gRPC
/// library.
class SvidStream {
 public:
  explicit SvidStream(const std::string& socket_path, bool security_header = true);
  ~SvidStream();
  /// Next waits for a message; an error is how the stream ended.
  Result<Fetched> Next();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// House is a server and an agent of example.org in this process, over real sockets in a folder of
/// their own, with an operator's hands on the server. Every failure of the set-up aborts with text.
class House {
 public:
  explicit House(std::function<void(ca_cmd::ServerConfig&)> adjust = {});
  ~House();

  void StartServer();
  void StopServer() { server_.reset(); }
  /// StartAgent starts an agent on the same folder each time; without a token it must have an
  /// identity.
  Result<std::unique_ptr<agent_cmd::RunningAgent>> StartAgent(const std::string& join_token = "");

  std::string JoinToken();
  /// CreateEntry returns the entry's id; the parent is the agent of `token`.
  std::string CreateEntry(const std::string& token, const std::string& path,
                          const std::vector<spiffe::Selector>& selectors);
  /// CreateFederatedEntry is CreateEntry for a workload that federates with a trust domain.
  std::string CreateFederatedEntry(const std::string& token, const std::string& path,
                                   const std::vector<spiffe::Selector>& selectors,
                                   const std::string& trust_domain);
  void DeleteEntry(const std::string& id);
  void SetBundle(const std::string& trust_domain, const std::vector<Bytes>& x509_authorities);
  void BanAgent(const std::string& token);
  void EvictAgent(const std::string& token);

  std::string socket_path() const { return dir.File("agent/api.sock"); }

  TempDir dir;
  MemoryLogger logger;
  std::function<void(agent_cmd::AgentConfig&)> adjust_agent = {};

 private:
  void WriteBundle();
  struct Operator;
  RealClock clock_;
  SystemRandom random_;
  ca_cmd::ServerConfig config_;
  std::unique_ptr<ca_cmd::RunningServer> server_;
  std::unique_ptr<Operator> operator_;
};

}  // namespace signet::test
