#include "workload-api/cmd/health_listener.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <list>
#include <utility>
#include <vector>

#include "core/base/clock.h"
#include "core/base/files.h"

namespace signet::agent_cmd {
namespace {

constexpr std::size_t kMaxRequest = 4096;
constexpr std::size_t kMaxConnections = 32;
constexpr auto kMaxAge = std::chrono::seconds(2);
constexpr int kBacklog = 16;

struct Address {
  sockaddr_storage storage = {};
  socklen_t size = 0;
};

Result<Address> ParseAddress(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  std::uint16_t port = 0;
  const std::string digits = colon == std::string::npos ? "" : text.substr(colon + 1);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (digits.empty() || error != std::errc() || end != digits.data() + digits.size()) {
    return InvalidArgument("expects address:port, e.g. 127.0.0.1:8083");
  }
  std::string host = text.substr(0, colon);
  Address out;
  if (host.starts_with('[') && host.ends_with(']')) {
    auto& v6 = reinterpret_cast<sockaddr_in6&>(out.storage);
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    out.size = sizeof(v6);
    if (::inet_pton(AF_INET6, host.substr(1, host.size() - 2).c_str(), &v6.sin6_addr) == 1) {
      return out;
    }
  } else {
    auto& v4 = reinterpret_cast<sockaddr_in&>(out.storage);
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    out.size = sizeof(v4);
    if (::inet_pton(AF_INET, host.c_str(), &v4.sin_addr) == 1) {
      return out;
    }
  }
  return InvalidArgument("\"" + host + "\" is not a numeric address");
}

std::uint16_t PortOf(int socket) {
  sockaddr_storage bound{};
  socklen_t size = sizeof(bound);
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&bound), &size) != 0) {
    return 0;
  }
  return ntohs(bound.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6&>(bound).sin6_port
                                           : reinterpret_cast<sockaddr_in&>(bound).sin_port);
}

std::string Respond(std::string_view status, const std::string& body, bool with_body) {
  return "HTTP/1.1 " + std::string(status) +
         "\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n" + (with_body ? body : "");
}

/// Connection is a client that has not sent its whole request yet.
struct Connection {
  UniqueFd socket;
  MonoTime until;
  std::string request = {};
};

/// Served reads what is there and answers once it is a request; false: the connection goes on.
bool Served(Connection& connection, const HealthListener::Ask& ask) {
  std::array<char, kMaxRequest> buffer;
  const ssize_t n = ::recv(connection.socket.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
    return false;
  }
  if (n <= 0) {
    return true;
  }
  connection.request.append(buffer.data(), static_cast<std::size_t>(n));
  const std::string answer = HealthHttpAnswer(connection.request, ask);
  if (answer.empty()) {
    return false;
  }
  // A short answer fits the socket's buffer; who does not read it loses it.
  (void)::send(connection.socket.get(), answer.data(), answer.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  (void)::shutdown(connection.socket.get(), SHUT_WR);
  return true;
}

}  // namespace

std::string CheckHealthAddress(const std::string& address) {
  const auto parsed = ParseAddress(address);
  return parsed.ok() ? "" : parsed.error().message;
}

std::string HealthHttpAnswer(std::string_view request, const HealthListener::Ask& ask) {
  if (request.find("\r\n\r\n") == std::string_view::npos) {
    return request.size() < kMaxRequest ? ""
                                        : Respond("431 Request Header Fields Too Large", "", false);
  }
  const std::string_view line = request.substr(0, request.find("\r\n"));
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == std::string_view::npos || last == first ||
      !line.substr(last + 1).starts_with("HTTP/1.")) {
    return Respond("400 Bad Request", "", false);
  }
  const std::string_view method = line.substr(0, first);
  if (method != "GET" && method != "HEAD") {
    return Respond("405 Method Not Allowed", "", false);
  }
  std::string_view path = line.substr(first + 1, last - first - 1);
  path = path.substr(0, path.find('?'));
  const auto answer = ask(path);
  if (answer == nullptr) {
    return Respond("404 Not Found", "", false);
  }
  return Respond(answer->good ? "200 OK" : "503 Service Unavailable", answer->body,
                 method == "GET");
}

Result<std::unique_ptr<HealthListener>> HealthListener::Start(const std::string& address, Ask ask) {
  SIGNET_TRY_ASSIGN(const Address where, ParseAddress(address).Context("health listener"));
  UniqueFd socket(::socket(where.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int on = 1;
  if (socket.get() < 0 ||
      ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
      ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&where.storage), where.size) != 0 ||
      ::listen(socket.get(), kBacklog) != 0) {
    return Unavailable("health listener: cannot listen on " + address + ": " + ErrnoText(errno));
  }
  UniqueFd stop(::eventfd(0, EFD_CLOEXEC));
  if (stop.get() < 0) {
    return Internal("health listener: " + ErrnoText(errno));
  }
  return std::unique_ptr<HealthListener>(
      new HealthListener(std::move(socket), std::move(stop), std::move(ask)));
}

HealthListener::HealthListener(UniqueFd socket, UniqueFd stop, Ask ask)
    : socket_(std::move(socket)),
      stop_(std::move(stop)),
      ask_(std::move(ask)),
      port_(PortOf(socket_.get())),
      thread_([this] { Run(); }) {}

HealthListener::~HealthListener() {
  const std::uint64_t one = 1;
  (void)!::write(stop_.get(), &one, sizeof(one));
  thread_.join();
}

void HealthListener::Run() {
  const RealClock clock;
  std::list<Connection> connections;
  while (true) {
    const bool full = connections.size() >= kMaxConnections;
    std::vector<pollfd> watched = {{stop_.get(), POLLIN, 0},
                                   {full ? -1 : socket_.get(), POLLIN, 0}};
    for (const Connection& connection : connections) {
      watched.push_back({connection.socket.get(), POLLIN, 0});
    }
    constexpr int kTickMs = 500;
    (void)::poll(watched.data(), watched.size(), connections.empty() ? -1 : kTickMs);
    if (watched[0].revents != 0) {
      return;
    }
    std::size_t i = 2;
    for (auto it = connections.begin(); it != connections.end(); ++i) {
      const bool over = (watched[i].revents != 0 && Served(*it, ask_)) || clock.Mono() > it->until;
      it = over ? connections.erase(it) : std::next(it);
    }
    if (watched[1].revents != 0) {
      UniqueFd accepted(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (accepted.get() >= 0) {
        connections.push_back({std::move(accepted), clock.Mono() + kMaxAge});
      }
    }
  }
}

}  // namespace signet::agent_cmd
