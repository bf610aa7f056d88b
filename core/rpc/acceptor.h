#pragma once

#include <functional>

#include "core/rpc/worker.h"

namespace signet::rpc {

/// Acceptor takes connections from one listening socket on the first loop, admits or refuses them,
/// and hands them to the workers in turn.
class Acceptor final : public Source, public Timer {
 public:
  Acceptor(ServerShared& shared, std::shared_ptr<ListenerState> listener,
           std::vector<Worker*> workers);
  ~Acceptor() override;

  Status Start();
  /// Stop closes the listening socket and removes its file.
  void Stop();
  const ListenerState& listener() const { return *listener_; }

 private:
  void OnEvents(std::uint32_t events) override;
  void OnTimer(MonoTime now) override;
  bool AcceptOne();
  void Admit(UniqueFd socket);
  Result<std::shared_ptr<Peer>> Identify(const UniqueFd& socket, std::string& key) const;
  void Refuse(std::string_view reason);
  void Pause();

  ServerShared& shared_;
  const std::shared_ptr<ListenerState> listener_;
  const std::vector<Worker*> workers_;
  Loop& loop_;
  std::size_t next_worker_ = 0;
  TokenBucket log_bucket_;
  bool started_ = false;
};

}  // namespace signet::rpc
