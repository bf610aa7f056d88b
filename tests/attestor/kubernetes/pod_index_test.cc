#include "attestor/kubernetes/pod_index.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

namespace signet::kubernetes {
namespace {

using Nodes = std::set<std::string>;

Pod MakePod(const std::string& uid, const std::string& node) {
  return {.uid = uid,
          .namespace_name = "shop",
          .name = "pod-" + uid,
          .service_account = "sa",
          .node_name = node,
          .phase = PodPhase::kRunning};
}

struct Fixture {
  Fixture() {
    index.AddListener([this](const Nodes& nodes) { told.push_back(nodes); });
  }
  PodIndex index;
  std::vector<Nodes> told;
};

TEST_CASE("pods are found by uid and by node") {
  Fixture f;
  f.index.Put(MakePod("b", "n1"));
  f.index.Put(MakePod("a", "n1"));
  f.index.Put(MakePod("c", "n2"));
  REQUIRE(f.index.Find("a") != nullptr);
  CHECK(f.index.Find("a")->name == "pod-a");
  CHECK(f.index.Find("x") == nullptr);
  const auto pods = f.index.OnNode("n1");
  REQUIRE(pods.size() == 2);
  CHECK(pods[0]->uid == "a");
  CHECK(pods[1]->uid == "b");
  CHECK(f.index.OnNode("n3").empty());
  CHECK(f.index.All().size() == 3);
}

TEST_CASE("listeners are told of both nodes when a pod changes its node, after the change") {
  Fixture f;
  f.index.Put(MakePod("a", ""));
  CHECK(f.told.empty());  // on no node yet
  f.index.Put(MakePod("a", "n1"));
  f.index.AddListener([&f](const Nodes&) { CHECK(f.index.OnNode("n1").empty()); });
  f.index.Put(MakePod("a", "n2"));
  CHECK(f.told == std::vector<Nodes>{{"n1"}, {"n1", "n2"}});
  CHECK(f.index.OnNode("n2").size() == 1);
}

TEST_CASE("nobody is told of a pod that is put again without a change") {
  Fixture f;
  f.index.Put(MakePod("a", "n1"));
  const PodPtr before = f.index.Find("a");
  f.index.Put(MakePod("a", "n1"));
  CHECK(f.told.size() == 1);
  CHECK(f.index.Find("a") == before);
}

TEST_CASE("a removed pod is gone and told of once") {
  Fixture f;
  f.index.Put(MakePod("a", "n1"));
  const PodPtr held = f.index.Find("a");
  f.index.Remove("a");
  f.index.Remove("a");
  CHECK(f.index.size() == 0);
  CHECK(f.index.OnNode("n1").empty());
  CHECK(f.told.size() == 2);
  CHECK(held->name == "pod-a");  // whoever holds it may go on reading
}

TEST_CASE("a fresh list removes what it lacks, and tells only of what is different") {
  Fixture f;
  f.index.ReplaceAll({MakePod("same", "n1"), MakePod("gone", "n2"), MakePod("moved", "n3")});
  f.told.clear();
  const PodPtr same = f.index.Find("same");
  f.index.ReplaceAll({MakePod("same", "n1"), MakePod("moved", "n4"), MakePod("new", "n5")});
  CHECK(f.told == std::vector<Nodes>{{"n2", "n3", "n4", "n5"}});
  CHECK(f.index.Find("same") == same);
  CHECK(f.index.Find("gone") == nullptr);
  CHECK(f.index.size() == 3);
  CHECK(f.index.OnNode("n3").empty());
}

TEST_CASE("a node that was made anew is not removed with its predecessor") {
  NodeIndex index;
  index.Put({"u-1", "n1", {}});
  index.Put({"u-2", "n1", {}});
  index.Remove({"u-1", "n1", {}});
  REQUIRE(index.Find("n1") != nullptr);
  CHECK(index.Find("n1")->uid == "u-2");
  index.Remove({"u-2", "n1", {}});
  CHECK(index.Find("n1") == nullptr);
  index.ReplaceAll({{"u-3", "n3", {}}, {"u-4", "n4", {}}});
  index.ReplaceAll({{"u-4", "n4", {}}});
  CHECK(index.size() == 1);
}

}  // namespace
}  // namespace signet::kubernetes
