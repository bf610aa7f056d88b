#include <fstream>

#include "spire/api/server/entry/v1/entry.pb.h"
#include "tests/ca/cmd/fake_server.h"
#include "tests/support/result.h"
#include "tests/support/temp_dir.h"

namespace signet::ca_cmd {
namespace {

namespace entry_v1 = spire::api::server::entry::v1;
using spire::api::types::Entry;
using test::FakeServer;

Entry SmallEntry(const std::string& id, const std::string& path) {
  Entry entry;
  entry.set_id(id);
  entry.mutable_spiffe_id()->set_trust_domain("example.org");
  entry.mutable_spiffe_id()->set_path(path);
  entry.mutable_parent_id()->set_trust_domain("example.org");
  entry.mutable_parent_id()->set_path("/spire/agent/x");
  auto* selector = entry.add_selectors();
  selector->set_type("unix");
  selector->set_value("uid:1000");
  return entry;
}

const std::vector<std::string> kCreate = {"entry",     "create",
                                          "-spiffeID", "spiffe://example.org/web",
                                          "-parentID", "spiffe://example.org/spire/agent/x",
                                          "-selector", "unix:uid:1000"};

std::vector<std::string> With(std::vector<std::string> base, const std::vector<std::string>& more) {
  base.insert(base.end(), more.begin(), more.end());
  return base;
}

TEST_CASE("entry create sends every flag and prints the entry that the server made") {
  FakeServer server;
  entry_v1::BatchCreateEntryResponse response;
  *response.add_results()->mutable_entry() = SmallEntry("e1", "/web");
  server.Answer("BatchCreateEntry", response);
  const auto done = server.Run(With(kCreate, {"-selector",
                                              "unix:gid:7",
                                              "-x509SVIDTTL",
                                              "60",
                                              "-jwtSVIDTTL=30",
                                              "-dns",
                                              "a.b",
                                              "-federatesWith",
                                              "spiffe://other",
                                              "-admin",
                                              "-downstream",
                                              "-storeSVID",
                                              "-entryExpiry",
                                              "1900000000",
                                              "-entryID",
                                              "mine",
                                              "-hint",
                                              "h",
                                              "-disableX509SVIDPrefetch",
                                              "-jwtSVIDIncludeJTI",
                                              "-socketPath",
                                              "/s"}));
  CHECK(done.code == 0);
  CHECK(server.socket_path == "/s");
  REQUIRE(server.calls.size() == 1);
  CHECK(server.calls[0].first == "/spire.api.server.entry.v1.Entry/BatchCreateEntry");
  CHECK(server.calls[0].second ==
        "entries { id: \"mine\" spiffe_id { trust_domain: \"example.org\" path: \"/web\" } "
        "parent_id { trust_domain: \"example.org\" path: \"/spire/agent/x\" } "
        "selectors { type: \"unix\" value: \"uid:1000\" } "
        "selectors { type: \"unix\" value: \"gid:7\" } x509_svid_ttl: 60 "
        "federates_with: \"other\" admin: true downstream: true expires_at: 1900000000 "
        "dns_names: \"a.b\" store_svid: true jwt_svid_ttl: 30 hint: \"h\" "
        "additional_attributes { disable_x509_svid_prefetch: true jwt_svid_include_jti: true } }");
  CHECK(done.out ==
        "Entry ID                : e1\n"
        "SPIFFE ID               : spiffe://example.org/web\n"
        "Parent ID               : spiffe://example.org/spire/agent/x\n"
        "Revision                : 0\n"
        "X509-SVID TTL           : default\n"
        "JWT-SVID TTL            : default\n"
        "Selector                : unix:uid:1000\n\n");
}

TEST_CASE("entry create -node puts the entry under the server") {
  FakeServer server;
  entry_v1::BatchCreateEntryResponse response;
  response.add_results();
  server.Answer("BatchCreateEntry", response);
  server.Run(
      {"entry", "create", "-node", "-spiffeID", "spiffe://example.org/n", "-selector", "a:b"});
  REQUIRE(server.calls.size() == 1);
  CHECK_THAT(
      server.calls[0].second,
      Catch::Contains("parent_id { trust_domain: \"example.org\" path: \"/spire/server\" }"));
}

TEST_CASE("a wrong entry flag is told without a call") {
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{"entry", "create"}, "-spiffeID is required"},
      {{"entry", "create", "-spiffeID", "http://x"}, "-spiffeID: "},
      {{"entry", "create", "-spiffeID", "spiffe://a/b"}, "at least one -selector"},
      {{"entry", "create", "-spiffeID", "spiffe://a/b", "-selector", "x"}, "-selector: "},
      {{"entry", "create", "-spiffeID", "spiffe://a/b", "-selector", "a:b"},
       "-parentID is required"},
      {With(kCreate, {"-x509SVIDTTL", "1h"}), "-x509SVIDTTL takes a whole number"},
      {With(kCreate, {"-jwtSVIDTTL", "-1"}), "-jwtSVIDTTL takes a whole number"},
      {With(kCreate, {"-x509SVIDTTL", "2147483648"}), "0 to 2147483647"},
      {With(kCreate, {"-federatesWith", "NO"}), "-federatesWith: "},
      {With(kCreate, {"-node", "-federatesWith", "b"}), "do not go together"},
      {With(kCreate, {"-output", "xml"}), "-output expects"},
      {{"entry", "update", "-spiffeID", "spiffe://a/b"}, "-entryID is required"},
      {{"entry", "delete"}, "-entryID or -file is required"},
      {{"entry", "show", "-entryID", "x", "-spiffeID", "spiffe://a/b"},
       "does not go with -spiffeID"},
      {{"entry", "show", "-matchSelectorsOn", "all"}, "expects exact, any, superset or subset"},
      {{"entry", "count", "-selector", "x"}, "-selector: "},
      {{"entry", "create", "-data", "/nonexistent.json"}, "/nonexistent.json"},
  };
  for (const auto& [arguments, want] : cases) {
    INFO(want);
    FakeServer server;
    const auto done = server.Run(arguments);
    CHECK(done.code == config::kExitFailed);
    CHECK_THAT(done.err, Catch::Contains(want));
    CHECK(server.calls.empty());
  }
}

