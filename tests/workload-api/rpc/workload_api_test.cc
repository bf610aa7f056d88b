// What the SPIFFE specifications ask of the Workload API and its endpoint: docs/conformance.md.
#include <google/protobuf/descriptor.h>

#include <map>
#include <set>

#include "tests/workload-api/rpc/world.h"

namespace signet::agent_rpc {
namespace {

using namespace test;
using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;
using google::protobuf::MethodDescriptor;

constexpr char kSvids[] = "/SpiffeWorkloadAPI/FetchX509SVID";
constexpr char kBundles[] = "/SpiffeWorkloadAPI/FetchX509Bundles";
constexpr char kHeader[] = "workload.spiffe.io";

X509SVIDResponse Svids(const std::string& message) {
  X509SVIDResponse response;
  REQUIRE(response.ParseFromString(message));
  return response;
}

X509BundlesResponse Bundles(const std::string& message) {
  X509BundlesResponse response;
  REQUIRE(response.ParseFromString(message));
  return response;
}

using Metadata = std::vector<std::pair<std::string, std::string>>;

Code Judge(const std::string& method, const Metadata& metadata) {
  rpc::CallInfo info;
  info.method = method;
  for (const auto& [name, value] : metadata) {
    info.metadata.Add(name, value);
  }
  return RequireSecurityHeader()(info).code;
}

TEST_CASE("EP-06: without exactly one header of exactly that value a call is INVALID_ARGUMENT") {
  const std::vector<Metadata> wrong = {
      {},
      {{kHeader, "True"}},
      {{kHeader, "TRUE"}},
      {{kHeader, "1"}},
      {{kHeader, ""}},
      {{kHeader, "true "}},
      {{kHeader, "true,true"}},
      {{kHeader, "false"}},
      {{kHeader, "true"}, {kHeader, "true"}},
      {{kHeader, "true"}, {kHeader, "false"}},
      {{"Workload.spiffe.io", "true"}},
      {{"broker.spiffe.io", "true"}},
  };
  for (const char* method : {kSvids, kBundles, "/SpiffeWorkloadAPI/FetchJWTSVID",
                             "/SpiffeWorkloadAPI/FetchWITSVID", "/SpiffeWorkloadAPI/Nothing"}) {
    for (const Metadata& metadata : wrong) {
      INFO(method << ", " << (metadata.empty() ? "none" : metadata[0].second));
      CHECK(Judge(method, metadata) == Code::kInvalidArgument);
    }
    CHECK(Judge(method, {{"user-agent", "x"}, {kHeader, "true"}}) == Code::kOk);
  }
}

TEST_CASE("EP-18, WL-01, WL-35: the methods of profiles that are off are UNIMPLEMENTED") {
  World world;
  for (const char* name :
       {"FetchJWTSVID", "FetchJWTBundles", "ValidateJWTSVID", "FetchWITSVID", "FetchWITBundles"}) {
    INFO(name);
    const auto call = world.Open(std::string("/SpiffeWorkloadAPI/") + name);
    CHECK(call->WaitFinished().code == Code::kUnimplemented);
    CHECK(call->WaitMessages(0).empty());
  }
  CHECK(world.attestor.asked() == 0);
}

/// Signature is a method as the specification writes it.
std::string Signature(const MethodDescriptor& method) {
  CHECK_FALSE(method.client_streaming());
  return method.name() + "(" + method.input_type()->name() + ") " +
         (method.server_streaming() ? "stream " : "") + method.output_type()->name();
}

std::string TypeOf(const FieldDescriptor& field) {
  if (field.is_map()) {
    const Descriptor& entry = *field.message_type();
    return std::string("map ") + entry.map_key()->type_name() + " " +
           entry.map_value()->type_name();
  }
  const bool message = field.type() == FieldDescriptor::TYPE_MESSAGE;
  return (field.is_repeated() ? "repeated " : "") +
         std::string(message ? field.message_type()->full_name() : field.type_name());
}

std::set<std::string> FieldsOf(const Descriptor& message) {
  std::set<std::string> fields;
  for (int i = 0; i < message.field_count(); ++i) {
    const FieldDescriptor& field = *message.field(i);
    fields.insert(std::to_string(field.number()) + " " + field.name() + " " + TypeOf(field));
  }
  return fields;
}

TEST_CASE("EP-19, EP-20, WL-02: the service is the specification's, with nothing added") {
  const FileDescriptor& file = *X509SVIDRequest::descriptor()->file();
  REQUIRE(file.service_count() == 1);
  CHECK(file.service(0)->full_name() == "SpiffeWorkloadAPI");
  std::set<std::string> signatures;
  std::set<std::string> paths;
  for (int i = 0; i < file.service(0)->method_count(); ++i) {
    signatures.insert(Signature(*file.service(0)->method(i)));
    paths.insert("/SpiffeWorkloadAPI/" + file.service(0)->method(i)->name());
  }
  CHECK(signatures ==
        std::set<std::string>{"FetchX509SVID(X509SVIDRequest) stream X509SVIDResponse",
                              "FetchX509Bundles(X509BundlesRequest) stream X509BundlesResponse",
                              "FetchJWTSVID(JWTSVIDRequest) JWTSVIDResponse",
                              "FetchJWTBundles(JWTBundlesRequest) stream JWTBundlesResponse",
                              "ValidateJWTSVID(ValidateJWTSVIDRequest) ValidateJWTSVIDResponse",
                              "FetchWITSVID(WITSVIDRequest) stream WITSVIDResponse",
                              "FetchWITBundles(WITBundlesRequest) stream WITBundlesResponse"});

  const std::map<std::string, std::set<std::string>> messages = {
      {"X509SVIDRequest", {}},
      {"X509SVIDResponse",
       {"1 svids repeated X509SVID", "2 crl repeated bytes",
        "3 federated_bundles map string bytes"}},
      {"X509SVID",
       {"1 spiffe_id string", "2 x509_svid bytes", "3 x509_svid_key bytes", "4 bundle bytes",
        "5 hint string"}},
      {"X509BundlesRequest", {}},
      {"X509BundlesResponse", {"1 crl repeated bytes", "2 bundles map string bytes"}},
      {"JWTSVIDRequest", {"1 audience repeated string", "2 spiffe_id string"}},
      {"JWTSVIDResponse", {"1 svids repeated JWTSVID"}},
      {"JWTSVID", {"1 spiffe_id string", "2 svid string", "3 hint string"}},
      {"JWTBundlesRequest", {}},
      {"JWTBundlesResponse", {"1 bundles map string bytes"}},
      {"ValidateJWTSVIDRequest", {"1 audience string", "2 svid string"}},
      {"ValidateJWTSVIDResponse", {"1 spiffe_id string", "2 claims google.protobuf.Struct"}},
      {"WITSVIDRequest", {"1 spiffe_id string"}},
      {"WITSVIDResponse", {"1 svids repeated WITSVID"}},
      {"WITSVID",
       {"1 spiffe_id string", "2 wit_svid string", "3 wit_svid_key string", "4 hint string"}},
      {"WITBundlesRequest", {}},
      {"WITBundlesResponse", {"1 bundles map string string"}},
  };
  CHECK(file.message_type_count() == static_cast<int>(messages.size()));
  for (const auto& [name, fields] : messages) {
    INFO(name);
    const Descriptor* const message = file.FindMessageTypeByName(name);
    REQUIRE(message != nullptr);
    CHECK(FieldsOf(*message) == fields);
  }

  World world;
  std::set<std::string> served;
  for (const std::string& method : world.methods.Methods()) {
    if (method.starts_with("/SpiffeWorkloadAPI/")) {
      served.insert(method);
    }
  }
  CHECK(served == paths);
}

TEST_CASE("EP-04: who does not come through a Unix socket gets no identity") {
  World world;
  world.attestor.Answer(InPod({kNs}));
  auto peer = std::make_shared<rpc::Peer>();
  peer->address = "127.0.0.1";
  for (const char* method : {kSvids, kBundles}) {
    const auto call = world.OpenFrom(peer, method, "");
    CHECK(call->WaitFinished().code == Code::kPermissionDenied);
    CHECK(call->WaitMessages(0).empty());
  }
  CHECK(world.attestor.asked() == 0);
}

TEST_CASE("EP-16: an agent that is not ready, or carries all it can, is UNAVAILABLE") {
  World world({.max_streams = 1});
  world.attestor.Answer(InPod({kNs}));
  const auto first = world.Open();
  REQUIRE(first->WaitMessages(1).size() == 1);
  CHECK(world.Open()->WaitFinished().code == Code::kUnavailable);
  CHECK_FALSE(first->over());

  svids::Hub early("waiting for the server");
  WorkloadApi starting(early, world.attestor, world.logger);
  starting.AddTo(world.methods);
  const rpc::RpcStatus status = world.Open(kBundles)->WaitFinished();
  CHECK(status.code == Code::kUnavailable);
  CHECK(status.message == "waiting for the server");
  for (const auto& handler : world.handlers) {
    handler->OnDone();
  }
  world.handlers.clear();
}

TEST_CASE("EP-17, WL-20, WL-23: without identity neither SVIDs nor bundles, also in mid-stream") {
  World world;
  world.attestor.Answer(InPod({{"k8s", "ns:other"}}));
  CHECK(world.Open(kSvids)->WaitFinished().code == Code::kPermissionDenied);
  CHECK(world.Open(kBundles)->WaitFinished().code == Code::kPermissionDenied);

  world.attestor.Answer(InPod({kNs}));
  const auto svids = world.Open(kSvids);
  const auto bundles = world.Open(kBundles);
  REQUIRE(svids->WaitMessages(1).size() == 1);
  REQUIRE(bundles->WaitMessages(1).size() == 1);
  world.cache.SetEntries({world.app});
  world.Publish();
  CHECK(svids->WaitFinished().code == Code::kPermissionDenied);
  CHECK(bundles->WaitFinished().code == Code::kPermissionDenied);
  CHECK(svids->WaitMessages(1).size() == 1);
}

TEST_CASE("WL-04, WL-41: each message has all identities, in an order that rotation keeps") {
  World world;
  world.pod.created_at = 200;  // the younger one, though its id comes first
  world.cache.SetEntries({world.pod, world.app});
  world.Publish();
  world.attestor.Answer(InPod({kNs, kContainer}));
  const auto call = world.Open();
  const std::vector<std::string> order = {"spiffe://example.org/app", "spiffe://example.org/pod"};
  REQUIRE(call->WaitMessages(1).size() == 1);
  CHECK(Ids(call->WaitMessages(1)[0]) == order);

  const auto renew = [&](const svids::Entry& entry, const std::string& name, std::size_t messages) {
    world.cache.PutSvid(entry, FakeSvid(name));
    world.Publish();
    REQUIRE(call->WaitMessages(messages).size() == messages);
    const std::string last = call->WaitMessages(messages).back();
    CHECK(Ids(last) == order);
    return Svids(last);
  };
  const X509SVIDResponse pod_renewed = renew(world.pod, "pod 2", 2);
  CHECK(pod_renewed.svids(0).x509_svid() == "chain of app");
  CHECK(pod_renewed.svids(1).x509_svid() == "chain of pod 2");
  const X509SVIDResponse app_renewed = renew(world.app, "app 2", 3);
  CHECK(app_renewed.svids(0).x509_svid() == "chain of app 2");
  CHECK(app_renewed.svids(1).x509_svid() == "chain of pod 2");
}

TEST_CASE("WL-05, WL-06: the first message comes unasked, the next when something has changed") {
  World world;
  world.attestor.Answer(InPod({kNs}));
  const auto svids = world.Open(kSvids);
  const auto bundles = world.Open(kBundles);
  REQUIRE(svids->WaitMessages(1).size() == 1);
  REQUIRE(bundles->WaitMessages(1).size() == 1);

  world.Publish();  // nothing new: what comes second is the next change
  world.cache.SetBundle(FakeBundle("example.org", "root1root2"));
  world.Publish();
  REQUIRE(svids->WaitMessages(2).size() == 2);
  CHECK(Svids(svids->WaitMessages(2)[1]).svids(0).bundle() == "root1root2");
  REQUIRE(bundles->WaitMessages(2).size() == 2);
  CHECK(Bundles(bundles->WaitMessages(2)[1]).bundles().at("spiffe://example.org") == "root1root2");
}

TEST_CASE("FED-07, FED-11, WL-22: bundles come by trust domain, the own one among them, apart") {
  World world;
  world.pod.federates_with = {Td("other.org"), Td("unknown.org")};
  world.cache.SetEntries({world.pod, world.app});
  world.cache.SetBundle(FakeBundle("other.org", "theirs"));
  world.cache.SetBundle(FakeBundle("third.org", "not federated with"));
  world.Publish();
  world.attestor.Answer(InPod({kNs}));
  const auto call = world.Open(kBundles);
  REQUIRE(call->WaitMessages(1).size() == 1);
  const X509BundlesResponse response = Bundles(call->WaitMessages(1)[0]);
  const std::map<std::string, std::string> got(response.bundles().begin(),
                                               response.bundles().end());
  CHECK(got == std::map<std::string, std::string>{{"spiffe://example.org", "root1"},
                                                  {"spiffe://other.org", "theirs"}});
  CHECK(response.crl_size() == 0);
  const auto svids = world.Open(kSvids);
  REQUIRE(svids->WaitMessages(1).size() == 1);
  const X509SVIDResponse with_svids = Svids(svids->WaitMessages(1)[0]);
  CHECK(with_svids.svids(0).bundle() == "root1");
  CHECK(with_svids.federated_bundles_size() == 1);
  CHECK(with_svids.federated_bundles().at("spiffe://other.org") == "theirs");
  CHECK(with_svids.crl_size() == 0);
}

TEST_CASE("a request with fields that nobody knows is served, one that does not parse is not") {
  World world;
  world.attestor.Answer(InPod({kNs}));
  CHECK(world.Open(kSvids, std::string("\x7a\x01x", 3))->WaitMessages(1).size() == 1);
  CHECK(world.Open(kSvids, "\xff\xff")->WaitFinished().code == Code::kInvalidArgument);
  CHECK(world.Open(kBundles, "\xff\xff")->WaitFinished().code == Code::kInvalidArgument);
}

}  // namespace
}  // namespace signet::agent_rpc
