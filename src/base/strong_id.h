// StrongId<Tag, Rep>: an explicit, ordered, hashable number that never mixes with another kind.
#pragma once
#include <compare>
#include <cstddef>
#include <functional>

namespace bz::base {
template <class Tag, class Rep>
class StrongId {
 public:
  using rep = Rep;
  constexpr StrongId() = default;
  constexpr explicit StrongId(Rep value) : value_(value) {}
  constexpr Rep value() const { return value_; }
  constexpr bool is_set() const { return value_ != Rep{}; }
  constexpr StrongId next() const { return StrongId(static_cast<Rep>(value_ + 1)); }
  constexpr auto operator<=>(const StrongId&) const = default;

 private:
  Rep value_{};
};
}  // namespace bz::base

template <class Tag, class Rep>
struct std::hash<bz::base::StrongId<Tag, Rep>> {
  std::size_t operator()(const bz::base::StrongId<Tag, Rep>& id) const noexcept { return std::hash<Rep>{}(id.value()); }
};