TEST_CASE("an entry that the server refuses is shown with the reason, and the command fails") {
  FakeServer server;
  entry_v1::BatchCreateEntryResponse response;
  auto* status = response.add_results()->mutable_status();
  status->set_code(6);
  status->set_message("similar entry already exists");
  server.Answer("BatchCreateEntry", response);
  const auto done = server.Run(kCreate);
  CHECK(done.code == 1);
  CHECK(done.out.empty());
  CHECK_THAT(done.err, Catch::Contains("Failed to create the following entry (code: AlreadyExists, "
                                       "msg: \"similar entry already exists\"):\n"
                                       "Entry ID                : (none)\n"
                                       "SPIFFE ID               : spiffe://example.org/web\n"));
  CHECK_THAT(done.err, Catch::Contains("Error: failed to create one or more entries"));
  const auto json = server.Run(With(kCreate, {"-output", "json"}));
  CHECK(json.code == 1);
  CHECK_THAT(json.out, Catch::Contains("\"code\":6"));
}

TEST_CASE("entry create -data reads a file or standard input and sends batches of 500") {
  std::string json = "{\"entries\": [";
  for (int i = 0; i < 501; ++i) {
    json += (i == 0 ? "" : ",") +
            std::string(
                "{\"spiffe_id\": \"spiffe://example.org/w\", \"parent_id\": "
                "\"spiffe://example.org/p\", \"selectors\": [{\"type\": \"unix\", "
                "\"value\": \"uid:") +
            std::to_string(i) + "\"}]}";
  }
  json += "]}";
  FakeServer server;
  entry_v1::BatchCreateEntryResponse first;
  for (int i = 0; i < 500; ++i) {
    first.add_results();
  }
  entry_v1::BatchCreateEntryResponse second;
  second.add_results();
  server.Answer("BatchCreateEntry", first);
  server.Answer("BatchCreateEntry", second);
  CHECK(server.Run({"entry", "create", "-data", "-"}, json).code == 0);
  REQUIRE(server.calls.size() == 2);
  CHECK_THAT(server.calls[1].second, Catch::Contains("uid:500"));

  signet::test::TempDir dir;
  std::ofstream(dir.File("e.json")) << "{\"entries\": [{}]}";
  const auto done = server.Run({"entry", "create", "-data", dir.File("e.json")});
  CHECK(done.code == 1);
  CHECK_THAT(done.err, Catch::Contains("e.json: entries[0]: spiffe_id is missing"));
}

