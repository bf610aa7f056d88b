#include "attestor/workload/combined.h"

#include "tests/support/result.h"

namespace signet::attestor {
namespace {

class Fixed final : public WorkloadAttestor {
 public:
  explicit Fixed(Result<AttestedWorkload> answer) : answer_(std::move(answer)) {}
  Result<AttestedWorkload> Attest(const rpc::PeerProcess&) override { return answer_; }

 private:
  const Result<AttestedWorkload> answer_;
};

/// Waiting is an answer that is pending; `changed` is where its watcher is put.
AttestedWorkload Waiting(std::vector<std::function<void()>>& changed) {
  AttestedWorkload workload{.selectors = {{"k8s", "ns:shop"}}, .description = "pod"};
  workload.anchor = "pod 1";
  workload.pending = "nothing known";
  workload.watch = [&changed](std::function<void()> call) {
    changed.push_back(std::move(call));
    return std::make_shared<int>();
  };
  return workload;
}

TEST_CASE("several attestors give their selectors together, sorted and once each") {
  Fixed first(AttestedWorkload{.selectors = {{"unix", "uid:1"}, {"unix", "gid:2"}},
                               .description = "pid 7"});
  Fixed second(AttestedWorkload{.selectors = {{"k8s", "ns:shop"}, {"unix", "uid:1"}},
                                .description = "pod shop/a"});
  const auto both = CombinedAttestor({&first, &second}).Attest({});
  REQUIRE_OK(both);
  CHECK(both->selectors ==
        std::vector<spiffe::Selector>{{"k8s", "ns:shop"}, {"unix", "gid:2"}, {"unix", "uid:1"}});
  CHECK(both->description == "pid 7, pod shop/a");
  CHECK(both->pending.empty());
  CHECK(both->watch == nullptr);
}

TEST_CASE("one that fails fails all") {
  Fixed good(AttestedWorkload{.selectors = {}, .description = ""});
  Fixed bad(Unavailable("no kubelet"));
  REQUIRE_ERROR(CombinedAttestor({&good, &bad}).Attest({}), Code::kUnavailable, "no kubelet");
  REQUIRE_ERROR(CombinedAttestor({&bad, &good}).Attest({}), Code::kUnavailable, "no kubelet");
}

TEST_CASE("one that is pending keeps all pending, and every watch is kept") {
  std::vector<std::function<void()>> changed;
  Fixed first(Waiting(changed));
  Fixed second(Waiting(changed));
  const auto both = CombinedAttestor({&first, &second}).Attest({});
  REQUIRE_OK(both);
  CHECK(both->pending == "nothing known; nothing known");
  int told = 0;
  const auto handle = both->watch([&] { ++told; });
  CHECK(handle != nullptr);
  REQUIRE(changed.size() == 2);
  changed[0]();
  changed[1]();
  CHECK(told == 2);
}

TEST_CASE("an attestor without an anchor anchors the process by its selectors") {
  std::vector<std::function<void()>> changed;
  Fixed pod(Waiting(changed));
  Fixed user(AttestedWorkload{.selectors = {{"unix", "uid:1"}}, .description = ""});
  Fixed other(AttestedWorkload{.selectors = {{"unix", "uid:2"}}, .description = ""});
  const auto one = CombinedAttestor({&user, &pod}).Attest({});
  const auto two = CombinedAttestor({&other, &pod}).Attest({});
  REQUIRE_OK(one);
  REQUIRE_OK(two);
  CHECK(one->anchor != two->anchor);
}

}  // namespace
}  // namespace signet::attestor
