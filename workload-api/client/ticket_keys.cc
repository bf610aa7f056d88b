#include "workload-api/client/ticket_keys.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>

#include <algorithm>

#include "core/base/secret.h"

namespace signet::client {
namespace {

template <class Key>
void Wipe(std::optional<Key>& key) {
  if (key) {
    WipeBytes(key->cipher);
    WipeBytes(key->mac);
    key.reset();
  }
}

}  // namespace

TicketKeys::~TicketKeys() {
  Wipe(current_);
  Wipe(previous_);
}

// Two lifetimes without a ticket, and neither key is of use any more.
void TicketKeys::Rotate(MonoTime now) {
  if (current_ && now - current_->made >= kLifetime) {
    Wipe(previous_);
    previous_ = current_;
    Wipe(current_);
  }
  if (previous_ && now - previous_->made >= 2 * kLifetime) {
    Wipe(previous_);
  }
}

bool TicketKeys::Apply(const Key& key, const unsigned char* iv, Contexts contexts, bool encrypt) {
  char digest[] = "SHA256";
  auto* secret = const_cast<std::uint8_t*>(key.mac.data());  // OSSL_PARAM has no const form
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, secret, key.mac.size()),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0), OSSL_PARAM_END};
  return EVP_CipherInit_ex(contexts.cipher, EVP_aes_256_cbc(), nullptr, key.cipher.data(), iv,
                           encrypt ? 1 : 0) == 1 &&
         EVP_MAC_CTX_set_params(contexts.mac, parameters) == 1;
}

bool TicketKeys::Seal(MonoTime now, unsigned char* name, unsigned char* iv, Contexts contexts) {
  const std::lock_guard lock(mutex_);
  Rotate(now);
  if (!current_) {
    current_.emplace();
    current_->made = now;
    random_.Fill(current_->name);
    random_.Fill(current_->cipher);
    random_.Fill(current_->mac);
  }
  std::copy(current_->name.begin(), current_->name.end(), name);
  random_.Fill({iv, 16});
  return Apply(*current_, iv, contexts, true);
}

bool TicketKeys::Open(MonoTime now, const unsigned char* name, const unsigned char* iv,
                      Contexts contexts) {
  const std::lock_guard lock(mutex_);
  Rotate(now);
  for (const std::optional<Key>* key : {&current_, &previous_}) {
    if (*key && std::equal((*key)->name.begin(), (*key)->name.end(), name)) {
      return Apply(**key, iv, contexts, false);
    }
  }
  return false;
}

}  // namespace signet::client