TEST_CASE("an update keeps the attributes that no flag states") {
  FakeServer server;
  Entry existing = SmallEntry("e1", "/web");
  existing.mutable_additional_attributes()->set_jwt_svid_include_jti(true);
  server.Answer("GetEntry", existing);
  entry_v1::BatchUpdateEntryResponse response;
  *response.add_results()->mutable_entry() = existing;
  server.Answer("BatchUpdateEntry", response);
  std::vector<std::string> arguments =
      With(kCreate, {"-entryID", "e1", "-disableX509SVIDPrefetch"});
  arguments[1] = "update";
  CHECK(server.Run(arguments).code == 0);
  REQUIRE(server.calls.size() == 2);
  CHECK(server.calls[0].second == "id: \"e1\"");
  CHECK_THAT(server.calls[1].second,
             Catch::Contains("additional_attributes { disable_x509_svid_prefetch: true "
                             "jwt_svid_include_jti: true }"));
}

TEST_CASE("entry show follows pages, sorts, and filters as asked") {
  FakeServer server;
  entry_v1::ListEntriesResponse page;
  *page.add_entries() = SmallEntry("2", "/b");
  page.set_next_page_token("next");
  server.Answer("ListEntries", page);
  entry_v1::ListEntriesResponse last;
  *last.add_entries() = SmallEntry("1", "/a");
  server.Answer("ListEntries", last);
  const auto done =
      server.Run({"entry", "show", "-selector", "a:b", "-matchSelectorsOn", "exact", "-hint", "h",
                  "-federatesWith", "other", "-downstream=false", "-parentID", "spiffe://t/p"});
  CHECK(done.code == 0);
  REQUIRE(server.calls.size() == 2);
  CHECK(server.calls[0].second ==
        "filter { by_parent_id { trust_domain: \"t\" path: \"/p\" } by_selectors { selectors { "
        "type: \"a\" value: \"b\" } } by_federates_with { trust_domains: \"other\" match: "
        "MATCH_SUPERSET } by_hint { value: \"h\" } by_downstream { } } page_size: 500");
  CHECK_THAT(server.calls[1].second, Catch::Contains("page_token: \"next\""));
  CHECK_THAT(done.out, Catch::StartsWith("Found 2 entries\nEntry ID                : 1\n"));
}

TEST_CASE("entry show by ID, count and delete print what SPIRE's do") {
  FakeServer server;
  server.Answer("GetEntry", SmallEntry("e1", "/web"));
  CHECK_THAT(server.Run({"entry", "show", "-entryID", "e1"}).out,
             Catch::StartsWith("Found 1 entry\n"));

  entry_v1::CountEntriesResponse count;
  count.set_count(1);
  server.Answer("CountEntries", count);
  CHECK(server.Run({"entry", "count"}).out == "1 registration entry\n");
  CHECK(server.Run({"entry", "count", "-output=json"}).out == "{\"count\":1}\n");

  entry_v1::BatchDeleteEntryResponse deleted;
  deleted.add_results()->set_id("e1");
  auto* missing = deleted.add_results();
  missing->set_id("e2");
  missing->mutable_status()->set_code(5);
  missing->mutable_status()->set_message("entry not found");
  server.Answer("BatchDeleteEntry", deleted);
  const auto done = server.Run({"entry", "delete", "-file", "-"}, R"({"ids": ["e1", "e2"]})");
  CHECK(done.code == 1);
  CHECK(server.calls.back().second == "ids: \"e1\" ids: \"e2\"");
  CHECK(done.out == "Deleted entry with ID: e1\nDeleted 1 entries successfully\n");
  CHECK_THAT(done.err, Catch::Contains("Failed to delete entry with ID e2 (code: NotFound, msg: "
                                       "\"entry not found\")"));
}

TEST_CASE("the server's error reaches the user") {
  FakeServer server;
  server.Fail("GetEntry", NotFound("entry not found"));
  const auto done = server.Run({"entry", "show", "-entryID", "x"});
  CHECK(done.code == 1);
  CHECK(done.err == "Error: entry not found\n");
}

TEST_CASE("a server that answers too few results is not believed") {
  FakeServer server;
  server.Answer("BatchCreateEntry", entry_v1::BatchCreateEntryResponse());
  CHECK_THAT(server.Run(kCreate).err, Catch::Contains("0 results to 1 items"));
}

}  // namespace
}  // namespace signet::ca_cmd
