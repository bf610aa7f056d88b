#include <set>

#include "signet/api/server/v1/changes.pb.h"
#include "spire/api/server/entry/v1/entry.pb.h"
#include "tests/ca/rpc/rpc_world.h"

using namespace signet;
using test::RpcWorld;
namespace entry_api = spire::api::server::entry::v1;
namespace changes = signet::api::server::v1;

namespace {

const std::string kSync = "/spire.api.server.entry.v1.Entry/SyncAuthorizedEntries";
const std::string kWatch = "/signet.api.server.v1.Changes/Watch";

/// AddEntries gives the agent n entries in one batch.
std::vector<std::string> AddEntries(RpcWorld& world, const spiffe::SpiffeId& agent, int n) {
  std::vector<service::EntryInput> inputs;
  for (int i = 0; i < n; ++i) {
    inputs.push_back(test::EntryOf("/w" + std::to_string(i), agent.path()));
  }
  std::vector<std::string> ids;
  for (const auto& result : world.entries.Create(inputs)) {
    REQUIRE_OK(result.status);
    ids.push_back(result.entry->id);
  }
  return ids;
}

entry_api::SyncAuthorizedEntriesResponse Parse(const std::string& message) {
  entry_api::SyncAuthorizedEntriesResponse response;
  REQUIRE(response.ParseFromString(message));
  return response;
}

}  // namespace

TEST_CASE("up to 500 entries come in one message, also none at all, and the stream ends") {
  const int count = GENERATE(0, 1, 500);
  RpcWorld world;
  const auto agent = world.Attest("t");
  AddEntries(world, agent.id, count);
  auto [call, handler] = world.OpenCall(RpcWorld::TlsPeer(agent.svid.chain), kSync);
  handler->OnMessage("");
  CHECK(call->WaitFinished().code == Code::kOk);
  const auto messages = call->WaitMessages(1);
  REQUIRE(messages.size() == 1);
  const auto response = Parse(messages[0]);
  CHECK(response.entries_size() == count);
  CHECK(response.entry_revisions_size() == 0);
  CHECK_FALSE(response.more());
  handler->OnDone();
}

TEST_CASE("over 500 entries come as revisions first, then as asked for, in pages of 500") {
  RpcWorld world;
  const auto agent = world.Attest("t");
  const auto ids = AddEntries(world, agent.id, 1001);
  auto [call, handler] = world.OpenCall(RpcWorld::TlsPeer(agent.svid.chain), kSync);
  entry_api::SyncAuthorizedEntriesRequest open;
  open.mutable_output_mask()->set_revision_number(true);
  open.mutable_output_mask()->set_hint(true);
  handler->OnMessage(open.SerializeAsString());
  auto messages = call->WaitMessages(3);
  REQUIRE(messages.size() == 3);
  std::set<std::string> revised;
  for (std::size_t i = 0; i < 3; ++i) {
    const auto page = Parse(messages[i]);
    CHECK(page.entries_size() == 0);
    CHECK(page.entry_revisions_size() == (i == 2 ? 1 : 500));
    CHECK(page.more() == (i != 2));
    for (const auto& revision : page.entry_revisions()) {
      CHECK(revision.created_at() != 0);
      revised.insert(revision.id());
    }
  }
  CHECK(revised == std::set<std::string>(ids.begin(), ids.end()));

  entry_api::SyncAuthorizedEntriesRequest ask;
  for (int i = 0; i < 501; ++i) {
    ask.add_ids(ids[static_cast<std::size_t>(i)]);
  }
  ask.add_ids("unknown");
  handler->OnMessage(ask.SerializeAsString());
  messages = call->WaitMessages(5);
  REQUIRE(messages.size() == 5);
  CHECK(Parse(messages[3]).entries_size() == 500);
  CHECK(Parse(messages[3]).more());
  CHECK(Parse(messages[4]).entries_size() == 1);
  CHECK_FALSE(Parse(messages[4]).more());
  CHECK_FALSE(Parse(messages[4]).entries(0).has_spiffe_id());  // the first mask keeps applying

  entry_api::SyncAuthorizedEntriesRequest nothing;
  nothing.add_ids("unknown");
  handler->OnMessage(nothing.SerializeAsString());
  messages = call->WaitMessages(6);
  REQUIRE(messages.size() == 6);
  CHECK(Parse(messages[5]).entries_size() == 0);
  handler->OnHalfClose();
  CHECK(call->WaitFinished().code == Code::kOk);
  handler->OnDone();
}

TEST_CASE("a first sync request with ids, or that masks the revision, is refused") {
  RpcWorld world;
  const auto agent = world.Attest("t");
  const auto refused = [&](const entry_api::SyncAuthorizedEntriesRequest& request) {
    auto [call, handler] = world.OpenCall(RpcWorld::TlsPeer(agent.svid.chain), kSync);
    handler->OnMessage(request.SerializeAsString());
    const auto status = call->WaitFinished();
    handler->OnDone();
    return status.code;
  };
  entry_api::SyncAuthorizedEntriesRequest with_ids;
  with_ids.add_ids("x");
  CHECK(refused(with_ids) == Code::kInvalidArgument);
  entry_api::SyncAuthorizedEntriesRequest masked;
  masked.mutable_output_mask()->set_hint(true);
  CHECK(refused(masked) == Code::kInvalidArgument);
}

TEST_CASE("a watching agent is told at once, at each change, and when it is banned") {
  RpcWorld world;
  const auto agent = world.Attest("t");
  auto [call, handler] = world.OpenCall(RpcWorld::TlsPeer(agent.svid.chain), kWatch);
  REQUIRE(call->WaitMessages(1).size() == 1);
  world.Create(test::EntryOf("/web", agent.id.path()));
  const auto messages = call->WaitMessages(2);
  REQUIRE(messages.size() == 2);
  changes::WatchResponse first;
  changes::WatchResponse second;
  REQUIRE(first.ParseFromString(messages[0]));
  REQUIRE(second.ParseFromString(messages[1]));
  CHECK(second.revision() == first.revision() + 1);

  const std::string authority = world.authorities->issuer()->authority_id();
  CHECK_FALSE(world.records.Acknowledged(authority));
  changes::WatchRequest acknowledge;
  acknowledge.add_x509_authority_ids(authority);
  handler->OnMessage(acknowledge.SerializeAsString());
  CHECK(world.records.Acknowledged(authority));

  REQUIRE_OK(world.agents.Ban(test::IdOf(agent.id.path())));
  const auto status = call->WaitFinished();
  CHECK(status.code == Code::kPermissionDenied);
  CHECK_FALSE(status.details.empty());
  handler->OnDone();
  CHECK(world.hub.watching() == 0);
}

TEST_CASE("an acknowledgement is bounded") {
  RpcWorld world;
  const auto agent = world.Attest("t");
  auto [call, handler] = world.OpenCall(RpcWorld::TlsPeer(agent.svid.chain), kWatch);
  changes::WatchRequest acknowledge;
  acknowledge.add_x509_authority_ids(std::string(65, 'a'));
  handler->OnMessage(acknowledge.SerializeAsString());
  CHECK(call->WaitFinished().code == Code::kInvalidArgument);
  handler->OnDone();
}
