// How much the whole way from a CSR to a finished SVID costs over the two ECDSA operations in it:
//
//   issuance: svid_per_s=… bare_per_s=… ratio=…
//
// One thread, P-256. svid: ParseCsr (strict DER, key policy, proof of possession), Issue (template,
// one signature, check of the finished certificate), DER out. bare: verify and sign of ready
// digests by libcrypto, with keys and contexts set up beforehand. Both run in alternating rounds,
// so that a change of the machine's speed meets both; the figures are medians over the rounds, by
// the thread's CPU time, so that other programs do not count. Bar: ratio ≥ 0.75.
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <functional>
#include <vector>

#include "ca/issuance/x509_issuer.h"
#include "core/base/check.h"
#include "core/crypto/csr.h"

namespace signet {
namespace {

constexpr int kRounds = 41;
constexpr std::size_t kKeys = 64;       // distinct requests, so that nothing can be remembered
constexpr std::size_t kPerRound = 192;  // about 25 ms

double CpuSeconds() {
  timespec now{};
  SIGNET_CHECK(::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) == 0, "no CPU clock");
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

// Round gives operations per second of one round.
double Round(const std::function<void(std::size_t)>& operation) {
  const double begin = CpuSeconds();
  for (std::size_t i = 0; i < kPerRound; ++i) {
    operation(i % kKeys);
  }
  return static_cast<double>(kPerRound) / (CpuSeconds() - begin);
}

double Median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + kRounds / 2, values.end());
  return values[kRounds / 2];
}

// Issuance is the product's way.
class Issuance {
 public:
  Issuance() {
    const auto trust_domain = spiffe::TrustDomain::Parse("example.org").value();
    const auto key = crypto::PrivateKey::Generate(crypto::KeyType::kEcP256).value();
    const auto ca =
        issuance::SelfSignCa(*key, {.trust_domain = trust_domain}, now_, random_).value();
    issuer_ = issuance::X509Issuer::Create(trust_domain, ca, key, random_).value();
    for (std::size_t i = 0; i < kKeys; ++i) {
      const auto workload = crypto::PrivateKey::Generate(crypto::KeyType::kEcP256).value();
      csrs_.push_back(crypto::BuildCsr(*workload).value());
      ids_.push_back(
          spiffe::SpiffeId::Parse("spiffe://example.org/ns/prod/sa/web-" + std::to_string(i))
              .value());
    }
  }

  void Issue(std::size_t i) {
    const auto csr = crypto::ParseCsr(csrs_[i]).value();
    const auto svid =
        issuer_
            ->Issue(
                issuance::X509Issuer::Kind::kWorkload,
                {.public_key = csr.public_key, .spiffe_id = ids_[i], .ttl = std::chrono::hours(1)},
                now_)
            .value();
    SIGNET_CHECK(!svid.certificate.empty(), "no certificate");
  }

 private:
  const SystemTime now_ = FromUnixSeconds(1'790'000'000);
  SystemRandom random_;
  std::shared_ptr<const issuance::X509Issuer> issuer_;
  std::vector<Bytes> csrs_;
  std::vector<spiffe::SpiffeId> ids_;
};

// Bare is the floor: what libcrypto alone needs.
class Bare {
 public:
  Bare() {
    for (std::size_t i = 0; i < kKeys; ++i) {
      EVP_PKEY* key = EVP_EC_gen("P-256");
      EVP_PKEY_CTX* sign = EVP_PKEY_CTX_new(key, nullptr);
      EVP_PKEY_CTX* verify = EVP_PKEY_CTX_new(key, nullptr);
      Bytes digest(32, static_cast<std::uint8_t>(i));
      Bytes signature(80);
      std::size_t size = signature.size();
      const bool ready = EVP_PKEY_sign_init(sign) == 1 && EVP_PKEY_verify_init(verify) == 1 &&
                         EVP_PKEY_sign(sign, signature.data(), &size, digest.data(), 32) == 1;
      SIGNET_CHECK(ready, "libcrypto cannot sign");
      signature.resize(size);
      keys_.push_back({key, sign, verify, std::move(digest), std::move(signature)});
    }
  }
  ~Bare() {
    for (const Key& key : keys_) {
      EVP_PKEY_CTX_free(key.sign);
      EVP_PKEY_CTX_free(key.verify);
      EVP_PKEY_free(key.key);
    }
  }
  Bare(const Bare&) = delete;
  Bare& operator=(const Bare&) = delete;

  void VerifyAndSign(std::size_t i) {
    const Key& key = keys_[i];
    std::uint8_t out[80];
    std::size_t size = sizeof(out);
    const bool done =
        EVP_PKEY_verify(key.verify, key.signature.data(), key.signature.size(), key.digest.data(),
                        key.digest.size()) == 1 &&
        EVP_PKEY_sign(keys_[0].sign, out, &size, key.digest.data(), key.digest.size()) == 1;
    SIGNET_CHECK(done, "libcrypto cannot verify and sign");
  }

 private:
  struct Key {
    EVP_PKEY* key;
    EVP_PKEY_CTX* sign;
    EVP_PKEY_CTX* verify;
    Bytes digest;
    Bytes signature;
  };
  std::vector<Key> keys_;
};

int Main() {
  Issuance issuance;
  Bare bare;
  std::vector<double> svids;
  std::vector<double> floors;
  for (int round = -3; round < kRounds; ++round) {
    const double svid = Round([&](std::size_t i) { issuance.Issue(i); });
    const double floor = Round([&](std::size_t i) { bare.VerifyAndSign(i); });
    if (round >= 0) {  // the first rounds warm up
      svids.push_back(svid);
      floors.push_back(floor);
    }
  }
  const double svid_per_s = Median(svids);
  const double bare_per_s = Median(floors);
  std::printf("issuance: svid_per_s=%.0f bare_per_s=%.0f ratio=%.3f\n", svid_per_s, bare_per_s,
              svid_per_s / bare_per_s);
  return 0;
}

}  // namespace
}  // namespace signet

int main() { return signet::Main(); }
