// Secret: bytes that are wiped when freed, compare in constant time only, and have no way into a log.
#pragma once
#include <string>
#include <string_view>

namespace bz::base {

// Time depends on the lengths only.
bool equal_constant_time(std::string_view a, std::string_view b);
void wipe(void* data, size_t size);

class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string value) : value_(std::move(value)) {}
  Secret(const Secret&) = default;
  Secret(Secret&& other) noexcept : value_(other.value_) {
    other.clear();
  }  // copies first: a moved-from short string keeps its bytes
  Secret& operator=(const Secret& other);
  Secret& operator=(Secret&& other) noexcept;
  ~Secret() { clear(); }
  std::string_view reveal() const { return value_; }
  bool empty() const { return value_.empty(); }
  bool equals(std::string_view other) const { return equal_constant_time(value_, other); }
  void clear();

 private:
  std::string value_;
};

}  // namespace bz::base
namespace bz {
using base::Secret;
}
