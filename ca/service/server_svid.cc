#include "ca/service/server_svid.h"

#include <utility>

namespace signet::service {

std::shared_ptr<const ServerSvid::Snapshot> ServerSvid::current() const {
  const std::lock_guard lock(mutex_);
  return current_;
}

bool ServerSvid::IsDue() const {
  const std::shared_ptr<const Snapshot> now = current();
  return !now || now->authority_id != issuer_()->authority_id() ||
         context_.clock.Now() >= now->issued_at + (now->not_after - now->issued_at) / 2;
}

Result<bool> ServerSvid::Step() {
  if (!IsDue()) {
    return false;
  }
  const std::shared_ptr<const issuance::X509Issuer> issuer = issuer_();
  SIGNET_TRY_ASSIGN(const auto key, crypto::PrivateKey::Generate(key_type_));
  const spiffe::SpiffeId id = ServerId(context_.trust_domain);
  const SystemTime issued_at = context_.clock.Now();
  SIGNET_TRY_ASSIGN(
      issuance::IssuedSvid svid,
      issuer->Issue(issuance::X509Issuer::Kind::kServer,
                    {.public_key = key->public_key(), .spiffe_id = id, .ttl = ttl_}, issued_at));
  SIGNET_TRY_ASSIGN(Secret pkcs8, key->ToPkcs8());
  auto next = std::make_shared<Snapshot>(Snapshot{
      std::move(svid.chain), std::move(pkcs8), issuer->authority_id(), issued_at, svid.not_after});
  {
    const std::lock_guard lock(mutex_);
    current_ = std::move(next);
  }
  context_.logger.Info("server SVID renewed", {{"expires", FormatTime(svid.not_after)},
                                               {"authority_id", issuer->authority_id()}});
  return true;
}

}  // namespace signet::service
