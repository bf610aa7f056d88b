#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/base/log.h"
#include "core/base/result.h"
#include "core/base/ticker.h"
#include "workload-api/client/x509_source.h"
#include "workload-api/cmd/cross_certificate_watch.h"
#include "workload-api/cmd/delivery_materials.h"
#include "workload-api/delivery/driver.h"

namespace signet::agent_cmd {

/// DeliverySource brings what the Workload API says to the targets of a driver: any agent's, also a
/// stock one.
class DeliverySource {
 public:
  /// `choices` has one for each target of the driver. driver and logger must outlive the source.
  struct World {
    delivery::Driver& driver;
    Logger& logger;
  };
  DeliverySource(std::vector<IdentityChoice> choices, World world)
      : choices_(std::move(choices)), world_(world) {}
  DeliverySource(const DeliverySource&) = delete;
  DeliverySource& operator=(const DeliverySource&) = delete;

  /// Open begins to watch; it does not wait for the agent. With `constrained`, cross-certificates
  /// are asked for as well, and the first identity waits for the agent's answer, 3 to 6 s at most:
  /// files are not written twice, nor once without them.
  Status Open(const std::string& endpoint, bool constrained);

  /// SetCrossCertificates gives targets new certificates beside the identities that they have.
  void SetCrossCertificates(CrossCertificates cross);
  /// Problem is why nothing new can come at the moment; empty: something can.
  std::string Problem() const;

  /// What the stream's thread calls.
  void Update(const client::X509Snapshot& snapshot);
  void Report(const Error& problem);

 private:
  void OfferAll(const client::X509Context& context, const CrossCertificates& cross);
  void LoseAll(const Error& why);
  Duration WaitForCrossCertificates();

  const std::vector<IdentityChoice> choices_;
  const World world_;
  mutable std::mutex mutex_;
  client::X509Snapshot snapshot_;
  CrossCertificates cross_;
  bool cross_known_ = true;
  bool waiting_ = false;  ///< the wait for them has begun
  std::string problem_;
  // Last: their threads use the others.
  std::shared_ptr<client::X509Source> source_;
  std::unique_ptr<CrossCertificateWatch> cross_watch_;
  std::unique_ptr<Ticker> grace_;
};

}  // namespace signet::agent_cmd
