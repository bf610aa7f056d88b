#include "core/rpc/request_rules.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <optional>

#include "tests/core/rpc/test_server.h"
#include "tests/support/h2_client.h"
#include "tests/support/result.h"

using namespace signet;
using namespace signet::rpc;
using namespace signet::test;

namespace {

const Headers kHead{{":method", "POST"},
                    {":scheme", "http"},
                    {":path", "/t/Echo"},
                    {":authority", "localhost"},
                    {"content-type", "application/grpc"}};

/// With is the good head and one field more.
Headers With(const std::string& name, const std::string& value) {
  Headers head = kHead;
  head.emplace_back(name, value);
  return head;
}

/// Put is the good head with another value for one of its fields.
Headers Put(const std::string& name, const std::string& value) {
  Headers head = kHead;
  for (auto& field : head) {
    field.second = field.first == name ? value : field.second;
  }
  return head;
}

Headers Without(const std::string& name) {
  Headers head = kHead;
  std::erase_if(head, [&name](const auto& field) { return field.first == name; });
  return head;
}

/// Before is the good head with a field in front.
Headers Before(const std::string& name, const std::string& value, Headers head = kHead) {
  head.insert(head.begin(), {name, value});
  return head;
}

/// Request is a head, a body (none: END_STREAM comes with the head) and perhaps trailers.
struct Request {
  std::string what;
  Headers head;
  std::optional<std::string> body = Framed("x");
  std::optional<Headers> trailers = {};
  bool trailers_end = true;
  int status = 0;  ///< gRPC's, if it is well-formed; -1: plain HTTP
};

std::vector<Request> GoodRequests() {
  return {
      {"an ordinary one", kHead},
      {"a path as authority", Put(":authority", "/run/signet/agent/api.sock")},
      {"an escaped path as authority", Put(":authority", "%2Frun%2Fsignet%2Fagent%2Fapi.sock")},
      {"any value as authority", Put(":authority", "a b\xc3\xb6<>\"")},
      {"an empty authority", Put(":authority", "")},
      {"no authority", Without(":authority")},
      {"authority and host", With("host", "other")},
      {"OPTIONS for the server itself",
       {{":method", "OPTIONS"}, {":path", "*"}, {":scheme", "https"}},
       std::nullopt,
       std::nullopt,
       true,
       -1},
      {"another scheme", Put(":scheme", "unix+x-1.0")},
      {"te: trailers", With("te", "Trailers")},
      {"an empty value, blanks inside, bytes over 0x7f", With("a", "x \t\xff")},
      {"its length", With("content-length", "6")},
      {"its length with zeros", With("content-length", "0006")},
      {"length 0 and no body", With("content-length", "0"), std::nullopt, std::nullopt, true, 13},
      {"trailers", With("content-length", "6"), Framed("x"), Headers{{"a", "b"}}},
  };
}

std::vector<Request> BadHeads() {
  return {
      {"no :method", Without(":method")},
      {"no :scheme", Without(":scheme")},
      {"no :path", Without(":path")},
      {"no field at all", {}},
      {"empty :method", Put(":method", "")},
      {"empty :scheme", Put(":scheme", "")},
      {"empty :path", Put(":path", "")},
      {"two :method", Before(":method", "POST")},
      {"two :scheme", Before(":scheme", "http")},
      {"two :path", Before(":path", "/t/Echo")},
      {"two :authority", Before(":authority", "localhost")},
      {"two empty :authority", Before(":authority", "", Put(":authority", ""))},
      {"an unknown pseudo-header", Before(":x", "y", Without(":authority"))},
      {"a response's pseudo-header", Before(":status", "200")},
      {"a colon alone", Before(":", "y")},
      {"a pseudo-header after a field", Before("a", "b")},
      {"a :method of no token", Put(":method", "PO ST")},
      {"a :scheme that begins with a digit", Put(":scheme", "1http")},
      {"a :scheme with a slash", Put(":scheme", "http:/")},
      {"a relative :path", Put(":path", "t/Echo")},
      {"a :path with a blank", Put(":path", "/t/Ec ho")},
      {"an asterisk for POST", Put(":path", "*")},
      {"CONNECT", {{":method", "CONNECT"}, {":authority", "host:1"}}},
      {"CONNECT with a path", Put(":method", "CONNECT")},
      {"extended CONNECT", Before(":protocol", "websocket", Put(":method", "CONNECT"))},
      {":protocol", Before(":protocol", "websocket", Without(":authority"))},
      {"a line end in :authority", Put(":authority", "a\nb")},
      {"a blank before :authority's value", Put(":authority", " a")},
      {"two host",
       {{":method", "POST"}, {":scheme", "http"}, {":path", "/"}, {"host", "a"}, {"host", "a"}}},
      {"a path as host", With("host", "/run/a.sock")},
      {"an empty host", With("host", "")},
  };
}

std::vector<Request> BadFields() {
  std::vector<Request> rows{
      {"an empty name", With("", "x")},
      {"a blank in a name", With("a b", "x")},
      {"a colon in a name", With("a:b", "x")},
      {"a byte over 0x7f in a name", With("\xc3\xb6", "x")},
      {"a zero in a name", With(std::string("a\0b", 3), "x")},
      {"a zero in a value", With("a", std::string("x\0y", 3))},
      {"a line feed in a value", With("a", "x\ny")},
      {"a carriage return in a value", With("a", "x\ry")},
      {"another control character in a value", With("a", "x\x7f")},
      {"a blank before a value", With("a", " x")},
      {"a tab after a value", With("a", "x\t")},
      {"te: gzip", With("te", "gzip")},
      {"te: trailers and more", With("te", "trailers, deflate;q=0.5")},
      {"empty te", With("te", "")},
  };
  for (const char* name :
       {"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"}) {
    rows.push_back({name, With(name, "x")});
  }
  for (const char* length :
       {"5", "7", "0", "", "-6", "+6", "6,6", "0x6", "6 6", "99999999999999999999"}) {
    rows.push_back({"length '" + std::string(length) + "' of 6", With("content-length", length)});
  }
  return rows;
}

std::vector<Request> BadEnds() {
  Headers twice = With("content-length", "6");
  twice.emplace_back("content-length", "6");
  return {
      {"two lengths", twice},
      {"a length and no body", With("content-length", "6"), std::nullopt},
      {"a length of no number and no body", With("content-length", "99999999999999999999"),
       std::nullopt},
      {"a short body and trailers", With("content-length", "7"), Framed("x"), Headers{{"a", "b"}}},
      {"trailers that do not end", kHead, Framed("x"), Headers{{"a", "b"}}, false},
      {"a pseudo-header in trailers", kHead, Framed("x"), Headers{{":path", "/t/Echo"}}},
      {"a new pseudo-header in trailers, and no other field",
       {{":method", "POST"}, {":scheme", "http"}, {":path", "/"}},
       Framed("x"),
       Headers{{":authority", "a"}}},
      {"a bad name in trailers", kHead, Framed("x"), Headers{{"a b", "x"}}},
      {"connection in trailers", kHead, Framed("x"), Headers{{"connection", "close"}}},
  };
}

std::vector<Request> BadRequests() {
  std::vector<Request> rows = BadHeads();
  for (const auto& more : {BadFields(), BadEnds()}) {
    rows.insert(rows.end(), more.begin(), more.end());
  }
  return rows;
}

bool Fields(RequestRules& rules, const Headers& headers) {
  return std::all_of(headers.begin(), headers.end(), [&rules](const auto& field) {
    return rules.Field(field.first, field.second);
  });
}

bool WellFormed(const Request& request) {
  RequestRules rules;
  return Fields(rules, request.head) && rules.HeadersEnd(!request.body) &&
         rules.Data(request.body.value_or("").size()) &&
         (!request.trailers ||
          (Fields(rules, *request.trailers) && rules.HeadersEnd(request.trailers_end))) &&
         rules.RequestEnd();
}

H2Reply Exchange(H2Client& client, const Request& request) {
  const std::int32_t id = client.Open(request.head, !request.body);
  if (request.body) {
    client.Send(id, *request.body, !request.trailers);
  }
  if (request.trailers) {
    client.SendHeaders(id, *request.trailers, request.trailers_end);
  }
  client.UntilEnded(id);
  return client.reply(id);
}

}  // namespace

