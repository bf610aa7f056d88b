#include "workload-api/cmd/delivery_hub_feed.h"

#include <deque>
#include <mutex>
#include <utility>

#include "workload-api/cmd/delivery_materials.h"

namespace signet::agent_cmd {
namespace {

constexpr Duration kAskAgain = std::chrono::seconds(1);
constexpr Duration kIdle = std::chrono::hours(1);

}  // namespace

/// Mailbox carries updates from the hub's threads to ours. Listeners share it, as they may be
/// called once more after their end.
struct HubFeed::Mailbox {
  struct Letter {
    std::size_t target;
    svids::Update update;
  };
  std::mutex mutex;
  std::deque<Letter> letters;
  Ticker* ticker = nullptr;  ///< null: nobody reads any more

  void Put(Letter letter) {
    const std::lock_guard lock(mutex);
    if (ticker != nullptr) {
      letters.push_back(std::move(letter));
      ticker->Wake();
    }
  }
};

HubFeed::HubFeed(std::vector<Wish> wishes, svids::Hub& hub, delivery::Driver& driver)
    : wishes_(std::move(wishes)),
      hub_(hub),
      driver_(driver),
      subscriptions_(wishes_.size()),
      seen_(wishes_.size()),
      mailbox_(std::make_shared<Mailbox>()) {
  const std::lock_guard lock(mailbox_->mutex);  // no letter before there is a ticker to wake
  ticker_ = std::make_unique<Ticker>([this] { return Step(); });
  mailbox_->ticker = ticker_.get();
}

HubFeed::~HubFeed() {
  {
    const std::lock_guard lock(mailbox_->mutex);
    mailbox_->ticker = nullptr;
    mailbox_->letters.clear();
  }
  ticker_.reset();
  subscriptions_.clear();
}

Duration HubFeed::Step() {
  std::deque<Mailbox::Letter> letters;
  {
    const std::lock_guard lock(mailbox_->mutex);
    letters.swap(mailbox_->letters);
  }
  for (const Mailbox::Letter& letter : letters) {
    if (letter.update.version > seen_[letter.target]) {  // or a subscription before has sent it
      Take(letter.target, letter.update);
    }
  }
  letters.clear();  // lets go of the deliveries: the hub may count us as told
  bool missing = false;
  for (std::size_t i = 0; i < wishes_.size(); ++i) {
    if (subscriptions_[i] == nullptr) {
      Subscribe(i);
      missing = missing || subscriptions_[i] == nullptr;
    }
  }
  return missing ? kAskAgain : kIdle;
}

void HubFeed::Subscribe(std::size_t target) {
  svids::Hub::Opened opened =
      hub_.Subscribe(wishes_[target].selectors, svids::Topic::kHoldings,
                     [mailbox = mailbox_, target](const svids::Update& update) {
                       mailbox->Put({target, update});
                     });
  subscriptions_[target] = std::move(opened.subscription);
  Take(target, opened.first);
}

void HubFeed::Take(std::size_t target, const svids::Update& update) {
  seen_[target] = update.version;
  if (!update.status.ok()) {
    subscriptions_[target].reset();
    driver_.Lost(target, update.status.error());
    return;
  }
  if (update.holdings == nullptr) {
    return;
  }
  auto material = MaterialOf(*update.holdings, wishes_[target].identity);
  if (material.ok()) {
    driver_.Offer(target, *std::move(material));
  } else {
    driver_.Lost(target, material.error());
  }
}

}  // namespace signet::agent_cmd
