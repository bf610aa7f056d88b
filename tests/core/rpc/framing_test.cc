#include "core/rpc/grpc_framing.h"
#include "core/rpc/grpc_text.h"
#include "core/rpc/request_head.h"
#include "tests/support/h2_client.h"
#include "tests/support/result.h"

using namespace signet;
using namespace signet::rpc;
using signet::test::Framed;

namespace {

struct Parsed {
  std::vector<std::string> messages;
  RpcStatus status;
  bool partial = false;
};

Parsed ParseIn(const std::string& wire, std::size_t chunk, bool encoding = false) {
  MessageParser parser(100);
  parser.set_encoding_named(encoding);
  Parsed parsed;
  for (std::size_t at = 0; at < wire.size() && parsed.status.code == Code::kOk; at += chunk) {
    parsed.status = parser.Feed(wire.substr(at, chunk), [&](std::string_view message) {
      parsed.messages.emplace_back(message);
      return true;
    });
  }
  parsed.partial = parser.partial();
  return parsed;
}

}  // namespace

TEST_CASE("messages are the same however the bytes are cut") {
  const std::string wire = Framed("one") + Framed("") + Framed(std::string(100, 'x')) + Framed("");
  for (std::size_t chunk = 1; chunk <= wire.size(); ++chunk) {
    const Parsed parsed = ParseIn(wire, chunk);
    CHECK(parsed.messages == std::vector<std::string>{"one", "", std::string(100, 'x'), ""});
    CHECK_FALSE(parsed.partial);
  }
}

TEST_CASE("a message that is not whole is seen") {
  const std::string wire = Framed("four");
  for (std::size_t size = 1; size < wire.size(); ++size) {
    CHECK(ParseIn(wire.substr(0, size), 2).partial);
  }
}

TEST_CASE("a message over the limit, compressed or with a bad flag ends the parsing") {
  CHECK(ParseIn(Framed(std::string(101, 'x')), 7).status.code == Code::kResourceExhausted);
  CHECK(ParseIn(Framed("x", 1), 7).status.code == Code::kInternal);
  CHECK(ParseIn(Framed("x", 1), 7, true).status.code == Code::kUnimplemented);
  CHECK(ParseIn(Framed("x", 2), 7).status.code == Code::kInternal);
  CHECK(ParseIn(std::string("\0\xff\xff\xff\xff", 5), 5).status.code == Code::kResourceExhausted);
}

TEST_CASE("grpc-timeout is read in every unit and nothing else") {
  using namespace std::chrono_literals;
  CHECK(*ParseTimeout("1H") == 1h);
  CHECK(*ParseTimeout("2M") == 2min);
  CHECK(*ParseTimeout("3S") == 3s);
  CHECK(*ParseTimeout("99999999m") == 99999999ms);
  CHECK(*ParseTimeout("5u") == 5us);
  CHECK(*ParseTimeout("0n") == 0ns);
  CHECK(*ParseTimeout("99999999H") == 24h * 365);  // forever, without overflow
  for (const char* bad : {"", "S", "1", "1s", "-1S", "+1S", "1 S", "123456789S", "1.5S", "1SS"}) {
    CHECK_FALSE(ParseTimeout(bad).ok());
  }
}

TEST_CASE("grpc-message is percent-encoded as the protocol's examples") {
  CHECK(PercentEncode("plain text ~") == "plain text ~");
  CHECK(PercentEncode("100%\n\xc3\xb6") == "100%25%0A%C3%B6");
}

TEST_CASE("values of -bin headers are base64 without padding, and read in all the ways clients write them") {
  CHECK(EncodeBinary("foob") == "Zm9vYg");
  CHECK(*DecodeBinary("Zm9vYg") == std::vector<std::string>{"foob"});
  CHECK(*DecodeBinary("Zm9vYg==") == std::vector<std::string>{"foob"});
  CHECK(*DecodeBinary("Zm9vYg==, Zm9vYmE,,Zm9v") ==
        std::vector<std::string>{"foob", "fooba", "", "foo"});
  for (const char* bad : {"Zm9v!", "Z", "Zm9vYg=", "=", "Zm9v Yg"}) {
    CHECK_FALSE(DecodeBinary(bad).ok());
  }
}

TEST_CASE("gRPC's content types are told from others") {
  for (const char* good :
       {"application/grpc", "application/grpc+proto", "application/grpc;charset=utf-8"}) {
    CHECK(IsGrpcContentType(good));
  }
  for (const char* bad : {"", "application/grpc-web", "application/json", "application/grpcx"}) {
    CHECK_FALSE(IsGrpcContentType(bad));
  }
}

TEST_CASE("a request's metadata is what the caller added, decoded, and bounded") {
  RequestHead head;
  head.Add(":method", "POST", 1000);
  head.Add(":path", "/a/B", 1000);
  head.Add("content-type", "application/grpc+proto", 1000);
  head.Add("te", "trailers", 1000);
  head.Add("grpc-timeout", "1S", 1000);
  head.Add("x", "1", 1000);
  head.Add("k-bin", "YQ,Yg", 1000);
  head.Add("x", "2", 1000);
  CHECK(head.post);
  CHECK(head.grpc);
  CHECK(head.path == "/a/B");
  CHECK(head.timeout == std::chrono::seconds(1));
  CHECK(head.metadata.All("x") == std::vector<std::string_view>{"1", "2"});
  CHECK(head.metadata.All("k-bin") == std::vector<std::string_view>{"a", "b"});
  CHECK(head.metadata.entries().size() == 4);
  CHECK(head.error.code == Code::kOk);
  head.Add("big", std::string(1000, 'x'), 1000);
  CHECK(head.error.code == Code::kResourceExhausted);
  CHECK(head.metadata.entries().size() == 4);
}

TEST_CASE("malformed timeouts and binary metadata fail the call") {
  RequestHead timeout;
  timeout.Add("grpc-timeout", "soon", 1000);
  CHECK(timeout.error.code == Code::kInternal);
  RequestHead binary;
  binary.Add("k-bin", "***", 1000);
  CHECK(binary.error.code == Code::kInternal);
}
