#include "tests/ca/issuance/rotation_world.h"

#include <algorithm>

#include "ca/store/memory_store.h"

namespace signet::issuance::test {
namespace {

spiffe::TrustDomain Domain() { return spiffe::TrustDomain::Parse("example.org").value(); }

// CrashingKeys is the memory key manager with a crash point before and after a key is durable.
class CrashingKeys final : public KeyManager {
 public:
  explicit CrashingKeys(CrashPlan& plan) : plan_(plan) {}
  Result<std::shared_ptr<const crypto::Signer>> GenerateKey(const std::string& key_id,
                                                            crypto::KeyType type) override {
    plan_.Point();
    auto key = keys_->GenerateKey(key_id, type);
    plan_.Point();
    return key;
  }
  Result<std::shared_ptr<const crypto::Signer>> GetKey(const std::string& key_id) override {
    return keys_->GetKey(key_id);
  }

 private:
  CrashPlan& plan_;
  std::unique_ptr<KeyManager> keys_ = NewMemoryKeyManager();
};

}  // namespace

void CrashPlan::Point() {
  if (countdown == 0) {
    countdown = -1;
    throw Crash();
  }
  countdown -= countdown > 0 ? 1 : 0;
}

World::World(Duration ttl)
    : store(store::NewMemoryStore()),
      keys(std::make_unique<CrashingKeys>(plan)),
      config_{.ca = {.trust_domain = Domain(), .ttl = ttl}} {}

World::~World() = default;

Status World::Start() {
  SIGNET_TRY_ASSIGN(authorities, Authorities::Start(config_, StoredJournal(),
                                                    {.keys = *keys,
                                                     .persistence = *this,
                                                     .clock = clock,
                                                     .random = random,
                                                     .logger = logger}));
  return {};
}

store::Journal World::StoredJournal() const { return store->Load().value().journal; }

Status World::SaveAuthorities(const store::Journal& journal,
                              const std::vector<spiffe::X509Authority>& add,
                              const std::vector<Bytes>& remove) {
  SIGNET_TRY(save_result);
  plan.Point();
  auto bundle = OwnBundle().value_or(spiffe::Bundle{.trust_domain = Domain()});
  auto& authorities_in = bundle.x509_authorities;
  std::erase_if(authorities_in, [&](const auto& authority) {
    return std::find(remove.begin(), remove.end(), authority.der) != remove.end();
  });
  authorities_in.insert(authorities_in.end(), add.begin(), add.end());
  ++bundle.sequence;
  const std::vector<store::Write> writes = {store::PutJournal{journal},
                                            store::PutBundle{{.row = 1, .bundle = bundle}}};
  SIGNET_TRY(store->Commit(writes));
  ++saves;
  plan.Point();
  return {};
}

std::optional<spiffe::Bundle> World::OwnBundle() const {
  const auto bundles = store->Load().value().bundles;
  return bundles.empty() ? std::nullopt : std::optional(bundles.front().bundle);
}

}  // namespace signet::issuance::test
