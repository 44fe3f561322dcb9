#include "base/secret.h"

#include <string.h>  // explicit_bzero

namespace bz::base {

bool equal_constant_time(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  volatile unsigned char difference = 0;
  for (size_t i = 0; i < a.size(); ++i) difference = difference | static_cast<unsigned char>(a[i] ^ b[i]);
  return difference == 0;
}

void wipe(void* data, size_t size) {
  if (data && size) explicit_bzero(data, size);
}

Secret& Secret::operator=(const Secret& other) {
  if (this != &other) {
    clear();
    value_ = other.value_;
  }
  return *this;
}

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this != &other) {
    clear();
    value_ = other.value_;
    other.clear();
  }
  return *this;
}

void Secret::clear() {
  wipe(value_.data(), value_.capacity());
  value_.clear();
}

}  // namespace bz::base