TEST_CASE("what RFC 9113 calls malformed is, and nothing else") {
  for (const Request& request : GoodRequests()) {
    INFO(request.what);
    CHECK(WellFormed(request));
  }
  for (const Request& request : BadRequests()) {
    INFO(request.what);
    CHECK_FALSE(WellFormed(request));
  }
  // The test's client would send them in lower case.
  CHECK_FALSE(WellFormed({"an upper-case name", With("Te", "trailers")}));
  CHECK_FALSE(WellFormed({"an upper-case pseudo-header", Before(":Path", "/t/Echo")}));
}

TEST_CASE("a body that outgrows its length is known before it ends") {
  RequestRules rules;
  REQUIRE(Fields(rules, With("content-length", "6")));
  REQUIRE(rules.HeadersEnd(false));
  CHECK(rules.Data(6));
  CHECK_FALSE(rules.Data(1));

  TestServer server;
  const auto client = H2Client::Unix(server.path());
  REQUIRE(client);
  const std::int32_t id = client->Open(With("content-length", "6"));
  client->Send(id, Framed("xy"), false);
  REQUIRE(client->UntilEnded(id));
  CHECK(client->reply(id).error == NGHTTP2_PROTOCOL_ERROR);
}

TEST_CASE("well-formed requests are answered, whatever their :authority") {
  TestServer server;
  const auto client = H2Client::Unix(server.path());
  REQUIRE(client);
  for (const Request& request : GoodRequests()) {
    INFO(request.what);
    const H2Reply reply = Exchange(*client, request);
    CHECK(reply.error == NGHTTP2_NO_ERROR);
    CHECK(reply.grpc_status() == request.status);
    CHECK(reply.Header(":status") == (request.status == -1 ? "405" : "200"));
  }
}

