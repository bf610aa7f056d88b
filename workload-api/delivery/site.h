#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/bytes.h"
#include "core/base/clock.h"
#include "core/base/result.h"
#include "workload-api/delivery/layout.h"
#include "workload-api/delivery/material.h"
#include "workload-api/reload/action.h"
#include "workload-api/reload/probe.h"

namespace signet::delivery {

/// Site is the place that a target delivers to: a folder, and perhaps a server. Its functions may
/// block, for a bounded time, and are called from one thread at a time.
class Site {
 public:
  virtual ~Site() = default;

  struct Published {
    std::string generation = {};
    bool changed = false;
    std::vector<std::string> left_out = {};  ///< foreign roots that files could not hold, and why
  };
  /// Publish checks the material and makes it the folder's content. What was there stays if
  /// anything fails.
  virtual Result<Published> Publish(const Material& material, SystemTime now) = 0;
  /// Act tells the server; UNAVAILABLE or NOT_FOUND: it is not there.
  virtual Status Act() = 0;
  /// Served is the leaf that the server shows, DER; UNAVAILABLE: nobody is there.
  virtual Result<Bytes> Served() = 0;

  virtual bool acts() const = 0;
  virtual bool verifies() const = 0;
  /// Describe says for logs what Act does.
  virtual std::string Describe() const = 0;
};

/// SiteSpec is a site made of files.
struct SiteSpec {
  std::string dir = {};                                ///< absolute
  std::vector<FileSpec> files = {};                    ///< checked by CheckFileSpecs
  std::unique_ptr<reload::Action> action = nullptr;    ///< null: the server looks by itself
  Duration action_timeout = std::chrono::seconds(10);  ///< of one run
  std::optional<reload::ProbeSpec> probe = {};         ///< none: not verified
  /// render replaces Render with these files, for layouts that they cannot say.
  std::function<Result<std::vector<RenderedFile>>(const Material&, std::vector<std::string>&)>
      render = {};
};

/// MakeSite touches nothing yet: a folder that cannot be used is an error of each Publish, until it
/// can be.
std::unique_ptr<Site> MakeSite(SiteSpec spec);

}  // namespace signet::delivery
