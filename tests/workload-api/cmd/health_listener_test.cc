#include "workload-api/cmd/health_listener.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "tests/support/result.h"

namespace signet::agent_cmd {
namespace {

std::unique_ptr<HealthAnswer> Ask(std::string_view path) {
  if (path == "/ready") {
    return std::make_unique<HealthAnswer>(HealthAnswer{false, "{}"});
  }
  return path == "/live" ? std::make_unique<HealthAnswer>(HealthAnswer{true, "{\"a\": 1}"})
                         : nullptr;
}

TEST_CASE("a health request gets one whole answer, whatever it is") {
  struct Row {
    std::string request;
    std::string start;
    std::string end;
  };
  const Row rows[] = {
      {"GET /live HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 OK\r\n", "\r\n\r\n{\"a\": 1}"},
      {"GET /live?x=1 HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK\r\n", "{\"a\": 1}"},
      {"HEAD /live HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\n", "close\r\n\r\n"},
      {"GET /ready HTTP/1.1\r\n\r\n", "HTTP/1.1 503 Service Unavailable\r\n", "{}"},
      {"GET /other HTTP/1.1\r\n\r\n", "HTTP/1.1 404 ", "\r\n\r\n"},
      {"POST /live HTTP/1.1\r\n\r\n", "HTTP/1.1 405 ", "\r\n\r\n"},
      {"\r\n\r\n", "HTTP/1.1 400 ", "\r\n\r\n"},
      {"GET /live\r\n\r\n", "HTTP/1.1 400 ", "\r\n\r\n"},
      {"GET /live SPDY/3\r\n\r\n", "HTTP/1.1 400 ", "\r\n\r\n"},
      {"GET /live HTTP/1.1\r\n" + std::string(5000, 'x'), "HTTP/1.1 431 ", "\r\n\r\n"},
  };
  for (const Row& row : rows) {
    INFO(row.request.substr(0, 60));
    const std::string answer = HealthHttpAnswer(row.request, Ask);
    CHECK_THAT(answer, Catch::StartsWith(row.start) && Catch::EndsWith(row.end));
  }
  CHECK(HealthHttpAnswer("GET /live HTTP/1.1\r\nHost", Ask).empty());
}

TEST_CASE("a health address is numeric and has a port") {
  for (const char* const good : {"127.0.0.1:8081", "0.0.0.0:0", "[::1]:65535"}) {
    CHECK(CheckHealthAddress(good).empty());
  }
  for (const char* const bad : {"", "8081", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536",
                                "localhost:1", "::1:1", ":1", "[::1]", "127.0.0.1:1x"}) {
    INFO(bad);
    CHECK_FALSE(CheckHealthAddress(bad).empty());
  }
}

std::string Exchange(std::uint16_t port, const std::string& request) {
  const UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
  REQUIRE(::send(socket.get(), request.data(), request.size(), 0) ==
          static_cast<ssize_t>(request.size()));
  std::string answer;
  char buffer[4096];
  for (ssize_t n = 1; n > 0;) {
    n = ::recv(socket.get(), buffer, sizeof(buffer), 0);
    answer.append(buffer, n > 0 ? static_cast<std::size_t>(n) : 0);
  }
  return answer;
}

TEST_CASE("probes are answered while another client says nothing") {
  auto listener = HealthListener::Start("127.0.0.1:0", Ask);
  REQUIRE_OK(listener);
  const UniqueFd silent(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons((*listener)->port());
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(::connect(silent.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
  for (int i = 0; i < 3; ++i) {
    CHECK_THAT(Exchange((*listener)->port(), "GET /live HTTP/1.1\r\n\r\n"),
               Catch::StartsWith("HTTP/1.1 200 OK"));
  }
  REQUIRE_ERROR(HealthListener::Start("127.0.0.1:" + std::to_string((*listener)->port()), Ask),
                Code::kUnavailable, "cannot listen on");
}

}  // namespace
}  // namespace signet::agent_cmd
