#include "core/crypto/x509_svid.h"

#include <string>

namespace signet::crypto {
namespace {

constexpr std::size_t kMaxChain = 8;

Result<spiffe::SpiffeId> LeafId(const Certificate& leaf) {
  if (leaf.uri_sans.size() != 1) {  // X509-02, X509-28
    return InvalidArgument("leaf has " + std::to_string(leaf.uri_sans.size()) +
                           " URI names; an SVID has exactly one");
  }
  SIGNET_TRY_ASSIGN(spiffe::SpiffeId id,
                    spiffe::SpiffeId::Parse(leaf.uri_sans.front()));  // X509-26
  if (!id.has_path()) {
    return InvalidArgument("leaf's SPIFFE ID has no path");  // X509-27
  }
  return id;
}

Status CheckLeafUsage(const Certificate& leaf) {
  if (leaf.is_ca) {
    return InvalidArgument("leaf is a CA certificate");  // X509-10, X509-24
  }
  const unsigned usage = leaf.key_usage.value_or(0);
  if ((usage & kDigitalSignature) == 0) {
    return InvalidArgument("leaf's key usage lacks digitalSignature");  // X509-15, X509-17
  }
  if ((usage & (kKeyCertSign | kCrlSign)) != 0) {
    return InvalidArgument("leaf's key usage has keyCertSign or cRLSign");  // X509-25
  }
  if (leaf.has_extended_key_usage && !(leaf.eku_server_auth && leaf.eku_client_auth)) {
    return InvalidArgument(
        "leaf's extended key usage lacks one of serverAuth, clientAuth");  // X509-21
  }
  return {};
}

/// OpenSSL lets a certificate without basic constraints pass as an issuer when its key usage has
/// keyCertSign.
Status CheckIntermediate(const Certificate& certificate) {
  if (!certificate.is_ca) {
    return InvalidArgument("it is not a CA certificate");
  }
  if (certificate.key_usage && (*certificate.key_usage & kKeyCertSign) == 0) {
    return InvalidArgument("its key usage lacks keyCertSign");
  }
  return {};
}

Result<X509Svid> FromCertificates(std::vector<Certificate> chain) {
  if (chain.empty() || chain.size() > kMaxChain) {
    return InvalidArgument("chain has " + std::to_string(chain.size()) +
                           " certificates; one to eight are allowed");
  }
  SIGNET_TRY_ASSIGN(spiffe::SpiffeId id, LeafId(chain.front()));
  SIGNET_TRY(CheckLeafUsage(chain.front()));
  for (std::size_t i = 1; i < chain.size(); ++i) {
    SIGNET_TRY(CheckIntermediate(chain[i]).Context("intermediate " + std::to_string(i)));
  }
  return X509Svid{std::move(id), std::move(chain)};
}

}  // namespace

Result<X509Svid> X509Svid::Parse(ByteView concatenated_der) {
  SIGNET_TRY_ASSIGN(std::vector<Certificate> chain, ParseCertificateList(concatenated_der));
  return FromCertificates(std::move(chain)).Context("not an X509-SVID");
}

Result<X509Svid> X509Svid::FromChain(const std::vector<Bytes>& chain_der) {
  if (chain_der.size() > kMaxChain) {
    return InvalidArgument("not an X509-SVID: chain has more than eight certificates");
  }
  std::vector<Certificate> chain;
  for (const Bytes& der : chain_der) {
    SIGNET_TRY_ASSIGN(Certificate certificate, Certificate::Parse(der));
    chain.push_back(std::move(certificate));
  }
  return FromCertificates(std::move(chain)).Context("not an X509-SVID");
}

}  // namespace signet::crypto