TEST_CASE("a malformed request costs its stream and nothing else") {
  TestServer server;
  const auto client = H2Client::Unix(server.path());
  REQUIRE(client);
  for (const Request& request : BadRequests()) {
    INFO(request.what);
    const H2Reply reply = Exchange(*client, request);
    CHECK(reply.closed);
    CHECK(reply.error == NGHTTP2_PROTOCOL_ERROR);
    CHECK(reply.headers.empty());
    CHECK(client->Call("/t/Echo", "still here").grpc_status() == 0);
  }
  CHECK_FALSE(client->goaway());
  CHECK(Eventually([&] { return server.server().counters().calls_open == 0; }));
}

TEST_CASE("malformed requests in a row are a flood, wherever they are malformed") {
  for (const Request& request :
       {Request{"field", With("connection", "close"), std::nullopt},
        Request{"head", Without(":path"), std::nullopt},
        Request{"body", With("content-length", "5")}, Request{"end", With("content-length", "7")},
        Request{"trailers", kHead, Framed("x"), Headers{{":path", "/"}}}}) {
    INFO(request.what);
    TestServer server({.resets_per_second_per_connection = 1});
    const auto client = H2Client::Unix(server.path());
    REQUIRE(client);
    int sent = 0;
    while (sent < 1000 && !client->goaway() && !client->closed()) {
      Exchange(*client, request);
      ++sent;
    }
    CHECK(sent < 1000);
    CHECK(client->goaway_error() == NGHTTP2_ENHANCE_YOUR_CALM);
    CHECK(client->UntilClosed());
  }
}
