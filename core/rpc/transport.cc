#include "core/rpc/transport.h"

#include <sys/socket.h>

#include <cerrno>

namespace signet::rpc {
namespace {

class PlainTransport final : public Transport {
 public:
  explicit PlainTransport(UniqueFd socket) : socket_(std::move(socket)) {}
  int fd() const override { return socket_.get(); }
  IoResult Read(std::span<char> buffer) override {
    return Judge(::recv(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT));
  }
  IoResult Write(std::string_view bytes) override {
    return Judge(::send(socket_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL));
  }
  void EndWriting() override { ::shutdown(socket_.get(), SHUT_WR); }

 private:
  static IoResult Judge(ssize_t n) {
    if (n > 0) {
      return {IoResult::Kind::kMoved, static_cast<std::size_t>(n)};
    }
    const bool again = n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
    return {again ? IoResult::Kind::kWouldBlock : IoResult::Kind::kClosed};
  }
  UniqueFd socket_;
};

}  // namespace

std::unique_ptr<Transport> MakePlainTransport(UniqueFd socket) {
  return std::make_unique<PlainTransport>(std::move(socket));
}

}  // namespace signet::rpc
