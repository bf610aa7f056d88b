#include "attestor/node/join_token/join_token.h"

#include "tests/support/result.h"

namespace signet::attestor {
namespace {

TEST_CASE("a join token becomes the agent's path and must be taken by the caller") {
  const auto verification = JoinTokenVerifier().Begin({});
  const auto step = verification->Step(AsBytes("3e4b6f0c-1b7a-4b43-8a39-1f6f4a8c2d11"));
  REQUIRE_OK(step);
  const auto* node = std::get_if<AttestedNode>(&*step);
  REQUIRE(node != nullptr);
  CHECK(node->agent_path == "/spire/agent/join_token/3e4b6f0c-1b7a-4b43-8a39-1f6f4a8c2d11");
  CHECK(node->one_time_token == "3e4b6f0c-1b7a-4b43-8a39-1f6f4a8c2d11");
  CHECK(node->selectors.empty());
  CHECK_FALSE(node->can_reattest);
}

TEST_CASE(
    "tokens that could not be a path segment are refused on both sides, without repeating them") {
  const std::string hostile = GENERATE(as<std::string>(), "", ".", "..", "a/b", "a%2fb", "tok en",
                                       "t\n", "ü", std::string(256, 'a'), std::string("a\0b", 3));
  const auto refused = JoinTokenVerifier().Begin({})->Step(AsBytes(hostile));
  REQUIRE_ERROR(refused, Code::kInvalidArgument, "join token");
  if (hostile.size() > 2) {
    CHECK(refused.error().message.find(hostile) == std::string::npos);
  }
  CHECK_FALSE(JoinTokenProver::Create(Secret(ToBytes(hostile))).ok());
}

TEST_CASE("the prover sends the raw token, as often as asked, and refuses challenges") {
  auto prover = JoinTokenProver::Create(Secret(ToBytes(std::string(255, 'x'))));
  REQUIRE_OK(prover);
  for (int round = 0; round < 2; ++round) {
    const auto payload = (*prover)->Payload();
    REQUIRE_OK(payload);
    CHECK(AsText(payload->RevealSecret()) == std::string(255, 'x'));
  }
  REQUIRE_ERROR((*prover)->Respond(AsBytes("nonce")), Code::kFailedPrecondition, "challenge");
}

}  // namespace
}  // namespace signet::attestor
