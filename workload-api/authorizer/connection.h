#pragma once

#include <functional>
#include <memory>
#include <string>

#include "core/base/unique_fd.h"
#include "core/rpc/limits.h"
#include "core/rpc/loop.h"
#include "workload-api/authorizer/handler.h"

namespace signet::authorizer {

/// Connection is one accepted socket on the loop. It answers one request after the other, reads
/// nothing while an answer waits to be taken, and owns no buffer while idle.
///
///   wait for a head (5 s from its first byte) → answer (5 s to take it) → idle (90 s) → …
class Connection final : public rpc::Source, public rpc::Timer {
 public:
  struct Setup {
    rpc::Loop* loop;
    Handler* handler;
    UniqueFd socket;
    Caller caller;
    std::shared_ptr<rpc::Slot> slot;             ///< counts the connection and its bytes
    std::function<void(Connection&)> on_closed;  ///< the owner lets go
  };
  explicit Connection(Setup setup);
  ~Connection() override;

  Status Start(const std::string& peer_key);

 private:
  void OnEvents(std::uint32_t events) override;
  void OnTimer(MonoTime now) override;
  void Flush() override;

  void Receive();
  bool Keep(std::string_view bytes);
  std::size_t Answer(std::string_view text, std::size_t seen);
  void AnswerKept();
  void Proceed();
  bool Send();
  void DropKept();
  void Watch(std::uint32_t events);
  void Arm(Duration wait);
  void Close();

  rpc::Loop& loop_;
  Handler& handler_;
  const UniqueFd socket_;
  const Caller caller_;
  const std::shared_ptr<rpc::Slot> slot_;
  std::function<void(Connection&)> on_closed_;
  std::string in_;            ///< what came of a request that is not whole, or behind a whole one
  std::size_t used_ = 0;      ///< of in_, answered
  std::size_t seen_ = 0;      ///< of in_, searched for the end of a head
  std::size_t reserved_ = 0;  ///< for in_, at the slot
  std::string out_;           ///< of an answer that the socket has not taken
  std::uint32_t watched_ = 0;
  bool between_ = true;   ///< no byte of the next request has come
  bool closing_ = false;  ///< after what is in out_
  bool closed_ = false;
};

}  // namespace signet::authorizer
