#include <fstream>

#include "attestor/node/k8s_psat/k8s_psat.h"
#include "tests/support/result.h"
#include "tests/support/temp_dir.h"

namespace signet::attestor {
namespace {

TEST_CASE(
    "the digest of a projected token stays as long as the token does, and tells nothing of it") {
  const test::TempDir dir;
  const auto write = [&](const std::string& token) { std::ofstream(dir.File("token")) << token; };
  K8sPsatProver prover("demo", dir.File("token"));
  CHECK_FALSE(prover.EvidenceDigest().ok());
  write("t0ken-1\n");
  const auto first = prover.EvidenceDigest();
  REQUIRE_OK(first);
  CHECK(first->size() == 64);
  CHECK(first->find("t0ken") == std::string::npos);
  CHECK(*prover.EvidenceDigest() == *first);
  write("t0ken-2\n");
  const auto second = prover.EvidenceDigest();
  REQUIRE_OK(second);
  CHECK(*second != *first);
}

}  // namespace
}  // namespace signet::attestor
