// Errors of the outside world as values. Result<T> carries the names of std::expected, so that C++23 makes it an alias.
// Error = what kind (Errc, which the wire layers translate) + a text for the operator, never shown to a client.
//
//   Result<Config> load(path) {
//     BZ_TRY(auto text, read_file(path));      // returns the error, or declares text
//     return parse(text);
//   }
// In a coroutine the same is BZ_CO_TRY. Both are plain statements (statement-expressions break g++ 12 coroutines).
#pragma once
#include <optional>
#include <source_location>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

#include "base/check.h"

namespace bz::base {

enum class Errc : unsigned char {
  Invalid,  // the input breaks its grammar or its contract
  NotFound,
  Exists,
  Denied,  // known, and not allowed
  AuthFailed,
  OverQuota,
  TooLarge,
  Limit,        // a configured limit of count, depth or rate
  Conflict,     // somebody else was first
  Unavailable,  // temporary: try again later
  Timeout,
  Cancelled,
  Corrupt,  // what we stored is not what we read
  Unsupported,
  Closed,  // the peer, or we, closed the connection
  Internal,
};
std::string_view name(Errc code);

class [[nodiscard]] Error {
 public:
  explicit Error(Errc code, std::string text = {}, std::source_location at = std::source_location::current())
      : code_(code), line_(at.line()), file_(at.file_name()), text_(std::move(text)) {}
  Errc code() const { return code_; }
  const std::string& text() const { return text_; }  // for the log
  const char* file() const { return file_; }
  unsigned line() const { return line_; }
  // "reading /x: <text>": context is added once, by the layer that knows the name of the thing.
  Error with_context(std::string_view what) && {
    text_ = text_.empty() ? std::string(what) : std::string(what) + ": " + text_;
    return std::move(*this);
  }
  std::string to_string() const;  // "NotFound: no such key"

 private:
  Errc code_;
  unsigned line_;
  const char* file_;
  std::string text_;
};

template <class T>
class [[nodiscard]] Result {
 public:
  using value_type = T;
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT: implicit by design
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT
  bool has_value() const { return state_.index() == 0; }
  explicit operator bool() const { return has_value(); }
  T& value() & {
    BZ_CHECK(has_value(), "value() of an error");
    return *std::get_if<0>(&state_);
  }
  const T& value() const& {
    BZ_CHECK(has_value(), "value() of an error");
    return *std::get_if<0>(&state_);
  }
  T&& value() && {
    BZ_CHECK(has_value(), "value() of an error");
    return std::move(*std::get_if<0>(&state_));
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  Error& error() & {
    BZ_CHECK(!has_value(), "error() of a value");
    return *std::get_if<1>(&state_);
  }
  const Error& error() const& {
    BZ_CHECK(!has_value(), "error() of a value");
    return *std::get_if<1>(&state_);
  }
  Error&& error() && {
    BZ_CHECK(!has_value(), "error() of a value");
    return std::move(*std::get_if<1>(&state_));
  }
  T value_or(T other) && { return has_value() ? std::move(*this).value() : std::move(other); }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  using value_type = void;
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}  // NOLINT: implicit by design
  bool has_value() const { return !error_.has_value(); }
  explicit operator bool() const { return has_value(); }
  void value() const { BZ_CHECK(has_value(), "value() of an error"); }
  Error& error() & {
    BZ_CHECK(!has_value(), "error() of a value");
    return *error_;
  }
  const Error& error() const& {
    BZ_CHECK(!has_value(), "error() of a value");
    return *error_;
  }
  Error&& error() && {
    BZ_CHECK(!has_value(), "error() of a value");
    return std::move(*error_);
  }

 private:
  std::optional<Error> error_;
};

inline Error fail(Errc code, std::string text = {}, std::source_location at = std::source_location::current()) {
  return Error(code, std::move(text), at);
}
// errno as an Error: ENOENT -> NotFound, EACCES/EPERM -> Denied, ENOSPC/EDQUOT -> OverQuota, EAGAIN... -> Unavailable, else
// Internal.
Error from_errno(int number, std::string_view what, std::source_location at = std::source_location::current());

}  // namespace bz::base

namespace bz {
using base::Errc;
using base::Error;
using base::fail;
using base::Result;
}  // namespace bz

#define BZ_CAT_(a, b) a##b
#define BZ_CAT(a, b) BZ_CAT_(a, b)
#define BZ_TRY_IMPL_(declaration, expression, temporary, keyword) \
  auto temporary = (expression);                                  \
  if (!temporary) keyword std::move(temporary).error();           \
  declaration = std::move(temporary).value()
#define BZ_TRY(declaration, expression) BZ_TRY_IMPL_(declaration, expression, BZ_CAT(bz_try_, __LINE__), return)
#define BZ_CO_TRY(declaration, expression) BZ_TRY_IMPL_(declaration, expression, BZ_CAT(bz_try_, __LINE__), co_return)
#define BZ_TRY_VOID_IMPL_(expression, temporary, keyword) \
  auto temporary = (expression);                          \
  if (!temporary) keyword std::move(temporary).error()
#define BZ_TRY_VOID(expression) BZ_TRY_VOID_IMPL_(expression, BZ_CAT(bz_try_, __LINE__), return)
#define BZ_CO_TRY_VOID(expression) BZ_TRY_VOID_IMPL_(expression, BZ_CAT(bz_try_, __LINE__), co_return)
