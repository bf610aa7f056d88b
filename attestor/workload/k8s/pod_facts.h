#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "attestor/kubernetes/objects.h"
#include "core/base/clock.h"

namespace signet::attestor {

/// PodFacts is what the kubelet or the API server says of this node's pods (with
/// PodDetail::kFull). Safe for several threads; nothing here blocks.
class PodFacts {
 public:
  virtual ~PodFacts() = default;
  /// Find: null while nothing is known of that pod.
  virtual kubernetes::PodPtr Find(std::string_view uid) const = 0;
  /// IsAsOf: what is known was true at `time` or later. A source that is told of every change says
  /// so while it is being told.
  virtual bool IsAsOf(MonoTime time) const = 0;
  /// Refresh wishes for newer facts soon. A source that is told of changes does nothing.
  virtual void Refresh() = 0;
  /// SetListener: called by any thread after a change of the facts, or of how old they are; must
  /// not block. One at a time; null for none. On return the former one is not running any more.
  virtual void SetListener(std::function<void()> listener) = 0;
  /// Problem says why facts may be missing and what to do; empty when all is well.
  virtual std::string Problem() const = 0;
};

}  // namespace signet::attestor
