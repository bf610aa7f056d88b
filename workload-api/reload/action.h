#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.h"
#include "core/base/result.h"

namespace signet::reload {

/// Action makes a server take the files that were just published. Run blocks until the server has
/// answered or the timeout is over, is called from one thread at a time, and may be called again
/// for the same files: every kind is safe to repeat. Its error says what the server said and what
/// to do; it never holds key bytes.
class Action {
 public:
  virtual ~Action() = default;
  /// files: name in the target's folder → absolute path by which the server knows it (through the
  /// switch, so that it stays the same from one generation to the next).
  using Files = std::map<std::string, std::string>;
  virtual Status Run(const Files& files, Duration timeout) = 0;
  /// Describe is for logs and status: "SIGHUP to the process of /run/nginx.pid".
  virtual std::string Describe() const = 0;
};

/// ActionSpec is an action as configured; which fields a kind takes is in the table of
/// docs/delivery.md. MakeAction refuses a missing field and one that the kind does not take.
struct ActionSpec {
  std::string kind = {};      ///< one of ActionKinds()
  std::string signal = {};    ///< signal: HUP (default), INT, QUIT, TERM, USR1, USR2, WINCH
  std::string pid_file = {};  ///< signal; haproxy: of the master process, reloaded when CAs change
  std::vector<std::string> argv = {};  ///< exec: absolute program and arguments; no shell
  std::string unit = {};               ///< systemd
  std::string verb = {};               ///< systemd: reload (default), reload-or-restart, restart
  std::string socket = {};   ///< haproxy, redis, mariadb: Unix socket; redis, caddy also host:port
  std::string program = {};  ///< systemd, mariadb, rabbitmq: the client, if it is not where Debian
                             ///< has it; rabbitmq: rabbitmqctl, or what is called erl_call
  std::string certificate = {};  ///< haproxy: name in `show ssl cert`; default: the path of `file`
  std::string ca_file =
      {};  ///< haproxy: name in `show ssl ca-file`; default: the path of the target's CA file
  std::string data_dir = {};       ///< postgresql
  std::string node = {};           ///< rabbitmq: node name; default: the client's
  std::string user = {};           ///< redis, mariadb
  std::string password_file = {};  ///< redis; mariadb: option file
  std::map<std::string, std::string> files =
      {};  ///< role ("certificate", "key", "ca", "combined") → file of the target
};

/// MakeAction judges the words alone; whether the server is there is seen by Run. INVALID_ARGUMENT
/// names the field and what the kind takes.
Result<std::unique_ptr<Action>> MakeAction(const ActionSpec& spec);

/// ActionKinds are the kinds that there are, in the order of the table in docs/delivery.md.
std::vector<std::string_view> ActionKinds();

}  // namespace signet::reload
