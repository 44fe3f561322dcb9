// rooms: imap
// A URL of a message: what is taken holds what the grammar promises, and the rump of an authorized URL names the same.
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "base/text.h"
#include "imap/url.h"

using namespace bz;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto url = imap::parse_message_url(text);
  if (!url) return 0;
  BZ_CHECK(size <= imap::kMaxUrl && base::is_ascii(text), "a URL of other characters");
  BZ_CHECK(url->uid != 0 && !url->mailbox.empty() && base::is_utf8(url->mailbox), "message");
  BZ_CHECK(!url->uid_validity || *url->uid_validity != 0, "UIDVALIDITY");
  BZ_CHECK(!url->range || !url->range->count || *url->range->count != 0, "window of nothing");
  if (url->server) BZ_CHECK(!url->server->host.empty() && base::is_utf8(url->server->user), "server");
  if (!url->auth) return 0;
  BZ_CHECK(url->auth->rump <= size && base::is_utf8(url->auth->user), "authorization");
  BZ_CHECK(url->auth->token.empty() == url->auth->mechanism.empty(), "a mechanism without token");
  BZ_CHECK(url->auth->token.empty() == (url->auth->rump == size), "the rump is what stands in front of the token");
  const auto rump = imap::parse_message_url(text.substr(0, url->auth->rump));
  BZ_CHECK(rump && rump->auth && rump->auth->token.empty() && rump->mailbox == url->mailbox,
           "the rump names something else");
  return 0;
}
