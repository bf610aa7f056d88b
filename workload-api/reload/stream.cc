#include "workload-api/reload/stream.h"

#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>
#include <utility>

#include "core/base/files.h"

namespace signet::reload {
namespace {

struct HostPort {
  std::string host;
  std::string port;
};

Result<HostPort> SplitHostPort(std::string_view address) {
  const auto wanted = [&] {
    return InvalidArgument("\"" + std::string(address.substr(0, 200)) +
                           "\" is no address: write host:port, [IPv6]:port, or the absolute path "
                           "of a Unix socket");
  };
  const std::size_t colon = address.rfind(':');
  if (colon == std::string_view::npos) {
    return wanted();
  }
  std::string_view host = address.substr(0, colon);
  const std::string_view port = address.substr(colon + 1);
  unsigned number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (error != std::errc() || end != port.data() + port.size() || number < 1 || number > 65535) {
    return wanted();
  }
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  } else if (host.find_first_of(":[]") != std::string_view::npos) {
    return wanted();  // an IPv6 address without brackets
  }
  const bool plain =
      std::all_of(host.begin(), host.end(), [](char c) { return c > ' ' && c < 127; });
  if (host.empty() || host.size() > 255 || !plain || host.find('/') != std::string_view::npos) {
    return wanted();
  }
  return HostPort{std::string(host), std::string(port)};
}

Status CheckSocketPath(std::string_view path) {
  if (path.size() >= sizeof(sockaddr_un::sun_path) || path.find('\0') != std::string_view::npos) {
    return InvalidArgument(
        "the socket path " + std::string(path.substr(0, 200)) + " is longer than the " +
        std::to_string(sizeof(sockaddr_un::sun_path) - 1) + " bytes that Unix sockets allow");
  }
  return {};
}

// What to do about a connection that failed, by its cause.
std::string ConnectFailure(const std::string& address, int error) {
  switch (error) {
    case ENOENT:
      return "there is no socket " + address +
             ": is the server running, and is this where it is configured to listen?";
    case ECONNREFUSED:
      return "nobody listens at " + address + ": is the server running, and is this its address?";
    case EACCES:
    case EPERM:
      return "may not connect to " + address +
             ": give this program's user access to it, for instance by the server's group";
    case ETIMEDOUT:
      return address +
             " did not take the connection in time: is the server hanging, or a firewall "
             "in the way?";
    default:
      return "cannot connect to " + address + ": " + ErrnoText(error);
  }
}

// 0, or the errno of why not.
int ConnectBy(int fd, const sockaddr* to, socklen_t size, Deadline deadline) {
  if (::connect(fd, to, size) == 0) {
    return 0;
  }
  if (errno != EINPROGRESS) {
    return errno;  // EAGAIN: the backlog of a Unix socket is full
  }
  pollfd ready{fd, POLLOUT, 0};
  int n = 0;
  do {
    n = ::poll(&ready, 1, deadline.Left());
  } while (n < 0 && errno == EINTR);
  if (n <= 0) {
    return n == 0 ? ETIMEDOUT : errno;
  }
  int error = 0;
  socklen_t length = sizeof error;
  return ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) == 0 ? error : errno;
}

constexpr int kSocketFlags = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;

Result<UniqueFd> ConnectUnix(const std::string& path, Deadline deadline) {
  SIGNET_TRY(CheckSocketPath(path));
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  std::memcpy(to.sun_path, path.data(), path.size());
  UniqueFd fd(::socket(AF_UNIX, kSocketFlags, 0));
  const int error =
      fd ? ConnectBy(fd.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to, deadline) : errno;
  if (error != 0) {
    return Unavailable(ConnectFailure(path, error));
  }
  return fd;
}

