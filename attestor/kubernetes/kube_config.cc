#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>
#include <exception>

#include "attestor/kubernetes/api_config.h"
#include "attestor/kubernetes/server_url.h"
#include "core/base/encoding.h"

namespace signet::kubernetes {
namespace {

constexpr std::size_t kMaxText = std::size_t{1} << 20;

/// Text gives a scalar member; empty if there is none.
std::string Text(const YAML::Node& node, const char* name) {
  const YAML::Node member = node[name];
  return member && member.IsScalar() ? member.Scalar() : std::string();
}

/// Named finds the entry of a list like `users: [{name: x, user: {…}}]`, and of it the inner part.
Result<YAML::Node> Named(const YAML::Node& root, const char* list, const char* inner,
                         const std::string& name) {
  const YAML::Node entries = root[list];
  if (entries && entries.IsSequence()) {
    for (const YAML::Node& entry : entries) {
      if (!entry.IsMap() || Text(entry, "name") != name) {
        continue;
      }
      const YAML::Node found = entry[inner];
      if (!found || found.IsNull()) {
        return YAML::Node(YAML::NodeType::Map);
      }
      if (!found.IsMap()) {
        break;
      }
      return found;
    }
  }
  return FailedPrecondition("there is no " + std::string(inner) + " named \"" +
                            name.substr(0, 128) + "\" under `" + list + "`");
}

std::string Resolve(const std::string& path, const std::string& folder) {
  return path.empty() || path.front() == '/' ? path : folder + "/" + path;
}

/// ReadMaterial: `name`-data in base64 goes before the file, as in kubectl.
Result<Material> ReadMaterial(const YAML::Node& node, const std::string& name,
                              const std::string& folder) {
  std::string data = Text(node, (name + "-data").c_str());
  if (data.empty()) {
    return Material{.file = Resolve(Text(node, name.c_str()), folder)};
  }
  std::erase_if(data, [](char c) { return c == '\n' || c == '\r' || c == ' '; });
  Result<Bytes> bytes = Base64Decode(data);
  if (!bytes.ok()) {
    return InvalidArgument(name + "-data is not base64");
  }
  return Material{.data = Secret(std::move(bytes).value())};
}

Status ReadProxy(const YAML::Node& cluster, ApiConfig& config) {
  config.proxy_url = Text(cluster, "proxy-url");
  if (config.proxy_url.empty()) {
    return {};
  }
  constexpr std::array<std::string_view, 3> kSchemes = {"http://", "https://", "socks5://"};
  if (std::ranges::none_of(kSchemes, [&config](std::string_view scheme) {
        return config.proxy_url.starts_with(scheme);
      })) {
    return InvalidArgument("proxy-url must begin with http://, https:// or socks5://");
  }
  if (config.proxy_url.starts_with("socks5://")) {
    config.proxy_url.insert(6, "h");  // names are resolved by the proxy, as kubectl has it
  }
  return {};
}

Status ReadCluster(const YAML::Node& cluster, const std::string& folder, ApiConfig& config) {
  const std::string insecure = Text(cluster, "insecure-skip-tls-verify");
  if (!insecure.empty() && insecure != "false") {
    return FailedPrecondition(
        "insecure-skip-tls-verify is not supported, since anybody could answer in the cluster's "
        "name: give its certificate-authority, and tls-server-name if its name is another one");
  }
  config.server = Text(cluster, "server");
  SIGNET_TRY_ASSIGN(const ServerUrl url, ParseServerUrl(config.server));
  config.tls_server_name = Text(cluster, "tls-server-name");
  const auto named = ParseServerUrl("https://" + config.tls_server_name);
  if (!config.tls_server_name.empty() && (!named.ok() || named->host != config.tls_server_name)) {
    return InvalidArgument("tls-server-name is no host name");
  }
  SIGNET_TRY_ASSIGN(config.ca, ReadMaterial(cluster, "certificate-authority", folder));
  return ReadProxy(cluster, config);
}

Status ReadUser(const YAML::Node& user, const std::string& folder, ApiConfig& config) {
  struct Unsupported {
    const char* name;
    const char* instead;
  };
  constexpr std::array<Unsupported, 6> kUnsupported = {{
      {"exec", "a service account's tokenFile, or a client certificate"},
      {"auth-provider", "a service account's tokenFile, or a client certificate"},
      {"username", "a token or a client certificate"},
      {"as", "a credential of its own"},
      {"as-groups", "a credential of its own"},
      {"as-uid", "a credential of its own"},
  }};
  for (const auto& [name, instead] : kUnsupported) {
    if (user[name] && !user[name].IsNull()) {
      return FailedPrecondition("`" + std::string(name) + "` of a user is not supported: use " +
                                instead);
    }
  }
  config.token.file = Resolve(Text(user, "tokenFile"), folder);
  if (config.token.file.empty()) {
    config.token.data = Secret(ToBytes(Text(user, "token")));
  }
  SIGNET_TRY_ASSIGN(config.certificate, ReadMaterial(user, "client-certificate", folder));
  SIGNET_TRY_ASSIGN(config.key, ReadMaterial(user, "client-key", folder));
  if (config.certificate.empty() != config.key.empty()) {
    return FailedPrecondition("client-certificate and client-key come together");
  }
  return {};
}

Result<ApiConfig> ReadConfig(const YAML::Node& root, const std::string& folder) {
  if (!root.IsMap()) {
    return InvalidArgument("this is no kubeconfig: not a mapping");
  }
  const std::string context_name = Text(root, "current-context");
  if (context_name.empty()) {
    return FailedPrecondition(
        "current-context is not set: choose one with `kubectl config use-context`");
  }
  SIGNET_TRY_ASSIGN(const YAML::Node context, Named(root, "contexts", "context", context_name));
  SIGNET_TRY_ASSIGN(const YAML::Node cluster,
                    Named(root, "clusters", "cluster", Text(context, "cluster")));
  ApiConfig config;
  config.origin = "context " + context_name.substr(0, 128);
  SIGNET_TRY(ReadCluster(cluster, folder, config).Context("cluster"));
  const std::string user_name = Text(context, "user");
  if (!user_name.empty()) {
    SIGNET_TRY_ASSIGN(const YAML::Node user, Named(root, "users", "user", user_name));
    SIGNET_TRY(ReadUser(user, folder, config).Context("user"));
  }
  return config;
}

}  // namespace

Result<ApiConfig> ParseKubeConfig(std::string_view text, const std::string& folder) {
  if (text.size() > kMaxText) {
    return InvalidArgument("a kubeconfig of more than 1 MiB");
  }
  try {
    return ReadConfig(YAML::Load(std::string(text)), folder);
  } catch (const YAML::Exception& error) {
    // Its what() quotes the text, which may be a key: the place alone is told.
    return InvalidArgument("no YAML at line " + std::to_string(error.mark.line + 1));
  } catch (const std::exception&) {
    return InvalidArgument("this YAML cannot be read");
  }
}

}  // namespace signet::kubernetes
