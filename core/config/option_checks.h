#pragma once

#include <string>

#include "core/base/result.h"

namespace signet::config {

// Checks for Option::validate: each returns "" or what is wrong with the text of one value.

std::string NotEmptyProblem(const std::string& text);
std::string PortProblem(const std::string& text);        ///< 1 … 65535
std::string PortOrZeroProblem(const std::string& text);  ///< 0 … 65535
std::string NumericAddressProblem(const std::string& text);
std::string PositiveDurationProblem(const std::string& text);  ///< at least one second
std::string LogFormatProblem(const std::string& text);

/// ProblemOf turns a parser into a check.
template <class T>
std::string ProblemOf(const Result<T>& result) {
  return result.ok() ? "" : result.error().message;
}

}  // namespace signet::config
