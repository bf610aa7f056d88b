#include "core/rpc/health.h"

#include "health/v1/health.pb.h"

namespace signet::rpc {

void AddHealth(MethodTable& methods, std::function<bool()> serving,
               std::map<std::string, std::function<bool()>> services) {
  using Request = grpc::health::v1::HealthCheckRequest;
  using Response = grpc::health::v1::HealthCheckResponse;
  services[""] = std::move(serving);
  methods.Add("/grpc.health.v1.Health/Check",
              UnaryOf<Request, Response>([services = std::move(services)](
                                             const CallInfo&,
                                             const Request& request) -> AnswerOf<Response> {
                const auto asked = services.find(request.service());
                if (asked == services.end()) {
                  return InvalidArgument("there is no health of this service by itself");
                }
                Response response;
                response.set_status(asked->second() ? Response::SERVING : Response::NOT_SERVING);
                return response;
              }));
}

}  // namespace signet::rpc
