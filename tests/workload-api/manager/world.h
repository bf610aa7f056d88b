#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "attestor/node/join_token/join_token.h"
#include "tests/support/result.h"
#include "tests/support/temp_dir.h"
#include "tests/workload-api/manager/fake_upstream.h"
#include "workload-api/manager/manager.h"
#include "workload.pb.h"

namespace signet::manager::test {

inline const spiffe::Selector kMe{"unix", "uid:1000"};

inline spiffe::TrustDomain Td(const std::string& name = "example.org") {
  return *spiffe::TrustDomain::Parse(name);
}

inline svids::Entry MakeEntry(const std::string& id, const std::string& path) {
  return {.id = id,
          .spiffe_id = *spiffe::SpiffeId::Parse("spiffe://example.org" + path),
          .selectors = {kMe},
          .created_at = 100};
}

/// RenewingProver shows evidence that is good for one key until other evidence replaces it.
class RenewingProver final : public attestor::NodeProver {
 public:
  explicit RenewingProver(std::string token) : token_(std::move(token)) {}
  std::string_view type() const override { return "renewing"; }
  Result<Secret> Payload() override { return Secret(ToBytes(token_)); }
  Result<Secret> Respond(ByteView) override { return Unimplemented("no challenges"); }
  Result<std::string> EvidenceDigest() override { return "digest of " + token_; }

 private:
  const std::string token_;
};

/// World is an agent without sockets: the server is a fake, time moves by hand, the data directory
/// is real.
struct World {
  World() { upstream.entries = {MakeEntry("1", "/web")}; }

  void Start() {
    manager.reset();
    hub = std::make_unique<svids::Hub>("starting");
    ManagerOptions options{.trust_domain = Td()};
    options.first_trust = [this]() -> Result<spiffe::Bundle> {
      return bundle_there ? Result<spiffe::Bundle>(first_bundle)
                          : NotFound("bundle.pem: no such file");
    };
    options.make_prover = [this]() -> Result<std::unique_ptr<attestor::NodeProver>> {
      if (renewing_evidence) {
        return std::unique_ptr<attestor::NodeProver>(std::make_unique<RenewingProver>(token));
      }
      if (token.empty()) {
        return FailedPrecondition("no join token");
      }
      SIGNET_TRY_ASSIGN(auto prover, attestor::JoinTokenProver::Create(Secret(ToBytes(token))));
      return std::unique_ptr<attestor::NodeProver>(std::move(prover));
    };
    options.pod_facts = [this](const std::string& uid) { return FactsOf(uid); };
    options.wake = [this] { woken = true; };
    options.end = [this](const Error& error) { ended = error; };
    auto created =
        Manager::Create(std::move(options), {upstream, state, clock, random, logger}, *hub);
    REQUIRE_OK(created);
    manager = std::move(*created);
  }

  /// Run steps through `span` of time as a Ticker would.
  void Run(Duration span) {
    const MonoTime end = clock.Mono() + span;
    while (clock.Mono() < end && !ended) {
      const Duration wait = manager->Step();
      CHECK(wait >= std::chrono::milliseconds(20));
      clock.Advance(std::min<Duration>(wait, end - clock.Mono()));
    }
  }

  PodFacts FactsOf(const std::string& uid) {
    const auto found = pod_tokens.find(uid);
    return found == pod_tokens.end() ? PodFacts{}
                                     : PodFacts{"shop", "web-0", Secret(ToBytes(found->second))};
  }

  X509SVIDResponse Served(const spiffe::Selector& who = kMe) {
    const auto opened =
        hub->Subscribe({who}, svids::Topic::kX509Svids, [](const svids::Update&) {});
    X509SVIDResponse response;
    if (opened.first.status.ok()) {
      REQUIRE(response.ParseFromString(*opened.first.message));
    }
    return response;
  }
  Status Refusal() {
    return hub->Subscribe({kMe}, svids::Topic::kX509Svids, [](const svids::Update&) {})
        .first.status;
  }

  signet::test::TempDir dir;
  FakeClock clock;
  FakeRandom random;
  MemoryLogger logger;
  FakeUpstream upstream{clock};
  spiffe::Bundle first_bundle = upstream.bundle;
  bool bundle_there = true;
  std::string token = "token-1";
  bool renewing_evidence = false;                 ///< as k8s_psat: the token is replaced by others
  std::map<std::string, std::string> pod_tokens;  ///< by pod uid
  bool woken = false;
  StateDir state = *StateDir::Open(dir.File("data"), Td());
  std::unique_ptr<svids::Hub> hub;
  std::unique_ptr<Manager> manager;
  std::optional<Error> ended;
};

}  // namespace signet::manager::test
