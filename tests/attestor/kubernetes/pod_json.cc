#include "tests/attestor/kubernetes/pod_json.h"

namespace signet::test {

std::string PodJson::Write() const {
  return R"({"kind":"Pod","apiVersion":"v1","metadata":{"name":")" + name + R"(","namespace":")" +
         namespace_name + R"(","uid":")" + uid + R"(","resourceVersion":")" + resource_version +
         R"(","creationTimestamp":"2026-11-22T02:00:00Z","labels":{"app":"shop","tier":"web"},)" +
         R"("managedFields":[{"manager":"kubelet","fieldsV1":{"f:status":{"f:conditions":)" +
         R"({"k:{\"type\":\"Ready\"}":{".":{},"f:uid":{}}}}}}])" + metadata +
         R"(},"spec":{"containers":[{"name":"web","image":"registry.example/web:1.2",)" +
         R"("env":[{"name":"uid","value":"not-the-uid"}]}],"serviceAccountName":")" +
         service_account + R"(","serviceAccount":"legacy","nodeName":")" + node + "\"" + spec +
         R"(},"status":{"phase":")" + phase + R"(","hostIP":"10.0.0.7")" + status + "}}";
}

std::string PodListJson(const std::string& items, const std::string& resource_version,
                        const std::string& continue_token) {
  return R"({"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":")" +
         resource_version + "\"" +
         (continue_token.empty() ? "" : R"(,"continue":")" + continue_token + "\"") +
         R"(},"items":[)" + items + "]}";
}

}  // namespace signet::test
