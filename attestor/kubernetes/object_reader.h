#pragma once

// Private to attestor/kubernetes: from picked JSON to objects.

#include "attestor/kubernetes/json_pick.h"
#include "attestor/kubernetes/objects.h"
#include "core/base/result.h"

namespace signet::kubernetes {

/// Fields of an object that a reader looks at.
std::vector<Field> PodFields(PodDetail detail);
std::vector<Field> NodeFields();

/// ReadPod and ReadNode make a checked object; INVALID_ARGUMENT names the field.
Result<Pod> ReadPod(const Value& value, PodDetail detail);
Result<Node> ReadNode(const Value& value);

/// CheckNode: the forms of its names.
Status CheckNode(const Node& node);

/// ParseTimestamp reads metav1.Time, e.g. "2026-11-22T02:09:09Z", fractions of a second allowed.
Result<SystemTime> ParseTimestamp(std::string_view text);

}  // namespace signet::kubernetes
