#include "core/crypto/hash.h"

#include <openssl/crypto.h>

#include "core/crypto/openssl.h"

namespace signet::crypto {
namespace {

template <std::size_t N>
std::array<std::uint8_t, N> Digest(ByteView data, const EVP_MD* digest) {
  std::array<std::uint8_t, N> out{};
  const int done = EVP_Digest(data.data(), data.size(), out.data(), nullptr, digest, nullptr);
  SIGNET_CHECK(done == 1, "hashing failed");
  return out;
}

}  // namespace

std::array<std::uint8_t, 20> Sha1(ByteView data) { return Digest<20>(data, Sha1Digest()); }

std::array<std::uint8_t, 32> Sha256(ByteView data) { return Digest<32>(data, Sha256Digest()); }

struct Sha256Stream::Impl {
  MdContext context{EVP_MD_CTX_new()};
};

Sha256Stream::Sha256Stream() : impl_(std::make_unique<Impl>()) {
  const int done = EVP_DigestInit_ex2(impl_->context.get(), Sha256Digest(), nullptr);
  SIGNET_CHECK(done == 1, "hashing failed");
}

Sha256Stream::~Sha256Stream() = default;

void Sha256Stream::Update(ByteView data) {
  const int done = EVP_DigestUpdate(impl_->context.get(), data.data(), data.size());
  SIGNET_CHECK(done == 1, "hashing failed; was Finish called before?");
}

std::array<std::uint8_t, 32> Sha256Stream::Finish() {
  std::array<std::uint8_t, 32> out{};
  const int done = EVP_DigestFinal_ex(impl_->context.get(), out.data(), nullptr);
  SIGNET_CHECK(done == 1, "hashing failed; was Finish called before?");
  return out;
}

bool ConstantTimeEqual(ByteView a, ByteView b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace signet::crypto
