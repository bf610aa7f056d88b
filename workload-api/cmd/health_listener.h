#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "core/base/result.h"
#include "core/base/unique_fd.h"

namespace signet::agent_cmd {

/// HealthAnswer is what a health path says; the body is JSON.
struct HealthAnswer {
  bool good = false;  ///< 200, else 503
  std::string body = {};
};

/// HealthListener answers GET and HEAD over plain HTTP/1.1 for probes, one request a connection. It
/// holds nothing secret and bounds what a client may cost: 32 connections, 4 KiB a request, 2 s
/// each.
class HealthListener {
 public:
  /// Ask gives the answer for a path, or null: 404. It runs on the listener's thread.
  using Ask = std::function<std::unique_ptr<HealthAnswer>(std::string_view path)>;

  /// Start binds "host:port" or "[v6]:port", numeric; port 0: any.
  static Result<std::unique_ptr<HealthListener>> Start(const std::string& address, Ask ask);
  ~HealthListener();
  HealthListener(const HealthListener&) = delete;
  HealthListener& operator=(const HealthListener&) = delete;

  std::uint16_t port() const { return port_; }

 private:
  HealthListener(UniqueFd socket, UniqueFd stop, Ask ask);
  void Run();

  UniqueFd socket_;
  UniqueFd stop_;  ///< eventfd
  Ask ask_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

/// CheckHealthAddress returns "" or why an address cannot be listened on.
std::string CheckHealthAddress(const std::string& address);

/// HealthHttpAnswer gives the whole answer to a request's bytes as far as they came; empty: more is
/// needed.
std::string HealthHttpAnswer(std::string_view request, const HealthListener::Ask& ask);

}  // namespace signet::agent_cmd
