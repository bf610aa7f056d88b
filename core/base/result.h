#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

#include "core/base/check.h"

namespace signet {

/// Code is the coarse kind of a failure. Values equal gRPC's status codes, so the rpc rooms map them by cast.
enum class Code : std::uint8_t {
  kOk = 0,
  kCancelled = 1,
  kUnknown = 2,
  kInvalidArgument = 3,
  kDeadlineExceeded = 4,
  kNotFound = 5,
  kAlreadyExists = 6,
  kPermissionDenied = 7,
  kResourceExhausted = 8,
  kFailedPrecondition = 9,
  kAborted = 10,
  kOutOfRange = 11,
  kUnimplemented = 12,
  kInternal = 13,
  kUnavailable = 14,
  kDataLoss = 15,
  kUnauthenticated = 16,
};

/// CodeName returns the upper-case gRPC name of a code, e.g. "INVALID_ARGUMENT".
std::string_view CodeName(Code code);

/// Error says what went wrong. The message is for people and never holds key, token or CSR bytes.
struct Error {
  Code code = Code::kUnknown;
  std::string message;

  /// Context returns the same error with "where: " put in front of the message.
  Error Context(std::string_view where) && {
    message.insert(0, std::string(where) + ": ");
    return std::move(*this);
  }
  Error Context(std::string_view where) const& { return Error(*this).Context(where); }

  friend bool operator==(const Error&, const Error&) = default;
};

inline Error InvalidArgument(std::string m) { return {Code::kInvalidArgument, std::move(m)}; }
inline Error NotFound(std::string m) { return {Code::kNotFound, std::move(m)}; }
inline Error AlreadyExists(std::string m) { return {Code::kAlreadyExists, std::move(m)}; }
inline Error PermissionDenied(std::string m) { return {Code::kPermissionDenied, std::move(m)}; }
inline Error ResourceExhausted(std::string m) { return {Code::kResourceExhausted, std::move(m)}; }
inline Error FailedPrecondition(std::string m) { return {Code::kFailedPrecondition, std::move(m)}; }
inline Error Unimplemented(std::string m) { return {Code::kUnimplemented, std::move(m)}; }
inline Error Internal(std::string m) { return {Code::kInternal, std::move(m)}; }
inline Error Unavailable(std::string m) { return {Code::kUnavailable, std::move(m)}; }
inline Error DataLoss(std::string m) { return {Code::kDataLoss, std::move(m)}; }
inline Error Unauthenticated(std::string m) { return {Code::kUnauthenticated, std::move(m)}; }

/// Result<T> is either a T or an Error. Reading the wrong side aborts the program with text.
template <class T = void>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT: implicit by design
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT: implicit by design

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  const T& value() const& {
    SIGNET_CHECK(ok(), error_text());
    return std::get<0>(state_);
  }
  T& value() & {
    SIGNET_CHECK(ok(), error_text());
    return std::get<0>(state_);
  }
  T&& value() && {
    SIGNET_CHECK(ok(), error_text());
    return std::get<0>(std::move(state_));
  }
  const T& operator*() const& { return value(); }
  T& operator*() & { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  const T* operator->() const { return &value(); }
  T* operator->() { return &value(); }

  const Error& error() const& {
    SIGNET_CHECK(!ok(), "Result holds a value, not an error");
    return std::get<1>(state_);
  }
  Error&& error() && {
    SIGNET_CHECK(!ok(), "Result holds a value, not an error");
    return std::get<1>(std::move(state_));
  }
  Code code() const { return ok() ? Code::kOk : std::get<1>(state_).code; }

  /// Context adds "where: " to the error; a value passes unchanged.
  Result Context(std::string_view where) && {
    if (ok()) {
      return std::move(*this);
    }
    return std::move(*this).error().Context(where);
  }

 private:
  std::string_view error_text() const {
    return ok() ? std::string_view{} : std::string_view(std::get<1>(state_).message);
  }
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : failed_(true), error_(std::move(error)) {}  // NOLINT: implicit by design

  bool ok() const { return !failed_; }
  explicit operator bool() const { return ok(); }
  const Error& error() const& {
    SIGNET_CHECK(failed_, "Status is ok, there is no error");
    return error_;
  }
  Error&& error() && {
    SIGNET_CHECK(failed_, "Status is ok, there is no error");
    return std::move(error_);
  }
  Code code() const { return failed_ ? error_.code : Code::kOk; }
  Result Context(std::string_view where) && {
    if (ok()) {
      return {};
    }
    return std::move(error_).Context(where);
  }

 private:
  bool failed_ = false;
  Error error_;
};

using Status = Result<void>;

}  // namespace signet

#define SIGNET_CONCAT_INNER(a, b) a##b
#define SIGNET_CONCAT(a, b) SIGNET_CONCAT_INNER(a, b)

/// SIGNET_TRY(expr): returns the error of a failed Result from the enclosing function.
#define SIGNET_TRY(expr)                                    \
  do {                                                      \
    if (auto signet_try_result = (expr); !signet_try_result.ok()) { \
      return std::move(signet_try_result).error();          \
    }                                                       \
  } while (false)

/// SIGNET_TRY_ASSIGN(auto x, expr): x is the value, or the error is returned.
#define SIGNET_TRY_ASSIGN(lhs, expr) SIGNET_TRY_ASSIGN_IMPL(SIGNET_CONCAT(signet_try_, __LINE__), lhs, expr)
#define SIGNET_TRY_ASSIGN_IMPL(tmp, lhs, expr) \
  auto tmp = (expr);                           \
  if (!tmp.ok()) {                             \
    return std::move(tmp).error();             \
  }                                            \
  lhs = std::move(tmp).value()
