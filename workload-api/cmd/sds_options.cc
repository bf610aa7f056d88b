#include "workload-api/cmd/sds_options.h"

#include "core/config/option_checks.h"

namespace signet::agent_cmd {
namespace {

using config::Type;

std::string AbsolutePathProblem(const std::string& text) {
  return text.starts_with("/") ? "" : "expects an absolute path";
}

}  // namespace

std::vector<config::Option> SdsOptions() {
  return {
      {.path = "agent.disable_sds_api",
       .type = Type::kBool,
       .default_value = "false",
       .help = "Serve no secrets to Envoy (SDS) on the Workload API's socket."},
      {.path = "agent.sds.default_svid_name",
       .default_value = "default",
       .help = "Name under which Envoy gets its default X509-SVID; with \"#hint\" behind it, the "
               "one with that hint.",
       .validate = config::NotEmptyProblem},
      {.path = "agent.sds.default_bundle_name",
       .default_value = "ROOTCA",
       .help = "Name under which Envoy gets the bundle of the agent's trust domain.",
       .validate = config::NotEmptyProblem},
      {.path = "agent.sds.default_all_bundles_name",
       .default_value = "ALL",
       .help = "Name under which Envoy gets the bundles of all trust domains, one store each.",
       .validate = config::NotEmptyProblem},
      {.path = "agent.sds.disable_spiffe_cert_validation",
       .type = Type::kBool,
       .default_value = "false",
       .help =
           "Give Envoy plain CA files instead of its SPIFFE validator, unless its node metadata "
           "of the same name say otherwise."},
      {.path = "agent.sds.rootca_includes_federated",
       .type = Type::kBool,
       .default_value = "false",
       .help = "default_bundle_name means all bundles, as Istio's proxies need it. Without the "
               "SPIFFE validator it still is the own bundle alone."},
      {.path = "agent.sds.strict",
       .type = Type::kBool,
       .default_value = "false",
       .help = "End a stream that asks for a name which cannot be served, as SPIRE's agent does. "
               "Otherwise it stays open, and the name is served once it is there."},
      {.path = "agent.sds.system_roots_path",
       .help = "PEM file behind the name \"file-root:system\", which Istio's proxies ask for, e.g. "
               "/etc/ssl/certs/ca-certificates.crt.",
       .validate = AbsolutePathProblem},
  };
}

std::vector<std::string> CheckSdsOptions(const config::Values& values) {
  const std::string all = "agent.sds.default_all_bundles_name";
  const std::string own = "agent.sds.default_bundle_name";
  if (values.String(all) != values.String(own)) {
    return {};
  }
  const std::string& given = values.Given(all) ? all : own;
  return {values.cells.find(given)->second.place + ": " + given +
          ": one name cannot mean both the own bundle and all; to have it mean all, set "
          "rootca_includes_federated"};
}

sds::Options ReadSdsOptions(const config::Values& values) {
  return {
      .default_svid_name = values.String("agent.sds.default_svid_name"),
      .default_bundle_name = values.String("agent.sds.default_bundle_name"),
      .default_all_bundles_name = values.String("agent.sds.default_all_bundles_name"),
      .disable_spiffe_cert_validation = values.Bool("agent.sds.disable_spiffe_cert_validation"),
      .rootca_includes_federated = values.Bool("agent.sds.rootca_includes_federated"),
      .strict = values.Bool("agent.sds.strict"),
      .system_roots_path = values.String("agent.sds.system_roots_path"),
  };
}

}  // namespace signet::agent_cmd
