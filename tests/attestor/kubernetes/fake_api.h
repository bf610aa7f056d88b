#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "attestor/kubernetes/api.h"

namespace signet::test {

/// FakeApi answers what a test told it to, by path without query, and notes what it was asked.
class FakeApi final : public kubernetes::Api {
 public:
  using Answer = Result<kubernetes::ApiResponse>;

  void Set(const std::string& path, int status, std::string body) {
    kubernetes::ApiResponse response;
    response.status = status;
    response.body = std::move(body);
    const std::lock_guard lock(mutex_);
    answers_.insert_or_assign(path, Answer(std::move(response)));
  }
  void Fail(const std::string& path, Error error) {
    const std::lock_guard lock(mutex_);
    answers_.insert_or_assign(path, Answer(std::move(error)));
  }

  Answer Do(const kubernetes::ApiRequest& request) override {
    const std::lock_guard lock(mutex_);
    requests_.push_back(request);
    const auto found = answers_.find(request.path);
    return found == answers_.end() ? Answer(Unavailable("connection refused")) : found->second;
  }
  Answer Stream(const StreamRequest&) override { return Unavailable("no streams here"); }

  std::size_t Count(const std::string& path) const {
    const std::lock_guard lock(mutex_);
    std::size_t count = 0;
    for (const auto& request : requests_) {
      count += request.path == path ? 1 : 0;
    }
    return count;
  }
  kubernetes::ApiRequest Last() const {
    const std::lock_guard lock(mutex_);
    return requests_.back();
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, Answer> answers_;
  std::vector<kubernetes::ApiRequest> requests_;
};

}  // namespace signet::test