Result<UniqueFd> ConnectTcp(const std::string& address, Deadline deadline) {
  SIGNET_TRY_ASSIGN(const HostPort to, SplitHostPort(address));
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int failed = ::getaddrinfo(to.host.c_str(), to.port.c_str(), &hints, &found);
  if (failed != 0) {
    return Unavailable("the host of " + address + " cannot be resolved: " + ::gai_strerror(failed));
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);
  int error = EHOSTUNREACH;
  for (const addrinfo* at = found; at != nullptr; at = at->ai_next) {
    UniqueFd fd(::socket(at->ai_family, kSocketFlags, 0));
    error = fd ? ConnectBy(fd.get(), at->ai_addr, at->ai_addrlen, deadline) : errno;
    if (error == 0) {
      return fd;
    }
  }
  return Unavailable(ConnectFailure(address, error));
}

}  // namespace

Deadline Deadline::In(Duration timeout) { return Deadline(RealClock().Mono() + timeout); }

int Deadline::Left() const {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(end_ - RealClock().Mono()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 1'000'000'000));
}

Status CheckAddress(std::string_view address) {
  if (address.starts_with('/')) {
    return CheckSocketPath(address);
  }
  const auto split = SplitHostPort(address);
  return split.ok() ? Status() : Status(split.error());
}

Result<Stream> Stream::Connect(const std::string& address, Deadline deadline) {
  SIGNET_TRY_ASSIGN(UniqueFd fd, address.starts_with('/') ? ConnectUnix(address, deadline)
                                                          : ConnectTcp(address, deadline));
  return Stream(address, std::move(fd), deadline);
}

Error Stream::Failed(std::string_view what) const {
  return Unavailable(address_ + " " + std::string(what));
}

Status Stream::Wait(short events) {
  pollfd ready{fd_.get(), events, 0};
  for (;;) {
    const int n = ::poll(&ready, 1, deadline_.Left());
    if (n > 0) {
      return {};
    }
    if (n == 0) {
      return Failed("did not answer in time: is the server hanging, or is it another one?");
    }
    if (errno != EINTR) {
      return Failed("cannot be waited for: " + ErrnoText(errno));
    }
  }
}

Status Stream::Write(ByteView bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n >= 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(n));
    } else if (errno == EAGAIN) {
      SIGNET_TRY(Wait(POLLOUT));
    } else if (errno != EINTR) {
      return Failed("closed the connection: " + ErrnoText(errno));
    }
  }
  return {};
}

Result<std::size_t> Stream::Read(std::span<std::uint8_t> into) {
  for (;;) {
    const ssize_t n = ::recv(fd_.get(), into.data(), into.size(), 0);
    if (n >= 0) {
      return static_cast<std::size_t>(n);
    }
    if (errno == EAGAIN) {
      SIGNET_TRY(Wait(POLLIN));
    } else if (errno != EINTR) {
      return Failed("closed the connection: " + ErrnoText(errno));
    }
  }
}

Result<Bytes> Stream::ReadExactly(std::size_t n) {
  Bytes all(n);
  for (std::size_t have = 0; have < n;) {
    SIGNET_TRY_ASSIGN(const std::size_t got, Read(std::span(all).subspan(have)));
    if (got == 0) {
      return Failed("closed the connection in the middle of its answer");
    }
    have += got;
  }
  return all;
}

Result<std::string> Stream::ReadLine(std::size_t max) {
  // Byte by byte, so that nothing behind the line is taken: TLS may begin there. Lines are short.
  std::string line;
  for (;;) {
    SIGNET_TRY_ASSIGN(const Bytes one, ReadExactly(1));
    if (one[0] == '\n') {
      if (line.ends_with('\r')) {
        line.pop_back();
      }
      return line;
    }
    if (line.size() == max) {
      return Failed("sent a line of more than " + std::to_string(max) +
                    " bytes: it seems to be another kind of server");
    }
    line.push_back(static_cast<char>(one[0]));
  }
}

Result<std::string> Stream::ReadAll(std::size_t max) {
  std::string all;
  std::uint8_t block[4096];
  for (;;) {
    SIGNET_TRY_ASSIGN(const std::size_t got, Read(block));
    if (got == 0) {
      return all;
    }
    if (all.size() + got > max) {
      return Failed("answered more than " + std::to_string(max) + " bytes");
    }
    all.append(AsText({block, got}));
  }
}

}  // namespace signet::reload
