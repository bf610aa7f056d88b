#include "workload-api/csi/publish_request.h"

#include "csi/v1/csi.pb.h"
#include "tests/support/result.h"

namespace signet::csi {
namespace {

using ::csi::v1::NodePublishVolumeRequest;

const std::string kUid = "6f1c9a52-0c0e-4b7e-9a51-0d5b1d2f9a10";
const std::string kOther = "00000000-0c0e-4b7e-9a51-0d5b1d2f9a10";
const std::string kTokens = "csi.storage.k8s.io/serviceAccount.tokens";
const PublishRules kRules{.kubelet_dir = "/var/lib/kubelet", .token_audience = "spiffe-ca"};

std::string TokensOf(const std::string& token) {
  return "{\"spiffe-ca\":{\"token\":\"" + token +
         "\",\"expirationTimestamp\":\"2026-11-22T06:00:00Z\"}}";
}

/// Good is what the kubelet sends for an inline volume with podInfoOnMount.
NodePublishVolumeRequest Good() {
  NodePublishVolumeRequest request;
  request.set_volume_id("csi-0123456789abcdef");
  request.set_target_path("/var/lib/kubelet/pods/" + kUid +
                          "/volumes/kubernetes.io~csi/spiffe/mount");
  request.mutable_volume_capability()->mutable_mount();
  request.set_readonly(true);
  auto& context = *request.mutable_volume_context();
  context["csi.storage.k8s.io/ephemeral"] = "true";
  context["csi.storage.k8s.io/pod.uid"] = kUid;
  context["csi.storage.k8s.io/pod.namespace"] = "shop";
  context["csi.storage.k8s.io/pod.name"] = "web-0";
  context["csi.storage.k8s.io/serviceAccount.name"] = "frontend";
  return request;
}

std::string TokenOf(const Result<PublishRequest>& request) {
  REQUIRE_OK(request);
  return request->token ? std::string(AsText(request->token->text.RevealSecret())) : "none";
}

TEST_CASE("a request of the kubelet's tells the pod, the place and the token") {
  NodePublishVolumeRequest request = Good();
  const auto read = ReadPublishRequest(request, kRules);
  REQUIRE_OK(read);
  CHECK(read->pod == CsiPod{kUid, "shop", "web-0", "frontend"});
  CHECK(read->target.path == request.target_path());
  CHECK(TokenOf(ReadPublishRequest(request, kRules)) == "none");
}

TEST_CASE("a token comes from the secrets, else from the volume's context") {
  NodePublishVolumeRequest request = Good();
  (*request.mutable_volume_context())[kTokens] = TokensOf("in-context");
  CHECK(TokenOf(ReadPublishRequest(request, kRules)) == "in-context");
  (*request.mutable_secrets())[kTokens] = TokensOf("in-secrets");
  CHECK(TokenOf(ReadPublishRequest(request, kRules)) == "in-secrets");
  (*request.mutable_secrets())[kTokens] = "s3cret";
  const auto malformed = ReadPublishRequest(request, kRules);
  REQUIRE_ERROR(malformed, Code::kInvalidArgument, "malformed");
  CHECK(malformed.error().message.find("s3cret") == std::string::npos);
}

TEST_CASE("what is no read-only ephemeral volume of a named pod is refused") {
  struct Row {
    const char* why;
    std::function<void(NodePublishVolumeRequest&)> spoil;
  };
  const auto row = GENERATE(values<Row>({
      {"volume_id", [](auto& r) { r.clear_volume_id(); }},
      {"volume_id", [](auto& r) { r.set_volume_id(std::string(10'000, 'v')); }},
      {"readOnly", [](auto& r) { r.set_readonly(false); }},
      {"block", [](auto& r) { r.mutable_volume_capability()->mutable_block(); }},
      {"block", [](auto& r) { r.clear_volume_capability(); }},
      {"mount options",
       [](auto& r) { r.mutable_volume_capability()->mutable_mount()->add_mount_flags("suid"); }},
      {"fsType",
       [](auto& r) { r.mutable_volume_capability()->mutable_mount()->set_fs_type("ext4"); }},
      {"ephemeral", [](auto& r) { r.set_staging_target_path("/stage"); }},
      {"ephemeral",
       [](auto& r) { (*r.mutable_volume_context())["csi.storage.k8s.io/ephemeral"] = "false"; }},
      {"ephemeral", [](auto& r) { r.clear_volume_context(); }},
      {"uid", [](auto& r) { r.mutable_volume_context()->erase("csi.storage.k8s.io/pod.uid"); }},
      {"namespace",
       [](auto& r) { r.mutable_volume_context()->erase("csi.storage.k8s.io/pod.namespace"); }},
      {"name",
       [](auto& r) {
         (*r.mutable_volume_context())["csi.storage.k8s.io/pod.name"] = std::string(10'000, 'n');
       }},
      {"service account",
       [](auto& r) {
         (*r.mutable_volume_context())["csi.storage.k8s.io/serviceAccount.name"] = "a/b";
       }},
      {"target_path", [](auto& r) { r.set_target_path("/etc"); }},
      {"not the one in target_path",
       [](auto& r) { (*r.mutable_volume_context())["csi.storage.k8s.io/pod.uid"] = kOther; }},
      {"too many",
       [](auto& r) {
         for (int i = 0; i < 100; ++i) (*r.mutable_volume_context())[std::to_string(i)];
       }},
      {"too many",
       [](auto& r) {
         for (int i = 0; i < 100; ++i) (*r.mutable_secrets())[std::to_string(i)];
       }},
  }));
  NodePublishVolumeRequest request = Good();
  row.spoil(request);
  REQUIRE_ERROR(ReadPublishRequest(request, kRules), Code::kInvalidArgument, row.why);
}

}  // namespace
}  // namespace signet::csi
