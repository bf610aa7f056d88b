// Any bytes as a configuration file: a result or an error whose every line has a place, never a
// crash. What loads has only values that the schema allows.
#include "core/base/check.h"
#include "core/config/schema.h"

namespace {

const std::vector<signet::config::Option>& Schema() {
  using signet::config::Type;
  static const std::vector<signet::config::Option> schema = {
      {.path = "server.trust_domain"},
      {.path = "server.bind_port", .type = Type::kInt, .default_value = "8081"},
      {.path = "server.ca_ttl", .type = Type::kDuration, .default_value = "24h"},
      {.path = "server.admin_ids", .type = Type::kStringList},
      {.path = "server.ratelimit.signing", .type = Type::kBool, .default_value = "true"},
      {.path = "plugins.KeyManager.disk", .type = Type::kBlock},
      {.path = "plugins.KeyManager.disk.plugin_data.keys_path"},
      {.path = "clusters.*", .type = Type::kBlock},
      {.path = "clusters.*.audience", .type = Type::kStringList, .default_value = "spire-server"},
      {.path = "server.jwt_issuer", .type = Type::kUnsupported, .help = "remove it"},
  };
  return schema;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto values = signet::config::LoadText(Schema(), {"f.json", text}, {});
  if (!values.ok()) {
    SIGNET_CHECK(values.error().message.starts_with("f.json:"), "a problem without its place");
    return 0;
  }
  SIGNET_CHECK(values->Milliseconds("server.ca_ttl") >= 0, "a negative duration");
  for (const char c : values->String("server.trust_domain")) {
    SIGNET_CHECK(static_cast<unsigned char>(c) >= 0x20, "a control character in a value");
  }
  for (const std::string& name : values->Names("clusters")) {
    const std::string cluster = signet::config::Values::PathOf("clusters", name);
    SIGNET_CHECK(values->Given(cluster), "a name that the file does not have");
    values->List(cluster + ".audience");  // aborts unless it is there
  }
  return 0;
}
