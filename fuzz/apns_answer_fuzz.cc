// rooms: base model https apns
// What a push service answers: first octet the status, the rest the body. Whatever it says, there is a judgement of
// bounded, plain words.
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <string>

#include "apns/push.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  constexpr int kStatus[] = {200, 400, 403, 404, 410, 413, 429, 500, 503, 302, 0};
  bz::https::Reply reply{.status = kStatus[data[0] % std::size(kStatus)], .headers = {}, .body = {}};
  reply.body.assign(reinterpret_cast<const char*>(data) + 1, size - 1);
  const bz::apns::Judgement judgement = bz::apns::judge(reply);
  if (judgement.reason.size() > 100) std::abort();
  for (char c : judgement.reason)
    if (c < 0x20 || c > 0x7e) std::abort();
  if (judgement.verdict == bz::apns::Verdict::Sent && reply.status != 200) std::abort();
  if (judgement.gone_at != -1 && judgement.verdict != bz::apns::Verdict::Gone) std::abort();
  return 0;
}
