#include "core/rpc/health.h"

#include "health/v1/health.pb.h"

namespace signet::rpc {

void AddHealth(MethodTable& methods, std::function<bool()> serving) {
  using Request = grpc::health::v1::HealthCheckRequest;
  using Response = grpc::health::v1::HealthCheckResponse;
  methods.Add("/grpc.health.v1.Health/Check",
              UnaryOf<Request, Response>(
                  [serving = std::move(serving)](const CallInfo&,
                                                 const Request& request) -> AnswerOf<Response> {
                    if (!request.service().empty()) {
                      return InvalidArgument("per-service health is not supported");
                    }
                    Response response;
                    response.set_status(serving() ? Response::SERVING : Response::NOT_SERVING);
                    return response;
                  }));
}

}  // namespace signet::rpc
