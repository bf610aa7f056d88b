#include "workload-api/cmd/received_svids.h"

#include <chrono>
#include <ostream>

#include "core/base/files.h"
#include "core/crypto/key.h"
#include "core/crypto/pem.h"
#include "core/crypto/x509_svid.h"
#include "workload.pb.h"

namespace signet::agent_cmd {
namespace {

using Certificates = std::vector<crypto::Certificate>;

std::string TimeText(SystemTime time) {
  std::string text = FormatTime(time);  // 2026-11-22T02:09:09Z
  text[text.find('T')] = ' ';
  text.pop_back();
  return text + " +0000 UTC";
}

std::string MillisecondsText(Duration duration) {
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
  std::string fraction = std::to_string(us % 1000);
  return std::to_string(us / 1000) + "." + std::string(3 - fraction.size(), '0') + fraction + "ms";
}

Result<std::shared_ptr<const crypto::TrustStore>> StoreOf(const spiffe::TrustDomain& trust_domain,
                                                          const Certificates& bundle) {
  spiffe::Bundle value{.trust_domain = trust_domain};
  for (const crypto::Certificate& certificate : bundle) {
    value.x509_authorities.push_back({.der = certificate.der});
  }
  return crypto::TrustStore::Create(value);
}

Status CheckChain(const ReceivedSvid& svid, const crypto::PrivateKey& key, SystemTime now) {
  SIGNET_TRY_ASSIGN(const spiffe::SpiffeId id, spiffe::SpiffeId::Parse(svid.spiffe_id));
  SIGNET_TRY_ASSIGN(const auto store, StoreOf(id.trust_domain(), svid.bundle));
  std::vector<Bytes> chain;
  for (const crypto::Certificate& certificate : svid.chain) {
    chain.push_back(certificate.der);
  }
  SIGNET_TRY_ASSIGN(const crypto::X509Svid verified,
                    crypto::VerifyX509Svid(chain, {{id.trust_domain(), store}}, now));
  if (verified.id != id) {
    return InvalidArgument("the certificate is that of " + verified.id.ToString());
  }
  if (key.public_key().spki() != verified.leaf().spki) {
    return InvalidArgument("the private key is not that of the certificate");
  }
  return {};
}

Result<ReceivedSvid> ReadSvid(const X509SVID& svid, SystemTime now) {
  ReceivedSvid out{.spiffe_id = svid.spiffe_id(), .hint = svid.hint()};
  SIGNET_TRY_ASSIGN(out.chain, crypto::ParseCertificateList(AsBytes(svid.x509_svid())));
  SIGNET_TRY_ASSIGN(out.bundle, crypto::ParseCertificateList(AsBytes(svid.bundle())));
  out.key = Secret(ToBytes(svid.x509_svid_key()));
  SIGNET_TRY_ASSIGN(const auto key, crypto::PrivateKey::FromPkcs8(out.key));
  SIGNET_TRY(CheckChain(out, *key, now));
  return out;
}

void PrintValidity(const std::string& what, const crypto::Certificate& certificate,
                   std::ostream& out) {
  out << what << " Valid After:\t" << TimeText(certificate.not_before) << "\n"
      << what << " Valid Until:\t" << TimeText(certificate.not_after) << "\n";
}

void PrintEach(const std::string& what, const Certificates& certificates, std::size_t from,
               std::ostream& out) {
  for (std::size_t i = from; i < certificates.size(); ++i) {
    PrintValidity(what + " #" + std::to_string(i - from + 1), certificates[i], out);
  }
}

std::string Pem(const Certificates& certificates) {
  std::string out;
  for (const crypto::Certificate& certificate : certificates) {
    out += crypto::PemEncode("CERTIFICATE", certificate.der);
  }
  return out;
}

// WriteOne writes a file and says so; `what` is e.g. "SVID #0".
Status WriteOne(const std::string& what, const std::string& path, std::string text,
                std::ostream& out) {
  const mode_t mode = what.starts_with("key") ? 0600 : 0644;
  out << "Writing " << what << " to file " << path << ".\n";
  const Status written = WriteFileAtomic(path, AsBytes(text), mode);
  WipeBytes({reinterpret_cast<std::uint8_t*>(text.data()), text.size()});
  return written;
}

}  // namespace

Result<ReceivedSvids> ReadSvids(const X509SVIDResponse& response, SystemTime now) {
  if (response.svids().empty()) {
    return InvalidArgument("the agent's answer holds no SVID");
  }
  ReceivedSvids out;
  for (const X509SVID& svid : response.svids()) {
    SIGNET_TRY_ASSIGN(ReceivedSvid read,
                      ReadSvid(svid, now).Context("SVID of \"" + svid.spiffe_id() + "\""));
    out.svids.push_back(std::move(read));
  }
  for (const auto& [trust_domain, bundle] : response.federated_bundles()) {
    SIGNET_TRY_ASSIGN(out.federated[trust_domain],
                      crypto::ParseCertificateList(AsBytes(bundle))
                          .Context("bundle of \"" + trust_domain + "\""));
  }
  return out;
}

void PrintSvids(const ReceivedSvids& received, Duration after, std::ostream& out) {
  const std::size_t count = received.svids.size();
  out << "Received " << count << (count == 1 ? " svid" : " svids") << " after "
      << MillisecondsText(after) << "\n";
  for (const ReceivedSvid& svid : received.svids) {
    out << "\nSPIFFE ID:\t\t" << svid.spiffe_id << "\n";
    if (!svid.hint.empty()) {
      out << "Hint:\t\t\t" << svid.hint << "\n";
    }
    PrintValidity("SVID", svid.chain.front(), out);
    PrintEach("Intermediate", svid.chain, 1, out);
    PrintEach("CA", svid.bundle, 0, out);
    for (const auto& [trust_domain, bundle] : received.federated) {
      PrintEach("[" + trust_domain + "] CA", bundle, 0, out);
    }
  }
  out << "\n";
}

Status WriteSvids(const ReceivedSvids& received, const std::string& folder, std::ostream& out) {
  for (std::size_t i = 0; i < received.svids.size(); ++i) {
    const ReceivedSvid& svid = received.svids[i];
    const std::string n = std::to_string(i);
    SIGNET_TRY(WriteOne("SVID #" + n, folder + "/svid." + n + ".pem", Pem(svid.chain), out));
    SIGNET_TRY(WriteOne("key #" + n, folder + "/svid." + n + ".key",
                        crypto::PemEncode("PRIVATE KEY", svid.key.RevealSecret()), out));
    SIGNET_TRY(WriteOne("bundle #" + n, folder + "/bundle." + n + ".pem", Pem(svid.bundle), out));
    std::size_t j = 0;
    for (const auto& [trust_domain, bundle] : received.federated) {
      const std::string m = std::to_string(j++);
      SIGNET_TRY(WriteOne("federated bundle #" + m + " for trust domain " + trust_domain,
                          folder + "/federated_bundle." + n + "." + m + ".pem", Pem(bundle), out));
    }
  }
  return {};
}

}  // namespace signet::agent_cmd
