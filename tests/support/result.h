#pragma once

#include <catch2/catch.hpp>

#include "core/base/result.h"

/// REQUIRE_OK(result): fails with the error's text.
#define REQUIRE_OK(expr)                                   \
  do {                                                     \
    const auto& require_ok_result = (expr);                \
    if (!require_ok_result.ok()) {                         \
      FAIL(#expr << " failed: " << require_ok_result.error().message); \
    }                                                      \
    REQUIRE(require_ok_result.ok());                       \
  } while (false)

/// REQUIRE_ERROR(result, code, text): failed with this code and a message that holds the text.
#define REQUIRE_ERROR(expr, want_code, text)                                 \
  do {                                                                       \
    const auto& require_error_result = (expr);                               \
    REQUIRE_FALSE(require_error_result.ok());                                \
    CHECK(require_error_result.error().code == (want_code));                 \
    CHECK_THAT(require_error_result.error().message, Catch::Contains(text)); \
  } while (false)
