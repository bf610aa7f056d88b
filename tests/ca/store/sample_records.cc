#include "tests/ca/store/sample_records.h"

namespace signet::store::test {

spiffe::SpiffeId Id(const std::string& text) { return spiffe::SpiffeId::Parse(text).value(); }
spiffe::TrustDomain Domain(const std::string& name) {
  return spiffe::TrustDomain::Parse(name).value();
}

Entry SampleEntry(std::int64_t row) {
  const std::string n = std::to_string(row);
  return {.row = row,
          .id = "entry-" + n,
          .spiffe_id = Id("spiffe://example.org/ns/Prod/sa/web-" + n),
          .parent_id = Id("spiffe://example.org/spire/agent/k8s_psat/c/" + n),
          .selectors = {{"unix", "uid:1000"}, {"k8s", "ns:größe'); DROP TABLE entries;--"}},
          .x509_svid_ttl = 2'147'483'647,
          .jwt_svid_ttl = 301,
          .federates_with = {Domain("z.example"), Domain("a.example")},
          .admin = true,
          .downstream = true,
          .store_svid = true,
          .expires_at = 4'102'444'800,
          .dns_names = {"web.example.org", "*.web.example.org"},
          .hint = std::string("in\0ner", 6),
          .revision_number = 7,
          .created_at = 1'790'000'000 + row,
          .additional_attributes = AdditionalAttributes{.disable_x509_svid_prefetch = row % 2 == 0,
                                                        .jwt_svid_include_jti = true}};
}

Agent SampleAgent(std::int64_t row) {
  const std::string n = std::to_string(row);
  return {.row = row,
          .id = Id("spiffe://example.org/spire/agent/join_token/" + n),
          .attestation_type = "join_token",
          .serial = "340282366920938463463374607431768" + n,
          .not_after = 1'790'003'600,
          .pending_serial = "11" + n,
          .pending_not_after = 1'790'007'200,
          .can_reattest = true,
          .selectors = {{"x509pop", "subject:cn:" + n}, {"a", "b"}},
          .version = "1.12.0"};
}

StoredBundle SampleBundle(std::int64_t row) {
  return {.row = row,
          .bundle = {.trust_domain = Domain("td" + std::to_string(row) + ".example"),
                     .x509_authorities = {{.der = {0x30, 0x00, 0xff}, .tainted = true},
                                          {.der = {0x30, 0x01, 0x00}, .tainted = false}},
                     .jwt_authorities = {{.spki = {0x30, 0x02, 0x00, 0x00},
                                          .key_id = "kid",
                                          .expires_at = 1'790'000'001,
                                          .tainted = true}},
                     .sequence = 0xffff'ffff'ffff'fff0,
                     .refresh_hint_seconds = 300}};
}

Journal SampleJournal() {
  return {.x509 = {{.authority_id = "00aa",
                    .key_id = "x509-CA-A",
                    .status = SlotStatus::kActive,
                    .certificate = {0x30, 0x03},
                    .issued_at = 1'790'000'000,
                    .activated_at = 1'790'000'010,
                    .not_after = 1'790'086'400},
                   {.authority_id = "00bb",
                    .key_id = "x509-CA-B",
                    .status = SlotStatus::kOld,
                    .certificate = {0x30, 0x04},
                    .issued_at = 1'780'000'000,
                    .activated_at = 1'780'000'010,
                    .not_after = 1'780'086'400}}};
}

}  // namespace signet::store::test
