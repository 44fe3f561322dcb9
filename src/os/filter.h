// A seccomp filter under construction. Private to this room.
#pragma once
#include <seccomp.h>

#include <memory>

#include "base/check.h"
#include "base/result.h"

namespace bz::os {

class Filter {
 public:
  // `otherwise`: what becomes of a call that no rule names.
  explicit Filter(uint32_t otherwise) : context_(seccomp_init(otherwise), &seccomp_release) {
    BZ_CHECK(context_ != nullptr, "no memory for a filter");
    note(seccomp_attr_set(context_.get(), SCMP_FLTATR_CTL_TSYNC, 1));  // every thread of the process
    note(seccomp_attr_set(context_.get(), SCMP_FLTATR_CTL_LOG, 1));    // what is refused is in the kernel's log
    // Ordered by priority as a tree: each call of a busy role passes the filter.
    note(seccomp_attr_set(context_.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2));
  }
  template <class List>
  void add(uint32_t action, const List& names) {
    for (const char* name : names) one(action, name);
  }
  template <class... Arguments>
  void one(uint32_t action, const char* name, Arguments... arguments) {
    int call = seccomp_syscall_resolve_name(name);
    if (call == __NR_SCMP_ERROR) return;  // this architecture or library does not know it: then nobody calls it
    const scmp_arg_cmp list[] = {arguments..., scmp_arg_cmp{}};
    note(seccomp_rule_add_array(context_.get(), action, call, sizeof...(arguments), list));
  }
  Result<void> load() {
    if (error_ == 0) note(seccomp_load(context_.get()));
    if (error_ != 0) return base::from_errno(error_, "seccomp");
    return {};
  }

 private:
  void note(int rc) {
    if (rc < 0 && error_ == 0) error_ = -rc;
  }
  std::unique_ptr<void, void (*)(scmp_filter_ctx)> context_;
  int error_ = 0;
};

inline scmp_arg_cmp equals(unsigned index, uint64_t value) { return {index, SCMP_CMP_EQ, value, 0}; }
inline scmp_arg_cmp bits(unsigned index, uint64_t mask, uint64_t value) { return {index, SCMP_CMP_MASKED_EQ, mask, value}; }

}  // namespace bz::os
