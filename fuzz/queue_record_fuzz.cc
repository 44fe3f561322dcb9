// rooms: base model kv mime smtp queue
// Records of the queue: what is read can be written and read again the same; the first byte chooses the kind. Cleanup takes
// any content, however cut, and keeps the body.
#include <cstdlib>
#include <string>

#include "queue/cleanup.h"
#include "queue/envelope.h"

namespace {
using namespace bz::queue;

std::string clean(std::string_view content, size_t piece, bool submission) {
  CleanupRules rules;
  rules.submission = submission;
  rules.trace = "Received: fuzz\r\n";
  rules.date = "now";
  rules.message_id = "<x@y>";
  Cleanup cleanup(rules);
  std::string out;
  for (; !content.empty(); content.remove_prefix(std::min(piece, content.size()))) {
    if (!cleanup.add(content.substr(0, piece), out)) return "refused";
  }
  if (!cleanup.finish(out)) return "refused";
  if (cleanup.header_size() > out.size() || cleanup.trace_size() > cleanup.header_size()) std::abort();
  uint64_t end = cleanup.trace_size();
  for (const auto& range : cleanup.bcc()) {
    if (range.at < end || range.at + range.size > cleanup.header_size()) std::abort();
    end = range.at + range.size;
  }
  return out;
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 5) {
    case 0:
      if (const auto head = decode_head(bytes)) {
        const auto again = decode_head(encode_head(*head));
        if (!again || !(*again == *head)) std::abort();
      }
      break;
    case 1: {
      std::vector<Recipient> all, again;
      if (!decode_recipients(bytes, all)) break;
      if (!decode_recipients(encode_recipients(all, 0, all.size()), again) || again.size() != all.size()) std::abort();
      break;
    }
    case 2: {
      Recipient r;
      if (decode_progress(bytes, r) && !decode_progress(encode_progress(r), r)) std::abort();
      break;
    }
    default: {
      const bool submission = data[0] % 5 == 3;
      if (clean(bytes, 1, submission) != clean(bytes, size, submission)) std::abort();
    }
  }
  return 0;
}
