#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "core/base/files.h"
#include "core/crypto/pem.h"
#include "tests/support/pki.h"
#include "tests/support/result.h"
#include "tests/support/temp_dir.h"
#include "workload-api/cmd/child_process.h"
#include "workload-api/cmd/helper_options.h"
#include "workload-api/cmd/helper_target.h"

namespace signet::agent_cmd {
namespace {

constexpr const char* kBasic =
    "cert_dir = \"certs\"\nsvid_file_name = \"svid.pem\"\nsvid_key_file_name = \"key.pem\"\n"
    "svid_bundle_file_name = \"bundle.pem\"\n";

Result<HelperConfig> Load(const std::string& text, HelperChoices choices = {}) {
  const test::TempDir dir;
  REQUIRE_OK(WriteFileAtomic(dir.File("helper.conf"), AsBytes(text)));
  choices.working_directory = "/srv/here";
  return LoadHelperConfig(dir.File("helper.conf"), choices);
}

TEST_CASE("a file of spiffe-helper is read as it is") {
  const auto config = Load(std::string(kBasic) + R"(
agent_address = "/tmp/agent.sock"
cmd = "ghostunnel"
cmd_args = "server --allow \"a b\" -x"
pid_file_name = "run/web.pid"
renew_signal = "SIGUSR1"
cert_file_mode = 0444
key_file_mode = 0400
add_intermediates_to_bundle = true
include_federated_domains = true
omit_expired = true
hint = "outer"
daemon_mode = false
health_checks { listener_enabled = true bind_port = 8089 liveness_path = "/l" readiness_path = "/r" }
)");
  REQUIRE_OK(config);
  CHECK(config->endpoint == "unix:///tmp/agent.sock");
  CHECK(config->command ==
        std::vector<std::string>{"ghostunnel", "server", "--allow", "a b", "-x"});
  CHECK(config->pid_file == "/srv/here/run/web.pid");
  CHECK(config->renew_signal == "USR1");
  CHECK(config->target.dir == "/srv/here/certs");
  CHECK(config->target.identity.hint == "outer");
  REQUIRE(config->target.files.size() == 3);
  CHECK(config->target.files[0].content == delivery::Content::kLeaf);
  CHECK(config->target.files[0].mode == 0444);
  CHECK(config->target.files[1].mode == 0400);
  CHECK(config->target.files[2].content == delivery::Content::kBundleAndIntermediates);
  CHECK(config->omit_expired);
  CHECK_FALSE(config->daemon);
  CHECK(config->health.listen == "0.0.0.0:8089");
  CHECK(config->health.live_path == "/l");
  CHECK(config->health.ready_path == "/r");
}

TEST_CASE("what a file of spiffe-helper leaves out has its defaults") {
  const auto config = Load(kBasic);
  REQUIRE_OK(config);
  CHECK(config->endpoint == "unix:///tmp/spire-agent/public/api.sock");
  CHECK(config->daemon);
  CHECK(config->command.empty());
  CHECK(config->health.listen.empty());
  CHECK(config->target.files[0].content == delivery::Content::kChain);
  CHECK(config->target.files[2].content == delivery::Content::kBundle);
  CHECK(Load(kBasic, {.endpoint_variable = "unix:///x"})->endpoint == "unix:///x");
}

TEST_CASE("every problem of a file of spiffe-helper is told, with its place") {
  const auto config = Load(
      "cert_dir = \"certs\"\nsvid_file_name = \"a/b\"\nsvid_key_file_name = \"key.pem\"\n"
      "svid_bundle_file = \"x\"\npid_file_name = \"p\"\ncert_file_mode = 10644\n"
      "cmd_args = \"a\\\"b\"\njwt_bundle_file_name = \"j\"\n"
      "jwt_svids = [{jwt_audience = \"a\"}, {jwt_audience = \"b\"}]\n");
  REQUIRE_FALSE(config.ok());
  for (const char* const part :
       {"helper.conf:2: svid_file_name: ", "helper.conf:4: svid_bundle_file: unknown key",
        "svid_bundle_file_name: is required", "helper.conf:5: pid_file_name: needs renew_signal",
        "helper.conf:6: cert_file_mode: expects permission bits", "helper.conf:7: cmd_args: ",
        "helper.conf:8: jwt_bundle_file_name: ", "helper.conf:9: jwt_svids: ", "-ignoreJWT"}) {
    CHECK_THAT(config.error().message, Catch::Contains(part));
  }
  REQUIRE_ERROR(Load(std::string(kBasic) + "renew_signal = \"SIGKILL\"\n"), Code::kInvalidArgument,
                "helper.conf:5: renew_signal: ");
  REQUIRE_ERROR(Load(std::string(kBasic) + "key_file_mode = 0444\n"), Code::kInvalidArgument,
                "key.pem");
}

TEST_CASE("keys of JWT-SVIDs are refused unless they may be ignored") {
  const std::string text = std::string(kBasic) +
                           "jwt_svids = [{jwt_audience=\"a\", odd = 1}, {jwt_audience=\"b\"}]\n"
                           "jwt_bundle_file_name = \"j\"\njwt_svid_file_mode = 0600\n";
  REQUIRE_ERROR(Load(text), Code::kInvalidArgument, "JWT-SVIDs are not delivered yet");
  REQUIRE_OK(Load(text, {.ignore_jwt = true}));
}

// Made with Go's encoding/csv, Comma = ' '.
TEST_CASE("arguments are split by the rules of CSV") {
  using Words = std::vector<std::string>;
  const std::pair<const char*, Words> rows[] = {
      {"", {}},
      {"a", {"a"}},
      {"a b", {"a", "b"}},
      {"a  b", {"a", "", "b"}},
      {"a ", {"a", ""}},
      {"\"a b\" c", {"a b", "c"}},
      {"\"a \"\"b\"\"\"", {"a \"b\""}},
      {"\"\" x", {"", "x"}},
      {"--x=1 'y z'", {"--x=1", "'y", "z'"}},
  };
  for (const auto& [text, words] : rows) {
    INFO(text);
    REQUIRE_OK(SplitArguments(text));
    CHECK(*SplitArguments(text) == words);
  }
  for (const char* const bad : {"a\"b", "\"a", "\"a\"b"}) {
    CHECK_FALSE(SplitArguments(bad).ok());
  }
}

struct Roots {
  test::TestCa own{"example.org"};
  test::TestCa old = test::TestCa::WithOptions([] {
    auto options = test::TestCa::CaOptions("example.org");
    options.not_after = FromUnixSeconds(1'789'999'000);
    return options;
  }());
  test::TestCa foreign{"friends.example"};
  test::TestCa middle = own.IssueCa(test::TestCa::CaOptions("example.org"));
};

delivery::Material MaterialFor(const Roots& roots) {
  const auto id = spiffe::SpiffeId::Parse("spiffe://example.org/web").value();
  const test::TestCert cert = roots.middle.IssueSvid(id.ToString());
  delivery::Material material{.id = id, .chain = {cert.der, roots.middle.der()}};
  material.key = Secret(Bytes(cert.key_pkcs8));
  material.bundles[id.trust_domain()] = {roots.own.der(), roots.old.der()};
  material.bundles[spiffe::TrustDomain::Parse("friends.example").value()] = {roots.foreign.der()};
  return material;
}

std::vector<Bytes> Certificates(const delivery::RenderedFile& file) {
  std::vector<Bytes> out;
  const auto blocks = crypto::PemDecode(AsText(file.content.RevealSecret()));
  REQUIRE_OK(blocks);
  for (const auto& block : *blocks) {
    out.push_back(block.content);
  }
  std::sort(out.begin(), out.end());
  return out;
}

std::vector<Bytes> Sorted(std::vector<Bytes> certificates) {
  std::sort(certificates.begin(), certificates.end());
  return certificates;
}

TEST_CASE("the files of spiffe-helper hold what its keys ask for") {
  const Roots roots;
  const delivery::Material material = MaterialFor(roots);
  const SystemTime now = FromUnixSeconds(1'790'000'000);
  const auto layout = [&](const std::string& keys) {
    auto config = Load(kBasic + keys);
    REQUIRE_OK(config);
    if (config->include_federated_domains) {
      config->target.files[2].content = delivery::Content::kUnconstrainedBundles;
    }
    std::vector<std::string> left_out;
    auto files = HelperLayout(*config, material, now, left_out);
    REQUIRE_OK(files);
    REQUIRE(files->size() == 3);
    return *std::move(files);
  };
  const Bytes own = roots.own.der();
  const Bytes old = roots.old.der();
  const Bytes foreign = roots.foreign.der();
  const Bytes middle = roots.middle.der();
  CHECK(Certificates(layout("")[0]).size() == 2);
  CHECK(Certificates(layout("")[2]) == Sorted({own, old}));
  CHECK(Certificates(layout("omit_expired = true\n")[2]) == Sorted({own}));
  const auto moved = layout("add_intermediates_to_bundle = true\n");
  CHECK(Certificates(moved[0]) == std::vector<Bytes>{material.chain[0]});
  CHECK(Certificates(moved[2]) == Sorted({own, old, middle}));
  CHECK(Certificates(layout("include_federated_domains = true\n")[2]) ==
        Sorted({own, old, foreign}));
  const auto both = layout(
      "include_federated_domains = true\nadd_intermediates_to_bundle = true\nomit_expired = "
      "true\n");
  CHECK(Certificates(both[2]) == Sorted({own, foreign, middle}));
  CHECK(both[2].mode == 0644);
}

TEST_CASE("a program is started at the first delivery, signalled later, and started again") {
  const test::TempDir dir;
  const std::string script = "trap 'echo hup >> " + dir.File("log") +
                             "; exit 0' HUP; echo start >> " + dir.File("log") + "; umask >> " +
                             dir.File("log") + "; while :; do sleep 0.02; done";
  const auto log = [&dir] {
    const auto text = ReadFile(dir.File("log"), 4096);
    return text.ok() ? ToString(*text) : "";
  };
  const auto until = [&log](const std::string& text) {
    for (int i = 0; i < 500 && log() != text; ++i) {
      ::usleep(10'000);
    }
    return log() == text;
  };
  auto action = MakeChildAction({.command = {"sh", "-c", script}, .signal = SIGHUP, .umask = 027});
  REQUIRE_OK(action->Run({}, {}));
  REQUIRE(until("start\n0027\n"));
  REQUIRE_OK(action->Run({}, {}));
  REQUIRE(until("start\n0027\nhup\n"));
  const auto again = [&log] { return log().find("hup\nstart\n0027\n") != std::string::npos; };
  for (int i = 0; i < 50 && !again(); ++i) {
    REQUIRE_OK(action->Run({}, {}));  // as soon as the program has ended, this starts it
    // Time for it to say so: the next signal would cut it short.
    for (int wait = 0; wait < 40 && !again(); ++wait) {
      ::usleep(10'000);
    }
  }
  CHECK(again());
  action.reset();  // and this ends it
  REQUIRE_ERROR(MakeChildAction({.command = {"no-such-program-here"}})->Run({}, {}),
                Code::kFailedPrecondition, "there is no program");
  REQUIRE_ERROR(MakeChildAction({.command = {dir.path()}})->Run({}, {}), Code::kFailedPrecondition,
                "cannot run");
}

}  // namespace
}  // namespace signet::agent_cmd
