#include "tests/ca/service/service_world.h"

#include "attestor/node/join_token/join_token.h"
#include "ca/store/memory_store.h"
#include "tests/support/result.h"

namespace signet::test {
namespace {

std::vector<std::unique_ptr<attestor::NodeVerifier>> Verifiers() {
  std::vector<std::unique_ptr<attestor::NodeVerifier>> verifiers;
  verifiers.push_back(std::make_unique<attestor::JoinTokenVerifier>());
  return verifiers;
}

}  // namespace

ServiceWorld::ServiceWorld(std::unique_ptr<store::Store> on)
    : store(on ? std::move(on) : store::NewMemoryStore()),
      registry(service::Registry::Open(store, service::ServerId(trust_domain)).value()),
      context{trust_domain, *registry, clock, random, logger},
      admin_ids{ParsedId("/boss")},
      trust(context, admin_ids),
      authorizer(context, {.admin_ids = admin_ids,
                           .persist_promotion =
                               [this](const spiffe::SpiffeId& id) { promoted.push_back(id); }}),
      attestation(context, Issuer(), ttls, Verifiers()),
      svids(context, Issuer(), ttls, pool),
      server_svid(context, Issuer(), crypto::KeyType::kEcP256, std::chrono::hours(1)) {
  registry->AddListener([this](const service::Applied& applied) {
    if (!applied.bundles.empty()) {
      trust.Refresh();
      if (cross_certificates) {
        cross_certificates->Refresh();
      }
    }
    hub.OnApplied(applied);
  });
  authorities = issuance::Authorities::Start({.ca = {.trust_domain = trust_domain}}, {},
                                             {.keys = *keys,
                                              .persistence = records,
                                              .clock = clock,
                                              .random = random,
                                              .logger = logger})
                    .value();
  cross_certificates = std::make_unique<service::CrossCertificates>(context, hub, Issuer());
}

Result<service::IssuedAgentSvid> ServiceWorld::TryAttest(const std::string& token,
                                                         const Bytes& csr) {
  SIGNET_TRY_ASSIGN(
      auto session,
      attestation.Begin({.type = "join_token", .payload = ToBytes(token), .csr = csr}));
  SIGNET_TRY_ASSIGN(auto outcome, session->Start());
  return std::get<service::IssuedAgentSvid>(std::move(outcome));
}

service::IssuedAgentSvid ServiceWorld::Attest(const std::string& token) {
  REQUIRE_OK(agents.CreateJoinToken({.ttl_seconds = 600, .token = token}));
  auto svid = TryAttest(token);
  REQUIRE_OK(svid);
  return std::move(svid).value();
}

service::Caller ServiceWorld::CallerOf(const service::IssuedAgentSvid& svid) const {
  return {.address = "192.0.2.1",
          .svid = service::CallerSvid{svid.id, svid.svid.serial_decimal, svid.svid.not_after}};
}

service::EntryPtr ServiceWorld::Create(const service::EntryInput& input) {
  const auto results = entries.Create({input});
  REQUIRE_OK(results.at(0).status);
  return results[0].entry;
}

Status ServiceWorld::Update(const service::EntryInput& input, const service::EntryFields& fields) {
  return entries.Update({input}, fields).at(0).status;
}

Status ServiceWorld::Delete(const std::string& entry_id) {
  return entries.Delete({entry_id}).at(0);
}

Bytes ServiceWorld::Csr(const crypto::CsrRequest& request) {
  const auto key = crypto::PrivateKey::Generate(crypto::KeyType::kEcP256).value();
  return crypto::BuildCsr(*key, request).value();
}

service::IdText IdOf(const std::string& path) { return {"example.org", path}; }

spiffe::SpiffeId ParsedId(const std::string& path) {
  return spiffe::SpiffeId::Parse("spiffe://example.org" + path).value();
}

service::EntryInput EntryOf(const std::string& path, const std::string& parent,
                            const std::vector<std::string>& selectors) {
  service::EntryInput input{.spiffe_id = IdOf(path), .parent_id = IdOf(parent)};
  for (const std::string& text : selectors) {
    const auto selector = spiffe::Selector::Parse(text).value();
    input.selectors.push_back({selector.type, selector.value});
  }
  return input;
}

}  // namespace signet::test
