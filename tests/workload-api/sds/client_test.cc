#include "workload-api/sds/client.h"

#include "envoy/config/core/v3/base.pb.h"
#include "tests/support/result.h"

namespace signet::sds {
namespace {

using envoy::config::core::v3::Node;
using google::protobuf::Value;

constexpr char kKey[] = "disable_spiffe_cert_validation";

std::optional<bool> Disable(const Value& value) {
  Node node;
  (*node.mutable_metadata()->mutable_fields())[kKey] = value;
  return ReadClient(node).disable_spiffe_validation;
}

Value Text(const std::string& text) {
  Value value;
  value.set_string_value(text);
  return value;
}

TEST_CASE("SDS-38: node metadata choose the validator as a bool or as its text") {
  Value yes;
  yes.set_bool_value(true);
  Value no;
  no.set_bool_value(false);
  CHECK(Disable(yes) == true);
  CHECK(Disable(no) == false);
  for (const char* text : {"1", "t", "T", "true", "TRUE", "True"}) {
    CHECK(Disable(Text(text)) == true);
  }
  for (const char* text : {"0", "f", "F", "false", "FALSE", "False"}) {
    CHECK(Disable(Text(text)) == false);
  }
}

TEST_CASE("SDS-46: node metadata of odd types say nothing and break nothing") {
  Value number;
  number.set_number_value(1);
  Value null;
  null.set_null_value(google::protobuf::NULL_VALUE);
  Value list;
  list.mutable_list_value()->add_values()->set_bool_value(true);
  Value object;
  (*object.mutable_struct_value()->mutable_fields())["a"].set_bool_value(true);
  for (const Value& value : {number, null, list, object, Value(), Text("yes"), Text("")}) {
    CHECK(Disable(value) == std::nullopt);
  }
  CHECK(ReadClient(Node()).disable_spiffe_validation == std::nullopt);
}

TEST_CASE("SDS-38: an Envoy before 1.18 is known by its structured version alone") {
  struct Case {
    std::uint32_t major, minor;
    bool before;
  };
  for (const Case& c : {Case{1, 17, true}, Case{0, 99, true}, Case{1, 18, false},
                        Case{1, 40, false}, Case{2, 0, false}}) {
    Node node;
    auto& version = *node.mutable_user_agent_build_version()->mutable_version();
    version.set_major_number(c.major);
    version.set_minor_number(c.minor);
    CHECK(ReadClient(node).before_spiffe_validator == c.before);
  }
  Node text;
  text.set_user_agent_version("1.10");
  CHECK_FALSE(ReadClient(text).before_spiffe_validator);
  Node empty;
  empty.mutable_user_agent_build_version();
  CHECK_FALSE(ReadClient(empty).before_spiffe_validator);
}

TEST_CASE("SDS-47: a node's id is kept for people, cut, and never inside a character") {
  Node node;
  node.set_id(std::string(1000, 'a'));
  CHECK(ReadClient(node).node_id.size() == 256);
  node.set_id(std::string(255, 'a') + "\u20ac");
  CHECK(ReadClient(node).node_id == std::string(255, 'a'));
  CHECK(CutText("\u20ac", 3) == "\u20ac");
  CHECK(CutText("\u20ac", 2).empty());
  CHECK(CutText("", 2).empty());
}

}  // namespace
}  // namespace signet::sds
