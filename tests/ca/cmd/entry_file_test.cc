#include "ca/cmd/entry_file.h"

#include "spire/api/types/entry.pb.h"
#include "tests/support/result.h"

namespace signet::ca_cmd {
namespace {

TEST_CASE("an entry file in SPIRE's shape is read whole") {
  const auto entries = ParseEntryFile(R"({"entries": [{
      "selectors": [{"type": "unix", "value": "uid:1111"}],
      "spiffe_id": "spiffe://example.org/w", "parent_id": "spiffe://example.org/p",
      "x509_svid_ttl": 200, "jwt_svid_ttl": 30, "federates_with": ["spiffe://b", "c"],
      "entry_id": "mine", "admin": true, "downstream": true, "entryExpiry": 1900000000,
      "dns_names": ["a.b"], "store_svid": true, "hint": "h", "revision_number": 4,
      "created_at": 5, "additional_attributes": {"disable_x509_svid_prefetch": true}}]})");
  REQUIRE_OK(entries);
  REQUIRE(entries->size() == 1);
  CHECK(entries->front().ShortDebugString() ==
        "id: \"mine\" spiffe_id { trust_domain: \"example.org\" path: \"/w\" } parent_id { "
        "trust_domain: \"example.org\" path: \"/p\" } selectors { type: \"unix\" value: "
        "\"uid:1111\" } x509_svid_ttl: 200 federates_with: \"b\" federates_with: \"c\" admin: true "
        "downstream: true expires_at: 1900000000 dns_names: \"a.b\" store_svid: true "
        "jwt_svid_ttl: 30 hint: \"h\" additional_attributes { disable_x509_svid_prefetch: true }");
}

TEST_CASE("a wrong entry file is refused with the entry and the member") {
  const std::string whole =
      R"("spiffe_id": "spiffe://e/w", "parent_id": "spiffe://e/p", "selectors": [])";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "not valid JSON"},
      {"[]", "expects {\"entries\": […]}"},
      {"{}", "expects {\"entries\": […]}"},
      {R"({"entries": {}})", "expects {\"entries\": […]}"},
      {R"({"entries": [], "x": 1})", "and nothing else"},
      {R"({"entries": [], "entries": []})", "member \"entries\" is there twice"},
      {R"({"entries": [7]})", "entries[0]: expects an object"},
      {R"({"entries": [{}]})", "entries[0]: spiffe_id is missing"},
      {"{\"entries\": [{" + whole + "}, {" + whole + ", \"hnit\": \"x\"}]}",
       "entries[1]: unknown member \"hnit\"; did you mean \"hint\"?"},
      {"{\"entries\": [{" + whole + ", \"hint\": 7}]}", "entries[0]: hint: expects a string"},
      {"{\"entries\": [{" + whole + ", \"admin\": 1}]}", "admin: expects true or false"},
      {"{\"entries\": [{" + whole + ", \"x509_svid_ttl\": -1}]}", "x509_svid_ttl: expects a whole"},
      {"{\"entries\": [{" + whole + ", \"x509_svid_ttl\": 2147483648}]}", "0 to 2147483647"},
      {"{\"entries\": [{" + whole + ", \"x509_svid_ttl\": 1.5}]}",
       "x509_svid_ttl: expects a whole"},
      {"{\"entries\": [{" + whole + ", \"dns_names\": \"a\"}]}", "dns_names: expects a list"},
      {"{\"entries\": [{" + whole + ", \"additional_attributes\": {\"x\": true}}]}",
       "additional_attributes: unknown member \"x\""},
      {R"({"entries": [{"selectors": [{"type": "a"}]}]})", "selectors: expects a list of"},
      {R"({"entries": [{"selectors": [{"type": "", "value": "b"}]}]})", "selectors: "},
      {R"({"entries": [{"spiffe_id": "x"}]})", "entries[0]: spiffe_id: "},
      {R"({"entries": [[[[[[[[[[]]]]]]]]]]})", "nested too deep"},
  };
  for (const auto& [json, want] : cases) {
    INFO(json);
    REQUIRE_ERROR(ParseEntryFile(json), Code::kInvalidArgument, want);
  }
}

TEST_CASE("an ID file lists IDs") {
  const auto ids = ParseIdFile(R"({"ids": ["a", "b"]})");
  REQUIRE_OK(ids);
  CHECK(*ids == std::vector<std::string>{"a", "b"});
  REQUIRE_ERROR(ParseIdFile(R"({"ids": [1]})"), Code::kInvalidArgument, "ids: expects a string");
}

}  // namespace
}  // namespace signet::ca_cmd
