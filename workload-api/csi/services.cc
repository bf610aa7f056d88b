#include "workload-api/csi/services.h"

#include <utility>

#include "csi/v1/csi.pb.h"
#include "pluginregistration/registration.pb.h"

namespace signet::csi {
namespace {

namespace v1 = ::csi::v1;
namespace registration = ::pluginregistration;
using rpc::AnswerOf;
using rpc::CallInfo;

constexpr char kCsiVersion[] = "1.0.0";

/// Const answers every call the same.
template <class Request, class Response>
rpc::HandlerFactory Const(Response response) {
  return rpc::UnaryOf<Request, Response>(
      [response = std::move(response)](const CallInfo&, const Request&) {
        return AnswerOf<Response>(response);
      });
}

void AddIdentity(rpc::MethodTable& methods, const DriverInfo& info) {
  v1::GetPluginInfoResponse plugin;
  plugin.set_name(info.name);
  plugin.set_vendor_version(info.version);
  methods.Add("/csi.v1.Identity/GetPluginInfo", Const<v1::GetPluginInfoRequest>(plugin));
  methods.Add("/csi.v1.Identity/GetPluginCapabilities",
              Const<v1::GetPluginCapabilitiesRequest>(v1::GetPluginCapabilitiesResponse()));
  v1::ProbeResponse probe;
  probe.mutable_ready()->set_value(true);  // nothing is served before the pods are restored
  methods.Add("/csi.v1.Identity/Probe", Const<v1::ProbeRequest>(probe));
}

/// Report logs a failure in our words alone: the request may hold tokens.
Error Report(Logger& logger, const char* what, Error error) {
  logger.Warn(what, {{"error", error}});
  return error;
}

AnswerOf<v1::NodePublishVolumeResponse> Publish(const NodeWorld& world, const PublishRules& rules,
                                                const v1::NodePublishVolumeRequest& request) {
  Result<PublishRequest> checked = ReadPublishRequest(request, rules);
  const Status published = checked.ok() ? world.sockets.Publish(*std::move(checked))
                                        : Status(std::move(checked).error());
  if (!published.ok()) {
    return Report(world.logger, "volume not published", published.error());
  }
  return v1::NodePublishVolumeResponse();
}

AnswerOf<v1::NodeUnpublishVolumeResponse> Unpublish(const NodeWorld& world,
                                                    const PublishRules& rules,
                                                    const v1::NodeUnpublishVolumeRequest& request) {
  const Result<TargetPath> target = TargetPath::Parse(rules.kubelet_dir, request.target_path());
  const Status unpublished =
      target.ok() ? world.sockets.Unpublish(*target) : Status(target.error());
  if (!unpublished.ok()) {
    return Report(world.logger, "volume not unpublished", unpublished.error());
  }
  return v1::NodeUnpublishVolumeResponse();
}

void AddNode(rpc::MethodTable& methods, const DriverInfo& info, const PublishRules& rules,
             const NodeWorld& world) {
  v1::NodeGetInfoResponse node;
  node.set_node_id(info.node_name);
  methods.Add("/csi.v1.Node/NodeGetInfo", Const<v1::NodeGetInfoRequest>(node));
  methods.Add("/csi.v1.Node/NodeGetCapabilities",
              Const<v1::NodeGetCapabilitiesRequest>(v1::NodeGetCapabilitiesResponse()));
  methods.Add(
      "/csi.v1.Node/NodePublishVolume",
      rpc::PooledUnaryOf<v1::NodePublishVolumeRequest, v1::NodePublishVolumeResponse>(
          world.pool, [world, rules](const CallInfo&, const v1::NodePublishVolumeRequest& request) {
            return Publish(world, rules, request);
          }));
  methods.Add("/csi.v1.Node/NodeUnpublishVolume",
              rpc::PooledUnaryOf<v1::NodeUnpublishVolumeRequest, v1::NodeUnpublishVolumeResponse>(
                  world.pool,
                  [world, rules](const CallInfo&, const v1::NodeUnpublishVolumeRequest& request) {
                    return Unpublish(world, rules, request);
                  }));
}

}  // namespace

void AddCsi(rpc::MethodTable& methods, const DriverInfo& info, const PublishRules& rules,
            const NodeWorld& world) {
  AddIdentity(methods, info);
  AddNode(methods, info, rules, world);
}

void AddRegistration(rpc::MethodTable& methods, const DriverInfo& info, Logger& logger) {
  registration::PluginInfo plugin;
  plugin.set_type("CSIPlugin");
  plugin.set_name(info.name);
  plugin.set_endpoint(info.endpoint);
  plugin.add_supported_versions(kCsiVersion);
  methods.Add("/pluginregistration.Registration/GetInfo", Const<registration::InfoRequest>(plugin));
  using Answer = registration::RegistrationStatusResponse;
  methods.Add(
      "/pluginregistration.Registration/NotifyRegistrationStatus",
      rpc::UnaryOf<registration::RegistrationStatus, Answer>(
          [&logger](const CallInfo&, const registration::RegistrationStatus& status) {
            if (status.plugin_registered()) {
              logger.Info("the kubelet knows the CSI driver", {});
            } else {
              logger.Error("the kubelet refused the CSI driver", {{"error", status.error()}});
            }
            return AnswerOf<Answer>(Answer());
          }));
}

rpc::Interceptor RequireUser(uid_t uid) {
  return [uid](const CallInfo& call) -> rpc::RpcStatus {
    if (call.peer->process != nullptr && call.peer->process->uid == uid) {
      return {};
    }
    return {Code::kPermissionDenied, "this socket is for the kubelet alone"};
  };
}

}  // namespace signet::csi
