// Logging in by SASL over any of the three protocols: they differ in the words around the base64.
#pragma once
#include <string>

#include "probe/visit.h"

namespace bz::probe {

class Dialect {
 public:
  explicit Dialect(Link& link) : link_(link) {}
  virtual ~Dialect() = default;
  enum class Said : uint8_t { Challenge, Done, Refused };
  struct Answer {
    Said said = Said::Refused;
    std::string text;  // of a challenge: the base64
  };
  virtual std::string command(std::string_view mechanism) = 0;  // "A3 AUTHENTICATE PLAIN"
  virtual Task<Result<Answer>> answer() = 0;                    // the server's next word of this exchange
  Link& link() { return link_; }

 private:
  Link& link_;
};

// One exchange. AuthFailed: the server refused, with its words. Unsupported: a mechanism we have not.
Task<Result<void>> log_in(Dialect& dialect, std::string mechanism, const Options& options);

}  // namespace bz::probe
