// rooms: base model crypto sasl smtp imap mime wire net egress
// A hostile server while a Sent copy is filed: how its bytes are cut does not matter, what we say stays short and is a
// sequence of whole lines, and the body is asked for once at most.
#include <cstdlib>
#include <string>

#include "egress/sent_filing.h"

namespace {
using namespace bz::egress;

std::string play(std::string_view input, bool marks, size_t piece) {
  SentFiling filing({"<1@x.test>", bz::crypto::sha256("hello\r\n"), 300, 1'000'000'000}, marks ? "SPECIAL-USE" : "", "");
  std::string said;
  int bodies = 0;
  while (true) {
    said += filing.take_output();
    if (filing.want() == SentFiling::Want::Done) break;
    if (filing.want() == SentFiling::Want::Body) {
      if (++bodies > 1) std::abort();
      filing.body_sent();
      continue;
    }
    if (input.empty()) break;
    filing.input(input.substr(0, piece));
    input.remove_prefix(std::min(piece, input.size()));
  }
  if (said.size() > 100'000 || !said.ends_with("\r\n")) std::abort();
  if (filing.want() != SentFiling::Want::Done) return said + "?";
  return said + (filing.result() ? "+" : filing.result().error().text());
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (play(input, data[0] & 1, 1) != play(input, data[0] & 1, size)) std::abort();
  return 0;
}
